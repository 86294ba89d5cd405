//! Full-jitter backoff, as a pure function.

use std::time::Duration;

/// How retries are spread: between zero and `base · 2^attempt`, at most `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The wait before retry number `attempt` (0 is the first), for a `random` in `0.0..1.0`.
    pub fn wait(self, attempt: u32, random: f64) -> Duration {
        let ceiling = self.base.saturating_mul(1 << attempt.min(20)).min(self.cap);
        ceiling.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_cap_and_never_overflows() {
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
        assert_eq!(backoff.wait(0, 1.0), Duration::from_millis(100));
        assert_eq!(backoff.wait(3, 0.5), Duration::from_millis(400));
        assert_eq!(backoff.wait(u32::MAX, 1.0), Duration::from_secs(5));
        assert_eq!(backoff.wait(7, 0.0), Duration::ZERO);
    }
}
