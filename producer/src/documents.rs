//! Documents as a producer reads and writes them: what a batch is, and what became of a job.

use pixmill_contract::document::{AttemptNote, BatchDocument, ResultDocument};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Key, Pipeline};

/// What stands where a job's result belongs.
#[derive(Debug)]
pub struct Standing {
    /// The document, a tombstone too; nothing if it cannot be read, which counts as no result.
    pub document: Option<ResultDocument>,
    /// What a replacement has to match.
    pub etag: Etag,
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
    let Some((bytes, _)) = read(pipeline, &Key::batch(batch)).await? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| Error::new(ErrorKind::Invalid, format!("read batch {batch}"), e))
}

/// A job's result, if it has ended.
pub async fn read_result(
    pipeline: &Pipeline,
    batch: &BatchId,
    id: &JobId,
) -> Result<Option<ResultDocument>, Error> {
    let document = read_standing(pipeline, batch, id).await?.and_then(|standing| standing.document);
    Ok(document.filter(|document| document.outcome.is_end()))
}

/// What stands where a job's result belongs, if anything does.
pub async fn read_standing(
    pipeline: &Pipeline,
    batch: &BatchId,
    id: &JobId,
) -> Result<Option<Standing>, Error> {
    let found = read(pipeline, &Key::result(batch, id)).await?;
    Ok(found.map(|(bytes, etag)| Standing { document: serde_json::from_slice(&bytes).ok(), etag }))
}

/// A job's attempt note, if it has one.
pub async fn read_note(
    pipeline: &Pipeline,
    batch: &BatchId,
    id: &JobId,
) -> Result<Option<AttemptNote>, Error> {
    let found = read(pipeline, &Key::attempts(batch, id)).await?;
    Ok(found.and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok()))
}

/// An object's bytes and etag, if it is there.
pub(crate) async fn read(pipeline: &Pipeline, key: &Key) -> Result<Option<(Vec<u8>, Etag)>, Error> {
    match pipeline.store.get(key, None).await {
        Ok(object) => {
            let etag = object.meta.etag.clone();
            Ok(Some((object.bytes().await?, etag)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
