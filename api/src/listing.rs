//! Lists of jobs: of a batch by the names of their pictures, and of all batches, in pages.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::{BatchId, Error, JobId, Timestamp};
use pixmill_producer::batches;
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::json;
use crate::asked::Asked;
use crate::holders::Holders;
use crate::jobs::{JobState, JobView, name_of, view};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf::{self, Known, Stand};
use crate::state::State;

/// Jobs of a page, unless somebody asks for more or fewer.
const PAGE: u64 = 100;

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
