//! The half of a batch that sends: uploads that overlap, and jobs that follow them in pages.

use std::collections::{BTreeSet, HashSet};

use pixmill_contract::document::{BatchDocument, Source};
use pixmill_contract::key::INPUTS;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, Job, JobId, Key, Pipeline, Recipe};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::documents::write_batch;
use crate::ids::{Ids, ended};
use crate::manifest::{announce, members};
use crate::patience::patiently;
use crate::picture::{Picture, job_of};
use crate::submit::send_all;

/// Pictures that are uploaded at once: each mostly waits for the store, and more of them than this
/// fill a line without being faster.
const UPLOADS: usize = 16;

/// Jobs that are sent together: enough that a message costs next to nothing, and so few that workers
/// have something to do soon after the first uploads.
const PAGE: usize = 100;

/// What sends the jobs of a batch.
#[derive(Debug)]
pub(crate) struct Sender {
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
    /// The sender of a batch, which has to know what is there of one that was there before.
    pub(crate) async fn open(
        pipeline: Pipeline,
        document: BatchDocument,
        recipe: Recipe,
        was_there: bool,
    ) -> Result<Self, Error> {
        let (before, done) = if was_there {
            let batch = &document.batch;
            (uploaded(&pipeline, batch).await?, ended(&pipeline, batch).await?)
        } else {
            <_>::default()
        };
        Ok(Self { pipeline, document, recipe, before, done, ours: Ids::default(), new: 0 })
    }

    /// The sender of a batch that somebody else opened and closes.
    pub(crate) fn joining(pipeline: Pipeline, document: BatchDocument, recipe: Recipe) -> Self {
        let (before, done, ours) = <_>::default();
        Self { pipeline, document, recipe, before, done, ours, new: 0 }
    }

    /// Uploads and sends. `open` are the jobs that are under way; `accepted` is told of each that is
    /// not any more, and whether it had ended before.
    pub(crate) async fn submit_all(
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
                let upload = async move {
                    upload(&pipeline, &job.source.key, payload).await?;
                    Ok::<_, Error>(job)
                };
                uploads.spawn(upload.in_current_span());
            }
            let uploaded = uploads.join_next().await;
            let is_last = uploaded.is_none();
            if let Some(job) = uploaded {
                page.push(job.expect("an upload neither panics nor is aborted")?);
            }
            if page.len() >= PAGE || is_last {
                announce(&self.pipeline, &self.document.batch, &page).await?;
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
    pub(crate) fn forget(&mut self, id: &JobId) {
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

    /// Says that nothing more comes, and how much there is: all that was sent, now and before.
    pub(crate) async fn close(self) -> Result<(), Error> {
        let jobs = (self.before.len() + self.new) as u64;
        let jobs = jobs.max(self.document.jobs);
        let document = BatchDocument { jobs, closed: true, ..self.document };
        patiently(|| write_batch(&self.pipeline, &document)).await
    }
}

/// The jobs whose pictures were uploaded before, or that were sent by key.
async fn uploaded(pipeline: &Pipeline, batch: &BatchId) -> Result<Ids, Error> {
    let mut ids = Ids::default();
    let prefix = format!("{INPUTS}{batch}/");
    let mut after: Option<Key> = None;
    loop {
        let page = patiently(|| pipeline.store.list(&prefix, after.as_ref())).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for listed in &page {
            ids.insert(&job_of(None, &listed.key));
        }
    }
    let members = patiently(|| async { members(pipeline, batch, &mut BTreeSet::new()).await });
    for member in members.await? {
        if member.retry_of.is_none() {
            ids.insert(&member.id);
        }
    }
    Ok(ids)
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
