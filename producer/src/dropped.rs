//! Pictures that were put into a drop folder: the jobs that follow from where they were put, and the
//! ends of those jobs.
//!
//! It is the form of S3's events for a directory: `drop/{recipe}/…` is worked on by the recipe of
//! that name, outputs mirror the path, and another content of the same name replaces them. What the
//! directory is, and how files get out of it, is for whoever calls this; here a picture is a path,
//! as text, and an etag.
//!
//! The order of writes: the caller keeps the [`Haul`], then it is sent, then its batches count it,
//! then the caller marks it as sent. A crash in between repeats all of it, with the same jobs and
//! the same counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::{BatchDocument, MAX_MESSAGE_BYTES, Source, Template, Version};
use pixmill_contract::key::DROP;
use pixmill_contract::port::{Etag, Queue, Receive};
use pixmill_contract::{
    BatchId, Error, ErrorKind, Job, JobId, Key, Pipeline, Recipe, ResultDocument,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::documents::{read_batch, read_result, write_batch};
use crate::manifest::announce;
use crate::patience::patiently;
use crate::submit::send_all;

/// The recipe of what is put directly into the folder.
pub const DEFAULT: &str = "default";

/// What the keys of outputs begin with, before the path in the folder. A component with a dot is no
/// batch, so that no other job's outputs are there by themselves.
pub const OUT: &str = "outputs/from.drop/";

/// The reply queue of whoever takes from the folder, of which there is one.
const REPLIES: &str = "replies-drop";

/// Replies taken at once; adapters clamp it.
const CHUNK: usize = 100;

/// How long a reply stays hidden while it is being read.
const VISIBILITY: Duration = Duration::from_secs(30);

/// After so long without news, what is waited for is looked for: replies may be lost.
const SILENCE: Duration = Duration::from_secs(10);

/// The recipe's name by which a picture at this path is worked on. A path whose first component
/// cannot name a recipe is `Invalid`.
pub fn recipe_of(path: &Key) -> Result<&str, Error> {
    let name = path.as_str().split_once('/').map_or(DEFAULT, |(name, _)| name);
    batch_of(name).map(|_| name)
}

fn batch_of(recipe: &str) -> Result<BatchId, Error> {
    BatchId::new(format!("drop-{recipe}")).map_err(|_| {
        let why = "a recipe's name has letters from A to Z, digits, _ and -, 59 of them at most";
        Error::new(ErrorKind::Invalid, format!("find a recipe called {recipe:?}"), why)
    })
}

/// The key of a picture of a haul, which is where its job reads it.
pub fn source_of(haul: &str, path: &Key) -> Result<Key, Error> {
    let invalid = |error| Error::new(ErrorKind::Invalid, format!("make a key of {path}"), error);
    Key::new(format!("{DROP}{haul}/{path}")).map_err(invalid)
}

/// The haul of a job's picture, and its path in the folder, as text.
pub fn place_of(job: &Job) -> Option<(&str, Key)> {
    let (haul, path) = job.source.key.as_str().strip_prefix(DROP)?.split_once('/')?;
    Some((haul, Key::new(path).ok()?))
}

/// Jobs that are sent together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Haul {
    pixmill: Version,
    /// How many jobs each batch had before this haul, so that a crash counts none twice.
    before: BTreeMap<BatchId, u64>,
    /// The jobs.
    pub jobs: Vec<Job>,
}

impl Haul {
    /// Its bytes, to be kept until all of it was sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a haul is JSON")
    }

    /// Reads what was kept; nothing if that is no haul.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The jobs of a drop folder that have not ended.
#[derive(Debug)]
pub struct Drops {
    pipeline: Pipeline,
    replies: Arc<dyn Queue>,
    open: HashMap<(BatchId, JobId), Job>,
    heard_at: Instant,
}

impl Drops {
    /// Those of a pipeline, of which none is known yet.
    pub async fn new(pipeline: Pipeline) -> Result<Self, Error> {
        let Some(replies) = pipeline.replies.open(REPLIES).await else {
            return Err(Error::bare(ErrorKind::Invalid, format!("open the queue {REPLIES}")));
        };
        Ok(Self { pipeline, replies, open: HashMap::new(), heard_at: Instant::now() })
    }

    /// The job of a picture of a haul; `Invalid` if there can be none.
    pub fn job(&self, haul: &str, path: &Key, etag: Etag, recipe: Recipe) -> Result<Job, Error> {
        let batch = batch_of(recipe_of(path)?)?;
        let key = source_of(haul, path)?;
        let id = JobId::derived(&[key.as_str().as_bytes(), etag.0.as_bytes()]);
        let outputs = outputs(path, !recipe.is_unnamed());
        let source = Source { bucket: None, key: key.clone(), etag: Some(etag) };
        let reply_to = Some(REPLIES.to_owned());
        let job = Job::new(id, batch, key, recipe, self.pipeline.clock.now());
        let job = Job { source, outputs, overwrite: true, reply_to, ..job };
        let length = job.body().len();
        if length > MAX_MESSAGE_BYTES {
            let attempt = format!("send a message of {length} bytes");
            return Err(Error::bare(ErrorKind::Invalid, attempt));
        }
        Ok(job)
    }

    /// The haul of these jobs, to be kept before it is sent.
    pub async fn plan(&self, jobs: Vec<Job>) -> Result<Haul, Error> {
        let mut before = BTreeMap::new();
        for job in &jobs {
            if !before.contains_key(&job.batch) {
                let known = patiently(|| read_batch(&self.pipeline, &job.batch)).await?;
                before.insert(job.batch.clone(), known.map_or(0, |batch| batch.jobs));
            }
        }
        Ok(Haul { pixmill: Version, before, jobs })
    }

    /// Sends a haul. From here on each of its jobs is known while it waits, and ends in a result.
    pub async fn send(&self, haul: &Haul) -> Result<(), Error> {
        for batch in haul.before.keys() {
            let of_batch = haul.jobs.iter().filter(|job| job.batch == *batch);
            let jobs: Vec<_> = of_batch.cloned().collect();
            announce(&self.pipeline, batch, &jobs).await?;
        }
        send_all(&self.pipeline, &haul.jobs).await
    }

    /// Has the batches of a haul count it, once it was sent; again is no more.
    pub async fn count(&self, haul: &Haul) -> Result<(), Error> {
        for (batch, before) in &haul.before {
            let known = patiently(|| read_batch(&self.pipeline, batch)).await?;
            let document = known.unwrap_or_else(|| BatchDocument {
                pixmill: Version,
                batch: batch.clone(),
                name: None,
                expected: None,
                jobs: 0,
                closed: false,
                recipe: None,
                created_at: self.pipeline.clock.now(),
                by: "drop folder".to_owned(),
            });
            let new = haul.jobs.iter().filter(|job| job.batch == *batch).count() as u64;
            let document = BatchDocument { jobs: before + new, ..document };
            patiently(|| write_batch(&self.pipeline, &document)).await?;
        }
        Ok(())
    }

    /// Waits for the ends of these jobs, too.
    pub fn follow(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.open.extend(jobs.into_iter().map(|job| ((job.batch.clone(), job.id.clone()), job)));
    }

    /// How many have not ended.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The ends that came to be known within `patience`, each once, with their jobs.
    pub async fn next(&mut self, patience: Duration) -> Result<Vec<(Job, ResultDocument)>, Error> {
        let request = Receive { max: CHUNK, wait: patience, visibility: VISIBILITY };
        let deliveries = self.replies.receive(request).await?;
        if deliveries.is_empty() {
            if self.open.is_empty() || self.heard_at.elapsed() < SILENCE {
                return Ok(vec![]);
            }
            return self.search().await;
        }
        self.heard_at = Instant::now();
        let (mut receipts, mut ended) = (vec![], vec![]);
        for delivery in deliveries {
            receipts.push(delivery.receipt);
            let Ok(result) = serde_json::from_str::<ResultDocument>(&delivery.body) else {
                continue;
            };
            let name = (result.batch.clone(), result.id.clone());
            if let Some(job) = self.open.remove(&name) {
                ended.push((job, result));
            }
        }
        for answer in self.replies.delete(receipts).await {
            if let Err(error) = answer {
                // It comes again and means nothing then.
                tracing::debug!(reason = error.chain(), "failed to delete a reply");
            }
        }
        Ok(ended)
    }

    /// What has ended unheard, by the results in the store.
    pub async fn catch_up(&mut self) -> Result<Vec<(Job, ResultDocument)>, Error> {
        self.heard_at = Instant::now();
        let mut found = vec![];
        for (batch, id) in self.open.keys() {
            found.extend(read_result(&self.pipeline, batch, id).await?);
        }
        let known = |result: ResultDocument| {
            let name = (result.batch.clone(), result.id.clone());
            Some((self.open.remove(&name)?, result))
        };
        Ok(found.into_iter().filter_map(known).collect())
    }

    /// The same, and sends again what has not ended though the queue is empty: no job is lost by a
    /// process that dies, but the machine's power may take what was written last.
    async fn search(&mut self) -> Result<Vec<(Job, ResultDocument)>, Error> {
        let is_empty = self.pipeline.jobs.depth().await?.total() == 0;
        let ended = self.catch_up().await?;
        if is_empty && !self.open.is_empty() {
            let lost: Vec<_> = self.open.values().cloned().collect();
            tracing::warn!(jobs = lost.len(), "sending again what got lost");
            if let Err(error) = send_all(&self.pipeline, &lost).await {
                // The next search does; what has ended is to be told of now.
                tracing::warn!(reason = error.chain(), "failed to send again what got lost");
            }
        }
        Ok(ended)
    }
}

/// Where the outputs of a picture go: its path once more, and behind it what tells outputs apart,
/// which holds no dots, so that no two pictures meet.
fn outputs(path: &Key, named: bool) -> Template {
    let path = path.as_str().replace('{', "{{").replace('}', "}}");
    let name = if named { ".{name}" } else { "" };
    format!("{OUT}{path}{name}.{{ext}}").parse().expect("braces of the path are escaped")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    #[test]
    fn the_first_folder_chooses_the_recipe() {
        for (path, recipe) in [
            ("web/a.jpg", "web"),
            ("web/2026/a.jpg", "web"),
            ("a.jpg", DEFAULT),
            ("default/a.jpg", DEFAULT),
        ] {
            assert_eq!(recipe_of(&key(path)).unwrap(), recipe, "{path}");
        }
        let long = format!("{}/a.jpg", "x".repeat(60));
        for bad in ["größe/a.jpg", "two words/a.jpg", "%FF/a.jpg", long.as_str()] {
            assert_eq!(recipe_of(&key(bad)).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }

    #[test]
    fn outputs_mirror_the_path_whatever_is_in_it() {
        let template = outputs(&key("web/{id}.jpg"), true);
        assert_eq!(template.to_string(), "outputs/from.drop/web/{{id}}.jpg.{name}.{ext}");
        assert_eq!(template.check(2), Ok(()));
        assert_eq!(outputs(&key("a.jpg"), false).to_string(), "outputs/from.drop/a.jpg.{ext}");
    }

    #[test]
    fn a_path_that_leaves_no_room_for_a_key_is_refused() {
        assert!(source_of("haul", &key("x/".repeat(505).trim_end_matches('/'))).is_ok());
        assert!(source_of("haul", &key("x/".repeat(512).trim_end_matches('/'))).is_err());
    }
}
