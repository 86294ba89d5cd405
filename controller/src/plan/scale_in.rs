//! Scale in: who is drained because the fleet is larger than it has to be.

use std::cmp::Reverse;

use super::law::Demand;
use super::roster::{Member, Roster};
use crate::policy::Policy;

/// The members that go, by their places: as many as were idle all the time that idle slots are
/// held, the least busy first, and none that the law would launch again at once.
pub(crate) fn idle(
    policy: &Policy,
    roster: &Roster<'_>,
    demand: &Demand,
    (mut instances, slots): (u32, f64),
    idle: u32,
) -> Vec<usize> {
    let (mut left, mut given_up, mut going) = (idle, 0.0, Vec::new());
    for (place, member) in least_busy_first(roster) {
        let Some(rest) = left.checked_sub(member.slots) else { break };
        // Of one that does not answer nobody knows what it does.
        if member.report.is_none() {
            continue;
        }
        let more = given_up + f64::from(member.slots);
        if instances <= policy.min || !demand.is_met_without(more, slots - more) {
            break;
        }
        (left, given_up, instances) = (rest, more, instances - 1);
        going.push(place);
    }
    going
}

/// The members that go because there are so many more than the policy wants.
pub(crate) fn excess(roster: &Roster<'_>, many: u32) -> Vec<usize> {
    let many = usize::try_from(many).unwrap_or(usize::MAX);
    least_busy_first(roster).into_iter().take(many).map(|(place, _)| place).collect()
}

/// Those that count as capacity: who boots before who works, who holds little before who holds
/// much, who does not answer last, and of two alike the younger first.
fn least_busy_first<'r, 'a>(roster: &'r Roster<'a>) -> Vec<(usize, &'r Member<'a>)> {
    let counting = |(_, member): &(usize, &Member<'_>)| member.counts();
    let mut members: Vec<_> = roster.0.iter().enumerate().filter(counting).collect();
    members.sort_by_key(|(place, member)| {
        let known = member.report.map(|report| (report.busy, report.leases));
        let boots = member.phase == super::roster::Phase::Booting;
        let silent = known.is_none() && !boots;
        (silent, Reverse(boots), known, member.age, *place)
    });
    members
}
