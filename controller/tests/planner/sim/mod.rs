//! A simulated world: a queue, instances that boot, workers with slots, faults, and a planner that
//! looks every interval. Events happen one after another in simulated time; whatever is random
//! follows from a seed. `check.rs` holds every event and every plan to what is promised.

mod check;
mod host;
mod observe;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use pixmill_contract::port::Depth;
use pixmill_contract::{InstanceId, Timestamp};
use pixmill_controller::{Action, Memory, Policy, Snapshot, plan};

pub(crate) use host::{Host, Life};

/// A message that a dead worker held is visible again after so long.
const VISIBILITY: u64 = 30_000;

/// What goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// The queue cannot be asked.
    QueueUnknown,
    /// The instances cannot be observed.
    FleetUnknown,
    /// No worker's report comes through, though all work on.
    Silent,
    /// Every second look, half of the reports do not come through.
    Flapping,
    /// Old copies of the reports are served.
    OldReports,
    /// Launches fail.
    LaunchesFail,
    /// Plans are carried out and their memory is lost now and then: the controller plans again
    /// from the memory before.
    PlansRepeated,
    /// What is launched runs, and its worker never starts.
    NeverBoot,
}

/// What goes wrong, and when, in seconds since the beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// From one moment to another.
    During(Outage, u64, u64),
    /// So many percent of what runs dies at this moment.
    Kill(u64, u32),
    /// So many percent of what runs breaks at this moment: silent, and nothing is done any more.
    Break(u64, u32),
    /// The controller's clock is off by so many seconds from this moment on.
    Clock(u64, i64),
    /// The controller's memory is lost at this moment.
    Forget(u64),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(u64),
    Boot(InstanceId),
    Done(InstanceId, u64),
    Visible(u64),
    Fault(usize),
    Tick,
}

/// One plan, as it is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// Seconds since the beginning.
    pub(crate) at: u64,
    /// Instances that do not drain.
    pub(crate) alive: u32,
    /// Of these, those that work.
    pub(crate) up: u32,
    pub(crate) waiting: usize,
    /// Jobs that have ended.
    pub(crate) done: usize,
    pub(crate) explained: String,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    random: fastrand::Rng,
    faults: Vec<Fault>,
    /// How long an instance boots, in milliseconds.
    boot: u64,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    /// What each job takes, in milliseconds.
    jobs: Vec<u64>,
    arrived: usize,
    visible: VecDeque<u64>,
    hidden: BTreeSet<u64>,
    /// How many jobs are held by instances.
    held: usize,
    pub(crate) done: usize,
    /// When the last job ended, in seconds.
    pub(crate) done_at: u64,
    hosts: BTreeMap<InstanceId, Host>,
    ever: BTreeSet<InstanceId>,
    memory: Memory,
    /// The clock's error in milliseconds.
    offset: i64,
    old: Option<Snapshot>,
    pub(crate) history: Vec<Point>,
    check: check::Check,
}

impl World {
    /// A world in which instances boot for so many seconds, give or take a fifth.
    pub(crate) fn new(policy: Policy, seed: u64, boot: u64, faults: &[Fault]) -> Self {
        policy.check().unwrap();
        let mut world = Self {
            policy,
            random: fastrand::Rng::with_seed(seed),
            faults: faults.to_vec(),
            boot: boot * 1000,
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            jobs: Vec::new(),
            arrived: 0,
            visible: VecDeque::new(),
            hidden: BTreeSet::new(),
            held: 0,
            done: 0,
            done_at: 0,
            hosts: BTreeMap::new(),
            ever: BTreeSet::new(),
            memory: Memory::default(),
            offset: 0,
            old: None,
            history: Vec::new(),
            check: check::Check::default(),
        };
        for (number, fault) in faults.iter().enumerate() {
            if let Fault::Kill(at, _) | Fault::Break(at, _) = *fault {
                world.happens(at * 1000, Event::Fault(number));
            }
        }
        world.happens(0, Event::Tick);
        world
    }

    /// So many jobs at once, each of about so many milliseconds.
    pub(crate) fn burst(mut self, at: u64, jobs: u64, takes: u64) -> Self {
        for _ in 0..jobs {
            self.job(at * 1000, takes);
        }
        self
    }

    /// Jobs at random moments, so many in a second on average.
    pub(crate) fn stream(mut self, (from, to): (u64, u64), per_second: f64, takes: u64) -> Self {
        let mut at = from as f64 * 1000.0;
        loop {
            at += -(1.0 - self.random.f64()).ln() / per_second * 1000.0;
            if at >= to as f64 * 1000.0 {
                return self;
            }
            self.job(at as u64, takes);
        }
    }

    fn job(&mut self, at: u64, takes: u64) {
        let spread = self.random.f64() + 0.5;
        self.jobs.push((takes as f64 * spread) as u64 + 1);
        self.happens(at, Event::Arrive(self.jobs.len() as u64 - 1));
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.len()
    }

    fn happens(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    /// Lets so many seconds pass since the beginning.
    pub(crate) fn run(&mut self, until: u64) -> &mut Self {
        while let Some(Reverse((at, _, _))) = self.events.peek()
            && *at <= until * 1000
        {
            let Reverse((at, _, event)) = self.events.pop().unwrap();
            self.now = at;
            self.happen(event);
            self.conserve();
        }
        self
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(job) => {
                self.arrived += 1;
                self.visible.push_back(job);
                self.hand_out();
            }
            Event::Visible(job) => {
                self.hidden.remove(&job);
                self.visible.push_back(job);
                self.hand_out();
            }
            Event::Boot(id) => {
                if let Some(host) = self.hosts.get_mut(&id).filter(|h| h.life == Life::Booting) {
                    host.life = Life::Up;
                    host.progressed_at = self.now;
                }
                self.hand_out();
            }
            Event::Done(id, job) => {
                let now = self.now;
                let took = self.jobs[job as usize];
                let host = self.hosts.get_mut(&id);
                if host.is_some_and(|host| host.finish(job, took, now)) {
                    self.done += 1;
                    self.held -= 1;
                    self.done_at = now / 1000;
                }
                self.hand_out();
            }
            Event::Fault(number) => self.strike(number),
            Event::Tick => {
                self.tick();
                let interval = self.policy.interval.as_millis() as u64;
                self.happens(self.now + interval, Event::Tick);
            }
        }
    }

    /// Workers with a free slot take what is visible.
    fn hand_out(&mut self) {
        let mut taken = Vec::new();
        for (id, host) in &mut self.hosts {
            while host.takes()
                && let Some(job) = self.visible.pop_front()
            {
                host.take(job, self.now);
                self.held += 1;
                taken.push((self.now + self.jobs[job as usize], id.clone(), job));
            }
            if self.visible.is_empty() {
                break;
            }
        }
        for (at, id, job) in taken {
            self.happens(at, Event::Done(id, job));
        }
    }

    fn strike(&mut self, number: usize) {
        let (share, kills) = match self.faults[number] {
            Fault::Kill(_, share) => (share, true),
            Fault::Break(_, share) => (share, false),
            Fault::During(..) | Fault::Clock(..) | Fault::Forget(_) => return,
        };
        for id in self.hosts.keys().cloned().collect::<Vec<_>>() {
            let runs = matches!(self.hosts[&id].life, Life::Up | Life::Booting);
            if runs && self.random.u32(0..100) < share {
                self.lose_leases(&id);
                let host = self.hosts.get_mut(&id).unwrap();
                host.life = if kills { Life::Dead } else { Life::Broken };
                host.dead_at = self.now;
            }
        }
    }

    /// What an instance holds becomes visible when its time is over.
    fn lose_leases(&mut self, id: &InstanceId) {
        for job in self.hosts.get_mut(id).unwrap().lose() {
            self.held -= 1;
            self.hidden.insert(job);
            self.happens(self.now + VISIBILITY, Event::Visible(job));
        }
    }

    fn is_on(&self, outage: Outage) -> bool {
        let now = self.now / 1000;
        let is_on = |fault: &Fault| match *fault {
            Fault::During(known, from, to) => known == outage && from <= now && now < to,
            Fault::Kill(..) | Fault::Break(..) | Fault::Clock(..) | Fault::Forget(_) => false,
        };
        self.faults.iter().any(is_on)
    }

    fn tick(&mut self) {
        let interval = self.policy.interval.as_secs();
        for fault in self.faults.clone() {
            match fault {
                Fault::Forget(at) if self.now / 1000 / interval == at / interval => {
                    self.memory = Memory::default();
                }
                Fault::Clock(at, by) if self.now / 1000 / interval == at / interval => {
                    self.offset = by * 1000;
                }
                Fault::During(..)
                | Fault::Kill(..)
                | Fault::Break(..)
                | Fault::Clock(..)
                | Fault::Forget(_) => {}
            }
        }
        let snapshot = self.observe();
        let now = self.clock();
        let (made, memory) = plan(&self.policy, &snapshot, &self.memory, 1, now);
        self.check_plan(&snapshot, &made, &memory, now);
        let repeated = self.is_on(Outage::PlansRepeated);
        if !repeated || self.random.bool() {
            self.memory = memory;
        }
        made.actions.iter().for_each(|action| self.apply(action));
        self.check_fleet();
        let alive = self.hosts.values().filter(|host| host.is_alive());
        let up = alive.clone().filter(|host| host.life == Life::Up).count() as u32;
        self.history.push(Point {
            at: self.now / 1000,
            alive: alive.count() as u32,
            up,
            waiting: self.visible.len(),
            done: self.done,
            explained: made.record.explain(),
        });
        // The dead are listed for a minute.
        let now = self.now;
        self.hosts.retain(|_, host| host.life != Life::Dead || now < host.dead_at + 60_000);
    }

    /// The controller's clock. It begins far from zero.
    fn clock(&self) -> Timestamp {
        let millis = 1_750_000_000_000_i64 + self.offset + self.now as i64;
        Timestamp::from_millis(millis as u64)
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Launch { intent, .. } => {
                let fails = self.is_on(Outage::LaunchesFail);
                let never = self.is_on(Outage::NeverBoot);
                for number in (0..intent.count).filter(|_| !fails) {
                    let id = intent.instance(number);
                    if self.ever.insert(id.clone()) {
                        let seen = self.now + self.random.u64(0..15_000);
                        let host = Host::new(&self.policy, intent, self.clock(), seen);
                        self.hosts.insert(id.clone(), host);
                        let boots = self.boot * self.random.u64(80..=120) / 100;
                        if !never {
                            self.happens(self.now + boots, Event::Boot(id));
                        }
                    }
                }
            }
            Action::Drain { id, .. } => {
                let clock = self.clock();
                self.hosts.get_mut(id).unwrap().drain(clock);
            }
            Action::Terminate { id, .. } => {
                self.lose_leases(id);
                self.hosts.remove(id);
            }
        }
    }

    fn depth(&self) -> Depth {
        Depth {
            visible: self.visible.len() as u64,
            in_flight: (self.held + self.hidden.len()) as u64,
            delayed: 0,
        }
    }
}

/// A policy for simulated worlds: 4 slots, up to 60 instances, jobs of a second.
pub(crate) fn policy() -> Policy {
    Policy { max: 60, slots: 4, longest_job: Duration::from_secs(30), ..Policy::default() }
}
