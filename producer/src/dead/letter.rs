//! One letter of the dead-letter queue: whose message it is, and which letters are wanted.

use pixmill_contract::document::JobReading;
use pixmill_contract::id;
use pixmill_contract::port::{Delivery, Receipt};
use pixmill_contract::{BatchId, Job, JobId, Timestamp};
use serde_json::Value as Json;

use crate::name::Name;

/// A letter of the dead-letter queue.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The message's body.
    pub body: String,
    /// When it was sent: to the dead-letter queue by a worker, or at first, if the job queue's own
    /// limit took it.
    pub sent_at: Timestamp,
    /// Whose message it is, or why it is nobody's.
    pub sender: Result<Sender, String>,
    pub(super) receipt: Receipt,
}

/// The job that a letter is the message of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Its batch.
    pub batch: BatchId,
    /// The job.
    pub id: JobId,
    /// What the job is, in one hash.
    pub digest: String,
    /// The message's redrive number.
    pub redrive: u32,
}

impl Letter {
    pub(super) fn new(delivery: Delivery) -> Self {
        let sender = match Job::read(&delivery.body) {
            JobReading::Job { job, digest } => {
                let Job { batch, id, redrive, .. } = *job;
                Ok(Sender { batch, id, digest, redrive })
            }
            JobReading::Refused { batch, id, digest, redrive, .. } => {
                Ok(Sender { batch, id, digest, redrive })
            }
            JobReading::Foreign(why) => Err(why),
        };
        let Delivery { body, sent_at, receipt, .. } = delivery;
        Self { body, sent_at, sender, receipt }
    }

    /// What the letter is called: its job's name, or one that is made of its body.
    pub fn name(&self) -> Name {
        if let Ok(Sender { batch, id, .. }) = &self.sender {
            return Name { batch: Some(batch.clone()), id: id.clone() };
        }
        let hash = id::hash(&[self.body.as_bytes()]);
        let id = JobId::new(format!("foreign-{}", &hash[..12]));
        Name { batch: None, id: id.expect("it is made of what an id may hold") }
    }

    /// The key of its picture, if it says so.
    pub fn source(&self) -> Option<String> {
        let body: Json = serde_json::from_str(&self.body).ok()?;
        Some(body.get("source")?.get("key")?.as_str()?.to_owned())
    }
}

/// Which letters are wanted: those of the batch, if one is given, and of these names, if any are.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Letters of jobs of this batch.
    pub batch: Option<BatchId>,
    /// Letters of these names.
    pub names: Vec<Name>,
}

impl Wanted {
    /// Whether this letter is one of them.
    pub fn holds(&self, letter: &Letter) -> bool {
        let name = letter.name();
        let of_batch = self.batch.is_none() || self.batch == name.batch;
        of_batch && (self.names.is_empty() || self.names.iter().any(|wanted| wanted.fits(&name)))
    }

    /// The names that none of these letters bears.
    pub fn missing(&self, found: &[Name]) -> Vec<Name> {
        let is_missing = |wanted: &&Name| !found.iter().any(|name| wanted.fits(name));
        self.names.iter().filter(is_missing).cloned().collect()
    }
}
