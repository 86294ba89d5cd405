//! Reply queues on SQS: real queues, which whoever waits makes and removes.
//!
//! They are named after the job queue (`{queue}-replies-{id}`), so that a policy can allow them by a
//! pattern, and no job can have its reply sent to a queue of somebody else's. What nobody fetches is
//! dropped after a day (R4); an empty queue costs nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use pixmill_contract::error::Result;
use pixmill_contract::{Clock as _, Error, ErrorKind, JobId, Queue, ReplyQueues, SystemClock};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::backend::find;
use crate::error::of_call;
use crate::names::queue_name;
use crate::queue::{Linger, SqsQueue};

const INFIX: &str = "-replies-";

/// Longest name of a queue.
const MAX_NAME: usize = 80;

/// As much of the job queue's name as leaves room for an identifier.
const MAX_BASE: usize = 30;

/// How long a reply waits for its reader, in seconds: a day.
const RETENTION_SECONDS: &str = "86400";

/// How long a worker believes that a queue is there: one that is removed takes replies that nobody
/// misses.
const REMEMBERED: Duration = Duration::from_mins(5);

/// How long it believes that a queue is not: SQS may say so of one that was just made.
const REMEMBERED_MISSING: Duration = Duration::from_secs(10);

/// Names that a worker remembers at most; beyond that it asks again.
const MAX_REMEMBERED: usize = 1000;

/// The reply queues of a pipeline. Clones are handles of the same ones.
#[derive(Debug, Clone)]
pub struct SqsReplies {
    client: Client,
    prefix: String,
    linger: Linger,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

/// What is found out about a name, and since when. Whoever asks meanwhile waits for the same answer,
/// so that the jobs of one batch cost one request.
#[derive(Debug)]
struct Known {
    at: Instant,
    queue: Arc<OnceCell<Found>>,
}

#[derive(Debug)]
enum Found {
    There(SqsQueue),
    Missing,
    /// Nobody could say; whoever asks next asks anew.
    Unknown,
}

impl Known {
    fn holds(&self) -> bool {
        let believed = match self.queue.get() {
            // It is being asked for.
            None => return true,
            Some(Found::There(_)) => REMEMBERED,
            Some(Found::Missing) => REMEMBERED_MISSING,
            Some(Found::Unknown) => return false,
        };
        self.at.elapsed() < believed
    }
}

impl SqsReplies {
    pub(crate) fn new(client: Client, jobs: &SqsQueue, linger: Linger) -> Self {
        let base: String = queue_name(jobs.url()).chars().take(MAX_BASE).collect();
        Self { client, prefix: base + INFIX, linger, known: Arc::default() }
    }

    /// Whether a queue of that name can be one of these.
    fn is_ours(&self, name: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        name.len() <= MAX_NAME
            && name.strip_prefix(&self.prefix).is_some_and(|id| !id.is_empty())
            && name.chars().all(plain)
    }

    /// What is known of that name, or will be.
    fn known(&self, name: &str) -> Arc<OnceCell<Found>> {
        let mut known = self.known.lock().expect("no code panics with this lock");
        if let Some(known) = known.get(name).filter(|known| known.holds()) {
            return Arc::clone(&known.queue);
        }
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        let queue = Arc::default();
        let fresh = Known { at: Instant::now(), queue: Arc::clone(&queue) };
        known.insert(name.to_owned(), fresh);
        queue
    }

    async fn look_up(&self, name: &str) -> Found {
        match find(&self.client, name).await {
            Ok(url) => Found::There(SqsQueue::new(self.client.clone(), url, self.linger)),
            Err(error) if error.kind() == ErrorKind::NotFound => Found::Missing,
            Err(error) => {
                tracing::warn!(reason = error.chain(), "failed to find a reply queue");
                Found::Unknown
            }
        }
    }
}

#[async_trait]
impl ReplyQueues for SqsReplies {
    async fn create(&self) -> Result<(String, Arc<dyn Queue>)> {
        let name = format!("{}{}", self.prefix, JobId::fresh(SystemClock.now()));
        let call = self.client.create_queue().queue_name(&name).tags("pixmill", "replies");
        let call = call.attributes(QueueAttributeName::MessageRetentionPeriod, RETENTION_SECONDS);
        let output = call.send().await;
        let output = output.map_err(|e| of_call(format!("make the reply queue {name}"), &e))?;
        let nameless = || Error::bare(ErrorKind::Unavailable, format!("learn the URL of {name}"));
        let url = output.queue_url.ok_or_else(nameless)?;
        Ok((name, Arc::new(SqsQueue::new(self.client.clone(), url, Linger::default()))))
    }

    async fn open(&self, name: &str) -> Option<Arc<dyn Queue>> {
        if !self.is_ours(name) {
            return None;
        }
        let known = self.known(name);
        match known.get_or_init(|| self.look_up(name)).await {
            Found::There(queue) => Some(Arc::new(queue.clone())),
            Found::Missing | Found::Unknown => None,
        }
    }

    async fn remove(&self, name: &str) -> Result<()> {
        let attempt = || format!("remove the reply queue {name}");
        if !self.is_ours(name) {
            let why = format!("its name does not begin with {}", self.prefix);
            return Err(Error::new(ErrorKind::Invalid, attempt(), why));
        }
        let removed = match find(&self.client, name).await {
            Ok(url) => {
                let answer = self.client.delete_queue().queue_url(url).send().await;
                answer.map(drop).map_err(|e| of_call(attempt(), &e))
            }
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
