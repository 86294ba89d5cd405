//! A stage: a fleet and a queue that a test arranges by hand, and a planner that looks at them
//! every interval. Workers answer and come further unless the test says otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use pixmill_contract::document::{JobSeconds, Report, Version};
use pixmill_contract::port::{Depth, Instance, Intent, Lifecycle, TargetHealth, TargetState};
use pixmill_contract::{InstanceId, IntentId, Timestamp, WorkerId};
use pixmill_controller::{Action, DrainReason, Memory, Plan, Policy, Snapshot, plan};

/// When every stage begins.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_750_000_000_000);

/// One instance on the stage.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) instance: Instance,
    /// What its worker would say.
    pub(crate) report: Report,
    /// Whether its worker answers.
    pub(crate) answers: bool,
    /// Whether its report is a new one each time.
    pub(crate) writes: bool,
    /// Whether it comes further.
    pub(crate) progresses: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) now: Timestamp,
    pub(crate) queue: Option<Depth>,
    pub(crate) observed: bool,
    pub(crate) actors: BTreeMap<String, Actor>,
}

/// A policy with room: 0 to 100 instances of 4 slots, jobs of a second, a minute to boot.
pub(crate) fn roomy() -> Policy {
    Policy { max: 100, slots: 4, ..Policy::default() }
}

impl Stage {
    pub(crate) fn new(policy: Policy) -> Self {
        policy.check().unwrap();
        Self {
            policy,
            memory: Memory::default(),
            now: BEGIN,
            queue: Some(Depth::default()),
            observed: true,
            actors: BTreeMap::new(),
        }
    }

    /// So many instances, busy in all their slots, that have been known for long.
    pub(crate) fn busy(policy: Policy, many: u32) -> Self {
        let mut stage = Self::new(policy);
        for number in 0..many {
            stage.add(&format!("i{number:03}"));
        }
        for actor in stage.actors.values_mut() {
            actor.report.busy = actor.report.slots;
            actor.report.leases = actor.report.slots;
        }
        stage.jobs(0, u64::from(many * stage.policy.slots));
        stage.pass(12);
        stage
    }

    /// The same, but idle for not much longer than a tick.
    pub(crate) fn idle(policy: Policy, many: u32) -> Self {
        let mut stage = Self::busy(policy, many);
        for actor in stage.actors.values_mut() {
            (actor.report.busy, actor.report.leases) = (0, 0);
        }
        stage.jobs(0, 0);
        stage
    }

    /// Adds an instance whose worker answers.
    pub(crate) fn add(&mut self, id: &str) -> &mut Actor {
        let actor = actor(id, self.policy.slots, self.now);
        self.actors.entry(id.to_owned()).or_insert(actor)
    }

    pub(crate) fn actor(&mut self, id: &str) -> &mut Actor {
        self.actors.get_mut(id).unwrap()
    }

    pub(crate) fn jobs(&mut self, visible: u64, in_flight: u64) {
        self.queue = Some(Depth { visible, in_flight, delayed: 0 });
    }

    /// What would be observed now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let observe = |actor: &Actor| {
            let mut instance = actor.instance.clone();
            instance.report = actor.answers.then(|| actor.report.clone());
            instance
        };
        Snapshot {
            queue: self.queue,
            dead_letters: Some(0),
            instances: self.observed.then(|| self.actors.values().map(observe).collect()),
        }
    }

    /// An interval passes, and a plan is made. Of what it wants only the marks are made.
    pub(crate) fn tick(&mut self) -> Plan {
        self.tick_after(self.policy.interval)
    }

    pub(crate) fn tick_after(&mut self, passed: Duration) -> Plan {
        self.now = self.now + passed;
        for actor in self.actors.values_mut() {
            if actor.writes {
                actor.report.at = self.now;
            }
            if actor.progresses {
                actor.report.progressed_at = self.now;
            }
        }
        let (plan, memory) = plan(&self.policy, &self.snapshot(), &self.memory, 1, self.now);
        self.memory = memory;
        for (id, _) in drained(&plan) {
            let now = self.now;
            self.actor(&id).instance.draining_since.get_or_insert(now);
        }
        plan
    }

    /// So many ticks; the last plan.
    pub(crate) fn pass(&mut self, ticks: u32) -> Plan {
        (0..ticks).map(|_| self.tick()).last().unwrap()
    }

    /// Ticks until a plan is as wanted, at most so many.
    pub(crate) fn until(&mut self, most: u32, mut wanted: impl FnMut(&Plan) -> bool) -> Plan {
        let mut plans = (0..most).map(|_| self.tick());
        plans.find(|plan| wanted(plan)).expect("no plan is as wanted")
    }

    /// What an intent asks for appears, booting: its worker does not answer.
    pub(crate) fn fulfil(&mut self, intent: &Intent) {
        for number in 0..intent.count {
            let id = intent.instance(number);
            let now = self.now;
            let actor = self.add(id.as_str());
            actor.instance.intent = intent.id.clone();
            actor.instance.launched_at = now;
            actor.answers = false;
        }
    }
}

pub(crate) fn actor(id: &str, slots: u32, now: Timestamp) -> Actor {
    let instance = Instance {
        id: InstanceId::new(id).unwrap(),
        lifecycle: Lifecycle::Running,
        intent: IntentId::new("earlier").unwrap(),
        launched_at: now,
        draining_since: None,
        target: None,
        impaired: None,
        report: None,
    };
    let report = Report {
        pixmill: Version,
        instance: None,
        worker: WorkerId::new(format!("w-{id}")).unwrap(),
        pid: 1,
        started_at: now,
        at: now,
        slots,
        busy: 0,
        busy_peak: 0,
        leases: 0,
        jobs: vec![],
        draining: false,
        progressed_at: now,
        storm: None,
        received: 0,
        waited_seconds: None,
        ended: 0,
        job_seconds: JobSeconds::default(),
        paces: BTreeMap::new(),
    };
    Actor { instance, report, answers: true, writes: true, progresses: true }
}

#[allow(clippy::unnecessary_wraps, reason = "this is how an instance has it")]
pub(crate) fn target(state: TargetState, reason: &str) -> Option<TargetHealth> {
    Some(TargetHealth { state, reason: Some(reason.to_owned()) })
}

/// How many instances a plan launches.
pub(crate) fn launched(plan: &Plan) -> u32 {
    intents(plan).iter().map(|intent| intent.count).sum()
}

pub(crate) fn intents(plan: &Plan) -> Vec<Intent> {
    let intent = |action: &Action| match action {
        Action::Launch { intent, .. } => Some(intent.clone()),
        Action::Drain { .. } | Action::Terminate { .. } => None,
    };
    plan.actions.iter().filter_map(intent).collect()
}

/// Who is drained, and why.
pub(crate) fn drained(plan: &Plan) -> Vec<(String, DrainReason)> {
    let drain = |action: &Action| match action {
        Action::Drain { id, why } => Some((id.to_string(), why.clone())),
        Action::Launch { .. } | Action::Terminate { .. } => None,
    };
    plan.actions.iter().filter_map(drain).collect()
}

/// Who is terminated, and why.
pub(crate) fn terminated(plan: &Plan) -> Vec<(String, pixmill_controller::TerminateReason)> {
    let end = |action: &Action| match action {
        Action::Terminate { id, why } => Some((id.to_string(), *why)),
        Action::Launch { .. } | Action::Drain { .. } => None,
    };
    plan.actions.iter().filter_map(end).collect()
}
