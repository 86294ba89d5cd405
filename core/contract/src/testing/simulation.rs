//! A thread whose runtime does everything by itself, so that the same seed gives the same events.
//!
//! Other threads end when they end, and no seed decides which of two comes first. Where a simulation
//! is on, what else is done aside (see [`aside`](crate::aside())) is done in place, in no time,
//! and what computes for long takes as long as the simulation says.

use std::cell::RefCell;
use std::time::Duration;

/// How long the work on a source takes.
type Takes = Box<dyn Fn(&[u8]) -> Duration>;

thread_local! {
    static TAKES: RefCell<Option<Takes>> = const { RefCell::new(None) };
}

/// This thread simulates for as long as it is kept.
#[derive(Debug)]
pub struct Simulation(());

impl Simulation {
    /// Begins one on this thread; `takes` says how long the work on a source takes.
    pub fn begin(takes: impl Fn(&[u8]) -> Duration + 'static) -> Self {
        TAKES.set(Some(Box::new(takes)));
        Self(())
    }

    /// Whether this thread simulates.
    pub fn is_on() -> bool {
        TAKES.with_borrow(Option::is_some)
    }

    /// How long the work on this source takes, if this thread simulates.
    pub fn takes(source: &[u8]) -> Option<Duration> {
        TAKES.with_borrow(|takes| takes.as_ref().map(|takes| takes(source)))
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        TAKES.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aside;

    #[tokio::test]
    async fn what_is_done_aside_is_done_in_place_for_as_long_as_it_lasts() {
        let here = std::thread::current().id();
        let place = || async { aside(|| std::thread::current().id()).await.unwrap() };
        assert_ne!(place().await, here);
        let simulation = Simulation::begin(|source| Duration::from_secs(source.len() as u64));
        assert_eq!(place().await, here);
        assert_eq!(Simulation::takes(b"abc"), Some(Duration::from_secs(3)));
        drop(simulation);
        assert_ne!(place().await, here);
        assert_eq!(Simulation::takes(b"abc"), None);
    }
}
