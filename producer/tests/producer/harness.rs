//! A pipeline in a temporary directory, with dead jobs in it.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::{AttemptNote, JobReading, Outcome, Timings, TroubleKind, Version};
use pixmill_contract::port::{Condition, Delivery, NewMessage, Payload, Put, Receive, send_one};
use pixmill_contract::testing::{
    FaultyQueue, FaultyReplies, FaultyStore, PausedClock, Plan, never,
};
use pixmill_contract::{
    BatchId, Buckets, Clock as _, Job, JobId, Key, Pipeline, Queue, RejectCode, ResultDocument,
    WorkerId,
};
use pixmill_local::{Durability, LocalBackend};
use pixmill_producer::Name;
use pixmill_producer::dead::Wanted;
use tempfile::TempDir;

/// Longer than any test.
pub(crate) const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// Longer than letters stay hidden by whoever was killed.
pub(crate) const SOON: Duration = Duration::from_secs(31);

pub(crate) struct World {
    pub(crate) backend: LocalBackend,
    pub(crate) clock: PausedClock,
    _data: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = PausedClock::new();
        let backend = LocalBackend::open(data.path(), Arc::new(clock), Durability::Process);
        Self { backend: backend.unwrap(), clock, _data: data }
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        self.faulty(&never())
    }

    /// The pipeline with faults in every port.
    pub(crate) fn faulty(&self, plan: &Plan) -> Pipeline {
        let queue = |queue: &pixmill_local::SqliteQueue| -> Arc<dyn Queue> {
            Arc::new(FaultyQueue::new(Arc::new(queue.clone()), Arc::clone(plan)))
        };
        let store = Arc::new(self.backend.store.clone());
        Pipeline {
            store: Arc::new(FaultyStore::new(store, Arc::clone(plan))),
            jobs: queue(&self.backend.jobs),
            dead_letters: queue(&self.backend.dead_letters),
            replies: Arc::new(FaultyReplies::new(Arc::new(self.backend.clone()), Arc::clone(plan))),
            buckets: Buckets::default(),
            clock: Arc::new(self.clock),
        }
    }

    pub(crate) fn job(&self, id: &str) -> Job {
        let (id, batch) = (JobId::new(id).unwrap(), BatchId::new("b").unwrap());
        let key = format!("inputs/{id}.png").parse().unwrap();
        Job::new(id, batch, key, "invert".parse().unwrap(), self.clock.now())
    }

    /// A job as a consumer leaves it that has given it up.
    pub(crate) async fn dead(&self, id: &str) -> Job {
        let job = self.job(id);
        let (code, reason) = (RejectCode::TooManyAttempts, "its worker died".to_owned());
        self.end(&job, Outcome::Dead { code, reason }).await;
        let mut note = AttemptNote::new(job.batch.clone(), job.id.clone());
        note.add(self.clock.now(), &worker(), TroubleKind::Deadline, "took too long");
        self.put(Key::attempts(&job.batch, &job.id), note.to_bytes()).await;
        self.send_letter(&job.body()).await;
        job
    }

    /// Writes a job's result.
    pub(crate) async fn end(&self, job: &Job, outcome: Outcome) -> ResultDocument {
        let result = ResultDocument {
            pixmill: Version,
            batch: job.batch.clone(),
            id: job.id.clone(),
            outcome,
            digest: job.digest(),
            job: Some(serde_json::to_value(job).unwrap()),
            source: None,
            receives: 5,
            troubles: vec![],
            redrive: job.redrive,
            worker: worker(),
            instance: "test".to_owned(),
            engine: "test".to_owned(),
            timings: Timings::default(),
            finished_at: self.clock.now(),
        };
        self.put(Key::result(&job.batch, &job.id), result.to_bytes()).await;
        result
    }

    /// Ends every job that waits, as a consumer does: result, reply, delete. Returns the jobs.
    pub(crate) async fn work(&self) -> Vec<Job> {
        let mut jobs = vec![];
        loop {
            let request = Receive { max: 10, wait: Duration::ZERO, visibility: SOON };
            let page = self.backend.jobs.receive(request).await.unwrap();
            if page.is_empty() {
                return jobs;
            }
            for delivery in page {
                let JobReading::Job { job, .. } = Job::read(&delivery.body) else { panic!() };
                let result = self.end(&job, Outcome::Done { outputs: vec![] }).await;
                if let Some(name) = &job.reply_to {
                    let queue = self.backend.replies(name).unwrap();
                    send_one(&queue, result.reply()).await.unwrap();
                }
                self.backend.jobs.delete(vec![delivery.receipt]).await.remove(0).unwrap();
                jobs.push(*job);
            }
        }
    }

    /// How many messages wait for workers.
    pub(crate) async fn depth(&self) -> u64 {
        self.backend.jobs.depth().await.unwrap().total()
    }

    /// Writes an object.
    pub(crate) async fn put(&self, key: Key, bytes: Vec<u8>) {
        let put = Put {
            key,
            payload: Payload::Bytes(bytes),
            media_type: "application/json",
            condition: Condition::Always,
            owner: None,
        };
        self.pipeline().store.put(put).await.unwrap();
    }

    pub(crate) async fn send_letter(&self, body: &str) {
        self.backend.dead_letters.send(vec![NewMessage::now(body)]).await.remove(0).unwrap();
    }

    /// The bodies of the letters that anybody can receive now.
    pub(crate) async fn letters(&self) -> Vec<String> {
        bodies(&self.backend.dead_letters).await
    }

    /// The bodies of the messages that were sent to workers.
    pub(crate) async fn messages(&self) -> Vec<String> {
        bodies(&self.backend.jobs).await
    }

    pub(crate) async fn outcome(&self, job: &Job) -> Option<Outcome> {
        let found =
            pixmill_producer::read_standing(&self.pipeline(), &job.batch, &job.id).await.unwrap();
        found.map(|standing| standing.document.unwrap().outcome)
    }

    pub(crate) async fn has_note(&self, job: &Job) -> bool {
        let note = pixmill_producer::read_note(&self.pipeline(), &job.batch, &job.id).await;
        note.unwrap().is_some()
    }
}

/// All letters.
pub(crate) fn all() -> Wanted {
    Wanted::default()
}

/// The letters of these names.
pub(crate) fn named(names: &[&str]) -> Wanted {
    let names = names.iter().map(|name| name.parse::<Name>().unwrap()).collect();
    Wanted { batch: None, names }
}

fn worker() -> WorkerId {
    WorkerId::new("w").unwrap()
}

/// What can be received now, in order of the text; it is given back.
async fn bodies(queue: &dyn Queue) -> Vec<String> {
    let request = Receive { max: 10, wait: Duration::ZERO, visibility: SOON };
    let mut held: Vec<Delivery> = vec![];
    loop {
        let page = queue.receive(request).await.unwrap();
        if page.is_empty() {
            break;
        }
        held.extend(page);
    }
    let entries = held.iter().map(|delivery| (delivery.receipt.clone(), Duration::ZERO)).collect();
    queue.change_visibility(entries).await.into_iter().for_each(Result::unwrap);
    let mut bodies: Vec<_> = held.into_iter().map(|delivery| delivery.body).collect();
    bodies.sort();
    bodies
}
