//! A pipeline as the roles see it: a store, its queues and a clock, whichever adapters they are.

use std::fmt;
use std::sync::Arc;

use crate::clock::Clock;
use crate::port::{ObjectStore, Queue};

/// The ports of one pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Pictures, results, notes and batches.
    pub store: Arc<dyn ObjectStore>,
    /// Jobs that wait or are being worked on.
    pub jobs: Arc<dyn Queue>,
    /// Messages that were given up.
    pub dead_letters: Arc<dyn Queue>,
    /// The queues that may be replied to.
    pub replies: Replies,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// Opens the queue that a job names in `reply_to`; nothing for one that is not allowed.
#[derive(Clone)]
pub struct Replies(Arc<Opener>);

/// From the name of a queue to the queue.
type Opener = dyn Fn(&str) -> Option<Arc<dyn Queue>> + Send + Sync;

impl Replies {
    /// Replies through what `open` gives.
    pub fn new(open: impl Fn(&str) -> Option<Arc<dyn Queue>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    /// The queue of that name, if it may be replied to.
    pub fn open(&self, name: &str) -> Option<Arc<dyn Queue>> {
        (self.0)(name)
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").finish_non_exhaustive()
    }
}
