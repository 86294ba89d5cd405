//! Failed and dead jobs once more, as jobs of their own.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::{BatchId, Job, JobId};
use pixmill_producer::{Retry, retry, send_retries};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::json;
use crate::asked::Asked;
use crate::jobs::{JobView, find};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;

/// What was sent once more, and what was not.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Retried {
    /// The new jobs.
    sent: Vec<JobView>,
    /// Jobs that are done already, by a retry of their own.
    done: usize,
    /// Jobs that no retry can mend.
    refused: Vec<Refused>,
}

/// A job that no retry can mend.
#[derive(Debug, Serialize, JsonSchema)]
struct Refused {
    /// The job.
    id: JobId,
    /// Why, for people.
    reason: String,
}

/// `POST /v1/jobs/{batch}/{id}/retry`.
pub(crate) async fn one(state: Arc<State>, asked: Asked) -> Outcome {
    let (batch, id) = (asked.batch()?, asked.job()?);
    find(&state, &batch, &id).await?;
    let conflict = |why: String| Err(Problem::new(Code::Conflict, why));
    match retry(state.pipeline(), &batch, &id).await? {
        Retry::Job(job) => {
            let mut sent = send_again(&state, &batch, vec![*job]).await?;
            Ok(json(StatusCode::ACCEPTED, &sent.remove(0)))
        }
        Retry::Done => conflict("it is done".to_owned()),
        Retry::Open => conflict("it has not ended".to_owned()),
        Retry::Hopeless(why) => conflict(format!("it can never be done: {why}")),
    }
}

/// `POST /v1/batches/{batch}/retry`.
pub(crate) async fn of_batch(state: Arc<State>, asked: Asked) -> Outcome {
    let batch = asked.batch()?;
    let ids = failed(&state, &batch, asked.text("only"), asked.text("code")).await?;
    Ok(json(StatusCode::ACCEPTED, &these(&state, &batch, ids).await?))
}

/// What failed or died in a batch: `only` one of them, or with this code.
pub(crate) async fn failed(
    state: &Arc<State>,
    batch: &BatchId,
    only: Option<&str>,
    code: Option<&str>,
) -> Result<Vec<JobId>, Problem> {
    let known = shelf::look_now(state, batch).await?;
    if !known.exists() {
        return Err(Problem::new(Code::NotFound, format!("there is no batch {batch}")));
    }
    let only = only.map(|only| only == "dead");
    let wanted = known.ledger.failures().into_iter().filter(|(_, failure)| {
        only.is_none_or(|dead| dead == failure.is_dead)
            && code.is_none_or(|code| code == failure.code.as_str())
    });
    Ok(wanted.map(|(id, _)| id.clone()).collect())
}

/// These jobs of a batch once more.
pub(crate) async fn these(
    state: &Arc<State>,
    batch: &BatchId,
    ids: Vec<JobId>,
) -> Result<Retried, Problem> {
    let (mut jobs, mut refused, mut done) = (vec![], vec![], 0);
    for id in ids {
        match retry(state.pipeline(), batch, &id).await? {
            Retry::Job(job) => jobs.push(*job),
            Retry::Done | Retry::Open => done += 1,
            Retry::Hopeless(reason) => refused.push(Refused { id, reason }),
        }
    }
    let sent = send_again(state, batch, jobs).await?;
    Ok(Retried { sent, done, refused })
}

impl Retried {
    /// How many were sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.len()
    }

    /// How many were not.
    pub(crate) fn left(&self) -> usize {
        self.done + self.refused.len()
    }
}

async fn send_again(
    state: &Arc<State>,
    batch: &BatchId,
    mut jobs: Vec<Job>,
) -> Result<Vec<JobView>, Problem> {
    // Two jobs of one chain have one retry.
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    jobs.dedup_by(|a, b| a.id == b.id);
    send_retries(state.pipeline(), batch, &jobs).await?;
    state.counts.accepted(batch, jobs.len());
    shelf::outdate(state, batch).await;
    let mut sent = vec![];
    for job in jobs {
        let name = crate::jobs::name_of(batch, job.source.key.as_str());
        let pending = JobView::pending(batch.clone(), job.id, Some(name));
        sent.push(JobView { retry_of: job.retry_of, ..pending });
    }
    Ok(sent)
}
