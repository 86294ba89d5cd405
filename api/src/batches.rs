//! Batches as the API shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::{BatchId, JobId, Recipe, RejectCode, Timestamp};
use pixmill_producer::{End, batches, read_batch};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::json;
use crate::asked::Asked;
use crate::holders::Holders;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf::{self, Known};
use crate::state::State;

/// Batches of a page, unless somebody asks for more or fewer.
const PAGE: u64 = 20;

/// Outputs that are shown of a batch.
const THUMBNAILS: usize = 3;

/// A batch.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct BatchView {
    /// Its identifier.
    pub(crate) batch: BatchId,
    /// What people call it.
    name: Option<String>,
    /// How many jobs it is to have, if whoever opened it said so and is to seal it.
    expected: Option<u64>,
    /// The recipe of its jobs, where they share one.
    recipe: Option<Recipe>,
    /// When it was begun.
    created_at: Option<Timestamp>,
    /// By whom or what.
    by: Option<String>,
    /// Whether that is all of it.
    closed: bool,
    /// How many jobs it has; of a job and its retries one counts.
    pub(crate) jobs: u64,
    /// How many wait.
    pub(crate) pending: u64,
    /// How many somebody works on, as far as the fleet says so.
    running: u64,
    /// How many are done.
    pub(crate) done: u64,
    /// How many failed.
    pub(crate) failed: u64,
    /// How many were given up.
    pub(crate) dead: u64,
    /// Whether nothing more is to come.
    pub(crate) ended: bool,
    /// How many jobs a second end at present.
    per_second: f64,
    /// How long the rest takes at that rate.
    seconds_left: Option<f64>,
    /// When its last job so far ended.
    last_at: Option<Timestamp>,
    /// How many bytes the sources of what is done have.
    bytes_in: u64,
    /// How many bytes the outputs have.
    bytes_out: u64,
    /// Where some of the outputs are shown, small: paths of this server.
    thumbnails: Vec<String>,
    /// Why jobs are not done, and how many of each.
    failures: Vec<FailureGroup>,
    /// When this was so.
    as_of: Timestamp,
}

/// Jobs that are not done for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct FailureGroup {
    /// The stable code.
    code: RejectCode,
    /// How many.
    count: u64,
    /// The reason of one of them, for people.
    reason: String,
}

/// A page of batches.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BatchPage {
    /// The batches.
    batches: Vec<BatchView>,
    /// What to say as `after` for the next page; nothing at the end.
    next: Option<BatchId>,
    /// How many there are.
    total: usize,
}

impl BatchView {
    /// When its last job so far ended.
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// How many have not ended.
    pub(crate) fn open(&self) -> u64 {
        self.pending + self.running
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    pub(crate) fn of(known: &Known, holders: &Holders, now: Timestamp) -> Self {
        let failures = known.ledger.failures();
        let dead = failures.iter().filter(|(_, failure)| failure.is_dead).count() as u64;
        let (done, failed) = (known.ledger.done() as u64, failures.len() as u64);
        let jobs = known.count();
        let open = jobs.saturating_sub(done + failed);
        // One may have ended since whoever held it said so.
        let running = (holders.count(&known.batch) as u64).min(open);
        let per_second = known.ledger.rate(now);
        let left = (open > 0 && per_second > 0.0).then(|| open as f64 / per_second);
        let (bytes_in, bytes_out) = known.ledger.bytes();
        let mut groups: BTreeMap<RejectCode, FailureGroup> = BTreeMap::new();
        for (_, failure) in &failures {
            let new =
                || FailureGroup { code: failure.code, count: 0, reason: failure.reason.clone() };
            groups.entry(failure.code).or_insert_with(new).count += 1;
        }
        let document = known.document.as_ref();
        Self {
            batch: known.batch.clone(),
            name: document.and_then(|document| document.name.clone()),
            expected: document.and_then(|document| document.expected),
            recipe: document.and_then(|document| document.recipe.clone()),
            created_at: document.map(|document| document.created_at),
            by: document.map(|document| document.by.clone()),
            closed: document.is_some_and(|document| document.closed),
            jobs,
            pending: open - running,
            running,
            done,
            failed: failed - dead,
            dead,
            ended: known.has_ended(),
            per_second,
            seconds_left: left,
            last_at: known.ledger.last_at(),
            bytes_in,
            bytes_out,
            thumbnails: thumbnails(known),
            failures: groups.into_values().collect(),
            as_of: now,
        }
    }
}

/// The outputs that were made first, so that they stay what they are while more come.
fn thumbnails(known: &Known) -> Vec<String> {
    let is_shown = |end: &End| end.failure.is_none() && end.is_picture;
    let mut first = BTreeSet::new();
    for (id, end) in known.ledger.ends().filter(|(_, end)| is_shown(end)) {
        first.insert((end.finished_at, id));
        if first.len() > THUMBNAILS {
            first.pop_last();
        }
    }
    let path = |id: &JobId| format!("/v1/jobs/{}/{id}/image?side=256", known.batch);
    first.into_iter().map(|(_, id)| path(id)).collect()
}

/// `GET /v1/batches`.
pub(crate) async fn list(state: Arc<State>, asked: Asked) -> Outcome {
    let limit = usize::try_from(asked.number("limit").unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let mut ids = batches(state.pipeline()).await?;
    let total = ids.len();
    // The newest first, where ids are made by time.
    ids.reverse();
    let after = asked.text("after");
    let text = asked.text("q").map(str::to_lowercase);
    let left = ids.into_iter().filter(|id| after.is_none_or(|after| id.as_str() < after));
    let mut batches: Vec<BatchView> = vec![];
    for id in left {
        if let Some(text) = &text {
            let named = read_batch(state.pipeline(), &id).await?.and_then(|batch| batch.name);
            let texts = [Some(id.to_string()), named];
            if !texts.into_iter().flatten().any(|hay| hay.to_lowercase().contains(text)) {
                continue;
            }
        }
        if batches.len() == limit {
            let next = batches.last().map(|batch| batch.batch.clone());
            return Ok(json(StatusCode::OK, &BatchPage { batches, next, total }));
        }
        batches.push(view(&state, &id).await?);
    }
    Ok(json(StatusCode::OK, &BatchPage { batches, next: None, total }))
}

/// A batch as it is now.
pub(crate) async fn view(state: &Arc<State>, batch: &BatchId) -> Result<BatchView, Problem> {
    let holders = state.sight.now(state).await;
    let known = shelf::look(state, batch).await?;
    if !known.exists() {
        return Err(Problem::new(Code::NotFound, format!("there is no batch {batch}")));
    }
    Ok(BatchView::of(&known, &holders.holders, state.pipeline().clock.now()))
}

/// `GET /v1/batches/{batch}`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    Ok(json(StatusCode::OK, &view(&state, &asked.batch()?).await?))
}
