//! The roster: the instances of a snapshot, each with the phase that the rules see it in.

use std::time::Duration;

use pixmill_contract::document::Report;
use pixmill_contract::port::{Instance, Lifecycle};
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::memory::{Heard, Known, Memory};
use crate::policy::{Derived, Policy};

/// Where an instance is in its life, as the rules see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its worker is yet to report. It counts as capacity.
    Booting,
    /// Its worker has reported once at least. It counts as capacity, whether it answers now or not.
    Ready,
    /// It is to go when it holds nothing any more. It counts for nothing.
    Draining,
    /// It is on its way out.
    Leaving,
    /// It does not run.
    Ended,
}

/// One instance.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    pub(crate) instance: &'a Instance,
    pub(crate) phase: Phase,
    /// Its worker's report, unless that is none or too old.
    pub(crate) report: Option<&'a Report>,
    pub(crate) slots: u32,
    /// Since its launch.
    pub(crate) age: Duration,
}

/// The instances, in order of their ids, each once.
#[derive(Debug)]
pub(crate) struct Roster<'a>(pub(crate) Vec<Member<'a>>);

/// How many instances are in which phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Wanted, and not seen yet.
    pub requested: u32,
    /// Yet to report.
    pub booting: u32,
    /// In work, whether they answer at this moment or not.
    pub ready: u32,
    /// Of these, those that do not answer.
    pub silent: u32,
    /// Of these, those that look sick.
    pub sick: u32,
    /// To go when they hold nothing any more.
    pub draining: u32,
    /// On their way out.
    pub leaving: u32,
    /// Not running.
    pub ended: u32,
}

impl Counts {
    /// Whether nobody runs, nor is to.
    pub fn is_empty(&self) -> bool {
        self.capacity() + self.draining + self.leaving == 0
    }

    /// Those that count as capacity.
    pub fn capacity(&self) -> u32 {
        self.requested + self.booting + self.ready
    }
}

impl<'a> Roster<'a> {
    pub(crate) fn new(
        policy: &Policy,
        derived: &Derived,
        memory: &Memory,
        instances: &'a [Instance],
    ) -> Self {
        let member = |instance: &'a Instance| {
            let known = memory.instances.get(&instance.id)?;
            let report = known.report(instance, memory.now, derived.stale);
            let slots = known.heard.as_ref().map_or(policy.slots, |heard| heard.slots);
            let age = memory.now.since(known.launched);
            Some(Member { instance, phase: phase(instance, known), report, slots, age })
        };
        let mut members: Vec<_> = instances.iter().filter_map(member).collect();
        members.sort_by(|one, other| one.instance.id.cmp(&other.instance.id));
        members.dedup_by(|one, other| one.instance.id == other.instance.id);
        Self(members)
    }

    /// Those in a phase, with their places.
    pub(crate) fn in_phase(&self, phase: Phase) -> impl Iterator<Item = (usize, &Member<'a>)> {
        self.0.iter().enumerate().filter(move |(_, member)| member.phase == phase)
    }

    /// How many are ready or yet to report.
    pub(crate) fn alive(&self) -> u32 {
        let alive = |member: &&Member<'_>| member.counts();
        amount::count(self.0.iter().filter(alive).count())
    }

    /// How many in which phase.
    pub(crate) fn counts(&self, memory: &Memory) -> Counts {
        let requested = memory.requested.iter().map(crate::memory::Requested::missing).sum();
        let mut counts = Counts { requested, ..Counts::default() };
        for member in &self.0 {
            match member.phase {
                Phase::Booting => counts.booting += 1,
                Phase::Ready => {
                    counts.ready += 1;
                    counts.silent += u32::from(member.report.is_none());
                    let known = memory.instances.get(&member.instance.id);
                    counts.sick += u32::from(known.is_some_and(|known| known.bad > 0));
                }
                Phase::Draining => counts.draining += 1,
                Phase::Leaving => counts.leaving += 1,
                Phase::Ended => counts.ended += 1,
            }
        }
        counts
    }

    /// Slots that were idle, less the jobs that nobody has in work: what waits will take them.
    /// Slots of those that do not answer, or look sick, are not known to be idle.
    pub(crate) fn idle(&self, memory: &Memory, jobs: u64) -> u32 {
        let (mut idle, mut in_work) = (0_u32, 0.0);
        for (_, member) in self.in_phase(Phase::Ready) {
            let known = memory.instances.get(&member.instance.id);
            let Some((known, report)) = known.zip(member.report) else { continue };
            in_work += Heard::in_work(report);
            if let Some(heard) = known.heard.as_ref().filter(|_| known.bad == 0) {
                idle = idle.saturating_add(heard.idle(report));
            }
        }
        idle.saturating_sub(amount::whole((amount::real(jobs) - in_work).max(0.0)))
    }
}

impl Member<'_> {
    /// Whether it counts as capacity.
    pub(crate) fn counts(&self) -> bool {
        match self.phase {
            Phase::Booting | Phase::Ready => true,
            Phase::Draining | Phase::Leaving | Phase::Ended => false,
        }
    }
}

fn phase(instance: &Instance, known: &Known) -> Phase {
    match instance.lifecycle {
        Lifecycle::Ended => Phase::Ended,
        Lifecycle::Stopping => Phase::Leaving,
        Lifecycle::Pending | Lifecycle::Running if known.terminated.is_some() => Phase::Leaving,
        Lifecycle::Pending | Lifecycle::Running => {
            let itself = instance.report.as_ref().is_some_and(|report| report.draining);
            if known.drained.is_some() || itself {
                Phase::Draining
            } else if known.heard.is_some() {
                Phase::Ready
            } else {
                Phase::Booting
            }
        }
    }
}
