//! Work that blocks or computes, done aside of the threads that everything waits on.
//!
//! It decides nothing and knows no work of its own: adapters and roles call it, so that where such
//! work is done has one home. In a simulation (see `testing::Simulation`) it is done in place.

use tokio::task::JoinError;

/// Does work on a thread where it may block. Dropping the future does not stop the work.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[cfg(feature = "testing")]
    if crate::testing::Simulation::is_on() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await
}
