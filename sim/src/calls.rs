//! What happens to the calls that roles make: each is an event, takes a while, and may go wrong.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use pixmill_contract::testing::{Call, Fault, Operation, Plan};
use pixmill_contract::{ErrorKind, InstanceId, Key};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::check::Check;
use crate::jobs::Kind;
use crate::tally::Tally;

/// Events that are told of a simulation that fails.
const LAST: usize = 40;

/// How many attempts a job has, as workers are set up.
const ATTEMPTS: usize = 5;

/// Longer than any simulation.
const FOR_EVER: Duration = Duration::from_hours(1000);

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Store,
    Jobs,
    DeadLetters,
    Replies,
    Fleet,
}

/// An instance that dies, and how soon.
pub(crate) type Death = (InstanceId, Duration);

/// What all share, and whoever looks at it after every event.
#[derive(Debug)]
pub(crate) struct Events {
    began: Instant,
    echo: bool,
    calm: Arc<AtomicBool>,
    /// How many of ten thousand calls meet a fault of their own.
    faults: u32,
    deaths: mpsc::UnboundedSender<Death>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) check: Check,
    pub(crate) tally: Tally,
    hasher: DefaultHasher,
    last: VecDeque<String>,
    broken: Option<String>,
    outages: Vec<(Port, ErrorKind, Instant)>,
    /// Whom each picture has killed.
    killed: BTreeMap<Key, BTreeSet<String>>,
    frozen: BTreeMap<String, Instant>,
}

impl Events {
    pub(crate) fn new(
        check: Check,
        calm: Arc<AtomicBool>,
        faults: u32,
        echo: bool,
        deaths: mpsc::UnboundedSender<Death>,
    ) -> Arc<Self> {
        let state = State {
            check,
            tally: Tally::default(),
            hasher: DefaultHasher::new(),
            last: VecDeque::new(),
            broken: None,
            outages: vec![],
            killed: BTreeMap::new(),
            frozen: BTreeMap::new(),
        };
        let began = Instant::now();
        Arc::new(Self { began, echo, calm, faults, deaths, state: Mutex::new(state) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// From now on everything is well.
    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        state.outages.clear();
        state.frozen.clear();
    }

    /// Something happens, now. What happened before it is checked.
    pub(crate) fn happens(&self, what: &str) {
        let mut state = self.lock();
        let line = format!("{:>9.3} s  {what}", self.began.elapsed().as_secs_f64());
        if self.echo {
            println_of(&line);
        }
        line.hash(&mut state.hasher);
        state.tally.count("events, each followed by a check");
        if state.broken.is_none() {
            state.broken = state.check.look().err();
            if state.last.len() == LAST {
                state.last.pop_front();
            }
            state.last.push_back(line);
        }
    }

    /// A promise is broken, whatever is found later.
    pub(crate) fn breaks(&self, promise: String) {
        self.lock().broken.get_or_insert(promise);
    }

    /// Which promise was broken first, if one was.
    pub(crate) fn broken(&self) -> Option<(String, Vec<String>)> {
        let state = self.lock();
        Some((state.broken.clone()?, state.last.iter().cloned().collect()))
    }

    pub(crate) fn count(&self, kind: &'static str) {
        self.lock().tally.count(kind);
    }

    /// A hash of all events.
    pub(crate) fn trace(&self) -> u64 {
        self.lock().hasher.finish()
    }

    /// Nobody gets through to a port for so long.
    pub(crate) fn outage(&self, port: Port, kind: ErrorKind, time: Duration) {
        self.lock().outages.push((port, kind, Instant::now() + time));
    }

    /// None of this one's calls is made for so long.
    pub(crate) fn freeze(&self, actor: &str, time: Duration) {
        self.lock().frozen.insert(actor.to_owned(), Instant::now() + time);
    }

    pub(crate) fn is_frozen(&self, actor: &str) -> bool {
        self.lock().frozen.get(actor).is_some_and(|until| *until > Instant::now())
    }
}

impl State {
    /// A picture kills a worker; it may do so as often as a job has attempts, and twice more, as the
    /// first receive of a message that is sent anew asks nobody.
    fn kills(&mut self, key: &Key, worker: &str) {
        let killed = self.killed.entry(key.clone()).or_default();
        if killed.insert(worker.to_owned()) {
            self.tally.count("workers killed by a picture");
            if killed.len() > ATTEMPTS + 2 {
                let promise = format!("{key} has killed {} workers", killed.len());
                self.broken.get_or_insert(promise);
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "whoever replays a seed wants to read it")]
fn println_of(line: &str) {
    println!("{line}");
}

/// One that calls: a worker or a controller.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) name: String,
    /// The instance that it runs on, which may die.
    pub(crate) instance: Option<InstanceId>,
    events: Arc<Events>,
    dice: Mutex<Rng>,
}

impl Actor {
    pub(crate) fn new(
        name: String,
        instance: Option<InstanceId>,
        events: &Arc<Events>,
        seed: u64,
    ) -> Arc<Self> {
        let dice = Mutex::new(Rng::with_seed(seed));
        Arc::new(Self { name, instance, events: Arc::clone(events), dice })
    }

    /// What it is part of.
    pub(crate) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// What happens to its calls of a port.
    pub(crate) fn plan(self: &Arc<Self>, port: Port) -> Plan {
        let actor = Arc::clone(self);
        Arc::new(move |call| actor.meets(port, call))
    }

    fn meets(&self, port: Port, call: &Call<'_>) -> Fault {
        let mut what = format!("{} {port:?} {:?}", self.name, call.operation);
        if let Some(key) = call.key {
            write!(what, " {key}").expect("writing to a string cannot fail");
        }
        self.events.happens(&what);
        let mut state = self.events.lock();
        if let (Operation::Put, Some(key)) = (call.operation, call.key) {
            self.is_about_to_write(&mut state, key);
        }
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = latency(&mut dice, call.operation);
        let now = Instant::now();
        if let Some(until) = state.frozen.get(&self.name).filter(|until| **until > now) {
            return Fault::Delay(*until - now + usual);
        }
        if self.events.is_calm() {
            return Fault::Delay(usual);
        }
        if let Some(key) = call.key
            && let Some(instance) = &self.instance
            && call.operation == Operation::Get
            && Kind::kills(key)
        {
            state.kills(key, &self.name);
            self.dies(instance, usual + Duration::from_millis(50));
            return Fault::Delay(usual);
        }
        let out = state.outages.iter().find(|(out, _, until)| *out == port && *until > now);
        if let Some((_, kind, _)) = out {
            let kind = *kind;
            state.tally.count("calls in an outage");
            return Fault::Fail(blameless(kind, call.key));
        }
        if dice.u32(0..10_000) >= self.events.faults {
            return Fault::Delay(usual);
        }
        let (fault, name) = self.draw(&mut dice, call);
        state.tally.count(name);
        fault
    }

    /// Tells the checker what is about to be written, by whom. Notes are left out: what went wrong
    /// may be noted by who finds out a moment later that it lost the job.
    fn is_about_to_write(&self, state: &mut State, key: &Key) {
        state.check.written(key);
        let of_job = ["outputs/single/", "results/single/"];
        let name = of_job.iter().find_map(|prefix| key.as_str().strip_prefix(prefix));
        let id = name.and_then(|name| name.split(['/', '.']).next());
        if let Some(id) = id
            && let Err(promise) = state.check.may_hold(&self.name, id)
        {
            state.broken.get_or_insert(promise);
        }
    }

    /// A fault of its own.
    fn draw(&self, dice: &mut Rng, call: &Call<'_>) -> (Fault, &'static str) {
        let approximate = matches!(call.operation, Operation::Depth | Operation::Observe);
        match dice.u32(0..20) {
            0..4 => (Fault::Fail(ErrorKind::Unavailable), "calls that failed"),
            4 | 5 => (Fault::Fail(ErrorKind::Throttled), "calls that were throttled"),
            6 => (Fault::Fail(blameless(ErrorKind::Denied, call.key)), "calls that were denied"),
            7..11 => (Fault::Lose, "answers lost after the effect"),
            11..14 => (Fault::Duplicate, "calls that happened twice"),
            14 if call.operation == Operation::Get => (Fault::Cut, "bodies cut off"),
            15 | 16 if approximate => (Fault::Stale, "stale answers"),
            17 | 18 if self.instance.is_some() => {
                self.instance.iter().for_each(|instance| self.dies(instance, Duration::ZERO));
                (Fault::Delay(FOR_EVER), "workers killed at a call")
            }
            _ => (Fault::Delay(Duration::from_millis(dice.u64(1000..15_000))), "slow calls"),
        }
    }

    fn dies(&self, instance: &InstanceId, soon: Duration) {
        // Nobody listens any more when it is over.
        drop(self.events.deaths.send((instance.clone(), soon)));
    }
}

/// A source that is denied while the store answers is its job's fault, rightly.
fn blameless(kind: ErrorKind, key: Option<&Key>) -> ErrorKind {
    let is_source = key.is_some_and(|key| key.as_str().starts_with("inputs/"));
    if kind == ErrorKind::Denied && is_source { ErrorKind::Unavailable } else { kind }
}

/// A receive that finds nothing waits for a while, as it does everywhere, and a provider of machines
/// takes its time.
fn latency(dice: &mut Rng, operation: Operation) -> Duration {
    let millis = match operation {
        Operation::Receive => 200..1800,
        Operation::Launch | Operation::Drain | Operation::Terminate => 100..3000,
        Operation::Head
        | Operation::Get
        | Operation::Put
        | Operation::List
        | Operation::DeleteObject
        | Operation::Link
        | Operation::Send
        | Operation::ChangeVisibility
        | Operation::DeleteMessage
        | Operation::Depth
        | Operation::Observe => 1..40,
    };
    Duration::from_millis(dice.u64(millis))
}
