//! A pipeline as the roles see it: a store, its queues and a clock, whichever adapters they are.

use std::collections::BTreeMap;
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
    /// The buckets that jobs may name.
    pub buckets: Buckets,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// The buckets that jobs may name: the pipeline's own, and others that sources are read from.
/// Outputs are written to the own one only. A store that is no bucket has none.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    own: Option<String>,
    allowed: BTreeMap<String, Arc<dyn ObjectStore>>,
}

impl Buckets {
    /// The pipeline's own alone.
    pub fn own(name: impl Into<String>) -> Self {
        Self { own: Some(name.into()), allowed: BTreeMap::new() }
    }

    /// Lets sources be read from another one.
    pub fn allow(&mut self, name: impl Into<String>, store: Arc<dyn ObjectStore>) {
        self.allowed.insert(name.into(), store);
    }

    /// Whether this is the pipeline's own.
    pub fn is_own(&self, name: &str) -> bool {
        self.own.as_deref() == Some(name)
    }
}

impl Pipeline {
    /// The store of the bucket of a source; nothing if it may not be read from.
    pub fn sources_in(&self, bucket: Option<&str>) -> Option<&Arc<dyn ObjectStore>> {
        match bucket {
            None => Some(&self.store),
            Some(name) if self.buckets.is_own(name) => Some(&self.store),
            Some(name) => self.buckets.allowed.get(name),
        }
    }
}
