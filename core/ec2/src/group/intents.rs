//! Which of a group's instances are which intent's. A group launches by itself, and knows no
//! intents: it is told a number. So its instances are given to intents when they have come.
//!
//! The number follows from what is there and what is missing of all intents that wait, never from
//! the number before: whoever asks again, or goes on after a crash, arrives at the same.

use std::collections::BTreeMap;
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
pub(crate) struct Intents(BTreeMap<IntentId, (Intent, Instant)>);

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Instances that are given to intents.
    pub(crate) given: Vec<(InstanceId, IntentId)>,
    /// How many instances the group is to have for that.
    pub(crate) wanted: u32,
}

impl Intents {
    /// Somebody asks for an intent.
    pub(crate) fn ask(&mut self, intent: &Intent) {
        self.0.insert(intent.id.clone(), (intent.clone(), Instant::now()));
    }

    /// Gives instances that are nobody's to the intents that wait, the earliest first. An instance
    /// that was there before the wish is not what came of it. `ever` says how many an intent has
    /// had, those that have ended among them.
    pub(crate) fn settle(&mut self, alive: &[Alive], ever: impl Fn(&IntentId) -> u32) -> Settled {
        self.0.retain(|_, (_, asked)| asked.elapsed() < FORGOTTEN);
        let mut waiting: Vec<_> = self.0.values().map(|(intent, _)| intent).collect();
        waiting.sort_by_key(|intent| (intent.at, intent.id.clone()));
        let mut free: Vec<_> = alive.iter().filter(|member| member.intent.is_none()).collect();
        let mut settled = Settled::default();
        let mut missing = 0;
        for intent in waiting {
            let mut open = intent.count.saturating_sub(ever(&intent.id));
            free.retain(|member| {
                let is_its = member.launched.is_none_or(|at| at + SKEW >= intent.at);
                if open == 0 || !is_its {
                    return true;
                }
                open -= 1;
                settled.given.push((member.id.clone(), intent.id.clone()));
                false
            });
            missing += open;
        }
        settled.wanted = u32::try_from(alive.len()).unwrap_or(u32::MAX).saturating_add(missing);
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
        intents.ask(&intent("a", 2, 0));
        assert_eq!(intents.settle(&[], |_| 0).wanted, 2);
        intents.ask(&intent("a", 2, 0));
        assert_eq!(intents.settle(&[], |_| 0).wanted, 2);
        let one = alive("i-1", Some(NOW), None);
        let settled = intents.settle(std::slice::from_ref(&one), |_| 0);
        assert_eq!((given(&settled), settled.wanted), (vec![("i-1", "a")], 2));
        // Given, and ended since: it had its instance.
        assert_eq!(intents.settle(&[], |_| 2).wanted, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn several_intents_add_up_and_the_earliest_is_served_first() {
        let mut intents = Intents::default();
        intents.ask(&intent("late", 1, 20));
        intents.ask(&intent("early", 1, 0));
        let there = alive("i-0", Some(NOW), Some("before"));
        assert_eq!(intents.settle(std::slice::from_ref(&there), |_| 0).wanted, 3);
        let come = [there, alive("i-1", None, None)];
        let settled = intents.settle(&come, |_| 0);
        assert_eq!((given(&settled), settled.wanted), (vec![("i-1", "early")], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_there_before_the_wish_is_not_what_came_of_it() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 1, 60));
        let settled = intents.settle(&[alive("i-0", Some(NOW), None)], |_| 0);
        assert_eq!((given(&settled), settled.wanted), (vec![], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_intent_that_nobody_asks_for_wants_nothing_any_more() {
        let mut intents = Intents::default();
        intents.ask(&intent("a", 2, 0));
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(intents.settle(&[], |_| 0), Settled::default());
    }
}
