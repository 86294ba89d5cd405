//! Writing outputs: each is there once, whoever writes it how often.
//!
//! An output carries an owner tag. What is there already is adopted if this very job made it, kept
//! or replaced if an earlier try of the same work made it, and otherwise never touched unless the
//! job may overwrite.

use pixmill_contract::document::{Job, Name, OutputRecord, ResultDocument};
use pixmill_contract::port::{Condition, Meta, OwnerTag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, JobId, Key, RejectCode, Rejection};
use pixmill_ops::Picture;

use crate::attempt::Attempt;
use crate::fate::{Fate, Stop};

/// Longest chain of retries that is followed to find out who made an output.
const MAX_RETRIES_FOLLOWED: usize = 32;

/// Puts one picture where its job wants it.
pub(crate) async fn store(
    attempt: &mut Attempt<'_>,
    job: &Job,
    picture: Picture,
    sha256: String,
) -> Result<OutputRecord, Stop> {
    let name = Name {
        batch: &job.batch,
        id: &job.id,
        source: &job.source.key,
        output: &picture.name,
        extension: picture.format.extension(),
    };
    let key = job.outputs.expand(name);
    let key = key.map_err(|e| Rejection::new(RejectCode::BadOutputKey, e.to_string()))?;
    let mine = OwnerTag {
        batch: job.batch.clone(),
        id: job.id.clone(),
        digest: attempt.identity.digest.clone(),
        source: job.source.fingerprint(),
        sha256,
        width: picture.width,
        height: picture.height,
    };
    let record = |owner: &OwnerTag, bytes: u64| OutputRecord {
        name: picture.name.clone(),
        key: key.clone(),
        format: picture.format,
        bytes,
        width: owner.width,
        height: owner.height,
        sha256: owner.sha256.clone(),
    };
    let mut put = Put {
        key: key.clone(),
        payload: Payload::Bytes(picture.bytes),
        media_type: picture.format.media_type(),
        condition: Condition::IfAbsent,
        owner: Some(mine.clone()),
    };
    let bytes = match &put.payload {
        Payload::Bytes(bytes) => bytes.len() as u64,
        Payload::File(_) | Payload::Given(_) => 0,
    };
    loop {
        let store = &attempt.worker.pipeline.store;
        match attempt.worker.weather.through(|| store.put(put.clone())).await {
            Ok(_) => return Ok(record(&mine, bytes)),
            Err(error) => match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::Changed => {}
                ErrorKind::Invalid => {
                    return Err(Rejection::new(RejectCode::BadOutputKey, error.chain()).into());
                }
                ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::InsufficientCapacity
                | ErrorKind::NotFound
                | ErrorKind::LeaseLost
                | ErrorKind::Denied => return Err(error.into()),
            },
        }
        let Some(there) = head(attempt, &key).await? else {
            // It went away between the two calls.
            put.condition = Condition::IfAbsent;
            continue;
        };
        match standing(attempt, job, &there, &mine).await? {
            Standing::Mine(owner) => return Ok(record(&owner, there.size)),
            Standing::Replaceable => {
                // Never replace anything for a job that has ended by now.
                attempt.look_for_result().await?;
                put.condition = Condition::IfMatch(there.etag);
            }
            Standing::Foreign => {
                let reason = format!("{key} is there already and this job did not make it");
                return Err(Rejection::new(RejectCode::OutputExists, reason).into());
            }
        }
    }
}

async fn head(attempt: &Attempt<'_>, key: &Key) -> Result<Option<Meta>, Error> {
    let store = &attempt.worker.pipeline.store;
    match attempt.worker.weather.through(|| store.head(key)).await {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What an output that is there already is to this job.
enum Standing {
    /// This very job made it, or the same bytes are there from an earlier try of it.
    Mine(OwnerTag),
    /// It may be replaced.
    Replaceable,
    /// Somebody else's.
    Foreign,
}

async fn standing(
    attempt: &Attempt<'_>,
    job: &Job,
    there: &Meta,
    mine: &OwnerTag,
) -> Result<Standing, Stop> {
    if let Some(owner) = &there.owner
        && owner.batch == mine.batch
    {
        if owner.id == mine.id && owner.digest == mine.digest {
            return Ok(Standing::Mine(owner.clone()));
        }
        if owner.id == mine.id {
            return Err(Fate::Left("another job bears the same batch and id".into()).into());
        }
        let same = owner.sha256 == mine.sha256;
        // The same bytes for the same source: replacing them would change nothing but their age.
        if same && job.overwrite && owner.source == mine.source {
            return Ok(Standing::Mine(owner.clone()));
        }
        if is_retry_of(attempt, job, &owner.id).await? {
            return Ok(if same { Standing::Mine(owner.clone()) } else { Standing::Replaceable });
        }
    }
    Ok(if job.overwrite { Standing::Replaceable } else { Standing::Foreign })
}

/// Whether `job` repeats the job `id` of its batch, directly or by other retries.
async fn is_retry_of(attempt: &Attempt<'_>, job: &Job, id: &JobId) -> Result<bool, Error> {
    let mut ancestor = job.retry_of.clone();
    for _ in 0..MAX_RETRIES_FOLLOWED {
        let Some(named) = ancestor else { return Ok(false) };
        if named == *id {
            return Ok(true);
        }
        ancestor = retry_of(attempt, &Key::result(&job.batch, &named)).await?;
    }
    Ok(false)
}

/// The job that the job of this result repeats.
async fn retry_of(attempt: &Attempt<'_>, result: &Key) -> Result<Option<JobId>, Error> {
    let store = &attempt.worker.pipeline.store;
    let read = || async { store.get(result, None).await?.bytes().await };
    let bytes = match attempt.worker.weather.through(read).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let document = serde_json::from_slice::<ResultDocument>(&bytes).ok();
    let named = document.and_then(|d| d.job?.get("retry_of")?.as_str().map(str::to_owned));
    Ok(named.and_then(|id| JobId::new(id).ok()))
}
