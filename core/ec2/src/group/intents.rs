//! Which of a group's instances are which intent's. A group launches by itself, and knows no
//! intents: it is told a number. So its instances are given to intents when they have come.
//!
//! The number follows from what is there and what is missing of all intents that wait, never from
//! the number before: whoever asks again, or goes on after a crash, arrives at the same.
//!
//! An instance that was given is its intent's from then on, although EC2 may list it later than the
//! group does, and its tags later still: it is given again with each look until its tag is seen. One
//! that was given and never tagged would count twice with whoever looks: as found, and as missing.
//!
//! What came of a wish is what was not there when it was first made here. For a wish of before a crash
//! that cannot be known, and the clocks of EC2 and of this machine are compared. Were they the only
//! judges, a clock that is wrong would have nothing come of any wish, and the group would grow to its
//! maximum.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pixmill_contract::port::Intent;
use pixmill_contract::{InstanceId, IntentId, Timestamp};
use tokio::time::Instant;

/// An intent that nobody has asked for for so long waits no more.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// So far the clocks of EC2 and of this machine may be apart, when it is told which came first: the
/// wish or the instance.
const SKEW: Duration = Duration::from_secs(5);

/// An instance of the group that lives and is not on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alive {
    pub(crate) id: InstanceId,
    /// Nothing, where EC2 does not list it yet.
    pub(crate) launched: Option<Timestamp>,
    pub(crate) intent: Option<IntentId>,
}

/// The intents that wait for instances.
#[derive(Debug, Default)]
pub(crate) struct Intents(BTreeMap<IntentId, Waiting>);

#[derive(Debug)]
struct Waiting {
    intent: Intent,
    asked: Instant,
    /// The instances that it has had, those that have ended among them.
    its: BTreeSet<InstanceId>,
    /// Those that were nobody's when it was first looked what came of it.
    before: Option<BTreeSet<InstanceId>>,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Instances that are given to intents, and do not say so yet.
    pub(crate) given: Vec<(InstanceId, IntentId)>,
    /// How many instances the group is to have for that.
    pub(crate) wanted: u32,
}

impl Intents {
    /// Somebody asks for an intent, which has had these instances.
    pub(crate) fn ask(&mut self, intent: &Intent, had: impl IntoIterator<Item = InstanceId>) {
        let new = || Waiting {
            intent: intent.clone(),
            asked: Instant::now(),
            its: BTreeSet::new(),
            before: None,
        };
        let waiting = self.0.entry(intent.id.clone()).or_insert_with(new);
        // It may have grown since.
        waiting.intent = intent.clone();
        waiting.asked = Instant::now();
        waiting.its.extend(had);
    }

    /// Gives instances that are nobody's to the intents that wait, the earliest first. An instance
    /// that was there before the wish is not what came of it.
    pub(crate) fn settle(&mut self, alive: &[Alive]) -> Settled {
        self.0.retain(|_, waiting| waiting.asked.elapsed() < FORGOTTEN);
        let mut waiting: Vec<_> = self.0.values_mut().collect();
        waiting.sort_by_key(|waiting| (waiting.intent.at, waiting.intent.id.clone()));
        let untagged = || alive.iter().filter(|member| member.intent.is_none());
        let is_given = |member: &&Alive| waiting.iter().any(|w| w.its.contains(&member.id));
        let mut free: Vec<_> = untagged().filter(|member| !is_given(member)).collect();
        let mut settled = Settled::default();
        let mut missing = 0;
        for Waiting { intent, its, before, .. } in waiting {
            let before = before.get_or_insert_with(|| free.iter().map(|m| m.id.clone()).collect());
            let has = alive.iter().filter(|member| member.intent.as_ref() == Some(&intent.id));
            its.extend(has.map(|member| member.id.clone()));
            let mut open = (intent.count as usize).saturating_sub(its.len());
            free.retain(|member| {
                let is_its = !before.contains(&member.id)
                    || member.launched.is_none_or(|at| at + SKEW >= intent.at);
                if open == 0 || !is_its {
                    return true;
                }
                open -= 1;
                its.insert(member.id.clone());
                false
            });
            let given = untagged().filter(|member| its.contains(&member.id));
            settled.given.extend(given.map(|member| (member.id.clone(), intent.id.clone())));
            missing += open;
        }
        settled.wanted = u32::try_from(alive.len() + missing).unwrap_or(u32::MAX);
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn intent(name: &str, count: u32, later: u64) -> Intent {
        let at = NOW + Duration::from_secs(later);
        Intent { id: IntentId::new(name).unwrap(), count, at }
    }

    fn alive(id: &str, launched: Option<Timestamp>, of: Option<&str>) -> Alive {
        let intent = of.map(|name| IntentId::new(name).unwrap());
        Alive { id: InstanceId::new(id).unwrap(), launched, intent }
    }

    fn given(settled: &Settled) -> Vec<(&str, &str)> {
        settled.given.iter().map(|(id, intent)| (id.as_str(), intent.as_str())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn asking_again_wants_no_more() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 2, 0), []);
        assert_eq!(intents.settle(&[]).wanted, 2);
        intents.ask(&intent("a", 2, 0), []);
        assert_eq!(intents.settle(&[]).wanted, 2);
        let one = alive("i-1", Some(NOW), None);
        let settled = intents.settle(std::slice::from_ref(&one));
        assert_eq!((given(&settled), settled.wanted), (vec![("i-1", "a")], 2));
        // Given, and ended since: it had its instance, which this one knows or is told.
        assert_eq!(intents.settle(&[]).wanted, 1);
        intents.ask(&intent("a", 2, 0), [one.id, InstanceId::new("i-2").unwrap()]);
        assert_eq!(intents.settle(&[]).wanted, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_intent_that_grows_wants_what_is_missing_then() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 2, 0), []);
        assert_eq!(intents.settle(&[]).wanted, 2);
        intents.ask(&intent("a", 3, 0), []);
        assert_eq!(intents.settle(&[]).wanted, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn several_intents_add_up_and_the_earliest_is_served_first() {
        let mut intents = Intents::default();
        intents.ask(&intent("late", 1, 20), []);
        intents.ask(&intent("early", 1, 0), []);
        let there = alive("i-0", Some(NOW), Some("before"));
        assert_eq!(intents.settle(std::slice::from_ref(&there)).wanted, 3);
        let come = [there, alive("i-1", None, None)];
        let settled = intents.settle(&come);
        assert_eq!((given(&settled), settled.wanted), (vec![("i-1", "early")], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_is_given_until_its_tag_is_seen_and_to_nobody_else() {
        let mut intents = Intents::default();
        intents.ask(&intent("late", 1, 20), []);
        intents.ask(&intent("early", 1, 0), []);
        let listed_late = alive("i-1", None, None);
        let settled = intents.settle(std::slice::from_ref(&listed_late));
        assert_eq!((given(&settled), settled.wanted), (vec![("i-1", "early")], 2));
        let come = [alive("i-0", Some(NOW), None), alive("i-1", Some(NOW), None)];
        let settled = intents.settle(&come);
        assert_eq!(given(&settled), [("i-1", "early"), ("i-0", "late")]);
        let seen = come.map(|member| Alive {
            intent: settled.given.iter().find(|(id, _)| *id == member.id).map(|g| g.1.clone()),
            ..member
        });
        assert_eq!(intents.settle(&seen), Settled { given: vec![], wanted: 2 });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_there_before_the_wish_is_not_what_came_of_it() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 1, 60), []);
        let settled = intents.settle(&[alive("i-0", Some(NOW), None)]);
        assert_eq!((given(&settled), settled.wanted), (vec![], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_of_a_wish_is_known_whatever_the_clocks_say() {
        let mut intents = Intents::default();
        let wish = intent("a", 2, 86_400);
        intents.ask(&wish, []);
        let there = alive("i-0", Some(NOW), None);
        assert_eq!(intents.settle(std::slice::from_ref(&there)).wanted, 3);
        let come = [there, alive("i-1", Some(NOW), None), alive("i-2", Some(NOW), None)];
        intents.ask(&wish, []);
        let settled = intents.settle(&come);
        assert_eq!(given(&settled), [("i-1", "a"), ("i-2", "a")]);
        assert_eq!(settled.wanted, 3, "and no more are wanted");
    }

    #[tokio::test(start_paused = true)]
    async fn an_intent_that_nobody_asks_for_wants_nothing_any_more() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 2, 0), []);
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(intents.settle(&[]), Settled::default());
    }
}
