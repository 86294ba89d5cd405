//! Batches: pictures submitted under one recipe.
//!
//! The order of writes: the batch document as growing, then for each picture its bytes and then its
//! job, at last the document as closed. A crash leaves at worst pictures below `inputs/` that no
//! job names, and the batch open; submitting the same names again goes on from there.

use std::collections::HashSet;

use pixmill_contract::document::{BatchDocument, Version};
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Pipeline, Recipe, ResultDocument};
use tracing::Instrument as _;

use crate::documents::{read_batch, write_batch};
use crate::patience::patiently;
use crate::picture::Picture;
use crate::replies::ReplyQueue;
use crate::results::Results;
use crate::sender::Sender;

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
        let said = Said { by, name: None, expected: None };
        NewBatch { pipeline: self.pipeline.clone(), recipe, id: None, said, replies: false }
    }
}

/// A batch that is about to be opened.
#[derive(Debug)]
#[must_use = "a batch begins when it is opened"]
pub struct NewBatch {
    pipeline: Pipeline,
    recipe: Recipe,
    id: Option<BatchId>,
    said: Said,
    replies: bool,
}

/// What is said of a batch when it is opened for the first time.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Who or what sends it.
    pub(crate) by: String,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// How many jobs it is to have.
    pub(crate) expected: Option<u64>,
}

impl NewBatch {
    /// The batch of this name, instead of a new one: one that is there already is gone on with.
    pub fn id(self, id: BatchId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Who or what sends it, for people.
    pub fn by(self, by: impl Into<String>) -> Self {
        Self { said: Said { by: by.into(), ..self.said }, ..self }
    }

    /// What people call it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { said: Said { name: Some(name.into()), ..self.said }, ..self }
    }

    /// How many jobs it is to have. Whoever says so closes it: others who submit to it do not.
    pub fn expected(self, jobs: u64) -> Self {
        Self { said: Said { expected: Some(jobs), ..self.said }, ..self }
    }

    /// Has results come through a reply queue of this batch's own: at once, and for much less than
    /// asking the store for them. It is removed with the last result.
    pub fn with_replies(self) -> Self {
        Self { replies: true, ..self }
    }

    /// Opens it: from here on it is known, as growing. Refuses a recipe with overlays that are not
    /// in the store, and a batch that is there with another recipe.
    pub async fn open(self) -> Result<Batch, Error> {
        let Self { pipeline, recipe, id, said, replies } = self;
        let id = id.unwrap_or_else(|| BatchId::fresh(pipeline.clock.now()));
        let (document, was_there) = open_batch(&pipeline, id.clone(), &recipe, said).await?;
        let replies = if replies { Some(ReplyQueue::create(&pipeline).await?) } else { None };
        let results = Results::new(pipeline.clone(), id, replies, []);
        let sender = Sender::open(pipeline, document, recipe, was_there).await?;
        Ok(Batch { sender, results })
    }
}

impl Producer {
    /// A batch that is open already and that somebody else closes: what is submitted is added to it.
    /// Nothing is read of what is in it, so a picture that has ended is sent again, which its result
    /// answers.
    pub fn join(&self, open: BatchDocument, recipe: Recipe) -> Batch {
        let results = Results::new(self.pipeline.clone(), open.batch.clone(), None, []);
        Batch { sender: Sender::joining(self.pipeline.clone(), open, recipe), results }
    }
}

/// Says that a batch is there, and growing. Returns what it is, and whether it was there before.
pub(crate) async fn open_batch(
    pipeline: &Pipeline,
    batch: BatchId,
    recipe: &Recipe,
    said: Said,
) -> Result<(BatchDocument, bool), Error> {
    let refused = |why: String| Error::new(ErrorKind::Invalid, format!("open batch {batch}"), why);
    recipe.check_overlays().map_err(|error| refused(error.to_string()))?;
    let known = patiently(|| read_batch(pipeline, &batch)).await?;
    let was_there = known.is_some();
    let new = || BatchDocument {
        pixmill: Version,
        batch: batch.clone(),
        name: said.name,
        expected: said.expected,
        jobs: 0,
        closed: false,
        recipe: Some(recipe.clone()),
        created_at: pipeline.clock.now(),
        by: said.by,
    };
    let document = BatchDocument { closed: false, ..known.unwrap_or_else(new) };
    if document.recipe.as_ref().is_some_and(|known| known != recipe) {
        return Err(refused("it is there with another recipe; name another batch".to_owned()));
    }
    patiently(|| write_batch(pipeline, &document)).await?;
    Ok((document, was_there))
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
        let span = tracing::error_span!("submit", batch = %results.batch());
        let submitted = sender.submit_all(pictures, results.reply_to(), &mut open, |id, ended| {
            results.add(id.clone(), ended);
            accepted(id);
        });
        let submitted = submitted.instrument(span).await;
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
        self.sender.close().await?;
        Ok(self.results)
    }
}
