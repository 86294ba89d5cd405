//! The report: what a worker says of itself, at `GET /status`.
//!
//! Its counts only grow while the worker lives, so that whoever reads two of them knows what
//! happened in between, and nothing is lost with a reading that is missed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Version;
use crate::clock::Timestamp;
use crate::id::{BatchId, InstanceId, JobId, WorkerId};

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The document's version.
    pub pixmill: Version,
    /// The instance that the worker runs on, as its fleet calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// The worker.
    pub worker: WorkerId,
    /// Its process on its machine.
    pub pid: u32,
    /// When the worker started.
    pub started_at: Timestamp,
    /// When this was written.
    pub at: Timestamp,
    /// Pictures that it can work on at once.
    pub slots: u32,
    /// Slots that are taken at this moment.
    pub busy: u32,
    /// The most slots that were taken at once in the last minute.
    pub busy_peak: u32,
    /// Messages that it holds: those in work, and those that wait for a slot or for their delete.
    pub leases: u32,
    /// The jobs that a slot works on, or whose outputs are being written.
    #[serde(default)]
    pub jobs: Vec<HeldJob>,
    /// Whether it receives no more.
    pub draining: bool,
    /// When a job of its own last came a step further, or the worker found nothing to do.
    pub progressed_at: Timestamp,
    /// Why the world keeps it from working, while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<String>,
    /// Messages that it received.
    pub received: u64,
    /// How long the last one that came for the first time had waited, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_seconds: Option<f64>,
    /// Messages whose jobs ended here: each is gone from the queue, or about to be.
    pub ended: u64,
    /// How long the jobs that ended here kept a slot.
    pub job_seconds: JobSeconds,
    /// The same by what was done to the pictures: the names of a recipe's operations, in order of
    /// the alphabet, joined by `+`.
    pub paces: BTreeMap<String, Pace>,
}

/// A job that a worker works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldJob {
    /// Its batch.
    pub batch: BatchId,
    /// The job.
    pub id: JobId,
    /// Since when.
    pub since: Timestamp,
}

/// Sums over durations in seconds, from which a mean and a variance follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobSeconds {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
}

impl JobSeconds {
    /// Adds one.
    pub fn add(&mut self, seconds: f64) {
        self.count += 1;
        self.sum += seconds;
        self.sum_of_squares += seconds * seconds;
    }
}

/// How fast pictures of one kind of work are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pace {
    /// Jobs.
    pub jobs: u64,
    /// Megapixels of their sources.
    pub megapixels: f64,
    /// Seconds that they kept a slot.
    pub seconds: f64,
}
