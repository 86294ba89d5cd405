//! How fast a service is told to do things. EC2 and its kin grant an account so many calls at once and
//! so many a second after that, and whoever asks for more takes them from everybody else in it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Calls at once, and calls a second after that: what EC2 grants for calls that change something.
const AT_ONCE: f64 = 50.0;
const A_SECOND: f64 = 5.0;

/// A token bucket. Each call takes a token, and waits until there is one.
#[derive(Debug)]
pub(super) struct Bucket(Mutex<(f64, Instant)>);

impl Bucket {
    pub(super) fn full() -> Self {
        Self(Mutex::new((AT_ONCE, Instant::now())))
    }

    /// Takes a token. Whoever comes first is served first, and one that gives up has taken it.
    pub(super) async fn take(&self) {
        let wait = self.reserve();
        tokio::time::sleep(wait).await;
    }

    /// Takes a token that there may not be yet, and says how long that still takes.
    fn reserve(&self) -> Duration {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, at) = *bucket;
        let now = Instant::now();
        let tokens = (tokens + now.duration_since(at).as_secs_f64() * A_SECOND).min(AT_ONCE) - 1.0;
        *bucket = (tokens, now);
        Duration::from_secs_f64((-tokens / A_SECOND).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_what_comes_after_it_waits_its_turn() {
        let (bucket, start) = (Bucket::full(), Instant::now());
        for _ in 0..50 {
            bucket.take().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            bucket.take().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(1990), "{:?}", start.elapsed());
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(bucket.reserve(), Duration::ZERO, "it has filled again");
    }
}
