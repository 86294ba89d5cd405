//! What is known of batches, kept from one question to the next: a look at one reads only what is
//! new. All of it is in the store too, so that nothing is lost with it; an index, if there is one,
//! spares the next process what this one has read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pixmill_contract::document::{BatchDocument, Member};
use pixmill_contract::key::INPUTS;
use pixmill_contract::{BatchId, Error, Index, JobId, Key, Pipeline};
use pixmill_producer::{End, Failure, Kept, Ledger, Picture, members, read_batch};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use crate::state::State;

/// Batches that are kept; beyond that the one that nobody has looked at for longest goes.
const KEPT: usize = 500;

/// A batch that has ended is not looked at again before this, unless something was sent from here.
const ENDED: Duration = Duration::from_secs(10);

/// What is known of one batch.
pub(crate) struct Known {
    pub(crate) batch: BatchId,
    pub(crate) ledger: Ledger,
    /// Where the pictures of its jobs are, but not of retries.
    pub(crate) inputs: BTreeMap<JobId, Key>,
    /// Its retries, and what they repeat.
    pub(crate) retries: BTreeMap<JobId, Member>,
    pub(crate) document: Option<BatchDocument>,
    /// Its manifests that have been read.
    manifests: BTreeSet<Key>,
    looked_at: Option<Instant>,
    /// How long the last look took, without what it read for the first time.
    pub(crate) cost: Duration,
    /// Whether something was sent from here since.
    is_outdated: bool,
}

/// How a job stands, as a batch knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stand<'k> {
    Pending,
    Done,
    Failed(&'k Failure),
}

impl<'k> Stand<'k> {
    fn of(end: &'k End) -> Self {
        end.failure.as_ref().map_or(Self::Done, Self::Failed)
    }
}

impl Known {
    fn new(pipeline: &Pipeline, batch: BatchId) -> Self {
        let ledger = Ledger::new(pipeline.clone(), batch.clone());
        let (inputs, retries, manifests) = <_>::default();
        Self {
            batch,
            ledger,
            inputs,
            retries,
            document: None,
            manifests,
            looked_at: None,
            cost: Duration::ZERO,
            is_outdated: false,
        }
    }

    /// Whether anything is known of it.
    pub(crate) fn exists(&self) -> bool {
        self.document.is_some() || !self.inputs.is_empty() || self.ledger.last_at().is_some()
    }

    /// Its jobs by their ids, and how they stand.
    pub(crate) fn jobs(&self) -> BTreeMap<&JobId, Stand<'_>> {
        let open = self.inputs.keys().chain(self.retries.keys());
        let mut jobs: BTreeMap<_, _> = open.map(|id| (id, Stand::Pending)).collect();
        jobs.extend(self.ledger.ends().map(|(id, end)| (id, Stand::of(end))));
        jobs
    }

    /// Where the picture of a job is.
    pub(crate) fn source(&self, id: &JobId) -> Option<&str> {
        let input = self.inputs.get(id).map(Key::as_str);
        let retry = || self.retries.get(id).map(|member| member.key.as_str());
        input.or_else(retry).or_else(|| self.ledger.end(id)?.source.as_deref())
    }

    /// How many jobs it has, as far as is known.
    pub(crate) fn count(&self) -> u64 {
        let announced = self.document.as_ref().map_or(0, |document| document.jobs);
        announced.max(self.inputs.len() as u64).max(self.ended())
    }

    /// How many have ended, of a job and its retries one.
    fn ended(&self) -> u64 {
        (self.ledger.done() + self.ledger.failures().len()) as u64
    }

    /// Whether nothing more is to come.
    pub(crate) fn has_ended(&self) -> bool {
        let closed = self.document.as_ref().is_some_and(|document| document.closed);
        let retried = self.retries.keys().any(|id| self.ledger.end(id).is_none());
        closed && !retried && self.ended() >= self.count()
    }

    async fn look(&mut self, pipeline: &Pipeline, index: Option<&dyn Index>) -> Result<(), Error> {
        if let Some(index) = index.filter(|_| self.looked_at.is_none()) {
            self.restore(index).await;
        }
        let began = Instant::now();
        self.document = read_batch(pipeline, &self.batch).await?;
        self.ledger.look().await?;
        let new = members(pipeline, &self.batch, &mut self.manifests).await?;
        self.add_members(new);
        let complete = self
            .document
            .as_ref()
            .is_some_and(|document| document.closed && document.jobs <= self.inputs.len() as u64);
        if !complete {
            self.list_inputs(pipeline).await?;
        }
        (self.looked_at, self.is_outdated) = (Some(Instant::now()), false);
        self.cost = began.elapsed().saturating_sub(self.ledger.reading());
        if let Some(index) = index {
            self.keep(index).await;
        }
        Ok(())
    }

    /// Reads what another process has read before. Without it everything is read anew.
    async fn restore(&mut self, index: &dyn Index) {
        match index.find(&self.batch).await {
            Ok(found) => {
                let read = |(id, value): (JobId, String)| {
                    Some((id, serde_json::from_str::<Kept>(&value).ok()?))
                };
                self.ledger.restore(found.into_iter().filter_map(read));
            }
            Err(error) => tracing::warn!(reason = error.chain(), "failed to read the index"),
        }
    }

    async fn keep(&mut self, index: &dyn Index) {
        let text = |kept: Kept| serde_json::to_string(&kept).expect("it is JSON");
        let changes = self.ledger.changes();
        if changes.is_empty() {
            return;
        }
        let changes = changes.into_iter().map(|(id, kept)| (id, kept.map(text))).collect();
        if let Err(error) = index.keep(&self.batch, changes).await {
            tracing::warn!(reason = error.chain(), "failed to write the index");
        }
    }

    fn add_members(&mut self, members: Vec<Member>) {
        for member in members {
            if member.retry_of.is_some() {
                self.retries.insert(member.id.clone(), member);
            } else {
                self.inputs.insert(member.id, member.key);
            }
        }
    }

    async fn list_inputs(&mut self, pipeline: &Pipeline) -> Result<(), Error> {
        let prefix = format!("{INPUTS}{}/", self.batch);
        let mut after: Option<Key> = None;
        loop {
            let page = pipeline.store.list(&prefix, after.as_ref()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            for listed in page {
                let id = Picture::key(listed.key.clone()).job(&self.batch)?;
                self.inputs.insert(id, listed.key);
            }
        }
    }
}

/// A batch on the shelf, and when somebody last looked at it.
type Place = (Arc<tokio::sync::Mutex<Known>>, Instant);

/// The batches that are kept.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<HashMap<BatchId, Place>>);

impl Shelf {
    fn places(&self) -> MutexGuard<'_, HashMap<BatchId, Place>> {
        self.0.lock().expect("no code panics with this lock")
    }

    /// The place of a batch, also of one that nothing is known of yet.
    fn place(&self, pipeline: &Pipeline, batch: &BatchId) -> Arc<tokio::sync::Mutex<Known>> {
        let mut places = self.places();
        if !places.contains_key(batch) && places.len() >= KEPT {
            let oldest = places.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(batch, _)| batch.clone()) {
                places.remove(&oldest);
            }
        }
        let new = || {
            let known = Known::new(pipeline, batch.clone());
            (Arc::new(tokio::sync::Mutex::new(known)), Instant::now())
        };
        let (known, at) = places.entry(batch.clone()).or_insert_with(new);
        *at = Instant::now();
        Arc::clone(known)
    }
}

/// Something was sent: what is known of a batch is not all of it any more.
pub(crate) async fn outdate(state: &State, batch: &BatchId) {
    let known = state.shelf.place(state.pipeline(), batch);
    known.lock().await.is_outdated = true;
    state.events.sent_to(batch);
}

/// What is known of a batch, as of a moment ago at most.
pub(crate) async fn look(state: &State, batch: &BatchId) -> Result<OwnedMutexGuard<Known>, Error> {
    look_since(state, batch, Instant::now().checked_sub(state.settings.look_every)).await
}

/// The same, as of now.
pub(crate) async fn look_now(
    state: &State,
    batch: &BatchId,
) -> Result<OwnedMutexGuard<Known>, Error> {
    look_since(state, batch, None).await
}

async fn look_since(
    state: &State,
    batch: &BatchId,
    since: Option<Instant>,
) -> Result<OwnedMutexGuard<Known>, Error> {
    let pipeline = state.pipeline();
    let mut known = state.shelf.place(pipeline, batch).lock_owned().await;
    // Of what has ended, news comes from other programs only: a retry, a redrive.
    let since = if known.has_ended() { since.and_then(|at| at.checked_sub(ENDED)) } else { since };
    let is_fresh = known.looked_at.zip(since).is_some_and(|(looked_at, since)| looked_at > since);
    if !is_fresh || known.is_outdated {
        known.look(pipeline, state.settings.index.as_deref()).await?;
    }
    Ok(known)
}
