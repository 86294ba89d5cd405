//! Whose the desired capacity is: what we set it to, and what somebody else did.
//!
//! A group's desired capacity belongs to whoever sets it last. Somebody who raises it gets instances,
//! which are capacity like any other and leave when they have been idle for long enough. Somebody who
//! lowers it wants fewer, or wants us to stop: that is left so for a while and said, instead of being
//! undone with the next look.

use std::time::Duration;

use tokio::time::Instant;

/// So long a capacity that somebody lowered is not raised above that.
pub(crate) const RESPECT: Duration = Duration::from_mins(15);

/// Looks in a row that must agree: a single one may be an answer from before our own change.
const LOOKS: u32 = 3;

/// A change that was not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) from: u32,
    pub(crate) to: u32,
    seen: Instant,
}

/// What is known of the desired capacity.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// What it is by all that we know.
    expected: Option<u32>,
    /// What it was at the last looks instead, and at how many.
    other: Option<(u32, u32)>,
    change: Option<Change>,
}

impl Desired {
    /// Notes what it is at a look. Returns a change of somebody else's when that becomes sure.
    pub(crate) fn see(&mut self, desired: u32) -> Option<Change> {
        let from = *self.expected.get_or_insert(desired);
        if desired == from {
            self.other = None;
            return None;
        }
        let looks = self.other.filter(|(other, _)| *other == desired).map_or(1, |(_, n)| n + 1);
        self.other = Some((desired, looks));
        if looks < LOOKS {
            return None;
        }
        let change = Change { from, to: desired, seen: Instant::now() };
        (self.expected, self.other, self.change) = (Some(desired), None, Some(change));
        Some(change)
    }

    /// It has been set by us.
    pub(crate) fn set(&mut self, desired: u32) {
        (self.expected, self.other) = (Some(desired), None);
    }

    /// An instance of ours was ended, and one less is wanted.
    pub(crate) fn lower(&mut self) {
        self.expected = self.expected.map(|expected| expected.saturating_sub(1));
        self.other = None;
    }

    /// The change that forbids to raise it to this, and for how long it still does.
    pub(crate) fn forbids(&self, wanted: u32) -> Option<(Change, Duration)> {
        let change = self.change.filter(|change| change.to < change.from && wanted > change.to)?;
        let left = RESPECT.checked_sub(change.seen.elapsed())?;
        (!left.is_zero()).then_some((change, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_somebody_lowers_is_respected_for_a_while() {
        let mut desired = Desired::default();
        assert_eq!(desired.see(5), None);
        assert_eq!((desired.see(2), desired.see(2)), (None, None));
        assert_eq!(desired.see(2).map(|change| (change.from, change.to)), Some((5, 2)));
        assert_eq!(desired.forbids(2), None);
        assert_eq!(desired.forbids(3).map(|(_, left)| left), Some(RESPECT));
        tokio::time::advance(RESPECT).await;
        assert_eq!(desired.forbids(3), None);
    }

    #[tokio::test(start_paused = true)]
    async fn late_answers_are_no_change_of_somebodys() {
        let mut desired = Desired::default();
        desired.see(2);
        desired.set(5);
        assert_eq!((desired.see(2), desired.see(2), desired.see(5)), (None, None, None));
        desired.lower();
        assert_eq!((desired.see(5), desired.see(4), desired.see(5)), (None, None, None));
        assert_eq!(desired.forbids(9), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_raises_forbids_nothing() {
        let mut desired = Desired::default();
        desired.see(1);
        for _ in 0..3 {
            desired.see(4);
        }
        assert_eq!(desired.forbids(5), None);
    }
}
