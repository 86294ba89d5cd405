//! The law: how many slots the work needs, from what arrives, what is there, and how long an
//! instance takes to help.
//!
//! The backlog is an integral of what arrives less what is done, so a target for it alone swings
//! for ever: a fleet of the right size has none, and would be told to shrink. So what arrives
//! decides how many there are, and a backlog adds what works it off in time:
//!
//! ```text
//! R   = λ·S
//! Q_B = max(0, visible·S + residual(in flight) + R·B − capacity within B) / S
//! N*  = R + β·√(R(1+c²)/2) + Q_B·√(ρS / 2(B+T))        in slots
//! ```

use std::time::Duration;

use pixmill_contract::port::Depth;

use super::LaunchReason;
use super::roster::{Phase, Roster};
use crate::amount::{real, whole};
use crate::memory::{Heard, Memory};
use crate::policy::{Derived, Policy};

/// What the work needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Demand {
    /// Jobs that arrive in a second (λ).
    pub(crate) arrivals: f64,
    /// Slots that what arrives keeps taken (R).
    pub(crate) rate: f64,
    /// Jobs that will wait one boot time from now (`Q_B`).
    pub(crate) backlog: f64,
    /// Slots that are wanted (N*).
    pub(crate) wanted: f64,
    depth: Depth,
    /// Whether no instance is ready or boots.
    nobody: bool,
    /// Slots of an instance that is launched.
    slots: f64,
    /// Slots that a job of the backlog adds.
    a_job: f64,
    /// Jobs that a slot can do within one boot time.
    within_a_boot: f64,
    /// Jobs that those that are there can do beyond all there will be, within one boot time.
    spare: f64,
}

/// What there is to meet a demand with.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Capacity {
    /// Instances: ready, booting and requested.
    pub(crate) instances: u32,
    /// Of these, those that have been seen.
    seen: u32,
    /// Of these, those that are yet to report.
    pub(crate) coming: u32,
    /// Their slots (N).
    pub(crate) slots: f64,
    /// Seconds that their slots work within one boot time from now.
    within_a_boot: f64,
    /// Jobs that they have in work, as far as they say.
    in_work: f64,
    /// Jobs that draining instances have in work, and will finish.
    finishing: u64,
}

impl Capacity {
    pub(crate) fn of(
        policy: &Policy,
        derived: &Derived,
        memory: &Memory,
        roster: &Roster<'_>,
    ) -> Self {
        let boot = derived.boot;
        let mut capacity = Self::default();
        for (_, member) in roster.in_phase(Phase::Draining) {
            capacity.finishing += member.report.map_or(0, |report| u64::from(report.busy));
        }
        for (_, member) in roster.in_phase(Phase::Ready) {
            capacity.add(1, member.slots, boot);
            capacity.in_work += member.report.map_or(0.0, Heard::in_work);
        }
        // One that is new works for as much of a boot time as it has spent booting already.
        for (_, member) in roster.in_phase(Phase::Booting) {
            capacity.add(1, member.slots, member.age.min(boot));
            capacity.coming += 1;
        }
        capacity.seen = capacity.instances;
        for requested in &memory.requested {
            let age = memory.now.since(requested.since);
            capacity.add(requested.missing(), policy.slots, age.min(boot));
            capacity.coming += requested.missing();
        }
        capacity
    }

    fn add(&mut self, instances: u32, slots: u32, works: Duration) {
        let slots = f64::from(instances) * f64::from(slots);
        self.instances += instances;
        self.slots += slots;
        self.within_a_boot += slots * works.as_secs_f64();
    }
}

impl Demand {
    pub(crate) fn of(
        policy: &Policy,
        derived: &Derived,
        memory: &Memory,
        mut depth: Depth,
        capacity: &Capacity,
    ) -> Self {
        depth.in_flight = depth.in_flight.saturating_sub(capacity.finishing);
        let job = derived.job.as_secs_f64().max(1e-3);
        let boot = derived.boot.as_secs_f64();
        let spread = f64::midpoint(1.0, memory.variability());
        let arrivals = memory.arrivals_per_second();
        let rate = arrivals * job;
        // Jobs in work are half done, and long ones are more likely to be met; the others in
        // flight wait for a slot, or for the visibility timeout of a worker that is gone.
        let in_work = capacity.in_work.min(real(depth.in_flight));
        let residual = in_work * job * spread + (real(depth.in_flight) - in_work) * job;
        let work = real(depth.visible) * job + residual + rate * boot;
        let backlog = (work - capacity.within_a_boot).max(0.0) / job;
        let hold = derived.hold.as_secs_f64();
        let a_job = (derived.wait_cost * job / (2.0 * (boot + hold))).sqrt();
        Self {
            arrivals,
            rate,
            backlog,
            wanted: rate + derived.reserve * (rate * spread).sqrt() + backlog * a_job,
            depth,
            nobody: capacity.seen == 0,
            slots: f64::from(policy.slots),
            a_job,
            within_a_boot: boot / job,
            spare: (capacity.within_a_boot - work).max(0.0) / job,
        }
    }

    /// How many instances to launch beside so many with so many slots, and why. Where there is
    /// nothing to do and nobody to be seen, what came lately calls for nobody: it may have been all.
    pub(crate) fn launches(&self, instances: u32, slots: f64) -> (u32, LaunchReason) {
        let jobs = self.depth.visible + self.depth.in_flight;
        let first = u32::from(instances == 0);
        if jobs == 0 && self.nobody {
            return (0, LaunchReason::FirstInstance { jobs });
        }
        let (rate, backlog) = self.missing(self.wanted, slots);
        if backlog > rate.max(first) {
            let needs = instances.saturating_add(backlog);
            (backlog, LaunchReason::Backlog { jobs: self.depth.visible, needs })
        } else if rate > first {
            (rate, LaunchReason::Rate { per_second: self.arrivals })
        } else {
            (first, LaunchReason::FirstInstance { jobs })
        }
    }

    /// Instances that are missing for what arrives, and for what is wanted in all.
    fn missing(&self, wanted: f64, slots: f64) -> (u32, u32) {
        let rate = whole(((self.rate - slots) / self.slots).ceil());
        let backlog = whole(((wanted - slots) / self.slots + 0.5).floor());
        (rate, backlog)
    }

    /// Whether what is left is enough when so many slots of those that are ready are given up, with
    /// half an instance to spare, or as much as arrives where that is less: what the law would
    /// launch again at once is not given up.
    pub(crate) fn is_met_without(&self, given_up: f64, left: f64) -> bool {
        let more = (given_up * self.within_a_boot - self.spare).max(0.0);
        let spare = (self.slots / 2.0).min(self.rate);
        self.missing(self.wanted + more * self.a_job, left - spare) == (0, 0)
    }
}
