//! Reading a job's source, and finding out whom to blame when that fails.

use pixmill_contract::document::{Job, Source};
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, RejectCode, Rejection};

use crate::process::{Fate, Stop};
use crate::worker::Worker;

/// A source that fails so often, while the store as such answers, is one job's bad luck.
const TRIES: u32 = 3;

/// Refuses buckets other than the pipeline's own.
pub(crate) fn check_buckets(job: &Job) -> Result<(), Rejection> {
    match job.source.bucket.as_ref().or(job.output_bucket.as_ref()) {
        None => Ok(()),
        Some(bucket) => {
            let reason = format!("bucket {bucket} is not one that this pipeline may use");
            Err(Rejection::new(RejectCode::BadJob, reason))
        }
    }
}

/// The source's bytes.
pub(crate) async fn fetch(worker: &Worker, source: &Source) -> Result<Vec<u8>, Stop> {
    for attempt in 0.. {
        let error = match read(worker, source).await {
            Ok(answer) => return Ok(answer?),
            Err(error) => error,
        };
        let kind = error.kind();
        let rejected = |code| Err(Rejection::new(code, error.chain()).into());
        match kind {
            ErrorKind::NotFound => return rejected(RejectCode::SourceMissing),
            ErrorKind::Changed => return rejected(RejectCode::SourceChanged),
            ErrorKind::Invalid => return rejected(RejectCode::NotAPicture),
            ErrorKind::AlreadyExists | ErrorKind::LeaseLost => return Err(error.into()),
            ErrorKind::Throttled | ErrorKind::InsufficientCapacity => {
                worker.weather.gust(&error, attempt).await;
            }
            ErrorKind::Unavailable | ErrorKind::Denied => {
                if let Err(storm) = probe(worker).await {
                    // The store itself does not answer: no source is to blame.
                    worker.weather.gust(&storm, attempt).await;
                } else if kind == ErrorKind::Denied {
                    return rejected(RejectCode::SourceDenied);
                } else if attempt + 1 >= TRIES {
                    return Err(Fate::Transient(error.chain()).into());
                } else {
                    worker.weather.gust(&error, attempt).await;
                }
            }
        }
    }
    unreachable!("a source is tried without limit while the store does not answer")
}

/// One try. The size is checked before the body is read.
async fn read(worker: &Worker, source: &Source) -> Result<Result<Vec<u8>, Rejection>, Error> {
    let limits = &worker.config.limits;
    let object = worker.pipeline.store.get(&source.key, source.etag.as_ref()).await?;
    if let Err(rejection) = limits.check_input(object.meta.size) {
        return Ok(Err(rejection));
    }
    match tokio::time::timeout(limits.deadline, object.bytes()).await {
        Ok(bytes) => bytes.map(Ok),
        Err(elapsed) => Err(Error::new(ErrorKind::Unavailable, "read the source", elapsed)),
    }
}

/// Whether our own store takes what we write.
async fn probe(worker: &Worker) -> Result<(), Error> {
    let put = Put {
        key: Key::probe(&worker.config.worker),
        payload: Payload::Bytes(vec![]),
        media_type: "text/plain",
        condition: Condition::Always,
        owner: None,
    };
    worker.pipeline.store.put(put).await.map(drop)
}
