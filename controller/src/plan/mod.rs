//! The plan: what is to be done now, as a pure function of what is wanted, what was observed and
//! what is remembered.
//!
//! In this order: the memory learns from the snapshot; what is on its way out goes on; health is
//! judged; the law says how many slots the work needs; scale-in says how many were idle. Each is a
//! module here. The memory is to be stored before the plan is carried out: then a controller that
//! crashes in between finds its intents again, and launches nothing twice.

mod drain;
mod explain;
mod health;
mod law;
mod reason;
mod record;
mod roster;
mod scale_in;

use std::time::Duration;

use pixmill_contract::port::{Instance, Intent};
use pixmill_contract::{InstanceId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::memory::{Breaker, Memory, News, Step};
use crate::policy::{Derived, Policy};
use crate::snapshot::Snapshot;
use law::{Capacity, Demand};
pub use reason::{DrainReason, LaunchReason, Rule, Sickness, TerminateReason, Warning};
pub use record::{Record, SeenDepth};
pub use roster::Counts;
use roster::{Phase, Roster};

/// One thing to do. Each may be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Launch what is missing of an intent.
    Launch {
        /// The intent.
        intent: Intent,
        /// Why.
        why: LaunchReason,
    },
    /// Mark an instance and have its worker finish.
    Drain {
        /// The instance.
        id: InstanceId,
        /// Why.
        why: DrainReason,
    },
    /// End an instance.
    Terminate {
        /// The instance.
        id: InstanceId,
        /// Why.
        why: TerminateReason,
    },
}

impl Action {
    /// What it does and to whom, such as `drain 0198…`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Launch { intent, .. } => format!("launch {} for {}", intent.count, intent.id),
            Self::Drain { id, .. } => format!("drain {id}"),
            Self::Terminate { id, .. } => format!("terminate {id}"),
        }
    }
}

/// What is to be done now, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// What led to it.
    pub record: Record,
}

/// Actions while they are collected.
#[derive(Debug, Default)]
pub(crate) struct Intents {
    drains: Vec<Action>,
    terminates: Vec<Action>,
}

/// Plans. `epoch` is that of the lease that this controller acts under.
///
/// The same arguments give the same plan. A plan from the memory that this returns, with the same
/// snapshot and at the same time, wants nothing that this one did not.
pub fn plan(
    policy: &Policy,
    snapshot: &Snapshot,
    memory: &Memory,
    epoch: u64,
    now: Timestamp,
) -> (Plan, Memory) {
    let mut memory = memory.clone();
    let step = memory.begin(policy, now, snapshot.instances.is_some());
    let before = policy.derive(memory.boot(policy), memory.job(policy));
    let news = memory.learn(&before, snapshot, step, now);
    let derived = policy.derive(memory.boot(policy), memory.job(policy));
    let mut record = Record::new(snapshot, &memory, &derived, epoch, now);
    if step.gap && memory.ticks > 1 {
        record.warnings.push(Warning::Gap);
    }
    if derived.is_sooner_than_a_boot(policy) {
        let boot_seconds = derived.boot.as_secs_f64();
        record.warnings.push(Warning::SoonerThanABoot { boot_seconds });
    }
    if snapshot.queue.is_none() {
        record.warnings.push(Warning::QueueUnknown);
    }
    let Some(instances) = &snapshot.instances else {
        record.warnings.push(Warning::FleetUnknown);
        record.rule = Rule::Blind;
        return (Plan { actions: Vec::new(), record }, memory);
    };
    let planner = Planner { policy, derived, memory, record, actions: Intents::default() };
    planner.go(snapshot, instances, step, news, (epoch, now))
}

/// A plan in the making.
struct Planner<'a> {
    policy: &'a Policy,
    derived: Derived,
    memory: Memory,
    record: Record,
    actions: Intents,
}

impl Planner<'_> {
    fn go(
        mut self,
        snapshot: &Snapshot,
        instances: &[Instance],
        step: Step,
        news: News,
        (epoch, now): (u64, Timestamp),
    ) -> (Plan, Memory) {
        self.memory.avoid_intents_of(instances, epoch);
        let mut roster = Roster::new(self.policy, &self.derived, &self.memory, instances);
        let gone =
            drain::proceed(&mut self.memory, &self.derived, &mut roster, step, &mut self.actions);
        let (at, born) = (self.memory.now, self.memory.born);
        self.memory.boots.fail(news.failed + gone, at, &self.derived, born);
        let verdict = health::judge(&mut self.memory, &self.derived, &roster, snapshot.queue, step);
        self.record.counts = Some(roster.counts(&self.memory));
        self.note_storms(&roster);
        let replaced = amount::count(verdict.replace.len());
        for (place, of) in verdict.replace {
            self.replace(&mut roster, place, of);
        }
        self.record.warnings.extend(verdict.warnings);

        let idle = snapshot
            .queue
            .map(|queue| roster.idle(&self.memory, queue.visible.saturating_add(queue.in_flight)));
        let idle = self.memory.note_idle(idle, self.derived.hold);
        let capacity = Capacity::of(self.policy, &self.derived, &self.memory, &roster);
        if capacity.slots > 0.0 && f64::from(idle) >= capacity.slots {
            self.memory.forget_arrivals();
        }
        let demand = snapshot
            .queue
            .map(|depth| Demand::of(self.policy, &self.derived, &self.memory, depth, &capacity));
        self.record.see(&capacity, demand.as_ref(), idle);

        let lost = news.lost + replaced;
        self.scale_out(&capacity, demand.as_ref(), idle, lost, (epoch, now));
        self.scale_in(&mut roster, &capacity, demand.as_ref(), idle, step);
        if verdict.canary {
            self.launch_canary(&mut roster, verdict.waiting, (epoch, now));
        }
        self.finish()
    }

    fn note_storms(&mut self, roster: &Roster<'_>) {
        let storms = |member: &roster::Member<'_>| member.report.is_some_and(|r| r.storm.is_some());
        let ready = roster.in_phase(Phase::Ready);
        let workers = amount::count(ready.filter(|(_, member)| storms(member)).count());
        if workers > 0 {
            self.record.warnings.push(Warning::Storm { workers });
        }
    }

    /// Drains a sick member. It is counted, so that few are replaced in one boot time.
    fn replace(&mut self, roster: &mut Roster<'_>, place: usize, of: Sickness) {
        self.memory.replaced.push(self.memory.now);
        let why = DrainReason::Sick { of };
        drain::begin(&mut self.memory, &mut roster.0[place], why, &mut self.actions);
    }

    /// Decides how many instances there are to be and launches what is missing, as far as boots
    /// succeed.
    fn scale_out(
        &mut self,
        capacity: &Capacity,
        demand: Option<&Demand>,
        idle: u32,
        lost: u32,
        of: (u64, Timestamp),
    ) {
        let (min, max, there) = (self.policy.min, self.policy.max, capacity.instances);
        let law = demand.map(|demand| demand.launches(there, capacity.slots));
        // What is lost is replaced, unless as much was idle.
        let lost = lost.saturating_sub(idle / self.policy.slots);
        let mut wanted = (lost, LaunchReason::Replacement { lost }, Rule::Replacement);
        if let Some((many, why)) = law.filter(|(many, _)| *many >= lost) {
            let rule = why.rule();
            wanted = (many, why, rule);
        }
        if there.saturating_add(wanted.0) < min {
            wanted = (min - there, LaunchReason::Minimum { min }, Rule::Minimum);
        }
        let (many, why, rule) = wanted;
        let needed = there.saturating_add(many);
        self.record.desired = Some(needed.clamp(min, max));
        if needed > max && many > 0 {
            self.record.warnings.push(Warning::AtMaximum { needed });
        }
        let missing = needed.min(max).saturating_sub(there);
        if missing > 0 {
            self.record.rule = rule;
            let many = self.throttle(missing, capacity);
            self.memory.request(of.0, many, why, of.1);
        }
    }

    /// How many of those that are missing may be launched now.
    fn throttle(&mut self, missing: u32, capacity: &Capacity) -> u32 {
        let (boots, now) = (&self.memory.boots, self.memory.now);
        if boots.are_failing(&self.derived) {
            let held = boots.held_for(now);
            let held_seconds = held.as_secs();
            let warning = Warning::BootsFail { failed: boots.failed(), held_seconds };
            self.record.warnings.push(warning);
            return u32::from(held == Duration::ZERO && capacity.coming == 0);
        }
        let most = self.derived.launched_a_tick(capacity.instances);
        if missing > most {
            self.record.warnings.push(Warning::Throttled { wanted: missing });
        }
        missing.min(most)
    }

    /// Drains what is more than the policy wants, or was idle. Never while our own eyes are not
    /// trusted, and never for being idle where the queue is not known, or more have just been asked
    /// for.
    fn scale_in(
        &mut self,
        roster: &mut Roster<'_>,
        capacity: &Capacity,
        demand: Option<&Demand>,
        idle: u32,
        step: Step,
    ) {
        let (policy, there) = (self.policy, capacity.instances);
        let may_go = self.memory.breaker == Breaker::Closed
            && self.memory.requested.is_empty()
            && !step.elapsed.is_zero();
        let excess = there.saturating_sub(policy.max);
        let (going, why, rule) = if excess > 0 {
            let going = scale_in::excess(roster, excess);
            (going, DrainReason::Maximum { max: policy.max }, Rule::Maximum)
        } else if let Some(demand) = demand.filter(|_| may_go) {
            let going = scale_in::idle(policy, roster, demand, (there, capacity.slots), idle);
            (going, DrainReason::Idle { slots: idle }, Rule::Idle)
        } else {
            return;
        };
        if going.is_empty() {
            return;
        }
        self.record.rule = rule;
        let left = there.saturating_sub(amount::count(going.len()));
        self.record.desired = Some(left.clamp(policy.min, policy.max));
        for place in going {
            drain::begin(&mut self.memory, &mut roster.0[place], why.clone(), &mut self.actions);
        }
    }

    /// Launches one instance to see whether new ones are well, unless some come anyway. Where
    /// there are as many as there may be, it takes the place of a sick one.
    fn launch_canary(
        &mut self,
        roster: &mut Roster<'_>,
        mut sick: Vec<(usize, Sickness)>,
        (epoch, now): (u64, Timestamp),
    ) {
        sick.retain(|(place, _)| roster.0[*place].counts());
        let held = self.memory.boots.held_for(self.memory.now);
        if !self.memory.requested.is_empty() || !held.is_zero() || sick.is_empty() {
            return;
        }
        if roster.alive() >= self.policy.max {
            if amount::count(self.memory.replaced.len())
                >= self.derived.replaced_a_boot(roster.alive())
            {
                return;
            }
            let (place, of) = sick.remove(0);
            self.replace(roster, place, of);
        }
        self.record.rule = Rule::Canary;
        self.memory.request(epoch, 1, LaunchReason::Canary, now);
        if let Breaker::Open { since, .. } = self.memory.breaker {
            let next = self.memory.now + health::window(&self.derived);
            self.memory.breaker = Breaker::Open { since, next };
        }
    }

    /// Puts the actions in order: what is missing of every intent first, as it takes longest; then
    /// drains, then ends.
    fn finish(mut self) -> (Plan, Memory) {
        let launch = |requested: &crate::memory::Requested| Action::Launch {
            intent: requested.intent.clone(),
            why: requested.why.clone(),
        };
        // It is asked for in the first half of its time only: what the last of these brings has the
        // other half to be listed, or it would be launched again under another name.
        let (now, half) = (self.memory.now, self.derived.request_deadline / 2);
        let asked = |requested: &&crate::memory::Requested| now.since(requested.since) <= half;
        let mut actions: Vec<_> = self.memory.requested.iter().filter(asked).map(launch).collect();
        actions.append(&mut self.actions.drains);
        actions.append(&mut self.actions.terminates);
        self.record.actions.clone_from(&actions);
        (Plan { actions, record: self.record }, self.memory)
    }
}
