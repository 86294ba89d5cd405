//! The reply queue of somebody who waits: made for that, and removed when the waiting is over.

use std::sync::Arc;

use pixmill_contract::{Error, Pipeline, Queue, ReplyQueues};
use tokio::runtime::Handle;

use crate::patience::patiently;

/// A reply queue of one's own. Dropping it asks for its removal, which may come too late when the
/// program ends; [`remove`](Self::remove) waits for it.
#[derive(Debug)]
pub struct ReplyQueue {
    replies: Arc<dyn ReplyQueues>,
    name: String,
    queue: Arc<dyn Queue>,
    is_there: bool,
}

impl ReplyQueue {
    /// A fresh one.
    pub async fn create(pipeline: &Pipeline) -> Result<Self, Error> {
        let replies = Arc::clone(&pipeline.replies);
        let (name, queue) = patiently(|| replies.create()).await?;
        Ok(Self { replies, name, queue, is_there: true })
    }

    /// What jobs name in `reply_to`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The queue.
    pub fn queue(&self) -> Arc<dyn Queue> {
        Arc::clone(&self.queue)
    }

    /// Removes it.
    pub async fn remove(mut self) -> Result<(), Error> {
        self.is_there = false;
        patiently(|| self.replies.remove(&self.name)).await
    }
}

impl Drop for ReplyQueue {
    fn drop(&mut self) {
        if !self.is_there {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (replies, name) = (Arc::clone(&self.replies), std::mem::take(&mut self.name));
        runtime.spawn(async move {
            if let Err(error) = replies.remove(&name).await {
                tracing::debug!(name, reason = error.chain(), "failed to remove a reply queue");
            }
        });
    }
}
