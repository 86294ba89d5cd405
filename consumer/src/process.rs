//! The life of one job, from its delivery to its result.
//!
//! What [`process`] returns decides the fate of the delivery; [`settle`](crate::settle) acts on it.
//! Every write here can be repeated: a crash between any two of them loses nothing.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::{
    Job, JobReading, Outcome, OutputRecord, bounded_reason, read_event,
};
use pixmill_contract::port::send_one;
use pixmill_contract::{ObjectStore, RejectCode, Rejection, aside};
use pixmill_ops::{Overlays, Picture};
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use crate::Stage;
use crate::attempt::{Attempt, Identity, millis};
use crate::engine::{Ending, Room};
use crate::event;
use crate::fate::{Fate, Stop};
use crate::lease::Lease;
use crate::notes::OPTIMISTIC_RECEIVES;
use crate::outputs;
use crate::overlays;
use crate::source;
use crate::vitals::Spent;
use crate::worker::Worker;

/// How much longer than estimated a picture may take, on a machine that is busy with other things.
const DEADLINE_FACTOR: u32 = 40;

/// What every picture may take, however small.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(20);

/// Does everything for a delivery but touch its message.
pub(crate) async fn process(worker: &Worker, lease: &Lease) -> Fate {
    let (mut spent, mut recipe) = (Spent::default(), None);
    let fate = match Job::read(&lease.delivery().body) {
        JobReading::Foreign(why) => match read_event(&lease.delivery().body) {
            Some(records) => event::split(worker, lease, records).await,
            None => Fate::Left(why),
        },
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
            let fate = attempt.work_on(&job).await;
            (spent, recipe) = (attempt.spent, Some(job.recipe));
            fate
        }
    };
    if fate.ends_the_message() {
        worker.vitals.ended(spent, recipe.as_ref());
    }
    fate
}

impl Attempt<'_> {
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
        if receives > 1 {
            self.look_at_attempts().await?;
        }
        if self.worker.config.is_spent(receives) {
            self.send_anew().await?;
            return Err(Fate::Superseded);
        }
        if receives > OPTIMISTIC_RECEIVES {
            let Identity { batch, id, .. } = &self.identity;
            let begin = self.worker.notes.change(batch, id, |note, now, worker| {
                note.begin(now, worker, receives);
            });
            begin.await?;
        }
        Ok(())
    }

    /// Takes note of what went wrong before, and gives the job up if it has had its attempts.
    async fn look_at_attempts(&mut self) -> Result<(), Fate> {
        let Identity { batch, id, .. } = &self.identity;
        let note = self.worker.notes.read(batch, id).await?;
        let begun = u32::try_from(note.unstruck_starts()).unwrap_or(u32::MAX);
        self.troubles = note.troubles;
        if begun.saturating_add(OPTIMISTIC_RECEIVES) < self.worker.config.max_attempts {
            return Ok(());
        }
        let reason = match self.troubles.last() {
            Some(trouble) => format!("gave up; the last trouble: {}", trouble.reason),
            None => "its worker died each time".to_owned(),
        };
        let (code, reason) = (RejectCode::TooManyAttempts, bounded_reason(&reason));
        Err(self.end(Outcome::Dead { code, reason }).await)
    }

    /// Sends the message anew before the queue's own limit takes it: only we give jobs up. A crash
    /// before the old message is deleted leaves two, which fold together.
    async fn send_anew(&self) -> Result<(), Fate> {
        let body = &self.lease.delivery().body;
        let send = || send_one(&*self.worker.pipeline.jobs, body.clone());
        Ok(self.worker.weather.through(send).await?)
    }

    async fn make_outputs(&mut self, job: &Job) -> Result<Vec<OutputRecord>, Stop> {
        let worker = self.worker;
        let store = source::store_of(worker, job)?;
        worker.config.limits.check_recipe(&job.recipe)?;

        // A drain lets go of whatever has not begun.
        let prepared = tokio::select! {
            biased;
            () = worker.reached(Stage::Draining) => return Err(Fate::Interrupted.into()),
            prepared = self.prepare(job, store).instrument(info_span!("prepare")) => prepared?,
        };
        let pictures = self.grind(job, prepared).instrument(info_span!("grind")).await?;

        if !self.lease.confirm().await {
            return Err(Fate::LeaseLost.into());
        }
        let storing = Instant::now();
        let mut records = Vec::with_capacity(pictures.len());
        for (picture, sha256) in pictures {
            let span = info_span!("store", output = picture.name);
            records.push(outputs::store(self, job, picture, sha256).instrument(span).await?);
            worker.vitals.step();
        }
        self.timings.store_ms = millis(storing);
        Ok(records)
    }

    /// Reads the source and its overlays, finds out what it will cost, and waits until a thread and the memory for
    /// it are free.
    async fn prepare(&mut self, job: &Job, store: &dyn ObjectStore) -> Result<Prepared, Stop> {
        let worker = self.worker;
        let fetching = Instant::now();
        let bytes = source::fetch(worker, store, &job.source).await?;
        let files = overlays::fetch(worker, job).await?;
        self.timings.fetch_ms = millis(fetching);
        self.facts.bytes = bytes.len() as u64;

        let (limits, recipe) = (worker.config.limits.clone(), job.recipe.clone());
        // Finding the header may mean walking a large file.
        let inspected = aside(move || {
            let header = pixmill_ops::inspect(&bytes, &limits)?;
            let estimate = Overlays::inspect(files, &limits).and_then(|overlays| {
                Ok((pixmill_ops::estimate(&header, &recipe, &overlays, &limits)?, overlays))
            });
            Ok::<_, Rejection>((header, estimate, bytes))
        });
        let (header, estimate, bytes) = match inspected.await {
            Ok(inspected) => inspected?,
            Err(error) => return Err(self.panicked(error.to_string()).await),
        };
        self.facts.format = Some(header.format);
        (self.facts.width, self.facts.height) = (Some(header.width), Some(header.height));
        let (estimate, overlays) = estimate?;

        let memory = worker.admission.admit(estimate.memory_bytes).await;
        let thread = Arc::clone(&worker.slots).acquire_owned().await;
        let thread = thread.expect("the semaphore is never closed");
        let room = Room::new(memory, thread, worker.vitals.take_slot());
        self.held = Some(worker.vitals.hold(&self.identity.batch, &self.identity.id));
        self.spent.pixels = Some(u64::from(header.width) * u64::from(header.height));
        worker.vitals.step();
        let deadline = (estimate.work * DEADLINE_FACTOR).max(SHORTEST_DEADLINE);
        let deadline = deadline.min(worker.config.limits.deadline);
        Ok(Prepared { bytes, overlays, deadline, room })
    }

    /// Decodes, applies and encodes.
    async fn grind(
        &mut self,
        job: &Job,
        Prepared { bytes, overlays, deadline, room }: Prepared,
    ) -> Result<Vec<(Picture, String)>, Stop> {
        let grinding = Instant::now();
        let (engine, recipe) = (&self.worker.engine, job.recipe.clone());
        let ending = engine.grind(bytes, recipe, overlays, deadline, room).await;
        self.timings.grind_ms = millis(grinding);
        self.spent.slot = grinding.elapsed();
        self.worker.vitals.step();
        match ending {
            Ending::Ground(pictures) => Ok(pictures),
            Ending::Rejected(rejection) => Err(rejection.into()),
            Ending::Stuck => Err(Fate::Stuck.into()),
            Ending::Panicked(message) => Err(self.panicked(message).await),
        }
    }

    /// What a panic of our own code means: bad luck at first, a fact about the picture if it had
    /// done that before.
    async fn panicked(&self, message: String) -> Stop {
        let Identity { batch, id, .. } = &self.identity;
        match self.worker.notes.read(batch, id).await {
            Ok(note) if note.has_panicked() => Rejection::new(RejectCode::Panicked, message).into(),
            Ok(_) => Fate::Panicked(message).into(),
            Err(error) => error.into(),
        }
    }
}

/// A source that can be worked on at once.
struct Prepared {
    bytes: Vec<u8>,
    overlays: Overlays,
    deadline: Duration,
    room: Room,
}
