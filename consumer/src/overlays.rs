//! Reading a job's overlays, and keeping the few that many jobs have in common.

use std::sync::{Arc, Mutex};

use pixmill_contract::document::Job;
use pixmill_contract::port::Etag;
use pixmill_contract::{Key, RejectCode, Rejection};

use crate::fate::Stop;
use crate::source::{self, Blame};
use crate::worker::Worker;

/// Most bytes of encoded overlays that a worker keeps between jobs: some logos, of any size that
/// people make.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// An overlay is part of what the job asks for: one that cannot be read is a fact about the job.
const BLAME: Blame = Blame {
    missing: RejectCode::OverlayMissing,
    changed: RejectCode::OverlayChanged,
    invalid: RejectCode::BadOverlay,
    denied: RejectCode::BadOverlay,
};

/// Encoded overlays by key and etag, the one that was used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Vec<Kept>>);

type Kept = (Key, Etag, Arc<[u8]>);

impl Shelf {
    fn find(&self, key: &Key, etag: &Etag) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().expect("no code panics with this lock");
        let at = kept.iter().position(|(k, e, _)| (k, e) == (key, etag))?;
        let found = kept.remove(at);
        let bytes = Arc::clone(&found.2);
        kept.push(found);
        Some(bytes)
    }

    /// Keeps one, in place of those that were not used for longest.
    fn keep(&self, key: Key, etag: Etag, bytes: Arc<[u8]>) {
        let mut kept = self.0.lock().expect("no code panics with this lock");
        kept.retain(|(k, ..)| *k != key);
        kept.push((key, etag, bytes));
        let mut total: usize = kept.iter().map(|(.., bytes)| bytes.len()).sum();
        while total > KEPT_BYTES {
            total -= kept.remove(0).2.len();
        }
    }
}

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
        let answer = source::read(worker, key, pinned).await?;
        Ok(answer
            .map_err(|why| Rejection::new(RejectCode::BadOverlay, format!("overlay {key}: {why}"))))
    };
    let (bytes, etag) = source::patiently(worker, &BLAME, read).await?;
    let bytes: Arc<[u8]> = bytes.into();
    worker.overlays.keep(key.clone(), etag, Arc::clone(&bytes));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_keeps_what_was_used_last() {
        let shelf = Shelf::default();
        let key = |n: u32| Key::new(format!("overlays/{n}")).unwrap_or_else(|e| panic!("{e}"));
        let etag = |text: &str| Etag(text.to_owned());
        let keep = |n: u32, tag: &str| {
            shelf.keep(key(n), etag(tag), vec![0; KEPT_BYTES / 3].into());
        };
        keep(1, "a");
        keep(2, "a");
        keep(3, "a");
        assert!(shelf.find(&key(1), &etag("a")).is_some());
        assert!(shelf.find(&key(1), &etag("b")).is_none());
        keep(4, "a");
        assert!(shelf.find(&key(2), &etag("a")).is_none());
        keep(1, "b");
        assert!(shelf.find(&key(1), &etag("a")).is_none());
        assert!(shelf.find(&key(3), &etag("a")).is_some());
        shelf.keep(key(5), etag("a"), vec![0; KEPT_BYTES + 1].into());
        assert!(shelf.find(&key(5), &etag("a")).is_none());
    }
}
