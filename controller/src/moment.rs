//! Moments of the memory's own clock, which only runs while the controller looks.
//!
//! Whatever waits in the memory (deadlines, ages, silences) is measured on it, and none of it on
//! the wall clock: a tick adds what passed since the one before, but never more than a few
//! intervals, and nothing if the fleet could not be observed. So a clock that jumps, in either
//! direction, and a controller that was away, make nobody late.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds of watching.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub(crate) struct Moment(u64);

impl Moment {
    /// Where a memory's clock starts: late enough that what happened before can be told.
    pub(crate) const START: Self = Self(1_000_000_000_000);

    /// So long before this.
    pub(crate) fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}
