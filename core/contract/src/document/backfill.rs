//! The checkpoint of a backfill: how far the pictures that are in a store have been sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Version;
use crate::id::{BatchId, WorkerId};
use crate::key::Key;
use crate::recipe::Recipe;

/// How far a backfill has got. Written after each page of the listing that was sent, by whoever
/// wrote it last or takes over from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillDocument {
    /// The document's version.
    pub pixmill: Version,
    /// The batch of its jobs.
    pub batch: BatchId,
    /// The bucket that is listed; the pipeline's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the keys start with; may be empty.
    pub prefix: String,
    /// The recipe of its jobs.
    pub recipe: Recipe,
    /// The last key that was seen in this pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Key>,
    /// Which pass over the prefix this is; from the second on, jobs that have ended are skipped.
    pub pass: u32,
    /// Keys that this pass has seen.
    pub seen: u64,
    /// Jobs that it has sent.
    pub sent: u64,
    /// Jobs that had ended.
    pub skipped: u64,
    /// Keys that are no pictures by their extension, or the pipeline's own.
    pub passed_over: u64,
    /// Whether it has seen all of the prefix.
    pub complete: bool,
    /// The process that wrote this, by which two at once notice each other.
    pub writer: WorkerId,
}

impl BackfillDocument {
    /// Its bytes as they stand in the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a checkpoint is JSON")
    }
}
