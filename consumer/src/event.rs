//! Splitting an event of S3 into the jobs that it stands for: a picture that was put below
//! `drop/{recipe}/` is worked on by the recipe of that name.
//!
//! Events come twice, late and in any order. The job's id follows from everything that makes the
//! job what it is, so that duplicates fold together, and an event that the object has outlived is
//! dropped. What is put anywhere else is dropped too: our own outputs can never come round again.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use pixmill_contract::document::{Created, EventRecord, Outcome, Source, Template, bounded_reason};
use pixmill_contract::id::hash;
use pixmill_contract::key::DROP;
use pixmill_contract::port::NewMessage;
use pixmill_contract::{BatchId, Error, Job, JobId, Key, ObjectStore, Recipe, RejectCode};
use serde_json::Value as Json;

use crate::attempt::{Attempt, Identity};
use crate::fate::{Fate, Stop};
use crate::lease::Lease;
use crate::recipes::Named;
use crate::source::{self, Blame};
use crate::worker::Worker;

/// Records that are split at once: an event of any size takes little memory, and a crash repeats
/// little.
const GROUP: usize = 100;

/// Objects that are looked at at once.
const LOOKS: usize = 8;

/// The recipe of what is put directly into `drop/`.
const DEFAULT: &str = "default";

/// Only [`RejectCode::SourceMissing`] decides anything here; what else is wrong with a picture is
/// said by its job's result.
const BLAME: Blame = Blame {
    missing: RejectCode::SourceMissing,
    changed: RejectCode::SourceChanged,
    invalid: RejectCode::BadJob,
    denied: RejectCode::SourceDenied,
};

/// Sends the jobs of an event. Its message is deleted after that: a crash in between brings the
/// event again, and its jobs fold together with those that were sent, by their ids.
pub(crate) async fn split(worker: &Worker, lease: &Lease, records: Vec<EventRecord>) -> Fate {
    let dropped: Vec<_> = records.into_iter().filter_map(|r| Dropped::of(worker, r)).collect();
    for group in dropped.chunks(GROUP) {
        if let Err(fate) = split_group(worker, lease, group).await {
            return fate;
        }
    }
    Fate::Superseded
}

async fn split_group(worker: &Worker, lease: &Lease, group: &[Dropped]) -> Result<(), Fate> {
    let mut standing = vec![];
    for few in group.chunks(LOOKS) {
        let looks = together(few.iter().map(|dropped| dropped.stands(worker))).await;
        standing.extend(few.iter().zip(looks).filter(|(_, stands)| *stands));
    }
    let mut recipes = HashMap::new();
    let mut bodies = vec![];
    for (dropped, _) in standing {
        let key = &dropped.recipe_key;
        if !recipes.contains_key(key) {
            recipes.insert(key, worker.recipes.get(worker, key).await?);
        }
        match &recipes[key] {
            Named::Recipe(recipe) => bodies.push(dropped.job(worker, recipe).body()),
            Named::Bad { content, reason } => dropped.fail(worker, lease, content, reason).await?,
        }
    }
    Ok(send(worker, bodies).await?)
}

/// Sends all of these, however often the world fails some of them.
async fn send(worker: &Worker, mut bodies: Vec<String>) -> Result<(), Error> {
    let mut waiting = None;
    for attempt in 0.. {
        let messages = bodies.iter().map(NewMessage::now).collect();
        let answers = worker.pipeline.jobs.send(messages).await;
        let (mut failed, mut fault) = (vec![], None);
        for (body, answer) in bodies.into_iter().zip(answers) {
            match answer {
                Ok(()) => {}
                Err(error) if error.kind().is_the_worlds() => {
                    failed.push(body);
                    fault = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(error) = fault else { break };
        waiting.get_or_insert_with(|| worker.weather.waiting());
        worker.weather.gust(&error, attempt).await;
        bodies = failed;
    }
    Ok(())
}

/// An object that was put below `drop/`.
struct Dropped {
    created: Created,
    store: Arc<dyn ObjectStore>,
    /// Its bucket, if it is not the pipeline's own.
    bucket: Option<String>,
    batch: BatchId,
    recipe_key: Key,
}

impl Dropped {
    /// What a record says was dropped; nothing if nothing follows from it.
    fn of(worker: &Worker, record: EventRecord) -> Option<Self> {
        let created = match record {
            EventRecord::Created(created) => created,
            EventRecord::Ignored(why) => {
                tracing::debug!(why, "passed an event over");
                return None;
            }
        };
        let Created { bucket, key, .. } = &created;
        let Some(path) = key.as_str().strip_prefix(DROP) else {
            tracing::debug!(%key, "passed an event over: not below {DROP}");
            return None;
        };
        let name = path.split_once('/').map_or(DEFAULT, |(name, _)| name);
        // Whatever can be part of a batch's name can name a recipe.
        let Ok(batch) = BatchId::new(format!("s3-{name}")) else {
            tracing::warn!(%key, "dropped an event: {name:?} cannot be the name of a recipe");
            return None;
        };
        let Some(store) = worker.pipeline.sources_in(Some(bucket.as_str())).cloned() else {
            tracing::warn!(%key, bucket, "dropped an event of a bucket that is not allowed");
            return None;
        };
        let bucket = (!worker.pipeline.buckets.is_own(bucket)).then(|| bucket.clone());
        let recipe_key = Key::recipe(name).ok()?;
        Some(Self { created, store, bucket, batch, recipe_key })
    }

    /// Whether the object is still what the event tells of. Where that cannot be found out its job
    /// is sent all the same: it has attempts and a result to say why.
    async fn stands(&self, worker: &Worker) -> bool {
        let Created { key, etag, .. } = &self.created;
        let look = || async { Ok(Ok(self.store.head(key).await?.etag)) };
        let why = match source::patiently(worker, &BLAME, look).await {
            Ok(now) if now == *etag => return true,
            Ok(_) => "it is something else by now",
            Err(Stop::Rejected(rejection)) if rejection.code == RejectCode::SourceMissing => {
                "it is gone"
            }
            Err(_) => return true,
        };
        tracing::info!(%key, why, "dropped an event that its object has outlived");
        false
    }

    /// The name that its job has by what the store had for a recipe: a picture that is put again
    /// after its recipe was mended is another job.
    fn id(&self, recipe: &[&str]) -> JobId {
        let Created { bucket, key, etag, version } = &self.created;
        // The etag too: where versions are suspended, all of them are called `null`.
        let version = version.as_deref().unwrap_or_default();
        let texts = [bucket, key.as_str(), version, &etag.0, self.recipe_key.as_str()];
        let parts: Vec<_> = texts.iter().chain(recipe).map(|text| text.as_bytes()).collect();
        JobId::derived(&parts)
    }

    fn source(&self) -> Source {
        let Created { key, etag, .. } = &self.created;
        Source { bucket: self.bucket.clone(), key: key.clone(), etag: Some(etag.clone()) }
    }

    fn job(&self, worker: &Worker, recipe: &Recipe) -> Job {
        let (id, now) = (self.id(&["recipe", &recipe.to_string()]), worker.pipeline.clock.now());
        let (key, recipe) = (self.created.key.clone(), recipe.clone());
        let outputs = self.outputs(!recipe.is_unnamed());
        let job = Job::new(id, self.batch.clone(), key, recipe, now);
        Job { source: self.source(), outputs, overwrite: true, ..job }
    }

    /// Where its outputs go: what is below `drop/` once more, and behind it what tells outputs
    /// apart, which holds no dots, so that no two pictures meet. A component with a dot names no
    /// recipe, so that no two buckets do.
    fn outputs(&self, named: bool) -> Template {
        let path = self.created.key.as_str().strip_prefix(DROP).unwrap_or_default();
        let path = match &self.bucket {
            Some(bucket) => format!("from.{bucket}/{path}"),
            None => path.to_owned(),
        };
        let path = path.replace('{', "{{").replace('}', "}}");
        let name = if named { ".{name}" } else { "" };
        let text = format!("outputs/{{batch}}/{path}{name}.{{ext}}");
        text.parse().expect("braces of the path are escaped")
    }

    /// Ends the job that this would be for want of a recipe.
    async fn fail(
        &self,
        worker: &Worker,
        lease: &Lease,
        content: &str,
        reason: &str,
    ) -> Result<(), Fate> {
        let id = self.id(&["none", content]);
        let mut body = serde_json::json!({
            "pixmill": 1, "batch": self.batch, "id": id, "source": self.source(),
        });
        // The same for whoever reads the event again, so that the first result is found.
        let digest = hash(&[body.to_string().as_bytes()]);
        body["submitted_at"] = Json::String(worker.pipeline.clock.now().to_string());
        let identity = Identity { batch: self.batch.clone(), id, digest, redrive: 0 };
        let failed =
            Outcome::Failed { code: RejectCode::BadRecipe, reason: bounded_reason(reason) };
        let fate = Attempt::new(worker, lease, identity, body).end(failed).await;
        if !matches!(fate, Fate::Ended(_)) {
            return Err(fate);
        }
        tracing::warn!(key = %self.created.key, reason, "failed a picture");
        Ok(())
    }
}

/// What all of these give, waiting for them at the same time.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, answer) in &mut running {
            if answer.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if running.iter().any(|(_, answer)| answer.is_none()) {
            return Poll::Pending;
        }
        Poll::Ready(running.drain(..).filter_map(|(_, answer)| answer).collect())
    })
    .await
}
