//! Jobs as the API shows them, one by one.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::document::{Outcome as End, OutputRecord, SourceFacts, Timings, Trouble};
use pixmill_contract::key::{DROP, INPUTS};
use pixmill_contract::{BatchId, JobId, RejectCode, ResultDocument, Timestamp};
use pixmill_producer::{read_note, read_standing};
use schemars::JsonSchema;
use serde::{Deserialize as _, Serialize};

use crate::answer::json;
use crate::asked::Asked;
use crate::hints::hint;
use crate::links::{Purpose, link};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf::{self, Stand};
use crate::state::State;

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

/// What a picture is called in its batch: its path below `inputs/`, or in the drop folder.
pub(crate) fn name_of(batch: &BatchId, key: &str) -> String {
    let sent = key.strip_prefix(INPUTS).and_then(|key| key.strip_prefix(batch.as_str()));
    let sent = sent.and_then(|key| key.strip_prefix('/'));
    let dropped = || Some(key.strip_prefix(DROP)?.split_once('/')?.1);
    sent.or_else(dropped).unwrap_or(key).to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_called_as_whoever_sent_it_calls_it() {
        let batch = BatchId::new("drop-web").unwrap();
        for (key, name) in [
            ("inputs/drop-web/June/a.jpg", "June/a.jpg"),
            ("inputs/other/a.jpg", "inputs/other/a.jpg"),
            ("drop/0198/web/a.jpg", "web/a.jpg"),
            ("drop/web/a.jpg", "a.jpg"),
        ] {
            assert_eq!(name_of(&batch, key), name);
        }
    }
}
