//! The world's faults: outages, throttling, missing permissions, full disks.
//!
//! None of them is ever blamed on a picture. A call that meets one is repeated with backoff for as
//! long as it takes, its job keeps its lease, and meanwhile nothing new is received.

use std::future::Future;
use std::time::Duration;

use pixmill_contract::{Backoff, Error};
use tokio::sync::watch;

/// The waits between the repetitions of a call. Short, because a job and its lease are waiting.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(10) };

/// Something outside keeps a worker from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storm {
    /// What fails, and why, for people.
    pub reason: String,
}

/// Whether the world lets us work.
#[derive(Debug)]
pub(crate) struct Weather {
    calls_waiting: watch::Sender<usize>,
    storm: watch::Sender<Option<Storm>>,
}

impl Weather {
    pub(crate) fn new(storm: watch::Sender<Option<Storm>>) -> Self {
        Self { calls_waiting: watch::Sender::new(0), storm }
    }

    /// Repeats a call until it succeeds or fails for a reason that is not the world's.
    pub(crate) async fn through<T, F, Fut>(&self, mut call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut attempt = 0;
        // Held from the first failure to the end, so that the storm does not seem to pass between
        // two tries.
        let mut waiting = None;
        loop {
            match call().await {
                Err(error) if error.kind().is_the_worlds() => {
                    waiting.get_or_insert_with(|| self.waiting());
                    self.gust(&error, attempt).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// The storm goes on for as long as this is held. Whoever repeats a call holds it between the
    /// tries.
    pub(crate) fn waiting(&self) -> Waiting<'_> {
        self.calls_waiting.send_modify(|calls| *calls += 1);
        Waiting(self)
    }

    /// Reports one failure that is the world's fault and waits before the next try.
    pub(crate) async fn gust(&self, error: &Error, attempt: u32) {
        let _waiting = self.waiting();
        self.report(error);
        pause(attempt).await;
    }

    /// Returns once nothing waits for the world but `own` calls of whoever asks.
    pub(crate) async fn clear(&self, own: usize) {
        let mut calls = self.calls_waiting.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(calls.wait_for(|calls| *calls <= own).await);
    }

    /// What keeps us from working now.
    pub(crate) fn storm(&self) -> Option<Storm> {
        self.storm.borrow().clone()
    }

    fn report(&self, error: &Error) {
        let reason = error.chain();
        self.storm.send_if_modified(|storm| {
            let new = storm.as_ref().is_none_or(|known| known.reason != reason);
            if new {
                tracing::warn!(reason, "waiting for the world");
                *storm = Some(Storm { reason });
            }
            new
        });
    }
}

/// Waits before the next try of a call, however many there were.
pub(crate) async fn pause(attempt: u32) {
    tokio::time::sleep(BACKOFF.wait(attempt, fastrand::f64())).await;
}

/// One call that waits; the last one to leave takes the storm with it.
#[derive(Debug)]
pub(crate) struct Waiting<'w>(&'w Weather);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.calls_waiting.send_modify(|calls| {
            *calls -= 1;
            if *calls == 0 && self.0.storm.send_replace(None).is_some() {
                tracing::info!("the world is back");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::ErrorKind;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_out_and_reported() {
        let (sender, storms) = watch::channel(None);
        let weather = Weather::new(sender);
        let mut left = 5;
        let answer = weather
            .through(|| {
                assert_eq!(storms.borrow().is_some(), left < 5);
                left -= 1;
                let fails = left > 0;
                async move {
                    if fails {
                        Err(Error::bare(ErrorKind::Unavailable, "reach the store"))
                    } else {
                        Ok(7)
                    }
                }
            })
            .await;
        assert_eq!(answer.unwrap(), 7);
        assert_eq!(*storms.borrow(), None);
        weather.clear(0).await;
    }

    #[tokio::test]
    async fn what_is_not_the_worlds_fault_comes_back_at_once() {
        let weather = Weather::new(watch::channel(None).0);
        let answer: Result<(), _> =
            weather.through(|| async { Err(Error::bare(ErrorKind::NotFound, "get it")) }).await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
