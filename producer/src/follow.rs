//! Following jobs to their ends: by the replies, which cost in proportion to what is new; by the
//! results in the store, which are the truth, whenever there has been silence for too long.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::ResultDocument;
use pixmill_contract::port::{Queue, Receive};
use pixmill_contract::{BatchId, Error, JobId, Pipeline};
use tokio::time::Instant;

use crate::documents::read_result;

/// After so long without a reply, the store is asked: replies may be lost.
const SILENCE: Duration = Duration::from_mins(1);

/// Replies taken at once; adapters clamp it.
const CHUNK: usize = 100;

/// How long a reply stays hidden while it is being read; a crash in between costs nothing, because
/// whoever follows again asks the store.
const VISIBILITY: Duration = Duration::from_secs(30);

/// Waits for the ends of some jobs of a batch.
#[derive(Debug)]
pub struct Follower {
    pipeline: Pipeline,
    replies: Arc<dyn Queue>,
    batch: BatchId,
    waiting: HashSet<JobId>,
    heard_at: Instant,
}

impl Follower {
    /// Follows these jobs by the replies in this queue.
    pub fn new(
        pipeline: Pipeline,
        replies: Arc<dyn Queue>,
        batch: BatchId,
        jobs: impl IntoIterator<Item = JobId>,
    ) -> Self {
        let waiting = jobs.into_iter().collect();
        Self { pipeline, replies, batch, waiting, heard_at: Instant::now() }
    }

    /// How many have not ended.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The ends that came to be known within `patience`, each once; none if there was silence.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<ResultDocument>, Error> {
        let request = Receive { max: CHUNK, wait: patience, visibility: VISIBILITY };
        let deliveries = self.replies.receive(request).await?;
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
        for answer in self.replies.delete(receipts).await {
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

    /// Whether this job has not ended, as far as is known.
    pub fn is_waiting_for(&self, id: &JobId) -> bool {
        self.waiting.contains(id)
    }

    /// The ends of whatever has ended unheard, from the store.
    pub async fn catch_up(&mut self) -> Result<Vec<ResultDocument>, Error> {
        self.heard_at = Instant::now();
        let prefix = format!("{}{}/", pixmill_contract::key::RESULTS, self.batch);
        let mut ended = Vec::new();
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
                if let Some(result) = read_result(&self.pipeline, &self.batch, &id).await? {
                    self.waiting.remove(&id);
                    ended.push(result);
                }
            }
        }
        Ok(ended)
    }
}
