//! How long jobs keep a slot: S, and how much that varies: c².
//!
//! Jobs count by their number, not by their age: in a lull nothing is forgotten.

use std::time::Duration;

use pixmill_contract::document::JobSeconds;
use serde::{Deserialize, Serialize};

use crate::amount::{real, seconds};

/// After so many further jobs a job counts by half.
const HALF_LIFE_JOBS: f64 = 200.0;

/// The policy's estimate is worth so many jobs, until as many have been seen.
const ESTIMATE_JOBS: f64 = 8.0;

/// Squared coefficients of variation above this say that something else is wrong.
const MOST_VARIABILITY: f64 = 25.0;

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Work {
    count: f64,
    sum: f64,
    sum_of_squares: f64,
}

impl Work {
    /// Adds what was done since the last reading.
    pub(super) fn add(&mut self, done: JobSeconds) {
        let sane = |sum: f64| sum.is_finite() && sum >= 0.0;
        if done.count == 0 || !sane(done.sum) || !sane(done.sum_of_squares) {
            return;
        }
        let count = real(done.count);
        let kept = (-count / HALF_LIFE_JOBS).exp2();
        self.count = self.count * kept + count;
        self.sum = self.sum * kept + done.sum;
        self.sum_of_squares = self.sum_of_squares * kept + done.sum_of_squares;
    }

    /// How long a job takes, given an estimate for as long as too few are known.
    pub(super) fn mean(&self, estimate: Duration) -> Duration {
        let guessed = (ESTIMATE_JOBS - self.count).max(0.0);
        seconds((self.sum + guessed * estimate.as_secs_f64()) / (self.count + guessed))
    }

    /// One, as if they were exponentially distributed, for as long as too few are known.
    pub(super) fn variability(&self) -> f64 {
        if self.count < ESTIMATE_JOBS || self.sum <= 0.0 {
            return 1.0;
        }
        let mean = self.sum / self.count;
        (self.sum_of_squares / self.count / (mean * mean) - 1.0).clamp(0.0, MOST_VARIABILITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(seconds: &[f64]) -> JobSeconds {
        let mut jobs = JobSeconds::default();
        for seconds in seconds {
            jobs.add(*seconds);
        }
        jobs
    }

    #[test]
    fn the_estimate_gives_way_to_what_is_seen() {
        let (mut work, estimate) = (Work::default(), Duration::from_secs(8));
        assert_eq!(work.mean(estimate), estimate);
        work.add(jobs(&[1.0; 4]));
        assert_eq!(work.mean(estimate), Duration::from_millis(4500));
        work.add(jobs(&[1.0; 100]));
        assert!((work.mean(estimate).as_secs_f64() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn variability_is_that_of_the_jobs() {
        let mut work = Work::default();
        work.add(jobs(&[2.0; 50]));
        assert!(work.variability().abs() < 1e-9);
        let mut work = Work::default();
        work.add(jobs(&[1.0, 3.0].repeat(50)));
        assert!((work.variability() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn nonsense_is_left_out() {
        let mut work = Work::default();
        work.add(JobSeconds { count: 3, sum: f64::NAN, sum_of_squares: 1.0 });
        work.add(JobSeconds { count: 3, sum: -1.0, sum_of_squares: 1.0 });
        assert_eq!(work, Work::default());
    }

    #[test]
    fn recent_jobs_count_more() {
        let mut work = Work::default();
        for _ in 0..100 {
            work.add(jobs(&[1.0; 100]));
        }
        for _ in 0..20 {
            work.add(jobs(&[5.0; 100]));
        }
        assert!(work.mean(Duration::from_secs(1)).as_secs_f64() > 4.9);
    }
}
