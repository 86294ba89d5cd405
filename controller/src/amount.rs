//! Between counts and real numbers: the only place that casts them.

use std::time::Duration;

/// A count as a real number. Beyond 2⁵³ it is rounded, which no plan notices.
#[expect(clippy::cast_precision_loss, reason = "a rounded count is as good for an estimate")]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// A real number as a count: cut off, never negative, zero if it is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from f64 saturates, which is what is promised"
)]
pub(crate) fn whole(number: f64) -> u32 {
    number as u32
}

/// A duration from seconds that were calculated: zero where they are negative or no number, and
/// never above a year.
pub(crate) fn seconds(seconds: f64) -> Duration {
    const YEAR: f64 = 365.0 * 86_400.0;
    if seconds > 0.0 { Duration::from_secs_f64(seconds.min(YEAR)) } else { Duration::ZERO }
}

/// A number of things as `u32`, at most `u32::MAX`.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
