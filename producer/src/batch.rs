//! Batches: pictures submitted under one recipe.
//!
//! The order of writes: the batch document as growing, then for each picture its bytes and then its
//! job, at last the document as closed. A crash leaves at worst pictures below `inputs/` that no
//! job names, and the batch open; submitting the same names again goes on from there.

use std::collections::HashSet;

use pixmill_contract::ResultDocument;
use pixmill_contract::document::{BatchDocument, Source, Version};
use pixmill_contract::key::INPUTS;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, Job, JobId, Key, Pipeline, Recipe};
use tokio::task::JoinSet;

use crate::documents::{read_batch, write_batch};
use crate::ids::{Ids, ended};
use crate::patience::patiently;
use crate::picture::{Picture, job_of};
use crate::replies::ReplyQueue;
use crate::results::Results;
use crate::submit::send_all;

/// Pictures that are uploaded at once: each mostly waits for the store, and more of them than this
/// fill a line without being faster.
const UPLOADS: usize = 16;

/// Jobs that are sent together: enough that a message costs next to nothing, and so few that workers
/// have something to do soon after the first uploads.
const PAGE: usize = 100;

/// Puts pictures into a pipeline, and hands out what becomes of them. Clones are of the same one.
#[derive(Debug, Clone)]
pub struct Producer {
    pipeline: Pipeline,
}

impl Producer {
    /// A producer for this pipeline.
    pub fn new(pipeline: Pipeline) -> Self {
        Self { pipeline }
    }

    /// A batch of pictures that this is to be made of, to be opened.
    pub fn batch(&self, recipe: Recipe) -> NewBatch {
        let by = format!("pixmill-producer {}", env!("CARGO_PKG_VERSION"));
        NewBatch { pipeline: self.pipeline.clone(), recipe, id: None, by, replies: false }
    }
}

/// A batch that is about to be opened.
#[derive(Debug)]
#[must_use = "a batch begins when it is opened"]
pub struct NewBatch {
    pipeline: Pipeline,
    recipe: Recipe,
    id: Option<BatchId>,
    by: String,
    replies: bool,
}

impl NewBatch {
    /// The batch of this name, instead of a new one: one that is there already is gone on with.
    pub fn id(self, id: BatchId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Who or what sends it, for people.
    pub fn by(self, by: impl Into<String>) -> Self {
        Self { by: by.into(), ..self }
    }

    /// Has results come through a reply queue of this batch's own: at once, and for much less than
    /// asking the store for them. It is removed with the last result.
    pub fn with_replies(self) -> Self {
        Self { replies: true, ..self }
    }

    /// Opens it: from here on it is known, as growing. Refuses a recipe with overlays that are not
    /// in the store, and a batch that is there with another recipe.
    pub async fn open(self) -> Result<Batch, Error> {
        let Self { pipeline, recipe, id, by, replies } = self;
        let id = id.unwrap_or_else(|| BatchId::fresh(pipeline.clock.now()));
        let (document, was_there) = open_batch(&pipeline, id.clone(), &recipe, &by).await?;
        let (before, done) = if was_there {
            (uploaded(&pipeline, &id).await?, ended(&pipeline, &id).await?)
        } else {
            <_>::default()
        };
        let replies = if replies { Some(ReplyQueue::create(&pipeline).await?) } else { None };
        let results = Results::new(pipeline.clone(), id, replies, []);
        let sender =
            Sender { pipeline, document, recipe, before, done, ours: Ids::default(), new: 0 };
        Ok(Batch { sender, results })
    }
}

/// Says that a batch is there, and growing. Returns what it is, and whether it was there before.
pub(crate) async fn open_batch(
    pipeline: &Pipeline,
    batch: BatchId,
    recipe: &Recipe,
    by: &str,
) -> Result<(BatchDocument, bool), Error> {
    let refused = |why: String| Error::new(ErrorKind::Invalid, format!("open batch {batch}"), why);
    recipe.check_overlays().map_err(|error| refused(error.to_string()))?;
    let known = patiently(|| read_batch(pipeline, &batch)).await?;
    let was_there = known.is_some();
    let new = || BatchDocument {
        pixmill: Version,
        batch: batch.clone(),
        jobs: 0,
        closed: false,
        recipe: Some(recipe.clone()),
        created_at: pipeline.clock.now(),
        by: by.to_owned(),
    };
    let document = BatchDocument { closed: false, ..known.unwrap_or_else(new) };
    if document.recipe.as_ref().is_some_and(|known| known != recipe) {
        return Err(refused("it is there with another recipe; name another batch".to_owned()));
    }
    patiently(|| write_batch(pipeline, &document)).await?;
    Ok((document, was_there))
}

/// The jobs whose pictures were uploaded before.
async fn uploaded(pipeline: &Pipeline, batch: &BatchId) -> Result<Ids, Error> {
    let mut ids = Ids::default();
    let prefix = format!("{INPUTS}{batch}/");
    let mut after: Option<Key> = None;
    loop {
        let page = patiently(|| pipeline.store.list(&prefix, after.as_ref())).await?;
        let Some(last) = page.last() else { return Ok(ids) };
        after = Some(last.key.clone());
        for listed in &page {
            ids.insert(&job_of(None, &listed.key));
        }
    }
}

/// A batch that pictures are submitted to. Dropped without being closed it counts as still growing;
/// its jobs are done all the same, and opening it again by its id goes on with it.
#[derive(Debug)]
pub struct Batch {
    sender: Sender,
    results: Results,
}

impl Batch {
    /// Its id.
    pub fn id(&self) -> &BatchId {
        self.results.batch()
    }

    /// Submits a picture. When this returns `Ok` the job is accepted: it ends in exactly one
    /// result, whatever dies in between. A name that this batch had from an earlier process is the
    /// same job again, and nothing is sent if that has ended; twice from this one is refused.
    pub async fn submit(&mut self, picture: Picture) -> Result<JobId, Error> {
        let mut id = None;
        self.submit_all([picture], |accepted| id = Some(accepted.clone())).await?;
        Ok(id.expect("a picture that was not accepted is an error"))
    }

    /// Submits pictures, many at once, and tells of each job when it is accepted. The iterator is
    /// asked as pictures go out, so it may make them then. After an error what was told of is
    /// accepted, and everything else can be submitted again; after dropping the future only through
    /// another `Batch` of the same id.
    pub async fn submit_all(
        &mut self,
        pictures: impl IntoIterator<Item = Picture>,
        mut accepted: impl FnMut(&JobId),
    ) -> Result<(), Error> {
        let Self { sender, results } = self;
        let mut open = HashSet::new();
        let submitted = sender.submit_all(pictures, results.reply_to(), &mut open, |id, ended| {
            results.add(id.clone(), ended);
            accepted(id);
        });
        let submitted = submitted.await;
        for id in open {
            sender.forget(&id);
        }
        submitted
    }

    /// The result of one job of this batch, waiting for it. Jobs that nobody sends are waited for
    /// without an end.
    pub async fn wait(&mut self, id: &JobId) -> Result<ResultDocument, Error> {
        self.results.wait(id).await
    }

    /// Closes it: that was all of it. Returns the results that were not waited for yet.
    pub async fn close(self) -> Result<Results, Error> {
        let document = self.sender.closed();
        patiently(|| write_batch(&self.sender.pipeline, &document)).await?;
        Ok(self.results)
    }
}

/// The half of a batch that sends.
#[derive(Debug)]
struct Sender {
    pipeline: Pipeline,
    document: BatchDocument,
    recipe: Recipe,
    /// Jobs whose pictures were uploaded before this process.
    before: Ids,
    /// Jobs that had ended before it.
    done: Ids,
    /// Jobs that it submitted.
    ours: Ids,
    /// How many of ours were not uploaded before.
    new: usize,
}

impl Sender {
    /// Uploads and sends. `open` are the jobs that are under way; `accepted` is told of each that is
    /// not any more, and whether it had ended before.
    async fn submit_all(
        &mut self,
        pictures: impl IntoIterator<Item = Picture>,
        reply_to: Option<String>,
        open: &mut HashSet<JobId>,
        mut accepted: impl FnMut(&JobId, bool),
    ) -> Result<(), Error> {
        let mut pictures = pictures.into_iter();
        let mut uploads = JoinSet::new();
        let mut page: Vec<Job> = vec![];
        loop {
            while uploads.len() < UPLOADS
                && let Some(picture) = pictures.next()
            {
                let (source, payload) = self.take(picture)?;
                let job = self.job(source, reply_to.clone());
                if self.done.contains(&job.id) {
                    accepted(&job.id, true);
                    continue;
                }
                open.insert(job.id.clone());
                let pipeline = self.pipeline.clone();
                uploads.spawn(async move {
                    upload(&pipeline, &job.source.key, payload).await?;
                    Ok::<_, Error>(job)
                });
            }
            let uploaded = uploads.join_next().await;
            let is_last = uploaded.is_none();
            if let Some(job) = uploaded {
                page.push(job.expect("an upload neither panics nor is aborted")?);
            }
            if page.len() >= PAGE || is_last {
                send_all(&self.pipeline, &page).await?;
                for job in page.drain(..) {
                    open.remove(&job.id);
                    accepted(&job.id, false);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Counts a picture, and says where it is and what is to be uploaded.
    fn take(&mut self, picture: Picture) -> Result<(Source, Option<Payload>), Error> {
        let name = picture.name();
        let (source, payload) = picture.placed(&self.document.batch)?;
        let id = job_of(source.bucket.as_deref(), &source.key);
        if !self.ours.insert(&id) {
            let why = "another picture of that name was submitted to this batch";
            return Err(Error::new(ErrorKind::Invalid, format!("submit {name:?}"), why));
        }
        if !self.before.contains(&id) {
            self.new += 1;
        }
        Ok((source, payload))
    }

    /// Takes back that a job was submitted.
    fn forget(&mut self, id: &JobId) {
        self.ours.remove(id);
        if !self.before.contains(id) {
            self.new -= 1;
        }
    }

    fn job(&self, source: Source, reply_to: Option<String>) -> Job {
        let id = job_of(source.bucket.as_deref(), &source.key);
        let (batch, now) = (self.document.batch.clone(), self.pipeline.clock.now());
        let job = Job::new(id, batch, source.key.clone(), self.recipe.clone(), now);
        Job { source, reply_to, ..job }
    }

    /// What the batch is when nothing more comes: all that was uploaded, now and before. Of what
    /// an earlier process submitted by key alone only its own count is known.
    fn closed(&self) -> BatchDocument {
        let jobs = (self.before.len() + self.new) as u64;
        BatchDocument { jobs: jobs.max(self.document.jobs), closed: true, ..self.document.clone() }
    }
}

/// Puts a picture where its job will look for it.
async fn upload(pipeline: &Pipeline, key: &Key, payload: Option<Payload>) -> Result<(), Error> {
    let Some(payload) = payload else { return Ok(()) };
    let put = Put {
        key: key.clone(),
        payload,
        media_type: "application/octet-stream",
        // The same name again is the same picture again, as it is now.
        condition: Condition::Always,
        owner: None,
    };
    let put = patiently(|| pipeline.store.put(put.clone())).await;
    put.map(drop).map_err(|e| Error::new(e.kind(), format!("put {key} into the store"), e))
}
