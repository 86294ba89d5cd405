//! Keys: the names of objects, and where in the store each kind of object lives.
//!
//! ```text
//! inputs/…                     sources that were put there for a job
//! drop/{recipe}/…              pictures that were put there to be worked on by themselves
//! overlays/…                   pictures that recipes lay over others
//! outputs/…                    what was made of them
//! results/{batch}/{id}.json    the end of a job, once
//! attempts/{batch}/{id}.json   what went wrong in attempts that are tried again
//! batches/{batch}.json         what a batch is
//! backfills/{batch}.json       how far a backfill has got
//! manifests/{batch}/{hash}.json  jobs that were sent by key, and retries
//! recipes/{name}.toml          recipes by their names
//! requests/{key}.json          what a request was, that may be repeated
//! controller/…                 who sizes the fleet, what it remembers and what it decided
//! probes/{worker}              a worker's question whether the store answers
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{BatchId, JobId, WorkerId};

/// Longest key in bytes, which is S3's.
pub const MAX_KEY_BYTES: usize = 1024;

/// Where sources live that were put into the store for a job.
pub const INPUTS: &str = "inputs/";
/// Where pictures are put whose recipe is chosen by their key, `drop/{recipe}/…`.
pub const DROP: &str = "drop/";
/// Where pictures live that recipes lay over others; an overlay is read from nowhere else.
pub const OVERLAYS: &str = "overlays/";
/// Where outputs live; an output can be written nowhere else.
pub const OUTPUTS: &str = "outputs/";
/// Where result documents live.
pub const RESULTS: &str = "results/";
/// Where batch documents live.
pub const BATCHES: &str = "batches/";
/// Where attempt notes live.
pub const ATTEMPTS: &str = "attempts/";
/// Where it is written how far backfills have got.
pub const BACKFILLS: &str = "backfills/";
/// Where it is written which jobs a batch has besides those of its own inputs.
pub const MANIFESTS: &str = "manifests/";
/// Where recipes live that have names.
pub const RECIPES: &str = "recipes/";
/// Where it is written what a request was, whose sender may repeat it.
pub const REQUESTS: &str = "requests/";
/// Where controllers keep who of them acts, what it remembers and what it decided.
pub const CONTROLLER: &str = "controller/";
/// Where a worker writes to find out whether the store takes anything.
pub const PROBES: &str = "probes/";

/// The name of an object: 1–1024 bytes of UTF-8, components separated by `/`, none of them empty,
/// `.` or `..`, no NUL. Every key is therefore also a relative path that stays where it is put.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(String);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty or longer than [`MAX_KEY_BYTES`].
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes, this one has {0}")]
    Length(usize),
    /// A component that is empty, `.` or `..`, or holds a NUL.
    #[error("a key's component cannot be {0:?}")]
    Component(String),
}

impl Key {
    /// Checks a text.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_KEY_BYTES {
            return Err(KeyError::Length(text.len()));
        }
        let bad = |c: &&str| matches!(*c, "" | "." | "..") || c.contains('\0');
        match text.split('/').find(bad) {
            Some(component) => Err(KeyError::Component(component.to_owned())),
            None => Ok(Self(text)),
        }
    }

    /// The key of a job's result document.
    pub fn result(batch: &BatchId, id: &JobId) -> Self {
        Self(format!("{RESULTS}{batch}/{id}.json"))
    }

    /// The key of a job's attempt note.
    pub fn attempts(batch: &BatchId, id: &JobId) -> Self {
        Self(format!("{ATTEMPTS}{batch}/{id}.json"))
    }

    /// The key of a batch's document.
    pub fn batch(batch: &BatchId) -> Self {
        Self(format!("{BATCHES}{batch}.json"))
    }

    /// The key of a backfill's checkpoint.
    pub fn backfill(batch: &BatchId) -> Self {
        Self(format!("{BACKFILLS}{batch}.json"))
    }

    /// The key of a manifest, by the hash of its jobs in hexadecimal.
    pub(crate) fn manifest(batch: &BatchId, hash: &str) -> Self {
        Self(format!("{MANIFESTS}{batch}/{hash}.json"))
    }

    /// The key of a worker's probe.
    pub fn probe(worker: &WorkerId) -> Self {
        Self(format!("{PROBES}{worker}"))
    }

    /// The key of the recipe of that name, if one can have it.
    pub fn recipe(name: &str) -> Result<Self, KeyError> {
        Self::new(format!("{RECIPES}{name}.toml"))
    }

    /// The key of what a request was, whose sender may repeat it, by the batch that follows from the
    /// sender and its idempotency key.
    pub fn request(batch: &BatchId) -> Self {
        Self(format!("{REQUESTS}{batch}.json"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Everything before the last component, without the slash; empty at the top.
    pub fn directory(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Key {
    fn schema_name() -> Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "minLength": 1, "maxLength": MAX_KEY_BYTES,
            "description": "components separated by `/`, none of them empty, `.` or `..`",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_where_it_is_put() {
        for bad in ["", "/a", "a/", "a//b", "a/../b", "..", ".", "a\0b", &"x".repeat(1025)] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a/b c", "inputs/ö/…/x.jpg", "a/...", "line\nbreak"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
    }
}
