//! Tasks: what is done to many jobs or letters at once, goes on when whoever asked has gone, and says
//! how far it has got. They live in memory: one that is lost has done what it had done, and may be
//! asked for again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::StatusCode;
use hyper::header::LOCATION;
use pixmill_contract::{BatchId, JobId, Timestamp};
use pixmill_producer::Name;
use pixmill_producer::dead::{Wanted, discard};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;

use crate::answer::{json, with_text};
use crate::asked::Asked;
use crate::dead;
use crate::problem::{Code, Problem};
use crate::retry;
use crate::route::Outcome;
use crate::state::State;

/// So many that are over are remembered.
const KEPT: usize = 100;

/// So many at once: each walks over the dead letters, which hides them from the others.
const AT_ONCE: usize = 4;

/// What is handled between two looks at how far it is.
const STEP: usize = 100;

/// What is to be done, and to what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// What.
    #[serde(rename = "do")]
    deed: Deed,
    /// Of this batch alone.
    #[serde(default)]
    batch: Option<BatchId>,
    /// Those alone that failed with this code.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    code: Option<String>,
    /// These alone, `BATCH/JOB` each.
    #[serde(default)]
    #[schemars(length(max = 10000))]
    names: Vec<String>,
    /// How many they are, as far as whoever asks has seen. If they are more by now, nothing is done.
    expected: u64,
}

/// What can be done to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Deed {
    /// Dead letters are sent again.
    Redrive,
    /// Dead letters are thrown away.
    Discard,
    /// Failed and dead jobs are sent once more, as jobs of their own.
    Retry,
}

/// A task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Task {
    /// Its identifier.
    id: JobId,
    /// What is done.
    #[serde(rename = "do")]
    deed: Deed,
    /// Whether it is over.
    ended: bool,
    /// To how many.
    total: usize,
    /// How many have been handled.
    handled: usize,
    /// Messages that were sent.
    sent: usize,
    /// Letters that were deleted without sending anything.
    deleted: usize,
    /// What was left, because nothing can be done about it.
    left: usize,
    /// Why it broke off, if it did.
    error: Option<String>,
    /// When it was begun.
    began_at: Timestamp,
}

/// The tasks, by their identifiers, which follow each other in time.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<BTreeMap<JobId, Task>>);

impl Tasks {
    fn all(&self) -> MutexGuard<'_, BTreeMap<JobId, Task>> {
        self.0.lock().expect("no code panics with this lock")
    }

    /// Adds a task, and forgets the oldest ones that are over.
    fn add(&self, task: Task) -> Result<(), Problem> {
        let mut tasks = self.all();
        if tasks.values().filter(|task| !task.ended).count() >= AT_ONCE {
            let why = "too much is being done at once; try again when that is over";
            return Err(Problem::new(Code::Busy, why));
        }
        while tasks.len() >= KEPT {
            let oldest = tasks.iter().find(|(_, task)| task.ended).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { break };
            tasks.remove(&oldest);
        }
        tasks.insert(task.id.clone(), task);
        Ok(())
    }

    fn change(&self, id: &JobId, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.all().get_mut(id) {
            change(task);
        }
    }
}

/// `POST /v1/tasks`.
pub(crate) async fn begin(state: Arc<State>, mut asked: Asked) -> Outcome {
    let order: Order = asked.document().await?;
    let (deed, expected) = (order.deed, order.expected);
    let names = matching(&state, order).await?;
    if names.len() as u64 > expected {
        let why = format!("they are {} by now, not {expected}: look again", names.len());
        return Err(Problem::new(Code::Conflict, why).and("matches", names.len()));
    }
    let began_at = state.pipeline().clock.now();
    let task = Task {
        id: JobId::fresh(began_at),
        deed,
        ended: false,
        total: names.len(),
        handled: 0,
        sent: 0,
        deleted: 0,
        left: 0,
        error: None,
        began_at,
    };
    state.tasks.add(task.clone())?;
    tracing::info!(who = asked.who, task = %task.id, ?deed, total = task.total, "a task begins");
    let id = task.id.clone();
    tokio::spawn(carry_out(Arc::clone(&state), id.clone(), deed, names).in_current_span());
    let answer = json(StatusCode::ACCEPTED, &task);
    Ok(with_text(answer, LOCATION, &format!("/v1/tasks/{id}")))
}

/// What an order is about, as it is now.
async fn matching(state: &Arc<State>, order: Order) -> Result<Vec<Name>, Problem> {
    let Order { deed, batch, code, names, .. } = order;
    let bad = |error: &dyn std::fmt::Display| Problem::new(Code::BadBody, error.to_string());
    let names: Result<Vec<Name>, _> = names.iter().map(|name| name.parse()).collect();
    let names = names.map_err(|error| bad(&error))?;
    match (deed, batch) {
        (Deed::Redrive | Deed::Discard, batch) => {
            let wanted = Wanted { batch, names };
            Ok(dead::names(state, &wanted, code.as_deref()).await?)
        }
        (Deed::Retry, Some(batch)) => {
            let failed = retry::failed(state, &batch, None, code.as_deref()).await?;
            let name = |id: JobId| Name { batch: Some(batch.clone()), id };
            let failed = failed.into_iter().map(name);
            Ok(failed.filter(|name| names.is_empty() || names.contains(name)).collect())
        }
        (Deed::Retry, None) => {
            let are_whole = names.iter().all(|name| name.batch.is_some());
            if names.is_empty() || !are_whole || code.is_some() {
                return Err(bad(
                    &"say which: `batch`, with a `code` or not, or `names` as BATCH/JOB",
                ));
            }
            Ok(names)
        }
    }
}

async fn carry_out(state: Arc<State>, id: JobId, deed: Deed, names: Vec<Name>) {
    for some in names.chunks(STEP) {
        if let Err(problem) = step(&state, &id, deed, some).await {
            state.tasks.change(&id, |task| task.error = Some(problem.detail));
            break;
        }
        state.tasks.change(&id, |task| task.handled += some.len());
        state.events.stir();
    }
    state.tasks.change(&id, |task| task.ended = true);
}

async fn step(state: &Arc<State>, id: &JobId, deed: Deed, names: &[Name]) -> Result<(), Problem> {
    let wanted = Wanted { batch: None, names: names.to_vec() };
    match deed {
        Deed::Redrive => {
            let handled = dead::redriven(state, &wanted).await?;
            state.tasks.change(id, |task| {
                task.sent += handled.sent;
                task.deleted += handled.deleted;
                task.left += handled.left;
            });
        }
        Deed::Discard => {
            let handled = discard(state.pipeline(), &wanted).await?;
            state.tasks.change(id, |task| task.deleted += handled.deleted);
        }
        Deed::Retry => {
            let mut of_batch: BTreeMap<BatchId, Vec<JobId>> = BTreeMap::new();
            for Name { batch, id } in names {
                let Some(batch) = batch else { continue };
                of_batch.entry(batch.clone()).or_default().push(id.clone());
            }
            for (batch, ids) in of_batch {
                let retried = retry::these(state, &batch, ids).await?;
                state.tasks.change(id, |task| {
                    task.sent += retried.sent();
                    task.left += retried.left();
                });
            }
        }
    }
    Ok(())
}

/// `GET /v1/tasks/{id}`.
pub(crate) fn show(state: &State, asked: &Asked) -> Outcome {
    let id = asked.job()?;
    let task = state.tasks.all().get(&id).cloned();
    let missing = || Problem::new(Code::NotFound, format!("there is no task {id}"));
    Ok(json(StatusCode::OK, &task.ok_or_else(missing)?))
}
