//! A wall clock that follows `tokio::time`, so that a test with paused time needs no sleeping.

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
