//! The attempt note: what went wrong in attempts that will be tried again.
//!
//! Attempts are counted as starts, not as receives: drains, spot reclaims and outages spend
//! receives, and no picture is to blame for them. From the third receive on, a worker writes its
//! start down before it touches the picture. A start that ended as "not an attempt" is struck out;
//! a start that nobody struck out killed its worker, or hung it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Version, bounded_reason};
use crate::clock::Timestamp;
use crate::id::{BatchId, JobId, WorkerId};

/// Most entries of either list that a note keeps; the oldest go first.
const MAX_ENTRIES: usize = 32;

/// What is known of a job's unsuccessful attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptNote {
    /// The document's version.
    pub pixmill: Version,
    /// The job's batch.
    pub batch: BatchId,
    /// The job.
    pub id: JobId,
    /// Starts from the third receive on.
    #[serde(default)]
    pub starts: Vec<Start>,
    /// What went wrong, as far as a worker lived to tell.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

/// A worker has begun to work on the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub worker: WorkerId,
    /// The receive it belongs to.
    pub receive: u32,
    /// Whether it turned out to be no attempt: interrupted, or the world's fault.
    #[serde(default)]
    pub struck: bool,
}

/// What went wrong in one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trouble {
    /// When.
    pub at: Timestamp,
    /// Who saw it.
    pub worker: WorkerId,
    /// What kind of trouble.
    pub kind: TroubleKind,
    /// What exactly.
    pub reason: String,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// One job's bad luck; may work next time.
    Transient,
    /// Our own code panicked.
    Panicked,
    /// It took longer than it may.
    Deadline,
}

impl AttemptNote {
    /// A note without entries.
    pub fn new(batch: BatchId, id: JobId) -> Self {
        Self { pixmill: Version, batch, id, starts: vec![], troubles: vec![] }
    }

    /// How many starts ended in nothing that anybody can tell.
    pub fn unstruck_starts(&self) -> usize {
        self.starts.iter().filter(|start| !start.struck).count()
    }

    /// Whether our own code panicked over this picture before.
    pub fn has_panicked(&self) -> bool {
        self.troubles.iter().any(|trouble| trouble.kind == TroubleKind::Panicked)
    }

    /// Adds a start.
    pub fn begin(&mut self, at: Timestamp, worker: &WorkerId, receive: u32) {
        self.starts.push(Start { at, worker: worker.clone(), receive, struck: false });
        let surplus = self.starts.len().saturating_sub(MAX_ENTRIES);
        self.starts.drain(..surplus);
    }

    /// Strikes out this worker's latest start: it was no attempt.
    pub fn strike(&mut self, worker: &WorkerId) {
        let latest = self.starts.iter_mut().rev().find(|start| start.worker == *worker);
        if let Some(start) = latest {
            start.struck = true;
        }
    }

    /// Adds what went wrong.
    pub fn add(&mut self, at: Timestamp, worker: &WorkerId, kind: TroubleKind, reason: &str) {
        let reason = bounded_reason(reason);
        self.troubles.push(Trouble { at, worker: worker.clone(), kind, reason });
        let surplus = self.troubles.len().saturating_sub(MAX_ENTRIES);
        self.troubles.drain(..surplus);
    }

    /// Its bytes as they stand in the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a note is JSON")
    }
}
