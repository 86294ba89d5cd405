//! One attempt at a job: what is known of it so far, and its result: looking for it, and writing it,
//! once.

use pixmill_contract::document::{Outcome, ResultDocument, SourceFacts, Timings, Trouble, Version};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Key, Timestamp};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::fate::Fate;
use crate::lease::Lease;
use crate::vitals::{Held, Spent};
use crate::worker::Worker;

/// Who a job is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) batch: BatchId,
    pub(crate) id: JobId,
    pub(crate) digest: String,
    pub(crate) redrive: u32,
}

/// One attempt at a job: what is known of it so far.
#[derive(Debug)]
pub(crate) struct Attempt<'w> {
    pub(crate) worker: &'w Worker,
    pub(crate) identity: Identity,
    pub(crate) lease: &'w Lease,
    /// The job's message as it was sent.
    pub(crate) body: Json,
    /// The tombstone that the result has to replace.
    pub(crate) tombstone: Option<Etag>,
    /// What went wrong in attempts before.
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) facts: SourceFacts,
    pub(crate) timings: Timings,
    pub(crate) spent: Spent,
    /// That it is worked on, once it is.
    pub(crate) held: Option<Held>,
    pub(crate) received_at: Timestamp,
    pub(crate) begun: Instant,
}

impl<'w> Attempt<'w> {
    pub(crate) fn new(
        worker: &'w Worker,
        lease: &'w Lease,
        identity: Identity,
        body: Json,
    ) -> Self {
        Self {
            worker,
            identity,
            lease,
            body,
            tombstone: None,
            troubles: vec![],
            facts: SourceFacts::default(),
            timings: Timings::default(),
            spent: Spent::default(),
            held: None,
            received_at: worker.pipeline.clock.now(),
            begun: Instant::now(),
        }
    }

    /// Ends the attempt if the job has ended already, or if another message stands for it.
    pub(crate) async fn look_for_result(&mut self) -> Result<(), Fate> {
        let Some((known, etag)) = self.read_result().await? else {
            self.tombstone = None;
            return Ok(());
        };
        let Some(known) = known else {
            self.tombstone = Some(etag);
            return Ok(());
        };
        if known.digest != self.identity.digest {
            return Err(Fate::Left("another job bears the same batch and id".to_owned()));
        }
        let redrives = match &known.outcome {
            Outcome::Redriven { redrives } => *redrives,
            Outcome::Done { .. } | Outcome::Failed { .. } | Outcome::Dead { .. } => known.redrive,
        };
        if self.identity.redrive < redrives {
            return Err(Fate::Superseded);
        }
        match &known.outcome {
            Outcome::Done { .. } | Outcome::Failed { .. } => Err(Fate::Ended(Box::new(known))),
            Outcome::Dead { .. } if known.redrive == self.identity.redrive => {
                Err(Fate::Dead(Box::new(known)))
            }
            Outcome::Dead { .. } | Outcome::Redriven { .. } => {
                self.tombstone = Some(etag);
                Ok(())
            }
        }
    }

    /// The result as it stands. One that cannot be read is none, but has to be replaced.
    async fn read_result(&self) -> Result<Option<(Option<ResultDocument>, Etag)>, Error> {
        let key = Key::result(&self.identity.batch, &self.identity.id);
        let read = || async {
            let object = self.worker.pipeline.store.get(&key, None).await?;
            let etag = object.meta.etag.clone();
            Ok((object.bytes().await?, etag))
        };
        match self.worker.weather.through(read).await {
            Ok((bytes, etag)) => {
                let document = serde_json::from_slice(&bytes);
                if let Err(error) = &document {
                    tracing::warn!(%key, %error, "replacing a result that cannot be read");
                }
                Ok(Some((document.ok(), etag)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the result, unless there is one by now: the first wins.
    pub(crate) async fn end(&mut self, outcome: Outcome) -> Fate {
        if !self.lease.confirm().await {
            return Fate::LeaseLost;
        }
        self.timings.total_ms = millis(self.begun);
        let queued = self.received_at.since(self.lease.delivery().sent_at);
        self.timings.queued_ms = queued.as_secs_f64() * 1e3;
        let document = Box::new(ResultDocument {
            pixmill: Version,
            batch: self.identity.batch.clone(),
            id: self.identity.id.clone(),
            outcome,
            digest: self.identity.digest.clone(),
            job: Some(self.body.clone()),
            source: (self.facts != SourceFacts::default()).then(|| self.facts.clone()),
            receives: self.lease.delivery().receive_count,
            troubles: self.troubles.clone(),
            redrive: self.identity.redrive,
            worker: self.worker.config.worker.clone(),
            instance: self.worker.config.place(),
            engine: pixmill_ops::ENGINE.to_owned(),
            timings: self.timings,
            finished_at: self.worker.pipeline.clock.now(),
        });
        loop {
            let put = Put {
                key: Key::result(&document.batch, &document.id),
                payload: Payload::Bytes(document.to_bytes()),
                media_type: "application/json",
                condition: match &self.tombstone {
                    Some(etag) => Condition::IfMatch(etag.clone()),
                    None => Condition::IfAbsent,
                },
                owner: None,
            };
            let store = &self.worker.pipeline.store;
            match self.worker.weather.through(|| store.put(put.clone())).await {
                Ok(_) if matches!(document.outcome, Outcome::Dead { .. }) => {
                    return Fate::Dead(document);
                }
                Ok(_) => return Fate::Ended(document),
                Err(error)
                    if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Changed) =>
                {
                    // Somebody was faster, or an answer to this very write was lost.
                    if let Err(fate) = self.look_for_result().await {
                        return fate;
                    }
                }
                Err(error) => return error.into(),
            }
        }
    }
}

/// Milliseconds since then, as documents have them.
pub(crate) fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
