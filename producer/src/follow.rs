//! Following jobs to their ends: by the replies, which cost in proportion to what is new; by the
//! results in the store, which are the truth, whenever there has been silence for too long, and where
//! there are no replies.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::ResultDocument;
use pixmill_contract::key::RESULTS;
use pixmill_contract::port::{Queue, Receive};
use pixmill_contract::{BatchId, Error, JobId, Pipeline};
use tokio::time::Instant;

use crate::documents::read_result;

/// After so long without a reply, the store is asked: replies may be lost.
const SILENCE: Duration = Duration::from_mins(1);

/// Replies taken at once; adapters clamp it.
const CHUNK: usize = 100;

/// A receive that brings so many has left some.
const AT_ONCE: usize = 10;

/// How long a reply stays hidden while it is being read; a crash in between costs nothing, because
/// whoever follows again asks the store.
const VISIBILITY: Duration = Duration::from_secs(30);

/// While more jobs than this are waited for, replies are taken together that come within `GATHERING`:
/// each look costs those who work the queue's lock, and nobody waits for an end but the last ones.
const MANY: usize = 16;
const GATHERING: Duration = Duration::from_millis(20);

/// So few jobs are looked for one by one; of more the results are listed.
const FEW: usize = 10;

/// The times between questions to the store where nobody replies: short at first, as a picture
/// takes a moment; doubled up to what listing a large batch is worth.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Pauses that grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// Waits for the ends of some jobs of a batch.
#[derive(Debug)]
pub struct Follower {
    pipeline: Pipeline,
    replies: Option<Arc<dyn Queue>>,
    batch: BatchId,
    waiting: HashSet<JobId>,
    heard_at: Instant,
    pauses: Pauses,
    /// When the store is asked next, where nobody replies.
    look_at: Instant,
    /// Whether the last receive has left replies.
    are_more: bool,
}

impl Follower {
    /// Follows these jobs by the replies in this queue, or by their results alone.
    pub fn new(
        pipeline: Pipeline,
        replies: Option<Arc<dyn Queue>>,
        batch: BatchId,
        jobs: impl IntoIterator<Item = JobId>,
    ) -> Self {
        let (waiting, now) = (jobs.into_iter().collect(), Instant::now());
        let pauses = Pauses::default();
        let are_more = false;
        Self { pipeline, replies, batch, waiting, heard_at: now, pauses, look_at: now, are_more }
    }

    /// Follows one job more.
    pub fn add(&mut self, id: JobId) {
        self.waiting.insert(id);
        (self.pauses, self.look_at) = (Pauses::default(), Instant::now());
    }

    /// How many have not ended.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The ends that came to be known within `patience`, each once; none if there was silence.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<ResultDocument>, Error> {
        let Some(replies) = self.replies.clone() else { return self.look(patience).await };
        if self.waiting.len() > MANY && !self.are_more {
            tokio::time::sleep(GATHERING.min(patience)).await;
        }
        let request = Receive { max: CHUNK, wait: patience, visibility: VISIBILITY };
        let deliveries = replies.receive(request).await?;
        self.are_more = deliveries.len() >= AT_ONCE;
        if deliveries.is_empty() {
            if self.heard_at.elapsed() < SILENCE {
                return Ok(vec![]);
            }
            return self.catch_up().await;
        }
        self.heard_at = Instant::now();
        let documents = deliveries.iter().map(|d| serde_json::from_str(&d.body));
        let documents: Vec<ResultDocument> = documents.filter_map(Result::ok).collect();
        let receipts = deliveries.into_iter().map(|d| d.receipt).collect();
        for answer in replies.delete(receipts).await {
            if let Err(error) = answer {
                // It comes again and is dropped then.
                tracing::debug!(reason = error.chain(), "failed to delete a reply");
            }
        }
        let batch = &self.batch;
        let waiting = &mut self.waiting;
        let new = |d: &ResultDocument| d.batch == *batch && waiting.remove(&d.id);
        Ok(documents.into_iter().filter(new).collect())
    }

    /// Asks the store, if it is time to within `patience`.
    async fn look(&mut self, patience: Duration) -> Result<Vec<ResultDocument>, Error> {
        if self.look_at > Instant::now() + patience {
            tokio::time::sleep(patience).await;
            return Ok(vec![]);
        }
        tokio::time::sleep_until(self.look_at).await;
        let ended = self.catch_up().await?;
        self.look_at = Instant::now() + self.pauses.next();
        Ok(ended)
    }

    /// Whether this job has not ended, as far as is known.
    pub fn is_waiting_for(&self, id: &JobId) -> bool {
        self.waiting.contains(id)
    }

    /// The ends of whatever has ended unheard, from the store.
    pub async fn catch_up(&mut self) -> Result<Vec<ResultDocument>, Error> {
        self.heard_at = Instant::now();
        let mut ended = Vec::new();
        if self.waiting.len() <= FEW {
            for id in self.waiting.clone() {
                ended.extend(read_result(&self.pipeline, &self.batch, &id).await?);
            }
            return Ok(self.told(ended));
        }
        let prefix = format!("{RESULTS}{}/", self.batch);
        let mut after = None;
        loop {
            let page = self.pipeline.store.list(&prefix, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for listed in page {
                let id = listed.key.file_name().strip_suffix(".json").map(JobId::new);
                let Some(Ok(id)) = id else { continue };
                if !self.waiting.contains(&id) {
                    continue;
                }
                ended.extend(read_result(&self.pipeline, &self.batch, &id).await?);
            }
        }
        Ok(self.told(ended))
    }

    /// No longer waits for these. Comes last: had a read failed, none of them were told.
    fn told(&mut self, ended: Vec<ResultDocument>) -> Vec<ResultDocument> {
        for result in &ended {
            self.waiting.remove(&result.id);
        }
        ended
    }
}
