//! Reading a job's overlays.

use std::sync::Arc;

use pixmill_contract::document::Job;
use pixmill_contract::port::Etag;
use pixmill_contract::{Key, RejectCode, Rejection};

use crate::fate::Stop;
use crate::source::{self, Blame};
use crate::worker::Worker;

/// An overlay is part of what the job asks for: one that cannot be read is a fact about the job.
const BLAME: Blame = Blame {
    missing: RejectCode::OverlayMissing,
    changed: RejectCode::OverlayChanged,
    invalid: RejectCode::BadOverlay,
    denied: RejectCode::BadOverlay,
};

/// The overlays of a job's recipe, by the names that it has for them.
pub(crate) async fn fetch(worker: &Worker, job: &Job) -> Result<Vec<(String, Arc<[u8]>)>, Stop> {
    let mut overlays = vec![];
    for name in job.recipe.overlays() {
        let key = Key::new(name)
            .map_err(|error| Rejection::new(RejectCode::BadRecipe, error.to_string()))?;
        overlays.push((name.to_owned(), one(worker, &key, job.overlays.get(&key)).await?));
    }
    Ok(overlays)
}

/// The bytes of one overlay, which is still what it was when the job was sent.
async fn one(worker: &Worker, key: &Key, pinned: Option<&Etag>) -> Result<Arc<[u8]>, Stop> {
    let store = &worker.pipeline.store;
    let head = || async { Ok(Ok(store.head(key).await?.etag)) };
    let known = match pinned {
        Some(etag) => etag.clone(),
        None => source::patiently(worker, &BLAME, head).await?,
    };
    if let Some(bytes) = worker.overlays.find(key, &known) {
        return Ok(bytes);
    }
    let read = || async {
        let answer = source::read(worker, &**store, key, pinned).await?;
        Ok(answer
            .map_err(|why| Rejection::new(RejectCode::BadOverlay, format!("overlay {key}: {why}"))))
    };
    let (bytes, etag) = source::patiently(worker, &BLAME, read).await?;
    let bytes: Arc<[u8]> = bytes.into();
    worker.overlays.keep(key.clone(), etag, Arc::clone(&bytes));
    Ok(bytes)
}
