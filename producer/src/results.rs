//! The results of a batch, as they come.

use std::collections::BTreeMap;
use std::time::Duration;

use pixmill_contract::document::ResultDocument;
use pixmill_contract::{BatchId, Error, JobId, Pipeline};

use crate::documents::read_result;
use crate::follow::{Follower, Pauses};
use crate::patience::patiently;
use crate::replies::ReplyQueue;

/// How long one look for replies waits; the longest that queues allow.
const LOOK: Duration = Duration::from_secs(20);

/// The results of a batch's jobs, each once, as they come to be known. With a reply queue what they
/// cost is in proportion to what is new, and they come without their jobs' messages; without one
/// the store is asked, at growing intervals.
#[derive(Debug)]
pub struct Results {
    pipeline: Pipeline,
    batch: BatchId,
    follower: Follower,
    replies: Option<ReplyQueue>,
    /// What came while something else was waited for.
    early: BTreeMap<JobId, ResultDocument>,
    /// Whether something may have ended before anybody listened.
    is_late: bool,
}

impl Results {
    /// The results of these jobs, which name this queue in `reply_to`, if there is one.
    pub fn new(
        pipeline: Pipeline,
        batch: BatchId,
        replies: Option<ReplyQueue>,
        jobs: impl IntoIterator<Item = JobId>,
    ) -> Self {
        let queue = replies.as_ref().map(ReplyQueue::queue);
        let follower = Follower::new(pipeline.clone(), queue, batch.clone(), jobs);
        Self { pipeline, batch, follower, replies, early: BTreeMap::new(), is_late: false }
    }

    /// The batch.
    pub fn batch(&self) -> &BatchId {
        &self.batch
    }

    /// How many are still to come.
    pub fn left(&self) -> usize {
        self.follower.waiting() + self.early.len()
    }

    /// The next result, waiting for it; `None` once all were there. Dropping the future loses
    /// nothing: what was on its way comes a little later.
    pub async fn next(&mut self) -> Result<Option<ResultDocument>, Error> {
        loop {
            if let Some((_, result)) = self.early.pop_first() {
                return Ok(Some(result));
            }
            if self.follower.waiting() == 0 {
                self.stop_listening().await;
                return Ok(None);
            }
            self.listen().await?;
        }
    }

    /// The result of one job, waiting for it; [`next`](Self::next) then leaves it out. A job that
    /// nobody sends is waited for without an end.
    pub async fn wait(&mut self, id: &JobId) -> Result<ResultDocument, Error> {
        loop {
            if let Some(result) = self.early.remove(id) {
                return Ok(result);
            }
            if !self.follower.is_waiting_for(id) {
                break;
            }
            self.listen().await?;
        }
        // It was given out before, or is somebody else's.
        let mut pauses = Pauses::default();
        loop {
            let read = || read_result(&self.pipeline, &self.batch, id);
            if let Some(result) = patiently(read).await? {
                return Ok(result);
            }
            tokio::time::sleep(pauses.next()).await;
        }
    }

    /// Ends the waiting, and removes the reply queue.
    pub async fn stop(mut self) {
        self.stop_listening().await;
    }

    pub(crate) fn reply_to(&self) -> Option<String> {
        self.replies.as_ref().map(|replies| replies.name().to_owned())
    }

    /// Another job to wait for; `has_ended` if no reply will come any more.
    pub(crate) fn add(&mut self, id: JobId, has_ended: bool) {
        self.is_late |= has_ended;
        self.follower.add(id);
    }

    async fn listen(&mut self) -> Result<(), Error> {
        let mut attempt = 0;
        let news = loop {
            let news = if self.is_late {
                self.follower.catch_up().await
            } else {
                self.follower.next(LOOK).await
            };
            match news {
                Err(error) if error.kind().may_pass() && attempt + 1 < crate::patience::TRIES => {
                    crate::patience::pause(attempt).await;
                    attempt += 1;
                }
                news => break news?,
            }
        };
        self.is_late = false;
        self.early.extend(news.into_iter().map(|result| (result.id.clone(), result)));
        Ok(())
    }

    async fn stop_listening(&mut self) {
        if let Some(replies) = self.replies.take()
            && let Err(error) = replies.remove().await
        {
            tracing::warn!(reason = error.chain(), "failed to remove a reply queue");
        }
    }
}
