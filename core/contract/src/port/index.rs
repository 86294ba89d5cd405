//! The index port: what was read of a store, kept so that it need not be read again.
//!
//! * **I1** What is found is what was kept last, as it was.
//! * **I2** All of it may be gone at any moment. Whoever asks finds it out anew.

use std::fmt;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{BatchId, JobId};

/// An index. See the module for its promises.
#[async_trait]
pub trait Index: Send + Sync + fmt::Debug {
    /// What is kept of a batch's jobs.
    async fn find(&self, batch: &BatchId) -> Result<Vec<(JobId, String)>>;

    /// Keeps these in place of what was kept of them before; nothing of those that have nothing.
    async fn keep(&self, batch: &BatchId, changes: Vec<(JobId, Option<String>)>) -> Result<()>;
}
