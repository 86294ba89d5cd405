//! What is known of a batch's ends. A look lists the results and reads only those that are new, as
//! a batch may have a hundred thousand.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use pixmill_contract::document::Outcome;
use pixmill_contract::key::{BATCHES, RESULTS};
use pixmill_contract::{
    BatchId, Error, ErrorKind, Format, JobId, Key, Pipeline, RejectCode, ResultDocument, Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::documents::read_result;

/// Readers at once: each mostly waits for the store.
const READERS: usize = 8;

/// Ends of so long make the rate: short enough to follow a change, long enough to be steady.
const RATE_OVER: Duration = Duration::from_mins(1);

/// The end of a job, as far as a ledger keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The failure; nothing if it is done.
    pub failure: Option<Failure>,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The job that it repeats.
    pub retry_of: Option<JobId>,
    /// The key of its source, if its message says so.
    pub source: Option<String>,
    /// How large its source was, as far as that was read.
    pub bytes_in: u64,
    /// How large its outputs are together.
    pub bytes_out: u64,
    /// Whether its first output is a picture.
    pub is_picture: bool,
}

/// An end with what tells it from a later one of the same job, for whoever keeps ledgers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The size of the result that it was read from.
    pub size: u64,
    /// What was read.
    pub end: End,
}

/// Why a job is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whether it was given up, rather than found impossible.
    pub is_dead: bool,
    /// The stable code.
    pub code: RejectCode,
    /// What exactly, for people.
    pub reason: String,
}

/// The ends of a batch, as far as they are known.
#[derive(Debug)]
pub struct Ledger {
    pipeline: Pipeline,
    batch: BatchId,
    /// What was read, by the size that it had: a redrive replaces a result.
    read: HashMap<JobId, u64>,
    ends: HashMap<JobId, End>,
    /// Jobs whose retries have ended: these stand for them.
    retried: HashSet<JobId>,
    /// What has changed since somebody asked for it.
    changed: HashSet<JobId>,
    /// How long the last look read what was new.
    reading: Duration,
}

impl Ledger {
    /// A ledger without entries.
    pub fn new(pipeline: Pipeline, batch: BatchId) -> Self {
        let (read, ends, retried, changed, reading) = <_>::default();
        Self { pipeline, batch, read, ends, retried, changed, reading }
    }

    /// Adds what was kept of it. A look corrects what is not so any more.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = (JobId, Kept)>) {
        for (id, Kept { size, end }) in kept {
            self.read.insert(id.clone(), size);
            self.ends.insert(id, end);
        }
    }

    /// What has changed since this was asked last, to be kept; nothing of what is gone.
    pub fn changes(&mut self) -> Vec<(JobId, Option<Kept>)> {
        let kept =
            |id: &JobId| Some(Kept { size: *self.read.get(id)?, end: self.ends.get(id)?.clone() });
        std::mem::take(&mut self.changed).into_iter().map(|id| (id.clone(), kept(&id))).collect()
    }

    /// The batch.
    pub fn batch(&self) -> &BatchId {
        &self.batch
    }

    /// How long the last look read what was new, which no later one has to do again.
    pub fn reading(&self) -> Duration {
        self.reading
    }

    /// Adds what has ended since the last look.
    pub async fn look(&mut self) -> Result<(), Error> {
        self.reading = Duration::ZERO;
        let prefix = format!("{RESULTS}{}/", self.batch);
        let mut after = None;
        let mut seen = 0;
        loop {
            let page = self.pipeline.store.list(&prefix, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            let mut new = vec![];
            for listed in &page {
                let Some(id) = job_of(&listed.key) else { continue };
                seen += 1;
                if self.read.get(&id) != Some(&listed.size) {
                    new.push((id, listed.size));
                }
            }
            let (began, asked) = (Instant::now(), u32::try_from(new.len()).unwrap_or(u32::MAX));
            let learned = self.read_all(new).await?;
            self.reading += began.elapsed() * learned / asked.max(1);
        }
        if self.read.len() > seen {
            self.forget_removed().await?;
        }
        self.retried = self.ends.values().filter_map(|end| end.retry_of.clone()).collect();
        Ok(())
    }

    /// Reads these results. Returns how many need not be read again.
    async fn read_all(&mut self, new: Vec<(JobId, u64)>) -> Result<u32, Error> {
        let mut learned = 0;
        let mut readers = JoinSet::new();
        for part in new.chunks(new.len().div_ceil(READERS).max(1)) {
            let (pipeline, batch, part) =
                (self.pipeline.clone(), self.batch.clone(), part.to_vec());
            readers.spawn(async move {
                let mut ends = Vec::with_capacity(part.len());
                for (id, size) in part {
                    let end = read_result(&pipeline, &batch, &id).await?.and_then(end_of);
                    ends.push((id, size, end));
                }
                Ok::<_, Error>(ends)
            });
        }
        for part in readers.join_all().await {
            for (id, size, end) in part? {
                if let Some(end) = end {
                    learned += 1;
                    self.read.insert(id.clone(), size);
                    self.ends.insert(id.clone(), end);
                } else {
                    // A tombstone, or not readable: looked at again the next time.
                    self.forget(&id);
                }
                self.changed.insert(id);
            }
        }
        Ok(learned)
    }

    fn forget(&mut self, id: &JobId) {
        self.read.remove(id);
        self.ends.remove(id);
    }

    /// Results are not removed by us; who does has made room, or begins anew.
    async fn forget_removed(&mut self) -> Result<(), Error> {
        let prefix = format!("{RESULTS}{}/", self.batch);
        let (mut there, mut after) = (HashSet::new(), None);
        loop {
            let page = self.pipeline.store.list(&prefix, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            there.extend(page.iter().filter_map(|listed| job_of(&listed.key)));
        }
        let removed: Vec<_> = self.read.keys().filter(|id| !there.contains(*id)).cloned().collect();
        for id in removed {
            self.forget(&id);
            self.changed.insert(id);
        }
        Ok(())
    }

    /// The ends that count: of a job and its retries the last one.
    fn counted(&self) -> impl Iterator<Item = (&JobId, &End)> {
        self.ends.iter().filter(|(id, _)| !self.retried.contains(*id))
    }

    /// How many are done.
    pub fn done(&self) -> usize {
        self.counted().filter(|(_, end)| end.failure.is_none()).count()
    }

    /// Those that failed or are dead, by when they did.
    pub fn failures(&self) -> Vec<(&JobId, &Failure)> {
        let mut failures: Vec<_> =
            self.counted().filter_map(|(id, end)| Some((end, id, end.failure.as_ref()?))).collect();
        failures.sort_by_key(|(end, id, _)| (end.finished_at, (*id).clone()));
        failures.into_iter().map(|(_, id, failure)| (id, failure)).collect()
    }

    /// Every job that has ended, retried or not.
    pub fn ends(&self) -> impl Iterator<Item = (&JobId, &End)> {
        self.ends.iter()
    }

    /// How a job ended, if it has.
    pub fn end(&self, id: &JobId) -> Option<&End> {
        self.ends.get(id)
    }

    /// How large the sources and the outputs of what is done are.
    pub fn bytes(&self) -> (u64, u64) {
        let done = self.counted().filter(|(_, end)| end.failure.is_none());
        done.fold((0, 0), |(ins, outs), (_, end)| (ins + end.bytes_in, outs + end.bytes_out))
    }

    /// When its last job so far ended.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.ends.values().map(|end| end.finished_at).max()
    }

    /// How many jobs a second end at present; over less than a minute if the first one ended then.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self, now: Timestamp) -> f64 {
        let recent = |at: &Timestamp| now.since(*at) < RATE_OVER;
        let times = self.ends.values().map(|end| end.finished_at);
        let count = times.clone().filter(recent).count();
        let span = times.map(|at| now.since(at)).max().unwrap_or_default().min(RATE_OVER);
        count as f64 / span.as_secs_f64().max(1.0)
    }
}

fn end_of(result: ResultDocument) -> Option<End> {
    let job = result.job.unwrap_or_default();
    let (mut bytes_out, mut is_picture) = (0, false);
    let failure = match result.outcome {
        Outcome::Done { outputs } => {
            bytes_out = outputs.iter().map(|output| output.bytes).sum();
            is_picture = outputs.first().is_some_and(|output| output.format != Format::Json);
            None
        }
        Outcome::Failed { code, reason } => Some((false, code, reason)),
        Outcome::Dead { code, reason } => Some((true, code, reason)),
        Outcome::Redriven { .. } => return None,
    };
    let source = || Some(job.get("source")?.get("key")?.as_str()?.to_owned());
    Some(End {
        failure: failure.map(|(is_dead, code, reason)| Failure { is_dead, code, reason }),
        finished_at: result.finished_at,
        retry_of: job.get("retry_of").and_then(|id| JobId::new(id.as_str()?).ok()),
        source: source(),
        bytes_in: result.source.map_or(0, |source| source.bytes),
        bytes_out,
        is_picture,
    })
}

fn job_of(key: &Key) -> Option<JobId> {
    JobId::new(key.file_name().strip_suffix(".json")?).ok()
}

/// Every batch that was written down.
pub async fn batches(pipeline: &Pipeline) -> Result<Vec<BatchId>, Error> {
    let mut batches = vec![];
    let mut after = None;
    loop {
        let page = pipeline.store.list(BATCHES, after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(batches) };
        after = Some(last.key.clone());
        let id = |key: &Key| BatchId::new(key.file_name().strip_suffix(".json")?).ok();
        batches.extend(page.iter().filter_map(|listed| id(&listed.key)));
    }
}

/// The batches that know of a job of this id, by its result or its attempt note: of those that were
/// written down, and of jobs without a batch.
pub async fn batches_of(pipeline: &Pipeline, id: &JobId) -> Result<Vec<BatchId>, Error> {
    let mut found = vec![];
    let mut candidates = batches(pipeline).await?;
    if !candidates.contains(&BatchId::single()) {
        candidates.push(BatchId::single());
    }
    for batch in candidates {
        for key in [Key::result(&batch, id), Key::attempts(&batch, id)] {
            match pipeline.store.head(&key).await {
                Ok(_) => {
                    found.push(batch);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}
