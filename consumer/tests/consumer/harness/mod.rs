//! A pipeline in a temporary directory, jobs for it, and what became of them.
//!
//! Time is paused and moves by itself when nothing is going on. What the machine does in the
//! meantime holds it still (see `still`), so a test that waits for minutes takes milliseconds.

mod http;
mod pictures;
mod plans;
mod running;
mod still;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::{AttemptNote, OutputRecord};
use pixmill_contract::port::{Condition, Depth, Etag, NewMessage, OwnerTag, Payload, Put, Receive};
use pixmill_contract::testing::PausedClock;
use pixmill_contract::{
    BatchId, Clock as _, Job, JobId, Key, ObjectStore as _, Outcome, Queue as _, ResultDocument,
};
use pixmill_local::{Durability, LocalBackend, SqliteQueue};
use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) use self::http::{Answer, ask, get};
pub(crate) use self::pictures::picture;
pub(crate) use self::plans::{
    Switch, all_of, concerns, fails, hangs_at, is_source, nth_for, slow, while_on,
};
pub(crate) use self::running::{BUCKET, Start, VISIBILITY};
use self::still::Still;

/// What the jobs make of their pictures, unless a test says otherwise.
pub(crate) const RECIPE: &str = "small = resize:4 -> png; negative = invert -> png";

/// Longest that anything is waited for, in paused time.
const PATIENCE: Duration = Duration::from_mins(20);

/// The reply queue that jobs may name.
pub(crate) const REPLIES: &str = "replies-test";

/// A pipeline of its own.
pub(crate) struct World {
    pub(crate) backend: LocalBackend,
    pub(crate) clock: PausedClock,
    still: Arc<Still>,
    _data: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = PausedClock::new();
        let backend = LocalBackend::open(data.path(), Arc::new(clock), Durability::Process);
        Self { backend: backend.unwrap(), clock, still: Arc::default(), _data: data }
    }

    /// A consumer of it that is not running yet.
    pub(crate) fn consumer(&self, worker: &str) -> Start<'_> {
        Start::new(self, worker)
    }

    /// Puts a small picture for the job of this name, and returns the job.
    pub(crate) async fn job(&self, id: &str) -> Job {
        self.job_with(id, &picture(8, 6)).await
    }

    /// Puts these bytes as the source of the job of this name, and returns the job.
    pub(crate) async fn job_with(&self, id: &str, source: &[u8]) -> Job {
        let key = format!("inputs/{id}.png");
        self.put(&key, source, None).await;
        let (id, batch) = (JobId::new(id).unwrap(), BatchId::single());
        Job::new(id, batch, key.parse().unwrap(), RECIPE.parse().unwrap(), self.clock.now())
    }

    /// Puts a picture and sends its job.
    pub(crate) async fn submit(&self, id: &str) -> Job {
        let job = self.job(id).await;
        self.send(&job.body()).await;
        job
    }

    /// Puts these bytes and sends their job.
    pub(crate) async fn submit_with(&self, id: &str, source: &[u8]) -> Job {
        let job = self.job_with(id, source).await;
        self.send(&job.body()).await;
        job
    }

    pub(crate) async fn send(&self, body: &str) {
        self.backend.jobs.send(vec![NewMessage::now(body)]).await.remove(0).unwrap();
    }

    /// Receives whatever is in the queue so often and gives it back, as workers do that have to go.
    pub(crate) async fn age(&self, receives: u32) {
        self.age_and_hide(receives, Duration::ZERO).await;
    }

    /// The same, but that it comes back only after so long.
    pub(crate) async fn age_and_hide(&self, receives: u32, hidden: Duration) {
        let request = Receive { max: 10, wait: Duration::ZERO, visibility: VISIBILITY };
        for receive in 1..=receives {
            let hidden = if receive == receives { hidden } else { Duration::ZERO };
            let deliveries = self.backend.jobs.receive(request).await.unwrap();
            let entries = deliveries.into_iter().map(|d| (d.receipt, hidden)).collect();
            for answer in self.backend.jobs.change_visibility(entries).await {
                answer.unwrap();
            }
        }
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8], owner: Option<OwnerTag>) -> Etag {
        let put = Put {
            key: key.parse().unwrap(),
            payload: Payload::Bytes(bytes.to_vec()),
            media_type: "application/octet-stream",
            condition: Condition::Always,
            owner,
        };
        self.backend.store.put(put).await.unwrap()
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let object = self.backend.store.get(&key.parse().unwrap(), None).await.ok()?;
        Some(object.bytes().await.unwrap())
    }

    /// The keys under a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let lines = self.backend.store.list(prefix, None).await.unwrap();
        lines.into_iter().map(|line| line.key.to_string()).collect()
    }

    /// All outputs, by key.
    pub(crate) async fn outputs(&self) -> Vec<(String, Vec<u8>)> {
        let mut outputs = vec![];
        for key in self.keys("outputs/").await {
            let bytes = self.get(&key).await.unwrap();
            outputs.push((key, bytes));
        }
        outputs
    }

    pub(crate) async fn result(&self, id: &str) -> Option<ResultDocument> {
        let bytes = self.get(Self::result_key(id).as_str()).await?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) fn result_key(id: &str) -> Key {
        Key::result(&BatchId::single(), &JobId::new(id).unwrap())
    }

    /// The attempt note of a job; an empty one where there is none.
    pub(crate) async fn note(&self, id: &str) -> AttemptNote {
        let (batch, id) = (BatchId::single(), JobId::new(id).unwrap());
        match self.get(Key::attempts(&batch, &id).as_str()).await {
            Some(bytes) => serde_json::from_slice(&bytes).unwrap(),
            None => AttemptNote::new(batch, id),
        }
    }

    pub(crate) async fn put_note(&self, note: &AttemptNote) {
        let key = Key::attempts(&note.batch, &note.id);
        self.put(key.as_str(), &note.to_bytes(), None).await;
    }

    pub(crate) async fn depth(&self) -> Depth {
        self.backend.jobs.depth().await.unwrap()
    }

    /// Waits until a job has its result.
    pub(crate) async fn ended(&self, id: &str) -> ResultDocument {
        eventually(id, || async { self.result(id).await.filter(|r| r.outcome.is_end()) }).await
    }

    /// Waits until no message is left, hidden or not.
    pub(crate) async fn settled(&self) {
        let empty = || async { (self.depth().await == Depth::default()).then_some(()) };
        eventually("an empty queue", empty).await;
    }

    /// The bodies in the dead-letter queue; they are gone from there afterwards.
    pub(crate) async fn dead_letters(&self) -> Vec<String> {
        take_all(&self.backend.dead_letters).await
    }

    /// The replies so far; they are gone from their queue afterwards.
    pub(crate) async fn replies(&self) -> Vec<ResultDocument> {
        let bodies = take_all(&self.backend.replies(REPLIES).unwrap()).await;
        bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// Every call that consumers made so far, in order: worker, operation, key.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.still.calls()
    }

    /// The calls that hold this text.
    pub(crate) fn calls_of(&self, text: &str) -> Vec<String> {
        self.calls().into_iter().filter(|call| call.contains(text)).collect()
    }

    /// When a call that holds this text came, as its place among all calls.
    pub(crate) fn place(&self, text: &str) -> usize {
        let calls = self.calls();
        let place = calls.iter().position(|call| call.contains(text));
        place.unwrap_or_else(|| panic!("{text} was not called: {calls:#?}"))
    }

    /// Waits until a call that holds this text has begun.
    pub(crate) async fn called(&self, text: &str) {
        eventually(text, || async { (!self.calls_of(text).is_empty()).then_some(()) }).await;
    }
}

/// A job with a queue for its reply.
pub(crate) fn with_reply(job: Job) -> Job {
    Job { reply_to: Some(REPLIES.to_owned()), ..job }
}

/// The code of a failure, or the state.
pub(crate) fn code(result: &ResultDocument) -> &'static str {
    match &result.outcome {
        Outcome::Failed { code, .. } => code.as_str(),
        Outcome::Done { .. } | Outcome::Dead { .. } | Outcome::Redriven { .. } => {
            result.outcome.state()
        }
    }
}

/// The outputs of a job that is done.
pub(crate) fn records(result: &ResultDocument) -> &[OutputRecord] {
    let Outcome::Done { outputs } = &result.outcome else { panic!("not done: {result:?}") };
    outputs
}

/// Asks again and again, with a bound, until there is an answer.
pub(crate) async fn eventually<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lets so much time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

async fn take_all(queue: &SqliteQueue) -> Vec<String> {
    let request = Receive { max: 10, wait: Duration::ZERO, visibility: VISIBILITY };
    let mut bodies = vec![];
    loop {
        let deliveries = queue.receive(request).await.unwrap();
        if deliveries.is_empty() {
            return bodies;
        }
        for delivery in deliveries {
            bodies.push(delivery.body);
            queue.delete(vec![delivery.receipt]).await.remove(0).unwrap();
        }
    }
}
