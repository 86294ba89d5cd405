//! The manifest: jobs of a batch that nothing else in the store tells of before they end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Job, Version};
use crate::id::{self, BatchId, JobId};
use crate::key::Key;

/// Jobs of a batch whose pictures are not below `inputs/{batch}/`, and retries: by these they are
/// known while they wait. It is written before they are sent, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The document's version.
    pub pixmill: Version,
    /// The batch.
    pub batch: BatchId,
    /// The jobs.
    pub jobs: Vec<Member>,
}

/// A job of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// The job.
    pub id: JobId,
    /// Where its picture is.
    pub key: Key,
    /// The job that it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
}

impl Manifest {
    /// That of these jobs.
    pub fn new<'j>(batch: BatchId, jobs: impl IntoIterator<Item = &'j Job>) -> Self {
        let member = |job: &Job| Member {
            id: job.id.clone(),
            key: job.source.key.clone(),
            retry_of: job.retry_of.clone(),
        };
        Self { pixmill: Version, batch, jobs: jobs.into_iter().map(member).collect() }
    }

    /// Where it is kept: the same jobs again are the same manifest again.
    pub fn key(&self) -> Key {
        let ids: Vec<_> = self.jobs.iter().map(|job| job.id.as_str().as_bytes()).collect();
        Key::manifest(&self.batch, &id::hash(&ids))
    }
}
