//! Memory admission: a picture is only worked on when its estimated memory is free.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is counted out, so that a semaphore's permits suffice for terabytes.
const UNIT_BYTES: u64 = 64 * 1024;

/// The memory that pictures in work may take up together.
#[derive(Debug)]
pub(crate) struct Admission {
    units: Arc<Semaphore>,
    total: u32,
}

impl Admission {
    pub(crate) fn new(bytes: u64) -> Self {
        let total = units(bytes).max(1);
        Self { units: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits until so much memory is free and takes it. First come, first served, so that a large
    /// picture is not overtaken for ever by small ones.
    pub(crate) async fn admit(&self, bytes: u64) -> OwnedSemaphorePermit {
        // One that is larger than everything waits until it is alone.
        let wanted = units(bytes).clamp(1, self.total);
        let permit = Arc::clone(&self.units).acquire_many_owned(wanted).await;
        permit.expect("the semaphore is never closed")
    }
}

fn units(bytes: u64) -> u32 {
    let units = bytes.div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS as u64);
    u32::try_from(units).unwrap_or(u32::MAX)
}
