//! Sending jobs, and the documents that say what was sent.

use std::time::Duration;

use pixmill_contract::document::{BatchDocument, MAX_MESSAGE_BYTES, ResultDocument};
use pixmill_contract::port::{Condition, NewMessage, Payload, Put};
use pixmill_contract::{Backoff, BatchId, Error, ErrorKind, Job, JobId, Key, Pipeline};

/// Messages that go into one call; adapters clamp it to what theirs can carry.
const CHUNK: usize = 500;

/// How often a message is offered before its sender is told that it cannot be sent.
const TRIES: u32 = 6;

/// The waits between the offers.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// Why a job was not sent.
#[derive(Debug)]
pub struct SendError {
    /// The job.
    pub id: JobId,
    /// Why.
    pub error: Error,
}

impl std::fmt::Display for SendError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed to send job {}", self.id)
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Sends jobs. When this returns `Ok`, every one of them will end in a result; after an error some
/// were sent, and sending all of them again is harmless.
pub async fn send(pipeline: &Pipeline, jobs: &[Job]) -> Result<(), SendError> {
    for chunk in jobs.chunks(CHUNK) {
        let mut left: Vec<(&Job, String)> = Vec::with_capacity(chunk.len());
        for job in chunk {
            let body = job.body();
            if body.len() > MAX_MESSAGE_BYTES {
                let attempt = format!("send a message of {} bytes", body.len());
                let error = Error::bare(ErrorKind::Invalid, attempt);
                return Err(SendError { id: job.id.clone(), error });
            }
            left.push((job, body));
        }
        offer(pipeline, left).await?;
    }
    Ok(())
}

/// Offers messages until all are taken.
async fn offer(pipeline: &Pipeline, mut left: Vec<(&Job, String)>) -> Result<(), SendError> {
    for attempt in 0.. {
        let messages = left.iter().map(|(_, body)| NewMessage::now(body.clone())).collect();
        let answers = pipeline.jobs.send(messages).await;
        let mut failed = Vec::new();
        for ((job, body), answer) in left.into_iter().zip(answers) {
            match answer {
                Ok(()) => {}
                Err(error) if error.kind().may_pass() && attempt + 1 < TRIES => {
                    failed.push((job, body));
                }
                Err(error) => return Err(SendError { id: job.id.clone(), error }),
            }
        }
        if failed.is_empty() {
            break;
        }
        left = failed;
        tokio::time::sleep(BACKOFF.wait(attempt, fastrand::f64())).await;
    }
    Ok(())
}

/// Writes what a batch is, in place of what was said of it before.
pub async fn write_batch(pipeline: &Pipeline, batch: &BatchDocument) -> Result<(), Error> {
    let put = Put {
        key: Key::batch(&batch.batch),
        payload: Payload::Bytes(batch.to_bytes()),
        media_type: "application/json",
        condition: Condition::Always,
        owner: None,
    };
    pipeline.store.put(put).await.map(drop)
}

/// What a batch is; nothing for one that nobody wrote down.
pub async fn read_batch(
    pipeline: &Pipeline,
    batch: &BatchId,
) -> Result<Option<BatchDocument>, Error> {
    match pipeline.store.get(&Key::batch(batch), None).await {
        Ok(object) => serde_json::from_slice(&object.bytes().await?)
            .map(Some)
            .map_err(|e| Error::new(ErrorKind::Invalid, format!("read batch {batch}"), e)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A job's result, if it has ended.
pub async fn read_result(
    pipeline: &Pipeline,
    batch: &BatchId,
    id: &JobId,
) -> Result<Option<ResultDocument>, Error> {
    match pipeline.store.get(&Key::result(batch, id), None).await {
        Ok(object) => {
            let document: Option<ResultDocument> =
                serde_json::from_slice(&object.bytes().await?).ok();
            Ok(document.filter(|document| document.outcome.is_end()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
