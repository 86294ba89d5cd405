//! The least idle slots of the time that idle slots are held for.
//!
//! Readings go into buckets, of which there is a fixed number however often one looks and however
//! long that time is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// Buckets that the time is divided into; a reading counts longer than it should by one at most.
const BUCKETS: u32 = 32;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Idle {
    /// In order of time.
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    from: Moment,
    until: Moment,
    least: u32,
}

impl Idle {
    /// Notes a reading and returns the least of the last `hold`. What was before the first reading
    /// is not known, so it counts as zero.
    pub(super) fn note(&mut self, now: Moment, idle: u32, hold: Duration) -> u32 {
        if self.buckets.is_empty() {
            self.buckets.push(Bucket { from: now, until: now, least: 0 });
        }
        self.buckets.retain(|bucket| now.since(bucket.until) < hold);
        let width = hold / BUCKETS;
        match self.buckets.last_mut() {
            Some(last) if now.since(last.from) <= width => {
                last.until = now;
                last.least = last.least.min(idle);
            }
            Some(_) | None => self.buckets.push(Bucket { from: now, until: now, least: idle }),
        }
        self.buckets.iter().map(|bucket| bucket.least).min().unwrap_or(0)
    }

    /// So many slots are given up or lost: what was read before counted them.
    pub(super) fn give_up(&mut self, slots: u32) {
        for bucket in &mut self.buckets {
            bucket.least = bucket.least.saturating_sub(slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_mins(1);

    fn notes(readings: &[(u64, u32)]) -> (Idle, u32) {
        let mut idle = Idle::default();
        let note = |(at, slots): &(u64, u32)| {
            idle.note(Moment::default() + Duration::from_secs(*at), *slots, HOLD)
        };
        let least = readings.iter().map(note).last().unwrap();
        (idle, least)
    }

    #[test]
    fn what_was_not_watched_was_not_idle() {
        assert_eq!(notes(&[(0, 8), (10, 8), (59, 8)]).1, 0);
        assert_eq!(notes(&[(0, 8), (10, 8), (60, 8)]).1, 8);
    }

    #[test]
    fn the_least_counts_until_its_time_is_over() {
        let readings = [(0, 8), (30, 8), (61, 3), (90, 8), (115, 8)];
        assert_eq!(notes(&readings).1, 3);
        assert_eq!(notes(&[&readings[..], &[(122, 7)]].concat()).1, 7);
    }

    #[test]
    fn what_is_given_up_was_not_idle_besides() {
        let (mut idle, least) = notes(&[(0, 8), (10, 5), (61, 9)]);
        assert_eq!(least, 5);
        idle.give_up(4);
        assert_eq!(idle.note(Moment::default() + Duration::from_secs(61), 5, HOLD), 1);
    }

    #[test]
    fn it_stays_small_however_often_one_looks() {
        let mut idle = Idle::default();
        for tick in 0..100_000 {
            idle.note(Moment::default() + Duration::from_millis(tick * 50), 1, HOLD);
        }
        assert!(idle.buckets.len() <= 34, "{}", idle.buckets.len());
    }
}
