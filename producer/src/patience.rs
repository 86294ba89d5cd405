//! The producer's one retry layer: what may pass is tried again a few times.

use std::time::Duration;

use pixmill_contract::{Backoff, Error};

/// How often a call is made before its failure is told.
pub(crate) const TRIES: u32 = 6;

/// The waits between the calls.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// Waits before the call is made again.
pub(crate) async fn pause(attempt: u32) {
    tokio::time::sleep(BACKOFF.wait(attempt, fastrand::f64())).await;
}

/// Makes a call until it succeeds, fails for good, or has been made often enough.
pub(crate) async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut attempt = 0;
    loop {
        match call().await {
            Err(error) if error.kind().may_pass() && attempt + 1 < TRIES => pause(attempt).await,
            answer => return answer,
        }
        attempt += 1;
    }
}
