//! Retries: a failed or dead job once more, as a new job whose id follows from the old one's, so
//! that whoever asks twice asks for one job. Called by `retry`, and by `run`, which retries what
//! failed.

use pixmill_contract::document::{JobReading, Outcome, OutputRecord};
use pixmill_contract::{BatchId, Error, ErrorKind, Job, JobId, Pipeline};

use crate::documents::{read_result, read_standing};

/// A chain of retries that is longer than this has a fault of its own.
const MAX_RETRIES: usize = 10_000;

/// A job in its chain of retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The job.
    pub id: JobId,
    /// The job that it repeats.
    pub retry_of: Option<JobId>,
    /// The redrive number that its message has to bear.
    pub redrive: u32,
    length: usize,
}

impl Link {
    /// The beginning of a chain.
    pub fn first(id: JobId) -> Self {
        Self { id, retry_of: None, redrive: 0, length: 1 }
    }

    /// The retry of this one.
    #[must_use]
    pub fn next(self) -> Self {
        let id = self.id.retry();
        Self { id, retry_of: Some(self.id), redrive: 0, length: self.length + 1 }
    }

    /// From here on the first job that neither failed nor is dead, and its outputs if it is done;
    /// otherwise it has no result yet.
    pub async fn past_failures(
        self,
        pipeline: &Pipeline,
        batch: &BatchId,
    ) -> Result<(Self, Option<Vec<OutputRecord>>), Error> {
        let mut link = self;
        loop {
            let standing = read_standing(pipeline, batch, &link.id).await?;
            match standing.and_then(|standing| standing.document).map(|known| known.outcome) {
                None => return Ok((link, None)),
                // A message with a lower number would be taken for one of the past.
                Some(Outcome::Redriven { redrives }) => {
                    return Ok((Self { redrive: redrives, ..link }, None));
                }
                Some(Outcome::Done { outputs }) => return Ok((link, Some(outputs))),
                Some(Outcome::Failed { .. } | Outcome::Dead { .. }) => link = link.next(),
            }
            if link.length > MAX_RETRIES {
                let attempt = format!("find the end of a chain of retries at job {}", link.id);
                return Err(Error::bare(ErrorKind::Invalid, attempt));
            }
        }
    }
}

/// What a retry of a job would be.
#[derive(Debug, Clone, PartialEq)]
pub enum Retry {
    /// This job, which may have been sent before.
    Job(Box<Job>),
    /// None: the job is done, by a retry of its own perhaps.
    Done,
    /// None: the job has not ended.
    Open,
    /// None: its message can never be done as it stands; why.
    Hopeless(String),
}

/// The retry of a job: the job as it was sent, under the next id of its chain.
pub async fn retry(pipeline: &Pipeline, batch: &BatchId, id: &JobId) -> Result<Retry, Error> {
    let Some(result) = read_result(pipeline, batch, id).await? else { return Ok(Retry::Open) };
    if let Outcome::Done { .. } = result.outcome {
        return Ok(Retry::Done);
    }
    let body = result.job.unwrap_or_default().to_string();
    let job = match Job::read(&body) {
        JobReading::Job { job, .. } => job,
        JobReading::Refused { rejection, .. } => return Ok(Retry::Hopeless(rejection.to_string())),
        JobReading::Foreign(why) => return Ok(Retry::Hopeless(why)),
    };
    let link = Link::first(id.clone()).next();
    match link.past_failures(pipeline, batch).await? {
        (_, Some(_)) => Ok(Retry::Done),
        (Link { id, retry_of, redrive, .. }, None) => {
            let submitted_at = pipeline.clock.now();
            Ok(Retry::Job(Box::new(Job { id, retry_of, redrive, submitted_at, ..*job })))
        }
    }
}
