//! Backfills: jobs for the pictures that are in a store already, which stay where they are.
//!
//! The prefix is listed page by page; the jobs of a page are sent, and then the checkpoint says so.
//! A crash in between sends that page again, under the same ids; no other page is listed twice. A
//! checkpoint is only ever replaced as it was last seen, so that of two backfills of one batch the
//! later one goes on and the earlier one stops.

use pixmill_contract::document::{BackfillDocument, BatchDocument, Source, Version};
use pixmill_contract::key::{
    ATTEMPTS, BACKFILLS, BATCHES, OUTPUTS, OVERLAYS, PROBES, RECIPES, RESULTS,
};
use pixmill_contract::operation::PICTURE_EXTENSIONS;
use pixmill_contract::port::{Condition, Etag, Listed, Payload, Put};
use pixmill_contract::{
    BatchId, Error, ErrorKind, Job, Key, ObjectStore, Pipeline, Recipe, WorkerId,
};

use crate::batch::{Said, open_batch};
use crate::documents::{read, write_batch};
use crate::ids::{Ids, ended};
use crate::patience::patiently;
use crate::picture::job_of;
use crate::replies::ReplyQueue;
use crate::results::Results;
use crate::submit::send_all;

/// What the pipeline itself puts into its bucket: never taken for pictures to work on.
const OWN: [&str; 8] = [OUTPUTS, OVERLAYS, RESULTS, ATTEMPTS, BATCHES, BACKFILLS, RECIPES, PROBES];

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Backfill {
    /// The bucket; the pipeline's own where none is given.
    pub bucket: Option<String>,
    /// What the keys start with; empty for all of the bucket.
    pub prefix: String,
    /// What to make of each picture; its overlays are in the pipeline's store.
    pub recipe: Recipe,
    /// The batch; one that follows from everything above where none is given.
    pub batch: Option<BatchId>,
    /// Who sends it, for people.
    pub by: String,
}

impl Backfill {
    /// The batch of its jobs. The same command has the same one, and so goes on where it was.
    pub fn batch(&self) -> BatchId {
        self.batch.clone().unwrap_or_else(|| {
            let bucket = self.bucket.as_deref().unwrap_or_default();
            let recipe = serde_json::to_vec(&self.recipe).expect("a recipe is JSON");
            BatchId::derived(&[b"backfill", bucket.as_bytes(), self.prefix.as_bytes(), &recipe])
        })
    }
}

/// Sends jobs for the pictures of a store below a prefix, going on where an earlier process was;
/// a backfill that was complete begins another pass, for what has been added since. `store` is that
/// of the bucket. `progress` sees the checkpoint after each page. With `wait`, what this process
/// sends names a reply queue, and the results are still to come; without it nothing is kept in
/// memory but a page, and from the second pass on sixteen bytes for each end.
pub async fn backfill(
    pipeline: &Pipeline,
    store: &dyn ObjectStore,
    backfill: &Backfill,
    wait: bool,
    mut progress: impl FnMut(&BackfillDocument),
) -> Result<(BackfillDocument, Option<Results>), Error> {
    let beginning = Checkpoint::beginning(pipeline, backfill).await?;
    let id = backfill.batch();
    let said = Said { by: backfill.by.clone(), ..Said::default() };
    let (batch, _) = open_batch(pipeline, id, &backfill.recipe, said).await?;
    let mut checkpoint = Checkpoint::take(pipeline, beginning).await?;
    let done = match checkpoint.document.pass {
        1 => Ids::default(),
        _ => ended(pipeline, &batch.batch).await?,
    };
    let replies = if wait { Some(ReplyQueue::create(pipeline).await?) } else { None };
    let mut results = Results::new(pipeline.clone(), batch.batch.clone(), replies, []);
    while !checkpoint.document.complete {
        let after = checkpoint.document.after.as_ref();
        let page = patiently(|| store.list(&backfill.prefix, after)).await?;
        let (jobs, next) = plan(&checkpoint.document, &page, |key| {
            let id = job_of(backfill.bucket.as_deref(), key);
            if done.contains(&id) {
                return None;
            }
            let source = Source { bucket: backfill.bucket.clone(), key: key.clone(), etag: None };
            let recipe = backfill.recipe.clone();
            let job = Job::new(id, batch.batch.clone(), key.clone(), recipe, pipeline.clock.now());
            Some(Job { source, reply_to: results.reply_to(), ..job })
        });
        send_all(pipeline, &jobs).await?;
        if wait {
            for job in jobs {
                results.add(job.id, false);
            }
        }
        if next.complete {
            // Before the checkpoint says so: a crash in between writes it again.
            let jobs = batch.jobs.max(next.sent + next.skipped);
            let closed = BatchDocument { jobs, closed: true, ..batch.clone() };
            patiently(|| write_batch(pipeline, &closed)).await?;
        }
        checkpoint.advance(next).await?;
        progress(&checkpoint.document);
    }
    Ok((checkpoint.document, wait.then_some(results)))
}

/// The jobs of a page, and the checkpoint once they are sent. `job` gives none for one that has
/// ended.
fn plan(
    now: &BackfillDocument,
    page: &[Listed],
    job: impl Fn(&Key) -> Option<Job>,
) -> (Vec<Job>, BackfillDocument) {
    let mut next = now.clone();
    let mut jobs = Vec::with_capacity(page.len());
    for listed in page {
        next.seen += 1;
        if !may_be_picture(&listed.key) || (now.bucket.is_none() && is_own(&listed.key)) {
            next.passed_over += 1;
        } else if let Some(job) = job(&listed.key) {
            next.sent += 1;
            jobs.push(job);
        } else {
            next.skipped += 1;
        }
    }
    match page.last() {
        Some(last) => next.after = Some(last.key.clone()),
        None => next.complete = true,
    }
    (jobs, next)
}

/// By its extension; a key without one may be anything.
fn may_be_picture(key: &Key) -> bool {
    let Some((_, extension)) = key.file_name().rsplit_once('.') else { return true };
    PICTURE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

fn is_own(key: &Key) -> bool {
    OWN.iter().any(|prefix| key.as_str().starts_with(prefix))
}

/// The checkpoint of a backfill, in the hands of this process.
struct Checkpoint<'p> {
    pipeline: &'p Pipeline,
    document: BackfillDocument,
    etag: Etag,
}

impl<'p> Checkpoint<'p> {
    /// Where a process begins that goes on with this backfill, and what has to stand in the store
    /// for that. Refuses a batch that is another backfill's.
    async fn beginning(
        pipeline: &Pipeline,
        backfill: &Backfill,
    ) -> Result<(BackfillDocument, Condition), Error> {
        let first = new(backfill, WorkerId::fresh(pipeline.clock.now()));
        let key = Key::backfill(&first.batch);
        let Some((bytes, etag)) = patiently(|| read(pipeline, &key)).await? else {
            return Ok((first, Condition::IfAbsent));
        };
        let refused = |why: String| {
            let attempt = format!("go on with the backfill of batch {}", first.batch);
            Error::new(ErrorKind::Invalid, attempt, why)
        };
        let known: BackfillDocument =
            serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        let what = |d: &BackfillDocument| (d.bucket.clone(), d.prefix.clone(), d.recipe.clone());
        if what(&known) != what(&first) {
            let why = "it is of another bucket, prefix or recipe; name another batch";
            return Err(refused(why.to_owned()));
        }
        let document = if known.complete {
            BackfillDocument { pass: known.pass.saturating_add(1), ..first }
        } else {
            BackfillDocument { writer: first.writer, ..known }
        };
        Ok((document, Condition::IfMatch(etag)))
    }

    /// Takes the checkpoint over: from here on whoever had it before cannot write it any more.
    async fn take(
        pipeline: &'p Pipeline,
        (document, condition): (BackfillDocument, Condition),
    ) -> Result<Self, Error> {
        let etag = write(pipeline, &document, condition).await?;
        Ok(Self { pipeline, document, etag })
    }

    async fn advance(&mut self, next: BackfillDocument) -> Result<(), Error> {
        self.etag = write(self.pipeline, &next, Condition::IfMatch(self.etag.clone())).await?;
        self.document = next;
        Ok(())
    }
}

/// A backfill that has seen nothing yet.
fn new(backfill: &Backfill, writer: WorkerId) -> BackfillDocument {
    BackfillDocument {
        pixmill: Version,
        batch: backfill.batch(),
        bucket: backfill.bucket.clone(),
        prefix: backfill.prefix.clone(),
        recipe: backfill.recipe.clone(),
        after: None,
        pass: 1,
        seen: 0,
        sent: 0,
        skipped: 0,
        passed_over: 0,
        complete: false,
        writer,
    }
}

/// Writes a checkpoint in the place of the one that was seen last.
async fn write(
    pipeline: &Pipeline,
    document: &BackfillDocument,
    condition: Condition,
) -> Result<Etag, Error> {
    let (key, bytes) = (Key::backfill(&document.batch), document.to_bytes());
    let put = Put {
        key: key.clone(),
        payload: Payload::Bytes(bytes.clone()),
        media_type: "application/json",
        condition,
        owner: None,
    };
    let answer = patiently(|| pipeline.store.put(put.clone())).await;
    let Err(error) = answer else { return answer };
    if !matches!(error.kind(), ErrorKind::Changed | ErrorKind::AlreadyExists) {
        return Err(error);
    }
    // A write whose answer was lost finds itself; the writer's name makes it nobody else's.
    match patiently(|| read(pipeline, &key)).await? {
        Some((found, etag)) if found == bytes => Ok(etag),
        _ => {
            let attempt = format!("go on with the backfill of batch {}", document.batch);
            Err(Error::new(error.kind(), attempt, "another process has taken it over"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_by_its_name_is_told_from_what_may_be_one() {
        let may_be = |key: &str| may_be_picture(&key.parse().unwrap());
        for key in ["a.jpg", "a/b.JPEG", "scan", "a.b/scan", "a.tar.png", "raw.heic"] {
            assert!(may_be(key), "{key}");
        }
        for key in ["a.txt", "a.jpg.bak", "a/.hidden", "data.json", "jpg."] {
            assert!(!may_be(key), "{key}");
        }
    }
}
