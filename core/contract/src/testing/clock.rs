//! A wall clock that follows `tokio::time`, so that a test with paused time needs no sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::{Clock, Timestamp};

/// The wall clock of a runtime with paused time: it starts at a fixed moment and moves only with
/// `tokio::time`.
#[derive(Debug, Clone, Copy)]
pub struct PausedClock {
    start: Instant,
    at_start: Timestamp,
}

impl PausedClock {
    /// A clock that shows 2026-01-01T00:00:00Z now.
    pub fn new() -> Self {
        Self { start: Instant::now(), at_start: Timestamp::from_millis(1_767_225_600_000) }
    }

    /// A clock that is ahead of this one by `offset`, as another machine's might be.
    #[must_use]
    pub fn ahead(self, offset: Duration) -> Self {
        Self { at_start: self.at_start + offset, ..self }
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        self.at_start + self.start.elapsed()
    }
}

/// A paused clock that somebody sets: one machine's. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct JumpingClock {
    right: PausedClock,
    error_millis: Arc<AtomicI64>,
}

impl JumpingClock {
    /// A clock that is right until it is set.
    pub fn new(right: PausedClock) -> Self {
        Self { right, error_millis: Arc::default() }
    }

    /// From now on it is wrong by so many milliseconds.
    pub fn set_error(&self, millis: i64) {
        self.error_millis.store(millis, Ordering::Relaxed);
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        let right = self.right.now().millis();
        Timestamp::from_millis(
            right.saturating_add_signed(self.error_millis.load(Ordering::Relaxed)),
        )
    }
}
