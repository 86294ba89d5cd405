//! The pulse of a loop: by when it has said that it is back.
//!
//! A loop says so before it does what may take a while, and says nothing while it waits for what
//! may take as long as it likes. Whether it is overdue is one look at one number, so whoever asks
//! can be held up by nobody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What stands for no promise.
const NEVER: u64 = u64::MAX;

/// By when a loop is back.
#[derive(Debug)]
pub(crate) struct Pulse {
    born: Instant,
    /// Milliseconds after birth.
    due: AtomicU64,
}

impl Pulse {
    /// One that promises nothing yet.
    pub(crate) fn new() -> Self {
        Self { born: Instant::now(), due: AtomicU64::new(NEVER) }
    }

    /// The loop is alive, and says more within this time.
    pub(crate) fn promise(&self, within: Duration) {
        self.due.store(self.age().saturating_add(millis(within)), Ordering::Relaxed);
    }

    /// The loop is alive, and waits for as long as it takes.
    pub(crate) fn rest(&self) {
        self.due.store(NEVER, Ordering::Relaxed);
    }

    /// Whether the loop has broken its promise.
    pub(crate) fn is_overdue(&self) -> bool {
        self.age() > self.due.load(Ordering::Relaxed)
    }

    fn age(&self) -> u64 {
        millis(self.born.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_promise_is_broken_when_its_time_is_over_and_not_before() {
        let pulse = Pulse::new();
        advance(Duration::from_hours(1)).await;
        assert!(!pulse.is_overdue(), "nothing was promised");
        pulse.promise(Duration::from_secs(2));
        advance(Duration::from_secs(2)).await;
        assert!(!pulse.is_overdue());
        advance(Duration::from_millis(1)).await;
        assert!(pulse.is_overdue());
        pulse.promise(Duration::from_secs(2));
        assert!(!pulse.is_overdue(), "it is back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_rests_is_never_overdue() {
        let pulse = Pulse::new();
        pulse.promise(Duration::from_secs(2));
        pulse.rest();
        advance(Duration::from_hours(24)).await;
        assert!(!pulse.is_overdue());
        pulse.promise(Duration::MAX);
        assert!(!pulse.is_overdue());
    }
}
