//! Reply queues that fail on a plan.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{FaultyQueue, Plan};
use crate::error::Result;
use crate::port::{Queue, ReplyQueues};

/// Reply queues each of which fails on the same plan; its calls are counted queue by queue. That
/// they come and go works.
pub struct FaultyReplies {
    inner: Arc<dyn ReplyQueues>,
    plan: Plan,
    opened: Mutex<HashMap<String, Arc<dyn Queue>>>,
}

impl FaultyReplies {
    /// Good reply queues, and what is to happen to their calls.
    pub fn new(inner: Arc<dyn ReplyQueues>, plan: Plan) -> Self {
        Self { inner, plan, opened: Mutex::default() }
    }

    /// The queue with its faults, the same whenever it is opened.
    fn faulty(&self, name: &str, queue: Arc<dyn Queue>) -> Arc<dyn Queue> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let faulty = || Arc::new(FaultyQueue::new(queue, Arc::clone(&self.plan))) as Arc<dyn Queue>;
        Arc::clone(opened.entry(name.to_owned()).or_insert_with(faulty))
    }
}

impl std::fmt::Debug for FaultyReplies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyReplies").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl ReplyQueues for FaultyReplies {
    async fn create(&self) -> Result<(String, Arc<dyn Queue>)> {
        let (name, queue) = self.inner.create().await?;
        let queue = self.faulty(&name, queue);
        Ok((name, queue))
    }

    async fn open(&self, name: &str) -> Option<Arc<dyn Queue>> {
        Some(self.faulty(name, self.inner.open(name).await?))
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.inner.remove(name).await
    }
}
