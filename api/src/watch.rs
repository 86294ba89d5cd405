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

/// A batch rests so many times as long as a look at it takes that finds nothing new: a large one must
/// not take all of a store's time. Reading what is new is no reason to rest: it has to be read once,
/// now or later.
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

/// What was seen of a batch.
struct Seen {
    view: BatchView,
    ended: HashSet<JobId>,
    /// Whether nothing is expected of it any more.
    settled: bool,
    /// When it is looked at next.
    rests_until: Instant,
}

impl Watch {
    /// Something was sent to these batches: they do not rest.
    pub(crate) fn expect(&mut self, batches: &HashSet<BatchId>) {
        for batch in batches {
            if let Some(seen) = self.batches.get_mut(batch) {
                (seen.settled, seen.rests_until) = (false, Instant::now());
            }
        }
    }

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
        let known = shelf::look_now(state, &batch).await?;
        let rests_until = Instant::now() + known.cost * REST;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pixmill_contract::document::{Outcome, Timings, Version};
    use pixmill_contract::key::RESULTS;
    use pixmill_contract::port::{Condition, Payload, Put};
    use pixmill_contract::testing::{Call, Fault, FaultyStore, Operation, PausedClock, Plan};
    use pixmill_contract::{Key, Pipeline, ResultDocument};
    use pixmill_local::{Durability, LocalBackend};
    use pixmill_producer::{Picture, Producer};
    use tempfile::TempDir;

    use super::*;
    use crate::Api;
    use crate::state::test_settings;

    /// How long one thing takes that is asked of the store.
    const SLOW: Duration = Duration::from_secs(1);

    /// A watch over a pipeline whose store takes long for some of what it is asked.
    struct World {
        pipeline: Pipeline,
        api: Api,
        watch: Watch,
        heard: u64,
        _directory: TempDir,
    }

    impl World {
        fn of(is_slow: fn(&Call<'_>) -> bool) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let clock = Arc::new(PausedClock::new());
            let backend = LocalBackend::open(directory.path(), clock, Durability::Process).unwrap();
            let quick = backend.pipeline();
            let plan: Plan =
                Arc::new(move |call| if is_slow(call) { Fault::Delay(SLOW) } else { Fault::None });
            let store = Arc::new(FaultyStore::new(Arc::clone(&quick.store), plan));
            let pipeline = Pipeline { store, ..quick };
            let api = Api::new(test_settings(pipeline.clone(), directory.path()));
            let (watch, heard) = (Watch::default(), 0);
            Self { pipeline, api, watch, heard, _directory: directory }
        }

        /// A batch of so many jobs, which somebody else is to seal.
        async fn growing(&self, jobs: u64) -> Vec<JobId> {
            let new = Producer::new(self.pipeline.clone()).batch("invert".parse().unwrap());
            let mut batch = new.id(batch()).expected(jobs).open().await.unwrap();
            let mut ids = vec![];
            for n in 0..jobs {
                let picture = Picture::bytes(format!("{n}.png"), vec![0]);
                ids.push(batch.submit(picture).await.unwrap());
            }
            ids
        }

        /// Seals it, as a request does.
        async fn seal(&self) {
            let new = Producer::new(self.pipeline.clone()).batch("invert".parse().unwrap());
            drop(new.id(batch()).open().await.unwrap().close().await.unwrap());
            shelf::outdate(&self.api.state, &batch()).await;
        }

        async fn end(&self, id: &JobId) {
            let result = ResultDocument {
                pixmill: Version,
                batch: batch(),
                id: id.clone(),
                outcome: Outcome::Done { outputs: vec![] },
                digest: "0".to_owned(),
                job: None,
                source: None,
                receives: 1,
                troubles: vec![],
                redrive: 0,
                worker: "w".parse().unwrap(),
                instance: "test".to_owned(),
                engine: "test".to_owned(),
                timings: Timings::default(),
                finished_at: self.pipeline.clock.now(),
            };
            let put = Put {
                key: Key::result(&batch(), id),
                payload: Payload::Bytes(result.to_bytes()),
                media_type: "application/json",
                condition: Condition::IfAbsent,
                owner: None,
            };
            self.pipeline.store.put(put).await.unwrap();
        }

        /// What a look tells of batches, as it comes in turn.
        async fn look(&mut self) -> Vec<Json> {
            let state = &self.api.state;
            self.watch.expect(&state.events.take_sent_to());
            self.watch.look(state).await.unwrap();
            let (told, last) = state.events.told("batch", self.heard);
            self.heard = last;
            told
        }
    }

    fn batch() -> BatchId {
        BatchId::new("b").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_rests_unless_something_is_sent_to_it() {
        let mut world = World::of(|call| call.operation == Operation::List);
        let ids = world.growing(1).await;
        world.look().await;
        world.end(&ids[0]).await;
        assert_eq!(world.look().await, Vec::<Json>::new(), "looking at it takes long");
        world.seal().await;
        let told = world.look().await;
        assert_eq!(told.len(), 1);
        assert_eq!((&told[0]["done"], &told[0]["ended"]), (&1.into(), &true.into()));
    }

    #[tokio::test(start_paused = true)]
    async fn much_that_is_new_is_no_reason_to_rest() {
        let reads = |call: &Call<'_>| {
            let of_result = call.key.is_some_and(|key| key.as_str().starts_with(RESULTS));
            call.operation == Operation::Get && of_result
        };
        let mut world = World::of(reads);
        let ids = world.growing(40).await;
        world.look().await;
        for id in &ids[..39] {
            world.end(id).await;
        }
        assert_eq!(world.look().await[0]["done"], 39);
        world.end(&ids[39]).await;
        assert_eq!(world.look().await[0]["done"], 40);
    }
}
