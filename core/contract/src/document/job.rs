//! The job message: one picture, one recipe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Template, Version};
use crate::clock::Timestamp;
use crate::id::{BatchId, JobId, hash};
use crate::key::Key;
use crate::port::Etag;
use crate::recipe::Recipe;
use crate::reject::{RejectCode, Rejection};

/// Longest message body in bytes; pixels never travel in messages.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// A job: make these outputs of this source. (batch, id) is its idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// The document's version.
    pub pixmill: Version,
    /// Chosen by the sender, unique in the batch.
    pub id: JobId,
    /// The batch; `single` where none is given.
    #[serde(default = "BatchId::single")]
    pub batch: BatchId,
    /// The picture.
    pub source: Source,
    /// What to make of it: a text, or an object.
    pub recipe: Recipe,
    /// What overlays of the recipe were when the job was sent, by their keys; if one is something
    /// else by then, the job fails.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overlays: BTreeMap<Key, Etag>,
    /// Where the outputs go.
    #[serde(default)]
    pub outputs: Template,
    /// The bucket of the outputs; the pipeline's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bucket: Option<String>,
    /// Whether outputs may replace what somebody else made.
    #[serde(default)]
    pub overwrite: bool,
    /// When the sender sent it.
    pub submitted_at: Timestamp,
    /// The job that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// How often it came back from the dead-letter queue.
    #[serde(default)]
    pub redrive: u32,
    /// The queue that wants to hear of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// The span that it was sent in, as W3C's Trace Context has it, for whoever follows traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Where a job's picture is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its bucket; the pipeline's own where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Its key.
    pub key: Key,
    /// What it was when the job was sent; if it is something else by then, the job fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
}

impl Source {
    /// Which picture it is, in one short hash: the same for every content that it may have.
    pub fn fingerprint(&self) -> String {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        hash(&[bucket.as_bytes(), self.key.as_str().as_bytes()])[..32].to_owned()
    }
}

/// What a message's body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum JobReading {
    /// A job.
    Job {
        /// The job.
        job: Box<Job>,
        /// What the job is, in one hash; see [`Job::digest`].
        digest: String,
    },
    /// A job that says who it is, but can never be done as it stands.
    Refused {
        /// Its batch.
        batch: BatchId,
        /// Its identifier.
        id: JobId,
        /// What its body says, as it was sent.
        body: Json,
        /// The hash of that.
        digest: String,
        /// Its redrive number, if it says so.
        redrive: u32,
        /// Why it is refused.
        rejection: Rejection,
    },
    /// No job, or of another version: somebody has to look at it.
    Foreign(String),
}

impl Job {
    /// A job with this source and recipe, everything else at its default.
    pub fn new(id: JobId, batch: BatchId, key: Key, recipe: Recipe, now: Timestamp) -> Self {
        Self {
            pixmill: Version,
            id,
            batch,
            source: Source { bucket: None, key, etag: None },
            recipe,
            overlays: BTreeMap::new(),
            outputs: Template::default(),
            output_bucket: None,
            overwrite: false,
            submitted_at: now,
            retry_of: None,
            redrive: 0,
            reply_to: None,
            traceparent: None,
        }
    }

    /// Its message body.
    pub fn body(&self) -> String {
        serde_json::to_string(self).expect("a job is JSON")
    }

    /// What the job is, in one hash: everything but when and in which trace it was sent, how often it
    /// was redriven, who wants to hear of it and what it may replace. A sender that repeats itself after a crash
    /// repeats the digest, also if what it may replace has been replaced in the meantime.
    pub fn digest(&self) -> String {
        digest(serde_json::to_value(self).expect("a job is JSON"))
    }

    /// Reads a message's body.
    pub fn read(body: &str) -> JobReading {
        let value: Json = match serde_json::from_str(body) {
            Ok(value) => value,
            Err(error) => return JobReading::Foreign(format!("not JSON: {error}")),
        };
        if value.get("pixmill") != Some(&Json::from(super::VERSION)) {
            return JobReading::Foreign("not a job of version 1".to_owned());
        }
        let text = |member: &str| value.get(member).and_then(Json::as_str);
        let id = text("id").and_then(|id| JobId::new(id).ok());
        let batch = match value.get("batch") {
            None => Some(BatchId::single()),
            Some(_) => text("batch").and_then(|batch| BatchId::new(batch).ok()),
        };
        let (Some(id), Some(batch)) = (id, batch) else {
            return JobReading::Foreign("a job without a usable id and batch".to_owned());
        };
        match Self::checked(&value) {
            Ok(job) => JobReading::Job { digest: job.digest(), job: Box::new(job) },
            Err(rejection) => JobReading::Refused {
                id,
                batch,
                digest: digest(value.clone()),
                redrive: value.get("redrive").and_then(Json::as_u64).map_or(0, saturate),
                body: value,
                rejection,
            },
        }
    }

    /// The job of a value that says that it is one.
    fn checked(value: &Json) -> Result<Self, Rejection> {
        // The recipe first, so that its own error, with its place, is what the sender sees.
        if let Some(recipe) = value.get("recipe") {
            Recipe::from_json(recipe)
                .and_then(|recipe| recipe.check_overlays())
                .map_err(|error| Rejection::new(RejectCode::BadRecipe, error.to_string()))?;
        }
        let job: Self = serde_json::from_value(value.clone())
            .map_err(|error| Rejection::new(RejectCode::BadJob, error.to_string()))?;
        job.outputs
            .check(job.recipe.outputs().len())
            .map_err(|error| Rejection::new(RejectCode::BadJob, error.to_string()))?;
        Ok(job)
    }
}

fn saturate(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The hash of a job's JSON, without what says nothing about the work; the order of members does
/// not count.
fn digest(mut job: Json) -> String {
    if let Json::Object(members) = &mut job {
        for member in ["submitted_at", "redrive", "reply_to", "overwrite", "traceparent"] {
            members.remove(member);
        }
    }
    job.sort_all_objects();
    hash(&[job.to_string().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"{"pixmill":1,"id":"a","source":{"key":"inputs/a.jpg"},
        "recipe":"invert","submitted_at":"2026-01-01T00:00:00Z"}"#;

    #[test]
    fn a_minimal_message_is_a_job() {
        let JobReading::Job { job, .. } = Job::read(MINIMAL) else { panic!("not a job") };
        assert_eq!(job.batch, BatchId::single());
        assert_eq!(Job::read(&job.body()), Job::read(MINIMAL));
    }

    #[test]
    fn the_digest_is_of_the_work_alone() {
        let JobReading::Job { job, digest } = Job::read(MINIMAL) else { panic!("not a job") };
        let later = Timestamp::from_millis(5);
        let again = Job { redrive: 3, reply_to: Some("q".into()), submitted_at: later, ..*job };
        assert_eq!(again.digest(), digest);
        let permitted = Job { overwrite: true, ..again };
        assert_eq!(permitted.digest(), digest);
        let other = Job { retry_of: Some(permitted.id.clone()), ..permitted };
        assert_ne!(other.digest(), digest);
    }

    #[test]
    fn what_is_no_job_is_left_for_people() {
        for body in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"pixmill":2,"id":"a"}"#,
            r#"{"pixmill":1}"#,
            r#"{"pixmill":1,"id":"../x"}"#,
            r#"{"pixmill":1,"id":"a","batch":"b/c"}"#,
        ] {
            assert!(matches!(Job::read(body), JobReading::Foreign(_)), "{body}");
        }
    }

    #[test]
    fn a_known_job_that_cannot_be_done_says_why() {
        for (change, code) in [
            (r#""recipe":"inverted""#, RejectCode::BadRecipe),
            (r#""recipe":7"#, RejectCode::BadRecipe),
            (r#""recipe":"composite:inputs/a.png""#, RejectCode::BadRecipe),
            (r#""recipe":"invert","colour":1"#, RejectCode::BadJob),
            (r#""recipe":"invert","outputs":"results/{id}""#, RejectCode::BadJob),
            (r#""recipe":"a=invert;b=blur","outputs":"outputs/{id}""#, RejectCode::BadJob),
        ] {
            let body = MINIMAL.replace(r#""recipe":"invert""#, change);
            let JobReading::Refused { rejection, id, .. } = Job::read(&body) else {
                panic!("{body}")
            };
            assert_eq!(rejection.code, code, "{body}");
            assert_eq!(id.as_str(), "a");
        }
        let body = MINIMAL.replace("inputs/a.jpg", "inputs/../../etc/passwd");
        assert!(matches!(Job::read(&body), JobReading::Refused { .. }));
    }
}
