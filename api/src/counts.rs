//! What the API counts of itself, for metrics, and says of what it counts.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;
use pixmill_contract::BatchId;

/// Classes of statuses, from 1xx to 5xx.
const CLASSES: usize = 5;

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    answers: [AtomicU64; CLASSES],
    pictures: AtomicU64,
    bytes: AtomicU64,
    jobs: AtomicU64,
}

impl Counts {
    /// A request was answered so.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    /// A picture came, of so many bytes.
    pub(crate) fn uploaded(&self, bytes: u64) {
        self.pictures.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many jobs of a batch were accepted.
    pub(crate) fn accepted(&self, batch: &BatchId, jobs: usize) {
        tracing::info!(%batch, jobs, "accepted");
        self.jobs.fetch_add(jobs as u64, Ordering::Relaxed);
    }

    /// Requests by the class of their answer's status, `2xx` and so on.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (String, u64)> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.answers
            .iter()
            .enumerate()
            .map(move |(n, answers)| (format!("{}xx", n + 1), count(answers)))
    }

    /// Pictures that came, their bytes, and jobs that were accepted.
    pub(crate) fn taken(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.pictures), load(&self.bytes), load(&self.jobs))
    }
}
