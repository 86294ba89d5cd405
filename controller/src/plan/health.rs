//! Health: who looks sick, whether that is believed, and who is replaced for it.
//!
//! One reading says little: a packet is lost, a worker restarts. So an instance is sick after
//! several bad readings in a row. If much of the fleet looks sick at once, it is more likely that
//! our own eyes, or something that all of them need, are broken: then the breaker opens and nobody
//! is replaced, until a new instance, the canary, shows that new ones are better.

use std::time::Duration;

use pixmill_contract::port::{Depth, TargetHealth, TargetState};

use super::reason::{Sickness, Warning};
use super::roster::{Member, Phase, Roster};
use crate::amount;
use crate::memory::{Breaker, Known, Memory, Step};
use crate::moment::Moment;
use crate::policy::Derived;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Who is to be replaced now, by its place in the roster.
    pub(crate) replace: Vec<(usize, Sickness)>,
    /// Who is sick and is not replaced yet.
    pub(crate) waiting: Vec<(usize, Sickness)>,
    /// Whether a canary is wanted.
    pub(crate) canary: bool,
    pub(crate) warnings: Vec<Warning>,
}

/// Reads the health of all instances, and judges.
pub(crate) fn judge(
    memory: &mut Memory,
    derived: &Derived,
    roster: &Roster<'_>,
    queue: Option<Depth>,
    step: Step,
) -> Verdict {
    if step.elapsed.is_zero() {
        // No time has passed: whatever there is to read has been read.
        return Verdict::default();
    }
    let (now, visible) = (memory.now, queue.map_or(0, |depth| depth.visible));
    let mut sick = Vec::new();
    let mut looking = 0;
    for (place, member) in roster.0.iter().enumerate().filter(|(_, member)| member.counts()) {
        let Some(known) = memory.instances.get_mut(&member.instance.id) else { continue };
        let reading = reading(known, member, visible, now, derived);
        known.bad = if reading.is_some() { known.bad.saturating_add(1) } else { 0 };
        known.suffers.clone_from(&reading);
        looking += u32::from(known.bad > 0);
        if let Some(sickness) = reading.filter(|_| known.bad >= derived.readings) {
            sick.push((known.bad, place, sickness));
        }
    }
    // Who has been sick for longest is replaced first.
    sick.sort_by_key(|(bad, place, _)| (std::cmp::Reverse(*bad), *place));
    let sick: Vec<_> = sick.into_iter().map(|(_, place, of)| (place, of)).collect();
    let well = well(memory, derived, roster, queue);
    turn(memory, derived, looking, roster.alive(), well);
    decide(memory, derived, roster, sick, looking)
}

/// What one instance suffers from at this moment, by all who say something of it: its worker first,
/// then its machine's provider, then the load balancer. `initial`, `draining`, `unused`,
/// `unavailable` and the load balancer's own troubles (`Elb.*`) say nothing about it.
fn reading(
    known: &Known,
    member: &Member<'_>,
    visible: u64,
    now: Moment,
    derived: &Derived,
) -> Option<Sickness> {
    let Some(heard) = &known.heard else {
        // One that boots has its deadline, unless it may have worked before we were here.
        let late = !known.followed && member.age > derived.boot_deadline;
        return late.then_some(Sickness::Silent);
    };
    if now.since(heard.first) < derived.grace {
        return None;
    }
    let impaired = member.instance.impaired.map(|of| Sickness::Impaired { of });
    let others = impaired.clone().or(member.instance.target.as_ref().and_then(failed_checks));
    let Some(report) = member.report else {
        let answers = |target: &TargetHealth| target.state == TargetState::Healthy;
        let answers = member.instance.target.as_ref().is_some_and(answers);
        return others.or((!answers).then_some(Sickness::Silent));
    };
    if report.storm.is_some() {
        // The world's fault, unless it is this one machine's.
        return impaired;
    }
    let still = now.since(heard.progressed);
    if report.leases > 0 || report.busy > 0 {
        // A busy worker whose leases come further is well, whatever the probe says.
        return (still > derived.stuck).then_some(Sickness::Stuck);
    }
    if visible > 0 && still > derived.standstill {
        return Some(Sickness::TakesNothing);
    }
    others
}

fn failed_checks(target: &TargetHealth) -> Option<Sickness> {
    let code = target.reason.as_ref().filter(|code| code.starts_with("Target."));
    match target.state {
        TargetState::Unhealthy => code.map(|code| Sickness::Target { code: code.clone() }),
        TargetState::Initial
        | TargetState::Healthy
        | TargetState::Unused
        | TargetState::Draining
        | TargetState::Unavailable => None,
    }
}

/// Whether an instance that was launched after the breaker opened is well: it has completed work,
/// or, where there is none, has been well for as long as one is not judged.
fn well(
    memory: &Memory,
    derived: &Derived,
    roster: &Roster<'_>,
    queue: Option<Depth>,
) -> Option<bool> {
    let since = match memory.breaker {
        Breaker::Closed => return None,
        Breaker::Open { since, .. } | Breaker::Recovering { since } => since,
    };
    let no_work = queue.is_some_and(|depth| depth.visible == 0);
    let is_well = |(_, member): (usize, &Member<'_>)| {
        let Some(known) = memory.instances.get(&member.instance.id) else { return false };
        let Some(heard) = &known.heard else { return false };
        let proven = heard.ended > 0 || no_work && memory.now.since(heard.first) >= derived.grace;
        known.launched >= since && member.report.is_some() && known.bad == 0 && proven
    };
    Some(roster.in_phase(Phase::Ready).any(is_well))
}

/// Opens, closes or half-opens the breaker.
fn turn(memory: &mut Memory, derived: &Derived, looking: u32, alive: u32, well: Option<bool>) {
    let too_many = looking > derived.tolerated(alive);
    memory.breaker = match memory.breaker {
        _ if !too_many => Breaker::Closed,
        Breaker::Closed => Breaker::Open { since: memory.now, next: memory.now },
        Breaker::Open { since, .. } if well == Some(true) => Breaker::Recovering { since },
        Breaker::Open { since, next } => Breaker::Open { since, next },
        Breaker::Recovering { since } if well == Some(true) => Breaker::Recovering { since },
        Breaker::Recovering { since } => Breaker::Open { since, next: memory.now },
    };
}

fn decide(
    memory: &mut Memory,
    derived: &Derived,
    roster: &Roster<'_>,
    mut sick: Vec<(usize, Sickness)>,
    looking: u32,
) -> Verdict {
    let alive = roster.alive();
    let now = memory.now;
    // One that has had its time comes no more, whether it is given up yet or not.
    let deadline = memory.boots.deadline(derived);
    let in_time = |member: &Member<'_>| member.age <= deadline && is_well(memory, member);
    let boots = roster.in_phase(Phase::Booting).any(|(_, member)| in_time(member));
    let coming = boots || !memory.requested.is_empty();
    memory.replaced.retain(|at| now.since(*at) < window(derived));
    let left = derived.replaced_a_boot(alive).saturating_sub(amount::count(memory.replaced.len()));
    let mut verdict = Verdict::default();
    let allowed = match memory.breaker {
        Breaker::Closed => left,
        Breaker::Recovering { .. } => {
            verdict.warnings.push(Warning::Recovering { sick: looking });
            if coming { 0 } else { left.min(1) }
        }
        Breaker::Open { since, next } => {
            let new = |member: &Member<'_>| member.age <= now.since(since);
            let mut ready = roster.in_phase(Phase::Ready);
            let hope = ready.any(|(_, member)| new(member) && is_well(memory, member));
            verdict.warnings.push(Warning::BreakerOpen { sick: looking, of: alive });
            verdict.canary = !sick.is_empty() && !coming && !hope && now >= next;
            0
        }
    };
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX).min(sick.len());
    verdict.waiting = sick.split_off(allowed);
    verdict.replace = sick;
    if memory.breaker == Breaker::Closed && !verdict.waiting.is_empty() {
        let waiting = amount::count(verdict.waiting.len());
        verdict.warnings.push(Warning::SickWait { waiting });
    }
    verdict
}

/// Whether nothing is known against an instance.
fn is_well(memory: &Memory, member: &Member<'_>) -> bool {
    memory.instances.get(&member.instance.id).is_some_and(|known| known.bad == 0)
}

/// The time that health replacements are counted over: one boot.
pub(crate) fn window(derived: &Derived) -> Duration {
    derived.boot.max(derived.grace)
}
