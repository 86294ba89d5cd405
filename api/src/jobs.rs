//! Jobs as the API shows them, one by one and in lists.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::document::{Outcome as End, OutputRecord, SourceFacts, Timings, Trouble};
use pixmill_contract::key::INPUTS;
use pixmill_contract::{BatchId, Error, JobId, RejectCode, ResultDocument, Timestamp};
use pixmill_producer::{batches, read_note, read_standing};
use schemars::JsonSchema;
use serde::{Deserialize as _, Serialize};

use crate::answer::json;
use crate::asked::Asked;
use crate::hints::hint;
use crate::holders::Holders;
use crate::links::{Purpose, link};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf::{self, Known, Stand};
use crate::state::State;

/// Jobs of a page, unless somebody asks for more or fewer.
const PAGE: u64 = 100;

/// The states of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// It waits, or it is not known that somebody works on it.
    Pending,
    /// Somebody works on it.
    Running,
    /// Every output is there.
    Done,
    /// A fact about the picture or the job stands against it.
    Failed,
    /// Given up after too many attempts.
    Dead,
}

impl JobState {
    pub(crate) const WORDS: &'static [&'static str] =
        &["pending", "running", "done", "failed", "dead"];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
        }
    }

    /// Whether it has not ended.
    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Running => true,
            Self::Done | Self::Failed | Self::Dead => false,
        }
    }

    pub(crate) fn of(stand: Stand<'_>, is_held: bool) -> Self {
        match stand {
            Stand::Pending if is_held => Self::Running,
            Stand::Pending => Self::Pending,
            Stand::Done => Self::Done,
            Stand::Failed(failure) if failure.is_dead => Self::Dead,
            Stand::Failed(_) => Self::Failed,
        }
    }
}

/// A job.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobView {
    /// Its batch.
    pub(crate) batch: BatchId,
    /// Its identifier within that.
    pub(crate) id: JobId,
    /// What its picture is called.
    pub(crate) name: Option<String>,
    /// Its place among the jobs of its batch, by their names; in lists of one batch.
    pub(crate) index: Option<usize>,
    /// How it stands.
    pub(crate) state: JobState,
    /// Why it is not done: the stable code.
    pub(crate) code: Option<RejectCode>,
    /// The same for people.
    pub(crate) reason: Option<String>,
    /// What somebody can do about it.
    pub(crate) hint: Option<&'static str>,
    /// What was made, if it is done.
    pub(crate) outputs: Vec<OutputView>,
    /// What its picture turned out to be.
    pub(crate) source: Option<SourceFacts>,
    /// The job that it repeats.
    pub(crate) retry_of: Option<JobId>,
    /// What went wrong in attempts so far.
    pub(crate) troubles: Vec<Trouble>,
    /// How often its message had been received when it ended.
    pub(crate) receives: Option<u32>,
    /// The worker that ended it.
    pub(crate) worker: Option<String>,
    /// What that worker ran on.
    pub(crate) instance: Option<String>,
    /// Where the time went.
    pub(crate) timings: Option<Timings>,
    /// When it was sent, if it has ended.
    pub(crate) submitted_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) finished_at: Option<Timestamp>,
}

/// An output.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct OutputView {
    /// What it is.
    #[serde(flatten)]
    pub(crate) record: OutputRecord,
    /// Where it can be fetched, for a while: an address, or a path of this server.
    pub(crate) link: String,
}

/// A page of jobs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JobPage {
    /// The jobs.
    jobs: Vec<JobView>,
    /// What to say as `after` for the next page; nothing at the end.
    next: Option<String>,
    /// How many there are in all, where that is known: of one batch, or if this is all of them.
    total: Option<usize>,
}

impl JobView {
    /// A job that has not ended.
    pub(crate) fn pending(batch: BatchId, id: JobId, name: Option<String>) -> Self {
        Self {
            batch,
            id,
            name,
            index: None,
            state: JobState::Pending,
            code: None,
            reason: None,
            hint: None,
            outputs: vec![],
            source: None,
            retry_of: None,
            troubles: vec![],
            receives: None,
            worker: None,
            instance: None,
            timings: None,
            submitted_at: None,
            finished_at: None,
        }
    }
}

/// What a picture below `inputs/` is called in its batch.
pub(crate) fn name_of(batch: &BatchId, key: &str) -> String {
    let inner = key.strip_prefix(INPUTS).and_then(|key| key.strip_prefix(batch.as_str()));
    inner.and_then(|key| key.strip_prefix('/')).unwrap_or(key).to_owned()
}

/// A job by its result, or by its note if it has none yet.
pub(crate) async fn view(
    state: &Arc<State>,
    batch: &BatchId,
    id: &JobId,
    name: Option<String>,
) -> Result<JobView, Problem> {
    let pipeline = state.pipeline();
    let standing = read_standing(pipeline, batch, id).await?;
    let result = standing.and_then(|standing| standing.document);
    let pending = JobView::pending(batch.clone(), id.clone(), name);
    match result {
        Some(result) if result.outcome.is_end() => ended(state, pending, result).await,
        Some(_) | None => {
            let note = read_note(pipeline, batch, id).await?;
            let holder = state.sight.holder(state, batch, id).await;
            Ok(JobView {
                state: if holder.is_some() { JobState::Running } else { JobState::Pending },
                worker: holder,
                troubles: note.map_or(vec![], |note| note.troubles),
                ..pending
            })
        }
    }
}

/// A job that has ended.
pub(crate) async fn ended(
    state: &Arc<State>,
    pending: JobView,
    result: ResultDocument,
) -> Result<JobView, Problem> {
    let job = result.job.unwrap_or_default();
    let of_job = |name: &str| job.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let key = job.get("source").and_then(|source| source.get("key")?.as_str());
    let name = pending.name.clone().or_else(|| Some(name_of(&pending.batch, key?)));
    let retry_of = of_job("retry_of").and_then(|id| JobId::new(id).ok());
    let submitted_at = job.get("submitted_at").and_then(|at| Timestamp::deserialize(at).ok());
    let (job_state, code, reason, records) = match result.outcome {
        End::Done { outputs } => (JobState::Done, None, None, outputs),
        End::Failed { code, reason } => (JobState::Failed, Some(code), Some(reason), vec![]),
        End::Dead { code, reason } => (JobState::Dead, Some(code), Some(reason), vec![]),
        End::Redriven { .. } => (JobState::Pending, None, None, vec![]),
    };
    let mut outputs = vec![];
    for record in records {
        let (link, _) = link(state, Purpose::Read, &record.key).await?;
        outputs.push(OutputView { record, link });
    }
    Ok(JobView {
        name,
        state: job_state,
        code,
        reason,
        hint: code.map(hint),
        outputs,
        source: result.source,
        retry_of,
        troubles: result.troubles,
        receives: Some(result.receives),
        worker: Some(result.worker.to_string()),
        instance: Some(result.instance),
        timings: Some(result.timings),
        submitted_at,
        finished_at: Some(result.finished_at),
        ..pending
    })
}

/// `GET /v1/jobs/{batch}/{id}`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    let (batch, id) = (asked.batch()?, asked.job()?);
    Ok(json(StatusCode::OK, &find(&state, &batch, &id).await?))
}

/// A job that is known of.
pub(crate) async fn find(
    state: &Arc<State>,
    batch: &BatchId,
    id: &JobId,
) -> Result<JobView, Problem> {
    let found = view(state, batch, id, None).await?;
    if !found.state.is_open() {
        return Ok(found);
    }
    let known = shelf::look(state, batch).await?;
    let name = known.source(id).map(|key| name_of(batch, key));
    let retry_of = known.retries.get(id).and_then(|member| member.retry_of.clone());
    drop(known);
    // One that nobody wrote down is known by an attempt, by who holds it, or by a tombstone in place
    // of its result.
    let is_known = name.is_some()
        || !found.troubles.is_empty()
        || found.state == JobState::Running
        || read_standing(state.pipeline(), batch, id).await?.is_some();
    if !is_known {
        return Err(Problem::new(Code::NotFound, format!("there is no job {batch}/{id}")));
    }
    Ok(JobView { name, retry_of, ..found })
}

/// Which jobs somebody wants to see.
struct Wanted {
    state: Option<String>,
    text: Option<String>,
    code: Option<String>,
    /// Those that have ended since then, or not at all.
    since: Option<Timestamp>,
}

impl Wanted {
    fn of(asked: &Asked) -> Self {
        let text = |name| asked.text(name).map(str::to_lowercase);
        let since = asked.number("since").map(|seconds| Timestamp::from_millis(seconds * 1000));
        Self { state: text("state"), text: text("q"), code: text("code"), since }
    }

    fn holds(&self, row: &Row<'_>) -> bool {
        let failure = match row.stand {
            Stand::Failed(failure) => Some(failure),
            Stand::Pending | Stand::Done => None,
        };
        let of_state = self.state.as_ref().is_none_or(|state| state == row.state.as_str());
        let code = failure.map(|failure| failure.code.as_str());
        let of_code = self.code.as_ref().is_none_or(|wanted| code == Some(wanted));
        let holds_text = self.text.as_ref().is_none_or(|text| {
            let reason = failure.map(|failure| failure.reason.as_str());
            let texts = [Some(row.id.as_str()), row.name.as_deref(), reason];
            texts.into_iter().flatten().any(|hay| hay.to_lowercase().contains(text))
        });
        let is_since = self.since.zip(row.finished_at).is_none_or(|(since, at)| at >= since);
        of_state && of_code && is_since && holds_text
    }
}

/// A job in a list, before its result is read.
struct Row<'k> {
    id: &'k JobId,
    name: Option<String>,
    index: usize,
    state: JobState,
    stand: Stand<'k>,
    finished_at: Option<Timestamp>,
}

/// The jobs of a batch by the names of their pictures, as people have them in their folders.
fn rows<'k>(known: &'k Known, holders: &Holders) -> Vec<Row<'k>> {
    let row = |(id, stand): (&'k JobId, Stand<'k>)| {
        let name = known.source(id).map(|key| name_of(&known.batch, key));
        let state = JobState::of(stand, holders.hold(&known.batch, id));
        let finished_at = known.ledger.end(id).map(|end| end.finished_at);
        Row { id, name, index: 0, state, stand, finished_at }
    };
    let mut rows: Vec<_> = known.jobs().into_iter().map(row).collect();
    rows.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    for (index, row) in rows.iter_mut().enumerate() {
        row.index = index;
    }
    rows
}

/// A job that is to be shown.
struct Chosen {
    id: JobId,
    name: Option<String>,
    index: usize,
}

/// The wanted ones of them after the one of this id, and how many are wanted in all.
fn chosen(rows: &[Row<'_>], wanted: &Wanted, after: &str) -> (Vec<Chosen>, usize) {
    // It need not be wanted any more itself.
    let from = rows.iter().position(|row| row.id.as_str() == after).map_or(0, |at| at + 1);
    let total = rows.iter().filter(|row| wanted.holds(row)).count();
    let left = rows[from..].iter().filter(|row| wanted.holds(row));
    let chosen =
        |row: &Row<'_>| Chosen { id: row.id.clone(), name: row.name.clone(), index: row.index };
    (left.map(chosen).collect(), total)
}

/// `GET /v1/batches/{batch}/jobs`.
pub(crate) async fn of_batch(state: Arc<State>, asked: Asked) -> Outcome {
    let batch = asked.batch()?;
    let limit = usize::try_from(asked.number("limit").unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let seen = state.sight.now(&state).await;
    let known = shelf::look(&state, &batch).await?;
    if !known.exists() {
        return Err(Problem::new(Code::NotFound, format!("there is no batch {batch}")));
    }
    let after = asked.text("after").unwrap_or_default();
    let (chosen, total) = chosen(&rows(&known, &seen.holders), &Wanted::of(&asked), after);
    drop(known);
    let mut left = chosen.into_iter();
    let page: Vec<_> = left.by_ref().take(limit).collect();
    let last = page.last().map(|job| job.id.to_string());
    let next = left.next().and(last);
    let mut jobs = vec![];
    for Chosen { id, name, index } in page {
        let job = view(&state, &batch, &id, name).await?;
        jobs.push(JobView { index: Some(index), ..job });
    }
    Ok(json(StatusCode::OK, &JobPage { jobs, next, total: Some(total) }))
}

/// `GET /v1/jobs`: of all batches, or of one.
pub(crate) async fn list(state: Arc<State>, asked: Asked) -> Outcome {
    let wanted = Wanted::of(&asked);
    let limit = usize::try_from(asked.number("limit").unwrap_or(PAGE)).unwrap_or(usize::MAX);
    let cursor = match asked.text("after").map(|after| after.split_once('/')) {
        None => None,
        Some(Some((batch, id))) => Some((batch.to_owned(), id.to_owned())),
        Some(None) => return Err(Problem::new(Code::BadParameter, "`after` is BATCH/JOB")),
    };
    let seen = state.sight.now(&state).await;
    let (mut jobs, mut next) = (vec![], None);
    for batch in batches_of(&state, &asked).await? {
        let of_cursor = cursor.as_ref().map(|(of, after)| (of.as_str().cmp(batch.as_str()), after));
        let after = match of_cursor {
            // Batches go down, jobs go up.
            Some((std::cmp::Ordering::Less, _)) => continue,
            Some((std::cmp::Ordering::Equal, after)) => after.as_str(),
            Some((std::cmp::Ordering::Greater, _)) | None => "",
        };
        let known = shelf::look(&state, &batch).await?;
        let (found, _) = chosen(&rows(&known, &seen.holders), &wanted, after);
        drop(known);
        for Chosen { id, name, .. } in found {
            if jobs.len() == limit {
                let last: Option<&JobView> = jobs.last();
                next = last.map(|job| format!("{}/{}", job.batch, job.id));
                return Ok(json(StatusCode::OK, &JobPage { jobs, next, total: None }));
            }
            jobs.push(view(&state, &batch, &id, name).await?);
        }
    }
    // The first page is all of it.
    let total = cursor.is_none().then_some(jobs.len());
    Ok(json(StatusCode::OK, &JobPage { jobs, next, total }))
}

/// The batch that is asked for, or all, the newest first where ids are made by time.
async fn batches_of(state: &State, asked: &Asked) -> Result<Vec<BatchId>, Error> {
    if let Some(batch) = asked.text("batch") {
        return Ok(BatchId::new(batch).into_iter().collect());
    }
    let mut batches = batches(state.pipeline()).await?;
    batches.push(BatchId::single());
    batches.sort_unstable();
    batches.dedup();
    batches.reverse();
    Ok(batches)
}
