//! How long instances take to boot, and what happens when they do not.

use std::time::Duration;

use pixmill_contract::{Timestamp, id};
use serde::{Deserialize, Serialize};

use crate::amount::seconds;
use crate::moment::Moment;
use crate::policy::Derived;

/// How much a new boot counts against those before.
const NEWEST: f64 = 0.3;

/// Longest time that is learned: beyond it nobody would wait for an instance.
const LONGEST: Duration = Duration::from_hours(1);

/// After every failed round the next instance gets twice the time, so often at most.
const MOST_DOUBLINGS: u32 = 4;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Boots {
    /// The average, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    /// Failed boots since the last that did not fail.
    failed: u32,
    /// How often launches have been held back since then.
    rounds: u32,
    /// Nothing is launched before.
    hold: Moment,
}

impl Boots {
    pub(super) fn learned(&self) -> Option<Duration> {
        self.mean.map(seconds)
    }

    /// An instance has reported for the first time, after so long, where that is known.
    pub(super) fn succeed(&mut self, took: Option<Duration>) {
        (self.failed, self.rounds, self.hold) = (0, 0, Moment::default());
        if let Some(took) = took {
            let took = took.min(LONGEST).as_secs_f64();
            self.mean = Some(self.mean.map_or(took, |mean| mean + NEWEST * (took - mean)));
        }
    }

    /// So many boots have failed in this tick. From the third in a row on, nothing is launched for
    /// a while. All that fail in one tick are one round: they were launched together. The jitter
    /// follows from when the memory was begun, so that the same memory makes the same plan.
    pub(crate) fn fail(
        &mut self,
        many: u32,
        now: Moment,
        derived: &Derived,
        born: Option<Timestamp>,
    ) {
        if many == 0 {
            return;
        }
        self.failed = self.failed.saturating_add(many);
        if self.failed >= derived.failed_boots {
            let born = born.map_or(0, Timestamp::millis).to_le_bytes();
            let digest = id::hash(&[b"backoff", &born, &self.rounds.to_le_bytes()]);
            let random = u32::from_str_radix(&digest[..8], 16).unwrap_or(0);
            let wait = derived.backoff.wait(self.rounds, f64::from(random) / 4_294_967_296.0);
            self.hold = now + wait.max(derived.backoff.base / 2);
            self.rounds = self.rounds.saturating_add(1);
        }
    }

    /// Nothing is held back any more; after failures it is still one at a time.
    pub(super) fn lift(&mut self) {
        self.hold = Moment::default();
    }

    /// Whether too many have failed in a row: one at a time is launched then.
    pub(crate) fn are_failing(&self, derived: &Derived) -> bool {
        self.failed >= derived.failed_boots
    }

    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }

    /// For how long nothing is launched yet.
    pub(crate) fn held_for(&self, now: Moment) -> Duration {
        self.hold.since(now)
    }

    /// How long a boot may take. It grows with every round that fails, because what fails may be
    /// the estimate.
    pub(crate) fn deadline(&self, derived: &Derived) -> Duration {
        derived.boot_deadline * 2_u32.pow(self.rounds.min(MOST_DOUBLINGS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn three_failures_in_a_row_hold_launches_back_longer_and_longer() {
        let (derived, mut boots) = (Policy::default().estimated(), Boots::default());
        let now = Moment::default();
        boots.fail(2, now, &derived, None);
        assert!(!boots.are_failing(&derived));
        assert_eq!(boots.held_for(now), Duration::ZERO);
        for _ in 0..8 {
            boots.fail(1, now, &derived, None);
            assert!(boots.are_failing(&derived));
            assert!(boots.held_for(now) >= derived.backoff.base / 2);
            assert!(boots.held_for(now) <= derived.backoff.cap);
        }
        boots.succeed(None);
        assert_eq!(boots, Boots::default());
    }

    #[test]
    fn the_boot_time_follows_what_is_seen() {
        let mut boots = Boots::default();
        boots.succeed(Some(Duration::from_secs(40)));
        assert_eq!(boots.learned(), Some(Duration::from_secs(40)));
        (0..30).for_each(|_| boots.succeed(Some(Duration::from_secs(90))));
        assert!(boots.learned().unwrap() > Duration::from_secs(89));
    }
}
