//! The batch document: what a batch is, written by whoever sends its jobs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Version;
use crate::clock::Timestamp;
use crate::id::BatchId;
use crate::recipe::Recipe;

/// What a batch is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchDocument {
    /// The document's version.
    pub pixmill: Version,
    /// The batch.
    pub batch: BatchId,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many jobs it is to have, where whoever opened it knows that and will close it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// How many jobs it has so far.
    pub jobs: u64,
    /// Whether that is all of them.
    pub closed: bool,
    /// The recipe of its jobs, where they share one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// By whom or what.
    pub by: String,
}

impl BatchDocument {
    /// Its bytes as they stand in the store.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a batch is JSON")
    }
}
