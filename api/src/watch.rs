//! The watch: what has changed since its last look, said as events.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pixmill_contract::{BatchId, Error, JobId};
use pixmill_producer::batches;
use serde_json::{Value as Json, json as object};
use tokio::time::Instant;

use crate::batches::BatchView;
use crate::jobs::{JobState, name_of};
use crate::shelf::{self, Stand};
use crate::state::State;

/// Ends of jobs that are told one by one a look and batch; of more only the counts are told.
const TOLD: usize = 100;

/// A batch that has ended is looked at no more once it has been so for this long.
const SETTLED: Duration = Duration::from_mins(10);

/// A batch rests so many times as long as a look at it takes: a large one must not take all of a
/// store's time.
const REST: u32 = 10;

/// What was told so far.
#[derive(Default)]
pub(crate) struct Watch {
    /// The last view of each batch, and its jobs that have ended.
    batches: HashMap<BatchId, Seen>,
    /// Jobs that somebody works on.
    held: HashSet<(BatchId, JobId)>,
    /// Whether what is there counts as known: after the first look.
    begun: bool,
    fleet: Option<Json>,
    queue: Option<Json>,
    decision: Option<Json>,
}

struct Seen {
    view: BatchView,
    ended: HashSet<JobId>,
    /// Whether nothing is expected of it any more.
    settled: bool,
    /// When it is looked at next.
    rests_until: Instant,
}

impl Watch {
    /// Looks, and tells what is new.
    pub(crate) async fn look(&mut self, state: &State) -> Result<(), Error> {
        let mut batches = batches(state.pipeline()).await?;
        // Nobody writes that one down.
        batches.push(BatchId::single());
        for batch in batches {
            let now = Instant::now();
            let can_wait = |seen: &Seen| seen.settled || seen.rests_until > now;
            if !self.batches.get(&batch).is_some_and(can_wait) {
                self.look_at(state, batch).await?;
            }
        }
        self.tell_of_beginnings(state).await;
        self.begun = true;
        self.look_at_fleet(state).await
    }

    /// Which jobs somebody has begun to work on.
    async fn tell_of_beginnings(&mut self, state: &State) {
        let seen = state.sight.now(state).await;
        let mut held = HashSet::new();
        for (batch, id, worker) in seen.holders.all() {
            let job = (batch.clone(), id.clone());
            let is_new = !self.held.contains(&job);
            if self.begun && is_new && held.len() < TOLD {
                let data = object!({
                    "batch": batch, "id": id, "state": JobState::Running, "worker": worker,
                });
                state.events.tell("jobs", "job", &data);
            }
            held.insert(job);
        }
        self.held = held;
    }

    async fn look_at(&mut self, state: &State, batch: BatchId) -> Result<(), Error> {
        let began = Instant::now();
        let known = shelf::look_now(state, &batch).await?;
        let rests_until = Instant::now() + began.elapsed() * REST;
        let now = state.pipeline().clock.now();
        let seen = state.sight.now(state).await;
        let view = BatchView::of(&known, &seen.holders, now);
        let before = self.batches.get(&batch);
        let is_new = |id: &JobId| before.is_none_or(|seen| !seen.ended.contains(id));
        let jobs = known.jobs();
        let has_ended = |stand: &Stand<'_>| !matches!(stand, Stand::Pending);
        let ended: Vec<_> = jobs.iter().filter(|(_, stand)| has_ended(stand)).collect();
        if self.begun {
            let new = ended.iter().filter(|(id, _)| is_new(id)).take(TOLD);
            for (id, stand) in new {
                let code = match stand {
                    Stand::Failed(failure) => Some(failure.code),
                    Stand::Pending | Stand::Done => None,
                };
                let job_state = JobState::of(**stand, false);
                let name = known.source(id).map(|key| name_of(&batch, key));
                let data = object!({
                    "batch": batch, "id": id, "name": name, "state": job_state, "code": code,
                });
                state.events.tell("jobs", "job", &data);
            }
            if before.is_none_or(|seen| !same(&seen.view, &view)) {
                state.events.tell("batches", "batch", &object!(view));
            }
        }
        let last_at = view.last_at();
        let settled = view.ended && last_at.is_some_and(|at| now.since(at) > SETTLED);
        let ended = ended.into_iter().map(|(id, _)| (*id).clone()).collect();
        self.batches.insert(batch, Seen { view, ended, settled, rests_until });
        Ok(())
    }

    async fn look_at_fleet(&mut self, state: &State) -> Result<(), Error> {
        if state.settings.fleet.is_some() {
            let notes = crate::fleet::acting(state).await?.map(|acting| acting.notes);
            let seen = state.sight.now(state).await;
            let notes = notes.unwrap_or_default();
            let instances = crate::fleet::views(state, &seen.instances, &notes);
            // Reports change with every look; what is told of is what people would see change.
            let shape: Json = instances.iter().map(crate::fleet::InstanceView::shape).collect();
            if self.fleet.as_ref() != Some(&shape) {
                self.fleet = Some(shape);
                state.events.tell("fleet", "fleet", &object!({ "instances": instances }));
            }
        }
        let jobs = state.pipeline().jobs.depth().await?;
        let dead_letters = state.pipeline().dead_letters.depth().await?.total();
        let queue = object!({
            "visible": jobs.visible, "in_flight": jobs.in_flight, "delayed": jobs.delayed,
            "dead_letters": dead_letters,
        });
        if self.queue.as_ref() != Some(&queue) {
            state.events.tell("fleet", "queue", &queue);
            self.queue = Some(queue);
        }
        if let Some(decisions) = &state.settings.decisions {
            let last = decisions(1).await?.into_iter().next();
            let tick = last.as_ref().and_then(|decision| decision.get("tick").cloned());
            if tick.is_some() && tick != self.decision {
                self.decision = tick;
                if let Some(decision) = last {
                    state.events.tell("decisions", "decision", &decision);
                }
            }
        }
        Ok(())
    }
}

/// Whether nothing that is counted has changed.
fn same(a: &BatchView, b: &BatchView) -> bool {
    let counts =
        |view: &BatchView| (view.jobs, view.open(), view.done, view.failed, view.dead, view.ended);
    counts(a) == counts(b)
}
