//! The port of reply queues: queues that come and go with those who wait for the ends of jobs.
//!
//! A reply is a help, never the truth: whoever misses one finds the result in the store.
//!
//! * **R1** `create` gives a queue that nobody else has, and the name that others open it by.
//! * **R2** `open` gives nothing for a name that may not be replied to. For one whose queue is gone
//!   it gives nothing, or a queue that nobody reads.
//! * **R3** What is in a queue that was removed is gone, now or in a while. Removing what is not
//!   there is `Ok`; removing a queue that is no reply queue is refused.
//! * **R4** A queue whose creator died is dropped in the end, or costs nothing.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::Queue;
use crate::error::Result;

/// The reply queues of a pipeline. See the module for their promises.
#[async_trait]
pub trait ReplyQueues: Send + Sync + fmt::Debug {
    /// A fresh queue, for somebody who wants to hear of ends, and its name: what jobs name in
    /// `reply_to` (R1).
    async fn create(&self) -> Result<(String, Arc<dyn Queue>)>;

    /// The queue of that name, for whoever replies, if it may be replied to (R2). May ask a
    /// service, which is why an adapter remembers what it opened.
    async fn open(&self, name: &str) -> Option<Arc<dyn Queue>>;

    /// Removes a queue with what is in it (R3).
    async fn remove(&self, name: &str) -> Result<()>;
}
