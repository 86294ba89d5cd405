//! A walk over the dead-letter queue. A queue can only be received from, so a walk hides what it
//! has seen until it is over, and gives back then what it has not deleted. If it is killed, letters
//! come back by themselves, soon.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::port::{Queue, Receipt, Receive};
use pixmill_contract::{Error, ErrorKind, Pipeline};
use tokio::time::Instant;

use super::letter::Letter;
use crate::patience::patiently;

/// How long letters stay hidden if the walk is killed; while it lives it renews that.
const HIDDEN: Duration = Duration::from_secs(30);

/// How long to wait for letters that must be there: a queue may need a moment to find them.
const WAIT: Duration = Duration::from_secs(1);

/// Letters received at once; adapters clamp it.
const CHUNK: usize = 100;

/// A walk that has begun.
pub(super) struct Walk {
    queue: Arc<dyn Queue>,
    expected: u64,
    seen: u64,
    held: Vec<Receipt>,
    renewed_at: Instant,
}

impl Walk {
    pub(super) async fn begin(pipeline: &Pipeline) -> Result<Self, Error> {
        let queue = Arc::clone(&pipeline.dead_letters);
        let expected = patiently(|| queue.depth()).await?.total();
        Ok(Self { queue, expected, seen: 0, held: vec![], renewed_at: Instant::now() })
    }

    /// The next letters, hidden from others; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Letter>>, Error> {
        self.renew().await;
        let wait = if self.seen < self.expected { WAIT } else { Duration::ZERO };
        let request = Receive { max: CHUNK, wait, visibility: HIDDEN };
        let deliveries = patiently(|| self.queue.receive(request)).await?;
        self.seen += deliveries.len() as u64;
        let letters: Vec<_> = deliveries.into_iter().map(Letter::new).collect();
        Ok((!letters.is_empty()).then_some(letters))
    }

    /// Keeps letters hidden until the walk is over.
    pub(super) fn hold(&mut self, letters: &[Letter]) {
        self.held.extend(letters.iter().map(|letter| letter.receipt.clone()));
    }

    /// Deletes letters. One that somebody else has by now is theirs to delete.
    pub(super) async fn delete(&self, letters: &[&Letter]) -> Result<(), Error> {
        let receipts = |letters: &[&Letter]| letters.iter().map(|l| l.receipt.clone()).collect();
        let delete = || async {
            let answers = self.queue.delete(receipts(letters)).await;
            let failed = answers.into_iter().filter_map(Result::err);
            failed.filter(|e| e.kind() != ErrorKind::LeaseLost).map(Err).next().unwrap_or(Ok(()))
        };
        patiently(delete).await
    }

    async fn renew(&mut self) {
        if self.renewed_at.elapsed() > HIDDEN / 3 {
            self.renewed_at = Instant::now();
            self.hide(HIDDEN).await;
        }
    }

    /// Gives back what is held, and returns how many letters somebody else holds, about.
    pub(super) async fn end(self) -> u64 {
        let depth = self.queue.depth().await;
        self.hide(Duration::ZERO).await;
        depth.map_or(0, |depth| depth.in_flight.saturating_sub(self.held.len() as u64))
    }

    async fn hide(&self, time: Duration) {
        let entries = self.held.iter().map(|receipt| (receipt.clone(), time)).collect();
        for answer in self.queue.change_visibility(entries).await {
            if let Err(error) = answer {
                // It comes back by itself, and somebody may have it already.
                tracing::debug!(reason = error.chain(), "failed to hide or release a letter");
            }
        }
    }
}
