//! Drains and ends: who goes on draining, who is terminated, and who has not come up.
//!
//! A drain has two phases. First the instance is marked, so that it counts for nothing and receives
//! no more; only when its worker says that it is draining and holds nothing is it terminated. One
//! that never says so is terminated when the drain's time is over, with that reason.

use super::reason::{DrainReason, TerminateReason};
use super::roster::{Member, Phase, Roster};
use super::{Action, Intents};
use crate::memory::{Breaker, Drained, Known, Memory, Step};
use crate::moment::Moment;
use crate::policy::Derived;

/// Goes on with everything that is on its way out, and gives up what has not come up. Returns how
/// many boots have failed.
pub(crate) fn proceed(
    memory: &mut Memory,
    derived: &Derived,
    roster: &mut Roster<'_>,
    step: Step,
    actions: &mut Intents,
) -> u32 {
    let mut failed = 0;
    for member in &mut roster.0 {
        match member.phase {
            Phase::Draining => follow(memory, derived, member, actions),
            Phase::Leaving => insist(memory, member, actions),
            // Where no time has passed, nobody is later than a moment ago.
            Phase::Booting if step.elapsed.is_zero() => {}
            Phase::Booting => failed += u32::from(give_up(memory, derived, member, actions)),
            Phase::Ready | Phase::Ended => {}
        }
    }
    failed
}

/// Marks a member for draining.
pub(crate) fn begin(
    memory: &mut Memory,
    member: &mut Member<'_>,
    why: DrainReason,
    actions: &mut Intents,
) {
    let id = &member.instance.id;
    if let Some(known) = memory.instances.get_mut(id) {
        known.drained = Some(Drained { since: memory.now, why: why.clone() });
        known.bad = 0;
    }
    member.phase = Phase::Draining;
    memory.give_up_slots(member.slots);
    actions.drains.push(Action::Drain { id: id.clone(), why });
}

/// A member that drains: it has finished, or takes too long, or is told again.
fn follow(memory: &mut Memory, derived: &Derived, member: &mut Member<'_>, actions: &mut Intents) {
    let now = memory.now;
    let Some(known) = memory.instances.get_mut(&member.instance.id) else { return };
    let Some(drained) = known.drained.clone() else {
        // Its worker drains by itself. It is marked, so that it stays so.
        return begin(memory, member, DrainReason::Itself, actions);
    };
    // One that has begun at this very moment is given a moment.
    let begun = drained.since < now;
    if let Some(why) = is_over(known, member, derived, now, drained.since).filter(|_| begun) {
        return end(known, member, why, actions);
    }
    let told = member.report.is_none_or(|report| report.draining);
    if member.instance.draining_since.is_none() || !told {
        let id = member.instance.id.clone();
        actions.drains.push(Action::Drain { id, why: drained.why });
    }
}

/// Why a drain is over, if it is.
fn is_over(
    known: &Known,
    member: &Member<'_>,
    derived: &Derived,
    now: Moment,
    since: Moment,
) -> Option<TerminateReason> {
    use pixmill_contract::port::Lifecycle;
    if member.report.is_some_and(|report| report.draining && report.leases == 0) {
        return Some(TerminateReason::Drained);
    }
    match member.instance.lifecycle {
        Lifecycle::Pending if known.heard.is_none() => return Some(TerminateReason::NeverRan),
        Lifecycle::Pending | Lifecycle::Running | Lifecycle::Stopping | Lifecycle::Ended => {}
    }
    let after = now.since(since);
    let after_seconds = after.as_secs();
    (after > derived.drain_timeout).then_some(TerminateReason::DrainTimeout { after_seconds })
}

/// A member whose end has been asked for, and that is still there.
fn insist(memory: &Memory, member: &Member<'_>, actions: &mut Intents) {
    use pixmill_contract::port::Lifecycle;
    let known = memory.instances.get(&member.instance.id);
    let why = known.and_then(|known| known.terminated);
    match member.instance.lifecycle {
        Lifecycle::Pending | Lifecycle::Running => {
            let id = member.instance.id.clone();
            actions.terminates.extend(why.map(|why| Action::Terminate { id, why }));
        }
        Lifecycle::Stopping | Lifecycle::Ended => {}
    }
}

/// A member that boots and has had its time. While our own eyes are not trusted only those are
/// given up that were launched since then.
fn give_up(
    memory: &mut Memory,
    derived: &Derived,
    member: &mut Member<'_>,
    actions: &mut Intents,
) -> bool {
    let deadline = memory.boots.deadline(derived);
    let trusted = match memory.breaker {
        Breaker::Closed | Breaker::Recovering { .. } => Moment::default(),
        Breaker::Open { since, .. } => since,
    };
    let Some(known) = memory.instances.get_mut(&member.instance.id) else { return false };
    if !known.followed || member.age <= deadline || known.launched < trusted {
        return false;
    }
    let after_seconds = member.age.as_secs();
    end(known, member, TerminateReason::NeverReported { after_seconds }, actions);
    true
}

fn end(known: &mut Known, member: &mut Member<'_>, why: TerminateReason, actions: &mut Intents) {
    known.terminated = Some(why);
    member.phase = Phase::Leaving;
    actions.terminates.push(Action::Terminate { id: member.instance.id.clone(), why });
}
