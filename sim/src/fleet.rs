//! A simulated fleet whose instances are real consumers: they boot, die, freeze and drain, and
//! every end of one is held to what the controller promises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use pixmill_consumer::{Config, Consumer, Stage};
use pixmill_contract::error::Result;
use pixmill_contract::port::{Instance, Intent, Lifecycle};
use pixmill_contract::testing::JumpingClock;
use pixmill_contract::{
    Clock as _, Error, ErrorKind, Fleet, InstanceId, IntentId, Timestamp, WorkerId,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::calls::{Actor, Events};
use crate::world::Place;

/// How long an instance that has ended is listed.
const LISTED: Duration = Duration::from_mins(1);

/// How much sooner than promised a drain may be timed out where the controllers' clock was set: their
/// own may run fast for a few intervals then.
const SOONER: Duration = Duration::from_mins(1);

/// The fleet.
#[derive(Debug)]
pub(crate) struct SimFleet {
    place: Arc<Place>,
    events: Arc<Events>,
    dice: Mutex<Rng>,
    hosts: Mutex<BTreeMap<InstanceId, Host>>,
    ever: Mutex<BTreeSet<InstanceId>>,
    /// Whether the clock of the controllers was ever set.
    pub(crate) clock_was_set: AtomicBool,
}

/// One instance.
#[derive(Debug)]
struct Host {
    intent: IntentId,
    launched_at: Timestamp,
    launched: Instant,
    marked: Option<(Timestamp, Instant)>,
    /// Its worker, from when it is up.
    consumer: Option<Consumer>,
    clock: JumpingClock,
    stage: watch::Sender<Stage>,
    task: JoinHandle<()>,
    ended: Option<Instant>,
    /// Whether the controller ever had its report.
    was_heard: bool,
}

impl Host {
    fn is_alive(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether it is one of those that there may be so many of: what drains is not, however it
    /// came to that, nor what never reported, which is ended in the moment it is replaced.
    fn counts(&self, boot_deadline: Duration) -> bool {
        let drains = self.marked.is_some() || *self.stage.borrow() >= Stage::Draining;
        let is_given_up = !self.was_heard && self.launched.elapsed() > boot_deadline;
        self.is_alive() && !drains && !is_given_up
    }

    /// Ends it as a killed process ends: nothing of it happens any more.
    fn die(&mut self) {
        self.task.abort();
        self.consumer = None;
        self.stage = watch::Sender::new(Stage::Aborting);
        self.ended.get_or_insert_with(Instant::now);
    }
}

impl SimFleet {
    pub(crate) fn new(place: Arc<Place>, events: Arc<Events>, seed: u64) -> Arc<Self> {
        let dice = Mutex::new(Rng::with_seed(seed));
        let (hosts, ever) = (Mutex::default(), Mutex::default());
        let clock_was_set = AtomicBool::new(false);
        Arc::new(Self { place, events, dice, hosts, ever, clock_was_set })
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dice(&self) -> MutexGuard<'_, Rng> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of those that work, if any does.
    pub(crate) fn any(&self, dice: &mut Rng) -> Option<InstanceId> {
        let hosts = self.hosts();
        let up: Vec<_> = hosts.iter().filter(|(_, host)| host.consumer.is_some()).collect();
        (!up.is_empty()).then(|| up[dice.usize(0..up.len())].0.clone())
    }

    /// Instances beyond those that the policy allows.
    fn surplus(&self) -> usize {
        let policy = &self.place.script.policy;
        // Half, as how long a boot takes is learned.
        let deadline = policy.estimated().boot_deadline / 2;
        let there = self.hosts().values().filter(|host| host.counts(deadline)).count();
        there.saturating_sub(policy.max as usize)
    }

    /// Instances that have not ended.
    pub(crate) fn alive(&self) -> usize {
        self.hosts().values().filter(|host| host.is_alive()).count()
    }

    pub(crate) fn kill(&self, id: &InstanceId) {
        if let Some(host) = self.hosts().get_mut(id).filter(|host| host.is_alive()) {
            host.die();
        }
    }

    /// It drains without the controller having asked.
    pub(crate) fn reclaim(&self, id: &InstanceId) {
        if let Some(host) = self.hosts().get(id) {
            host.stage.send_replace(Stage::Draining);
        }
    }

    pub(crate) fn set_clock(&self, id: &InstanceId, error_millis: i64) {
        if let Some(host) = self.hosts().get(id) {
            host.clock.set_error(error_millis);
        }
    }

    pub(crate) fn set_clocks_right(&self) {
        self.hosts().values().for_each(|host| host.clock.set_error(0));
    }

    pub(crate) fn end_all(&self) {
        self.hosts().values_mut().for_each(Host::die);
    }

    fn start(self: &Arc<Self>, id: &InstanceId, intent: &Intent) -> Host {
        let (boot, seed, never) = {
            let mut dice = self.dice();
            let boot = self.place.script.boot.mul_f64(0.8 + dice.f64() * 0.4);
            let never = !self.events.is_calm() && dice.u32(0..20) == 0;
            (boot, dice.u64(..), never)
        };
        let (stage, wanted) = watch::channel(Stage::Running);
        let clock = JumpingClock::new(self.place.right);
        let worker = WorkerId::new(format!("w-{}", &id.as_str()[..6])).expect("a good name");
        let actor = Actor::new(worker.to_string(), Some(id.clone()), &self.events, seed);
        let pipeline = self.place.pipeline(&actor, Some(worker.clone()), Arc::new(clock.clone()));
        let config = Config {
            instance: Some(id.clone()),
            slots: self.place.script.policy.slots as usize,
            prefetch: self.place.script.prefetch,
            // Calls take their time here as it is, so no receive has to wait.
            poll: Duration::ZERO,
            visibility: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(15),
            ..Config::new(worker, "simulated")
        };
        let (fleet, own) = (Arc::clone(self), id.clone());
        let task = tokio::spawn(async move {
            sleep(if never { boot * 1000 } else { boot }).await;
            let consumer = Consumer::new(pipeline, config, watch::channel(None).0);
            let consumer = consumer.expect("good settings, and threads");
            if let Some(host) = fleet.hosts().get_mut(&own) {
                host.consumer = Some(consumer.clone());
            }
            fleet.events.happens(&format!("{own} is up"));
            let exit =
                consumer.run(wanted, None, std::future::ready(())).await.expect("it has started");
            fleet.events.happens(&format!("{own} has ended: {exit:?}"));
            if let Some(host) = fleet.hosts().get_mut(&own) {
                host.consumer = None;
                host.ended = Some(Instant::now());
            }
        });
        Host {
            intent: intent.id.clone(),
            launched_at: self.place.right.now(),
            launched: Instant::now(),
            marked: None,
            consumer: None,
            clock,
            stage,
            task,
            ended: None,
            was_heard: false,
        }
    }

    /// Whether an instance may be ended: nobody loses a job by that, or has waited long enough.
    fn check_end(&self, id: &InstanceId, host: &Host) {
        let derived = self.place.script.policy.estimated();
        let sooner =
            if self.clock_was_set.load(Ordering::Relaxed) { SOONER } else { Duration::ZERO };
        let long = |since: Instant, promised: Duration| since.elapsed() + sooner >= promised;
        let holds = host.consumer.as_ref().map(|consumer| consumer.report().leases);
        let acknowledged = host.consumer.as_ref().is_none_or(|consumer| consumer.report().draining);
        let timed_out = host.marked.is_some_and(|(_, at)| long(at, derived.drain_timeout));
        // Half, as how long a boot takes is learned.
        let never = !host.was_heard && long(host.launched, derived.boot_deadline / 2);
        if holds.unwrap_or(0) > 0 && !timed_out && !never {
            self.events.breaks(format!("{id} was ended while it held {holds:?}"));
        }
        if host.is_alive() && !acknowledged && !timed_out && !never {
            self.events.breaks(format!("{id} was ended although its worker never drained"));
        }
    }

    fn unknown(id: &InstanceId) -> Error {
        Error::new(ErrorKind::NotFound, "find an instance", format!("{id} is none of this fleet"))
    }

    fn knows(&self, id: &InstanceId) -> bool {
        self.ever.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

/// The port, as a controller has it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) fleet: Arc<SimFleet>,
    pub(crate) controller: String,
}

impl Port {
    /// It acts, now, and launches this.
    fn acts(&self, launched: Option<&IntentId>) {
        let may = self.fleet.events.lock().check.may_act(&self.controller, launched);
        if let Err(promise) = may {
            self.fleet.events.breaks(promise);
        }
    }
}

#[async_trait]
impl Fleet for Port {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let mut hosts = self.fleet.hosts();
        hosts.retain(|_, host| host.ended.is_none_or(|at| at.elapsed() < LISTED));
        let mut instances = vec![];
        for (id, host) in hosts.iter_mut() {
            let consumer = host.consumer.as_ref();
            let worker = |report: &pixmill_contract::document::Report| report.worker.to_string();
            let report = consumer.map(Consumer::report);
            let report = report.filter(|report| !self.fleet.events.is_frozen(&worker(report)));
            host.was_heard |= report.is_some();
            instances.push(Instance {
                id: id.clone(),
                lifecycle: if host.is_alive() { Lifecycle::Running } else { Lifecycle::Ended },
                intent: host.intent.clone(),
                launched_at: host.launched_at,
                draining_since: host.marked.map(|(at, _)| at),
                target: None,
                impaired: None,
                report,
            });
        }
        Ok(instances)
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        self.acts(Some(&intent.id));
        let fleet = &self.fleet;
        for number in 0..intent.count {
            let id = intent.instance(number);
            let is_new =
                fleet.ever.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
            if is_new {
                fleet.events.happens(&format!("{id} is launched"));
                fleet.events.count("instances launched");
                let host = fleet.start(&id, intent);
                fleet.hosts().insert(id, host);
            }
        }
        let surplus = fleet.surplus();
        if surplus > 0 {
            fleet.events.breaks(format!("{surplus} more instances than allowed"));
        }
        Ok(())
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.acts(None);
        if !self.fleet.knows(id) {
            return Err(SimFleet::unknown(id));
        }
        if let Some(host) = self.fleet.hosts().get_mut(id) {
            if host.marked.is_none() {
                self.fleet.events.count("instances drained by the controller");
            }
            host.marked.get_or_insert((self.fleet.place.right.now(), Instant::now()));
            host.stage.send_if_modified(|stage| {
                let raised = *stage < Stage::Draining;
                *stage = Stage::Draining.max(*stage);
                raised
            });
        }
        Ok(())
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        self.acts(None);
        if !self.fleet.knows(id) {
            return Err(SimFleet::unknown(id));
        }
        if let Some(mut host) = self.fleet.hosts().remove(id) {
            if host.is_alive() {
                self.fleet.events.count("instances terminated by the controller");
            }
            self.fleet.check_end(id, &host);
            host.die();
        }
        Ok(())
    }
}
