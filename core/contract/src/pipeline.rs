//! A pipeline as the roles see it: a store, its queues and a clock, whichever adapters they are.

use std::sync::Arc;

use crate::clock::Clock;
use crate::port::{ObjectStore, Queue, ReplyQueues};

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
    pub replies: Arc<dyn ReplyQueues>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}
