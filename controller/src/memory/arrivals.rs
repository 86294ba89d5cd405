//! How many jobs arrive: λ, from what is in the queue and what has ended.
//!
//! Nobody counts arrivals. What came between two observations is what the queue holds more, and
//! what has left it: jobs that ended, which every worker counts and never counts back. Two averages
//! of that, a quick and a slow one, of which the lesser counts: a burst is not yet a rate, and what
//! has stopped is none any more.

use std::time::Duration;

use pixmill_contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::real;

/// An average is divided by the share of its memory that has been filled, or a start would be
/// taken for a lull; but by no less than this, or the first burst would be taken for a rate.
const LEAST_WEIGHT: f64 = 0.25;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Arrivals {
    /// What was in the queue when it was last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Counted>,
    fast: Average,
    slow: Average,
    /// How many jobs end, by the quick average.
    #[serde(default)]
    served: Average,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Counted {
    at: Timestamp,
    depth: u64,
}

/// An average with exponentially fading weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Average {
    sum: f64,
    weight: f64,
}

impl Average {
    fn add(&mut self, rate: f64, over: Duration, half_life: Duration) {
        let kept = (-over.as_secs_f64() / half_life.as_secs_f64().max(1e-3)).exp2();
        self.sum = self.sum * kept + rate * (1.0 - kept);
        self.weight = self.weight * kept + (1.0 - kept);
    }

    fn value(self) -> f64 {
        self.sum / self.weight.max(LEAST_WEIGHT)
    }
}

impl Arrivals {
    /// Counts what came since the last count: with what is in the queue now and how many jobs have
    /// ended since. After a gap it only remembers what is there.
    pub(super) fn count(
        &mut self,
        now: Timestamp,
        (depth, ended): (u64, u64),
        half_lives: (Duration, Duration),
        gap: bool,
    ) {
        if let Some(last) = self.last.filter(|last| !gap && last.at < now) {
            let came = depth.saturating_add(ended).saturating_sub(last.depth);
            let over = now.since(last.at);
            let rate = real(came) / over.as_secs_f64();
            self.fast.add(rate, over, half_lives.0);
            self.slow.add(rate, over, half_lives.1);
            self.served.add(real(ended) / over.as_secs_f64(), over, half_lives.0);
        } else if !gap && self.last.is_some() {
            // The same moment again: counted already.
            return;
        }
        self.last = Some(Counted { at: now, depth });
    }

    pub(super) fn per_second(&self) -> f64 {
        self.fast.value().min(self.slow.value())
    }

    pub(super) fn served_per_second(&self) -> f64 {
        self.served.value()
    }

    /// Nothing comes any more.
    pub(super) fn rest(&mut self) {
        self.fast.sum = 0.0;
        self.slow.sum = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIVES: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(10));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + seconds * 1000)
    }

    #[test]
    fn a_steady_stream_is_its_rate_from_the_start() {
        let mut arrivals = Arrivals::default();
        for tick in 0..30 {
            arrivals.count(at(tick * 10), (100, if tick == 0 { 0 } else { 50 }), HALF_LIVES, false);
        }
        assert!((arrivals.per_second() - 5.0).abs() < 0.01, "{}", arrivals.per_second());
    }

    #[test]
    fn a_burst_is_not_a_rate() {
        let mut arrivals = Arrivals::default();
        for tick in 0..60 {
            arrivals.count(at(tick * 10), (0, 0), HALF_LIVES, false);
        }
        arrivals.count(at(600), (10_000, 0), HALF_LIVES, false);
        assert!(arrivals.per_second() < 30.0, "{}", arrivals.per_second());
    }

    #[test]
    fn what_is_seen_first_has_not_arrived() {
        let mut arrivals = Arrivals::default();
        arrivals.count(at(0), (10_000, 500), HALF_LIVES, true);
        arrivals.count(at(10), (10_000, 0), HALF_LIVES, false);
        arrivals.count(at(20), (90_000, 0), HALF_LIVES, true);
        assert!(arrivals.per_second().abs() < 1e-9);
    }

    #[test]
    fn a_queue_that_is_purged_brings_nothing_and_takes_nothing() {
        let mut arrivals = Arrivals::default();
        arrivals.count(at(0), (10_000, 0), HALF_LIVES, true);
        arrivals.count(at(10), (0, 3), HALF_LIVES, false);
        assert!(arrivals.per_second().abs() < 1e-9);
    }

    #[test]
    fn the_same_moment_counts_once() {
        let mut arrivals = Arrivals::default();
        arrivals.count(at(0), (0, 0), HALF_LIVES, true);
        arrivals.count(at(10), (100, 0), HALF_LIVES, false);
        let once = arrivals.clone();
        arrivals.count(at(10), (100, 0), HALF_LIVES, false);
        assert_eq!(arrivals, once);
    }
}
