//! What was known of instances a moment ago. EC2's lists are consistent eventually: an instance that
//! was launched, or listed, may be missing from the next one. Whoever took that for an end would
//! launch another in its place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pixmill_contract::{InstanceId, IntentId};
use tokio::time::Instant;

use crate::calls::machine::Machine;

/// So long an instance is there though it is not listed. One that was terminated stays listed for
/// about an hour, so only a list that is late leaves one out.
const SETTLE: Duration = Duration::from_mins(2);

/// The instances that were seen, or launched, in the last moments.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<BTreeMap<InstanceId, (Machine, Instant)>>);

impl Recent {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, (Machine, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes instances as they are now.
    pub(crate) fn note(&self, machines: &[Machine]) {
        let now = Instant::now();
        let noted = machines.iter().map(|machine| (machine.id.clone(), (machine.clone(), now)));
        self.lock().extend(noted);
    }

    /// The end of an instance has been asked for: that it is not listed is no surprise any more.
    pub(crate) fn forget(&self, id: &InstanceId) {
        self.lock().remove(id);
    }

    /// A list of all instances, completed by those that it leaves out though they are there.
    pub(crate) fn complete(&self, mut listed: Vec<Machine>) -> Vec<Machine> {
        self.note(&listed);
        let mut known = self.lock();
        known.retain(|_, (machine, seen)| seen.elapsed() < SETTLE && !machine.has_ended());
        let is_listed: std::collections::BTreeSet<_> =
            listed.iter().map(|machine| machine.id.clone()).collect();
        let left_out = known.values().map(|(machine, _)| machine);
        listed.extend(left_out.filter(|machine| !is_listed.contains(&machine.id)).cloned());
        listed
    }

    /// Those of an intent.
    pub(crate) fn of(&self, intent: &IntentId) -> Vec<Machine> {
        let known = self.lock();
        let fresh = known.values().filter(|(_, seen)| seen.elapsed() < SETTLE);
        fresh.map(|(machine, _)| machine).filter(|m| m.tags.is_for(intent)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::machine::State;
    use crate::tags::Tags;

    fn machine(id: &str, state: State) -> Machine {
        Machine {
            id: InstanceId::new(id).unwrap(),
            state,
            started: None,
            address: None,
            subnet: None,
            kind: None,
            is_spot: false,
            tags: Tags::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_late_list_leaves_out_is_there_for_a_while() {
        let recent = Recent::default();
        let (one, two) = (machine("i-1", State::Running), machine("i-2", State::Pending));
        recent.note(std::slice::from_ref(&two));
        assert_eq!(recent.complete(vec![one.clone()]), [one.clone(), two]);
        tokio::time::advance(SETTLE).await;
        assert_eq!(recent.complete(vec![one.clone()]), [one], "it is believed to be gone");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_is_gone_when_it_is_not_listed() {
        let recent = Recent::default();
        recent.complete(vec![machine("i-1", State::Terminated)]);
        assert_eq!(recent.complete(vec![]), []);
    }
}
