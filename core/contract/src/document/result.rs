//! The result document: the end of a job, written once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Trouble, Version};
use crate::clock::Timestamp;
use crate::id::{BatchId, JobId, WorkerId};
use crate::key::Key;
use crate::operation::Format;
use crate::reject::RejectCode;

/// How a job ended. The first result of a job wins; there is never a second one, except that a
/// redrive turns `dead` into `redriven`, which counts as no result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultDocument {
    /// The document's version.
    pub pixmill: Version,
    /// The job's batch.
    pub batch: BatchId,
    /// The job.
    pub id: JobId,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The hash of the job, without what says nothing about the work.
    pub digest: String,
    /// The job's message as it was sent; left out of replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Json>,
    /// What the source turned out to be, as far as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFacts>,
    /// How often the job's message had been received.
    pub receives: u32,
    /// What went wrong in attempts before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<Trouble>,
    /// The redrive number of the message that ended so.
    #[serde(default)]
    pub redrive: u32,
    /// The worker that ended it.
    pub worker: WorkerId,
    /// What the worker ran on: the instance, as its fleet calls it, or else the machine by its name.
    pub instance: String,
    /// The version of the code that made the pixels.
    pub engine: String,
    /// Where the time went.
    pub timings: Timings,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// The state that a job ended in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// Every output is there.
    Done {
        /// The outputs, in the recipe's order.
        outputs: Vec<OutputRecord>,
    },
    /// A fact about the picture or the job stands against it.
    Failed {
        /// The stable code.
        code: RejectCode,
        /// What exactly, for people.
        reason: String,
    },
    /// Given up after too many attempts; its message is in the dead-letter queue.
    Dead {
        /// The stable code.
        code: RejectCode,
        /// What went wrong the last times, for people.
        reason: String,
    },
    /// Was dead and has been sent again; counts as no result.
    Redriven {
        /// The redrive number of the message that was sent again.
        redrives: u32,
    },
}

impl Outcome {
    /// The state's name in documents.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Dead { .. } => "dead",
            Self::Redriven { .. } => "redriven",
        }
    }

    /// Whether the job has ended: everything but a tombstone.
    pub fn is_end(&self) -> bool {
        !matches!(self, Self::Redriven { .. })
    }
}

/// One output as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputRecord {
    /// Its name in the recipe.
    pub name: String,
    /// Its key.
    pub key: Key,
    /// Its format.
    pub format: Format,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Lower-case hexadecimal SHA-256 of its bytes.
    pub sha256: String,
}

/// What the source turned out to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFacts {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its format, once its header was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Its width in pixels, as displayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Its height in pixels, as displayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

/// Where a job's time went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    /// From being sent to being received for the last time.
    pub queued_ms: f64,
    /// Reading the source.
    pub fetch_ms: f64,
    /// Decoding, applying, encoding.
    pub grind_ms: f64,
    /// Writing the outputs.
    pub store_ms: f64,
    /// From being received to the end.
    pub total_ms: f64,
}

impl ResultDocument {
    /// Its bytes as they stand in the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a result is JSON")
    }

    /// The body of a reply: this, without the job's message, which its sender knows.
    pub fn reply(&self) -> String {
        let reply = Self { job: None, ..self.clone() };
        serde_json::to_string(&reply).expect("a result is JSON")
    }
}
