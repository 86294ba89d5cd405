//! A simulated world: everything in it is started, befallen by what its script says, brought to
//! rest, and seen to its end.

mod blows;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use pixmill_contract::port::{Condition, NewMessage, Payload, Put};
use pixmill_contract::testing::{
    FaultyQueue, FaultyReplies, FaultyStore, JumpingClock, PausedClock, Simulation,
};
use pixmill_contract::{BatchId, Buckets, Clock, ObjectStore as _, Pipeline, Queue as _, WorkerId};
use pixmill_local::{Durability, LocalBackend};
use pixmill_producer::dead::{self, Wanted};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::calls::{Actor, Death, Events, Port};
use crate::check::Check;
use crate::fleet::SimFleet;
use crate::jobs::{self, Sent};
use crate::script::{Blow, Script};
use crate::watched::WatchedQueue;
use crate::{Broken, Verdict};

/// Once everything is well, all jobs have ended after so long. The longest way: what is no job is
/// received twenty times, and stays hidden for ten seconds each time, before its queue gives it up.
const SETTLES: Duration = Duration::from_mins(12);

/// And then the fleet is at its least after so long: drains, and idle slots that are held.
const RESTS: Duration = Duration::from_mins(15);

/// Fewer starts that killed or hung their worker give no job up.
const FATAL: u64 = 3;

/// What everybody shares.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) script: Script,
    pub(crate) right: PausedClock,
    backend: LocalBackend,
}

impl Place {
    /// The ports as an actor sees them.
    pub(crate) fn pipeline(
        &self,
        actor: &Arc<Actor>,
        worker: Option<WorkerId>,
        clock: Arc<dyn Clock>,
    ) -> Pipeline {
        let backend = &self.backend;
        let jobs = match worker {
            Some(worker) => backend.jobs.with_holder(worker),
            None => backend.jobs.clone(),
        };
        let (store, letters) = (backend.store.clone(), backend.dead_letters.clone());
        let replies = Arc::new(backend.clone());
        let jobs = WatchedQueue {
            inner: Arc::new(FaultyQueue::new(Arc::new(jobs), actor.plan(Port::Jobs))),
            events: Arc::clone(actor.events()),
            worker: actor.name.clone(),
        };
        Pipeline {
            store: Arc::new(FaultyStore::new(Arc::new(store), actor.plan(Port::Store))),
            jobs: Arc::new(jobs),
            dead_letters: Arc::new(FaultyQueue::new(
                Arc::new(letters),
                actor.plan(Port::DeadLetters),
            )),
            replies: Arc::new(FaultyReplies::new(replies, actor.plan(Port::Replies))),
            buckets: Buckets::default(),
            clock,
        }
    }
}

pub(crate) fn simulate(seed: u64, echo: bool) -> Result<Verdict, Box<Broken>> {
    let calm = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&calm);
    let takes = move |source: &[u8]| jobs::takes(source, seen.load(Ordering::Relaxed));
    let _simulation = Simulation::begin(takes);
    fastrand::seed(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    // Where files cost nothing, if there is such a place.
    let memory = tempfile::tempdir_in("/dev/shm");
    let data = memory.or_else(|_| tempfile::tempdir()).expect("a scratch directory");
    runtime.block_on(async {
        let mut world = World::new(seed, echo, calm, data.path());
        let lived = world.live().await;
        let broken = world.events.broken().or_else(|| Some((lived.err()?, vec![])));
        world.end();
        match broken {
            Some((promise, last)) => Err(Box::new(Broken { seed, promise, last })),
            None => Ok(world.verdict()),
        }
    })
}

struct World {
    place: Arc<Place>,
    events: Arc<Events>,
    fleet: Arc<SimFleet>,
    queue_clock: JumpingClock,
    controller_clock: JumpingClock,
    controllers: Vec<JoinHandle<()>>,
    deaths: mpsc::UnboundedReceiver<Death>,
    dice: Rng,
    names: u32,
    began: Instant,
}

impl World {
    fn new(seed: u64, echo: bool, calm: Arc<AtomicBool>, data: &Path) -> Self {
        let right = PausedClock::new();
        let (queue_clock, controller_clock) = (JumpingClock::new(right), JumpingClock::new(right));
        let clock = Arc::new(queue_clock.clone());
        let backend = LocalBackend::open(data, clock, Durability::Process).expect("a pipeline");
        let script = Script::of(seed);
        let check = Check::new(data).expect("the queue's file");
        let (death, deaths) = mpsc::unbounded_channel();
        let events = Events::new(check, calm, script.faults, echo, death);
        let place = Arc::new(Place { script, right, backend });
        let fleet = SimFleet::new(Arc::clone(&place), Arc::clone(&events), seed ^ 0xf1ee7);
        let dice = Rng::with_seed(seed ^ 0xd1ce);
        let (controllers, names) = (vec![], 0);
        Self {
            place,
            events,
            fleet,
            queue_clock,
            controller_clock,
            controllers,
            deaths,
            dice,
            names,
            began: Instant::now(),
        }
    }

    /// Its whole life. What is broken is known to the events; an error is that time ran out.
    async fn live(&mut self) -> Result<(), String> {
        self.start_controller(true);
        self.rough_times().await;
        if self.events.broken().is_some() {
            return Ok(());
        }
        self.heal();
        self.settles().await?;
        self.look_at_the_dead();
        self.redrive().await?;
        self.settles().await?;
        self.rests().await?;
        let end = self.events.lock().check.end();
        end.inspect_err(|promise| self.events.breaks(promise.clone()))
    }

    /// Jobs come, and what the script says befalls the world.
    async fn rough_times(&mut self) {
        let began = Instant::now();
        let mut coming: Vec<_> =
            self.place.script.jobs.iter().map(|(at, kind)| (*at, What::Job(*kind))).collect();
        coming.extend(self.place.script.blows.iter().map(|(at, blow)| (*at, What::Blow(*blow))));
        coming.sort_by_key(|(at, _)| *at);
        for (n, (at, what)) in coming.into_iter().enumerate() {
            if self.wait_until(began + at).await {
                return;
            }
            match what {
                What::Job(kind) => {
                    let sent = Sent::new(kind, n, self.place.right.now(), &mut self.dice);
                    self.send(sent).await;
                }
                What::Blow(blow) => self.strike(blow),
            }
        }
        self.wait_until(began + self.place.script.calm_at).await;
    }

    /// Waits, and lets die who is to die meanwhile; whether a promise was broken.
    async fn wait_until(&mut self, at: Instant) -> bool {
        loop {
            tokio::select! {
                biased;
                Some((id, soon)) = self.deaths.recv() => {
                    let (fleet, events) = (Arc::clone(&self.fleet), Arc::clone(&self.events));
                    tokio::spawn(async move {
                        sleep(soon).await;
                        events.happens(&format!("{id} dies"));
                        fleet.kill(&id);
                    });
                }
                () = sleep_until(at) => return self.events.broken().is_some(),
            }
        }
    }

    async fn send(&self, sent: Sent) {
        self.events.happens(&format!("{:?} is sent", sent.id));
        if let Some((key, bytes)) = sent.source.clone() {
            let put = Put {
                key,
                payload: Payload::Bytes(bytes),
                media_type: "image/bmp",
                condition: Condition::Always,
                owner: None,
            };
            self.place.backend.store.put(put).await.expect("a sound store");
        }
        let messages = sent.bodies.iter().map(NewMessage::now).collect();
        for answer in self.place.backend.jobs.send(messages).await {
            answer.expect("a sound queue");
        }
        let mut state = self.events.lock();
        state.tally.count("jobs and messages accepted");
        state.check.accepted(sent);
    }

    /// From now on nothing goes wrong.
    fn heal(&mut self) {
        self.events.happens("all is well");
        self.events.calm_down();
        self.queue_clock.set_error(0);
        self.controller_clock.set_error(0);
        self.fleet.set_clocks_right();
        // One of each is enough from here on.
        self.controllers.drain(..).for_each(|controller| controller.abort());
        self.start_controller(true);
    }

    /// Waits until all jobs have ended and no message is left.
    async fn settles(&mut self) -> Result<(), String> {
        let end = Instant::now() + SETTLES;
        loop {
            let open = self.events.lock().check.open()?;
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                let messages = self.events.lock().check.messages().unwrap_or_default();
                let now = self.place.right.now().millis();
                return Err(format!(
                    "not at an end after {SETTLES:?}, at {now}: {open:?}\n{messages}"
                ));
            }
            if self.wait_until(Instant::now() + Duration::from_secs(1)).await {
                return Ok(());
            }
        }
    }

    /// Only who died often may have taken an innocent job with it.
    fn look_at_the_dead(&self) {
        let mut state = self.events.lock();
        let dead = state.check.innocent_dead();
        let tally = &mut state.tally;
        tally.count_many("innocent jobs given up, and redriven", dead.len() as u64);
        let told = [
            "workers killed",
            "workers killed at a call",
            "workers killed by a picture",
            "workers frozen",
            "workers reclaimed",
            "instances terminated by the controller",
        ];
        let blows: u64 = told.iter().map(|kind| tally.of(kind)).sum();
        let rough: u64 = [
            "calls that failed",
            "calls that were throttled",
            "bodies cut off",
            "answers lost after the effect",
            "calls in an outage",
            "slow calls",
        ]
        .iter()
        .map(|kind| tally.of(kind))
        .sum();
        drop(state);
        if !dead.is_empty() && blows + rough < FATAL {
            self.events.breaks(format!("{dead:?} were given up for nothing"));
        }
    }

    /// Sends what was given up again. Nothing is left that would kill anybody.
    async fn redrive(&self) -> Result<(), String> {
        // Letters that were sent while the clock was ahead are passed over until it gets there.
        let later = Arc::new(self.place.right.ahead(Duration::from_hours(2)));
        let pipeline = Pipeline { clock: later, ..self.place.backend.pipeline() };
        let wanted = Wanted { batch: Some(BatchId::single()), names: vec![] };
        let handled = dead::redrive(&pipeline, &wanted).await;
        let handled = handled.map_err(|error| format!("the redrive failed: {}", error.chain()))?;
        let mut state = self.events.lock();
        state.tally.count_many("dead letters redriven", handled.sent as u64);
        let written: Vec<_> = handled.names.iter().map(|name| name.id.clone()).collect();
        for id in written {
            state.check.written(&pixmill_contract::Key::result(&BatchId::single(), &id));
        }
        Ok(())
    }

    /// Waits until the fleet is at its least.
    async fn rests(&mut self) -> Result<(), String> {
        let (end, least) = (Instant::now() + RESTS, self.place.script.policy.min as usize);
        while self.fleet.alive() != least {
            if Instant::now() > end {
                let there = self.fleet.alive();
                return Err(format!("{there} instances after {RESTS:?}, not {least}"));
            }
            if self.wait_until(Instant::now() + Duration::from_secs(5)).await {
                return Ok(());
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        self.controllers.drain(..).for_each(|controller| controller.abort());
        self.fleet.end_all();
    }

    fn verdict(&self) -> Verdict {
        let mut state = self.events.lock();
        state.tally.count("simulations");
        let seconds = self.began.elapsed().as_secs();
        state.tally.count_many("simulated seconds", seconds);
        let tally = state.tally.clone();
        drop(state);
        Verdict { tally, trace: self.events.trace() }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum What {
    Job(jobs::Kind),
    Blow(Blow),
}
