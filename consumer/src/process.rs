//! The life of one job, from its delivery to its result.
//!
//! What [`process`] returns decides the fate of the delivery; [`settle`](crate::settle) acts on it.
//! Every write here can be repeated: a crash between any two of them loses nothing.

use std::time::Duration;

use pixmill_contract::document::{
    Job, JobReading, Outcome, OutputRecord, ResultDocument, SourceFacts, Timings, Version,
    bounded_reason,
};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Key, RejectCode, Rejection, Timestamp};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::Stage;
use crate::engine::Ending;
use crate::lease::Lease;
use crate::outputs;
use crate::source;
use crate::worker::Worker;

/// The first receives of a job are optimistic: nothing is written down before the work.
pub(crate) const OPTIMISTIC_RECEIVES: u32 = 2;

/// So many receives before the queue's own limit, the message is sent anew.
const RECEIVES_LEFT_FOR_RENEWAL: u32 = 2;

/// How much longer than estimated a picture may take, on a machine that is busy with other things.
const DEADLINE_FACTOR: u32 = 40;

/// What every picture may take, however small.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(20);

/// What is to become of a delivery.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The job's result stands: reply, delete.
    Ended(Box<ResultDocument>),
    /// The job's result stands and is `dead`: dead-letter queue, reply, delete.
    Dead(Box<ResultDocument>),
    /// Another message stands for the job: delete.
    Superseded,
    /// One job's bad luck: note it, release after a while.
    Transient(String),
    /// Our own code panicked for the first time: note it, release after a while.
    Panicked(String),
    /// The picture takes longer than it may: note it, and end this process.
    Stuck,
    /// We have to stop: release now. Not an attempt.
    Interrupted,
    /// The message belongs to somebody else: touch nothing.
    LeaseLost,
    /// No job, or two jobs with one name: left for the dead-letter queue and for people.
    Left(String),
}

/// Why a job's work stopped before its outputs were there.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The picture or the job is to blame.
    Rejected(Rejection),
    /// Something else decides.
    Fate(Fate),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Fate> for Stop {
    fn from(fate: Fate) -> Self {
        Self::Fate(fate)
    }
}

/// A failed call that the weather did not wait out: nothing we know how to handle.
impl From<Error> for Fate {
    fn from(error: Error) -> Self {
        Self::Transient(error.chain())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fate(error.into())
    }
}

/// Does everything for a delivery but touch its message.
pub(crate) async fn process(worker: &Worker, lease: &Lease) -> Fate {
    match Job::read(&lease.delivery().body) {
        JobReading::Foreign(why) => Fate::Left(why),
        JobReading::Refused { batch, id, body, digest, redrive, rejection } => {
            let identity = Identity { batch, id, digest, redrive };
            let mut attempt = Attempt::new(worker, lease, identity, body);
            attempt.refuse(rejection).await
        }
        JobReading::Job { job, digest } => {
            let identity = Identity {
                batch: job.batch.clone(),
                id: job.id.clone(),
                digest,
                redrive: job.redrive,
            };
            let body = serde_json::from_str(&lease.delivery().body).unwrap_or_default();
            let mut attempt = Attempt::new(worker, lease, identity, body);
            attempt.work_on(&job).await
        }
    }
}

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
    lease: &'w Lease,
    body: Json,
    /// The tombstone that the result has to replace.
    tombstone: Option<Etag>,
    troubles: Vec<pixmill_contract::document::Trouble>,
    facts: SourceFacts,
    timings: Timings,
    received_at: Timestamp,
    begun: Instant,
}

impl<'w> Attempt<'w> {
    fn new(worker: &'w Worker, lease: &'w Lease, identity: Identity, body: Json) -> Self {
        Self {
            worker,
            identity,
            lease,
            body,
            tombstone: None,
            troubles: vec![],
            facts: SourceFacts::default(),
            timings: Timings::default(),
            received_at: worker.pipeline.clock.now(),
            begun: Instant::now(),
        }
    }

    /// The end of a job that can never be done as it stands.
    async fn refuse(&mut self, rejection: Rejection) -> Fate {
        self.end(Outcome::Failed { code: rejection.code, reason: rejection.reason }).await
    }

    async fn work_on(&mut self, job: &Job) -> Fate {
        if let Err(fate) = self.may_begin(job).await {
            return fate;
        }
        let outcome = match self.make_outputs(job).await {
            Ok(outputs) => Outcome::Done { outputs },
            Err(Stop::Rejected(Rejection { code, reason })) => Outcome::Failed { code, reason },
            Err(Stop::Fate(fate)) => return fate,
        };
        self.end(outcome).await
    }

    /// Looks whether there is anything left to do, and whether it may be tried again.
    async fn may_begin(&mut self, job: &Job) -> Result<(), Fate> {
        let receives = self.lease.delivery().receive_count;
        // A first receive of a first sending finds no result but by a duplicate, which is rare
        // and harmless; replacing what somebody else made is not harmless.
        if receives > 1 || job.redrive > 0 || job.overwrite {
            self.look_for_result().await?;
        }
        let config = &self.worker.config;
        if receives + RECEIVES_LEFT_FOR_RENEWAL >= config.max_receive_count {
            self.send_anew().await?;
            return Err(Fate::Superseded);
        }
        if receives > OPTIMISTIC_RECEIVES {
            self.count_attempt().await?;
        }
        Ok(())
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

    /// Sends the message anew before the queue's own limit takes it: only we give jobs up. A crash
    /// before the old message is deleted leaves two, which fold together.
    async fn send_anew(&self) -> Result<(), Fate> {
        let body = &self.lease.delivery().body;
        let send = || crate::settle::send_one(&self.worker.pipeline.jobs, body.clone());
        Ok(self.worker.weather.through(send).await?)
    }

    /// Gives the job up if it has had its attempts, else writes down that another one begins.
    async fn count_attempt(&mut self) -> Result<(), Fate> {
        let Identity { batch, id, .. } = &self.identity;
        let note = self.worker.attempts.read(batch, id).await?;
        let begun = u32::try_from(note.unstruck_starts()).unwrap_or(u32::MAX);
        if begun.saturating_add(OPTIMISTIC_RECEIVES) >= self.worker.config.max_attempts {
            let reason = match note.troubles.last() {
                Some(trouble) => format!("gave up; the last trouble: {}", trouble.reason),
                None => "its worker died each time".to_owned(),
            };
            self.troubles = note.troubles;
            let code = RejectCode::TooManyAttempts;
            return Err(self.end(Outcome::Dead { code, reason: bounded_reason(&reason) }).await);
        }
        let receive = self.lease.delivery().receive_count;
        let note = self.worker.attempts.change(batch, id, |note, now, worker| {
            note.begin(now, worker, receive);
        });
        self.troubles = note.await?.troubles;
        Ok(())
    }

    async fn make_outputs(&mut self, job: &Job) -> Result<Vec<OutputRecord>, Stop> {
        source::check_buckets(job)?;
        self.worker.config.limits.check_recipe(&job.recipe)?;

        let fetching = Instant::now();
        let bytes = source::fetch(self.worker, &job.source).await?;
        self.timings.fetch_ms = millis(fetching);

        let pictures = self.grind(job, bytes).await?;

        if !self.lease.confirm().await {
            return Err(Fate::LeaseLost.into());
        }
        let storing = Instant::now();
        let mut records = Vec::with_capacity(pictures.len());
        for (picture, sha256) in pictures {
            records.push(outputs::store(self, job, picture, sha256).await?);
        }
        self.timings.store_ms = millis(storing);
        Ok(records)
    }

    /// Decodes, applies and encodes, once a thread and the memory are free.
    async fn grind(
        &mut self,
        job: &Job,
        bytes: Vec<u8>,
    ) -> Result<Vec<(pixmill_ops::Picture, String)>, Stop> {
        let (limits, recipe) = (self.worker.config.limits.clone(), job.recipe.clone());
        self.facts.bytes = bytes.len() as u64;
        // Finding the header may mean walking a large file.
        let inspected = tokio::task::spawn_blocking(move || {
            let header = pixmill_ops::inspect(&bytes, &limits)?;
            let estimate = pixmill_ops::estimate(&header, &recipe, &limits);
            Ok::<_, Rejection>((header, estimate, bytes))
        });
        let inspected = inspected.await.map_err(|e| Fate::Transient(e.to_string()))?;
        let (header, estimate, bytes) = inspected?;
        self.facts.format = Some(header.format);
        (self.facts.width, self.facts.height) = (Some(header.width), Some(header.height));
        let estimate = estimate?;

        // A drain lets go of whatever has not begun.
        let admitted = async {
            let memory = self.worker.admission.admit(estimate.memory_bytes).await;
            (memory, self.worker.slots.acquire().await)
        };
        let (_memory, _slot) = tokio::select! {
            biased;
            () = self.worker.reached(Stage::Draining) => return Err(Fate::Interrupted.into()),
            admitted = admitted => admitted,
        };
        let grinding = Instant::now();
        let deadline = (estimate.work * DEADLINE_FACTOR).max(SHORTEST_DEADLINE);
        let deadline = deadline.min(self.worker.config.limits.deadline);
        let ending = self.worker.engine.grind(bytes, job.recipe.clone(), deadline).await;
        self.timings.grind_ms = millis(grinding);
        match ending {
            Ending::Ground(pictures) => Ok(pictures),
            Ending::Rejected(rejection) => Err(rejection.into()),
            Ending::Stuck => Err(Fate::Stuck.into()),
            Ending::Panicked(message) => {
                let Identity { batch, id, .. } = &self.identity;
                if self.worker.attempts.read(batch, id).await?.has_panicked() {
                    return Err(Rejection::new(RejectCode::Panicked, message).into());
                }
                Err(Fate::Panicked(message).into())
            }
        }
    }

    /// Writes the result, unless there is one by now: the first wins.
    async fn end(&mut self, outcome: Outcome) -> Fate {
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
            instance: self.worker.config.instance.clone(),
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

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
