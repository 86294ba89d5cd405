//! Sending jobs.

use pixmill_contract::document::MAX_MESSAGE_BYTES;
use pixmill_contract::port::NewMessage;
use pixmill_contract::{Error, ErrorKind, Job, JobId, Pipeline, trace};
use tracing::Instrument as _;

use crate::patience::{TRIES, pause};

/// Messages that go into one call; adapters clamp it to what theirs can carry.
const CHUNK: usize = 500;

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
    if jobs.is_empty() {
        return Ok(());
    }
    let span = tracing::error_span!("send", jobs = jobs.len());
    in_chunks(pipeline, jobs).instrument(span).await
}

async fn in_chunks(pipeline: &Pipeline, jobs: &[Job]) -> Result<(), SendError> {
    for chunk in jobs.chunks(CHUNK) {
        let mut left: Vec<(&JobId, String)> = Vec::with_capacity(chunk.len());
        for job in chunk {
            left.push((&job.id, message(job)?));
        }
        offer(pipeline, left).await?;
        for Job { batch, id, .. } in chunk {
            tracing::debug!(%batch, %id, "sent");
        }
    }
    Ok(())
}

/// The message of a job, which goes on with the trace that we are in.
fn message(job: &Job) -> Result<String, SendError> {
    if let Some(here) = trace::current() {
        let body = Job { traceparent: Some(here), ..job.clone() }.body();
        // What has no room for that is sent all the same.
        if body.len() <= MAX_MESSAGE_BYTES {
            return Ok(body);
        }
    }
    let body = job.body();
    if body.len() > MAX_MESSAGE_BYTES {
        let attempt = format!("send a message of {} bytes", body.len());
        let error = Error::bare(ErrorKind::Invalid, attempt);
        return Err(SendError { id: job.id.clone(), error });
    }
    Ok(body)
}

/// The same, with the ports' own error.
pub(crate) async fn send_all(pipeline: &Pipeline, jobs: &[Job]) -> Result<(), Error> {
    send(pipeline, jobs).await.map_err(|SendError { id, error }| {
        Error::new(error.kind(), format!("send job {id}"), error)
    })
}

/// Offers messages until all are taken.
pub(crate) async fn offer(
    pipeline: &Pipeline,
    mut left: Vec<(&JobId, String)>,
) -> Result<(), SendError> {
    for attempt in 0.. {
        let messages = left.iter().map(|(_, body)| NewMessage::now(body.clone())).collect();
        let answers = pipeline.jobs.send(messages).await;
        let mut failed = Vec::new();
        for ((id, body), answer) in left.into_iter().zip(answers) {
            match answer {
                Ok(()) => {}
                Err(error) if error.kind().may_pass() && attempt + 1 < TRIES => {
                    failed.push((id, body));
                }
                Err(error) => return Err(SendError { id: id.clone(), error }),
            }
        }
        if failed.is_empty() {
            break;
        }
        left = failed;
        pause(attempt).await;
    }
    Ok(())
}
