//! Waiting for something, with a bound; the only place of the tests that sleeps or reads a clock.

use std::thread;
use std::time::{Duration, Instant};

/// How often something is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[allow(clippy::disallowed_methods, reason = "this is the tests' one clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A bound on a wait.
pub(crate) struct Patience {
    until: Instant,
}

impl Patience {
    pub(crate) fn new(bound: Duration) -> Self {
        Self { until: now() + bound }
    }

    /// Waits for the next look; false when patience is at its end.
    #[allow(clippy::disallowed_methods, reason = "this is the tests' one sleep")]
    pub(crate) fn wait(&self) -> bool {
        thread::sleep(LOOK_EVERY);
        now() < self.until
    }
}

/// Looks until there is something to see, and returns it; fails the test after `bound`.
pub(crate) fn eventually<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let patience = Patience::new(bound);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(patience.wait(), "{what}: not within {bound:?}");
    }
}

/// Fails the test unless this stays true for as long.
pub(crate) fn stays(what: &str, time: Duration, mut look: impl FnMut() -> bool) {
    let patience = Patience::new(time);
    while patience.wait() {
        assert!(look(), "{what}: not for {time:?}");
    }
}
