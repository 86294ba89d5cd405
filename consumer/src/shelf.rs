//! The few overlays that many jobs have in common, kept as they were read.

use std::sync::{Arc, Mutex};

use pixmill_contract::Key;
use pixmill_contract::port::Etag;

/// Most bytes of encoded overlays that a worker keeps between jobs: some logos, of any size that
/// people make.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// Encoded overlays by key and etag, the one that was used last at the end.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Vec<Kept>>);

type Kept = (Key, Etag, Arc<[u8]>);

impl Shelf {
    pub(crate) fn find(&self, key: &Key, etag: &Etag) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().expect("no code panics with this lock");
        let at = kept.iter().position(|(k, e, _)| (k, e) == (key, etag))?;
        let found = kept.remove(at);
        let bytes = Arc::clone(&found.2);
        kept.push(found);
        Some(bytes)
    }

    /// Keeps one, in place of those that were not used for longest.
    pub(crate) fn keep(&self, key: Key, etag: Etag, bytes: Arc<[u8]>) {
        let mut kept = self.0.lock().expect("no code panics with this lock");
        kept.retain(|(k, ..)| *k != key);
        kept.push((key, etag, bytes));
        let mut total: usize = kept.iter().map(|(.., bytes)| bytes.len()).sum();
        while total > KEPT_BYTES {
            total -= kept.remove(0).2.len();
        }
    }
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
