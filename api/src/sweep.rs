//! The sweep: what was written down of requests that might be repeated goes when it is old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::key::REQUESTS;
use pixmill_contract::{Error, Key, Timestamp};
use serde_json::Value as Json;

use crate::state::State;

/// How long a request may be repeated and is known to be the same. Whoever repeats it later gets the
/// same jobs too, but may also say something else under the same key.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// How often it is swept.
const EVERY: Duration = Duration::from_hours(1);

/// Documents that are read in one sweep; the rest is read in the next ones.
const READ: usize = 10_000;

/// Sweeps now and then. Ends with the program.
pub(crate) async fn keep_sweeping(state: Arc<State>) {
    let mut written = BTreeMap::new();
    loop {
        if let Err(error) = sweep(&state, &mut written).await {
            tracing::debug!(reason = error.chain(), "failed to remove old requests");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Removes what is old. `written` is when those were written that have been read.
async fn sweep(state: &State, written: &mut BTreeMap<Key, Timestamp>) -> Result<(), Error> {
    let store = &state.pipeline().store;
    let now = state.pipeline().clock.now();
    let (mut after, mut reads) = (None, 0);
    loop {
        let page = store.list(REQUESTS, after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for listed in page {
            let at = match written.get(&listed.key) {
                Some(at) => *at,
                None if reads == READ => continue,
                None => {
                    reads += 1;
                    let bytes = store.get(&listed.key, None).await?.bytes().await?;
                    let at = at_of(&bytes, now);
                    written.insert(listed.key.clone(), at);
                    at
                }
            };
            if now.since(at) > KEPT {
                store.delete(&listed.key).await?;
                written.remove(&listed.key);
            }
        }
    }
}

/// When a document was written. One that does not say so is taken for new.
fn at_of(document: &[u8], now: Timestamp) -> Timestamp {
    let document: Json = serde_json::from_slice(document).unwrap_or_default();
    serde_json::from_value(document["at"].clone()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use pixmill_contract::SystemClock;
    use pixmill_contract::port::{Condition, Payload, Put};
    use pixmill_local::{Durability, LocalBackend};
    use serde_json::json;

    use super::*;
    use crate::Api;
    use crate::state::test_settings;

    #[tokio::test]
    async fn only_what_is_old_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let backend = LocalBackend::open(directory.path(), clock, Durability::Process).unwrap();
        let pipeline = backend.pipeline();
        let api = Api::new(test_settings(pipeline.clone(), directory.path()));
        let now = pipeline.clock.now();
        let old = Timestamp::from_millis(now.millis() - 8 * 24 * 3_600_000);
        let documents =
            [("old", json!({ "at": old })), ("new", json!({ "at": now })), ("odd", json!([]))];
        for (name, document) in documents {
            let put = Put {
                key: Key::new(format!("{REQUESTS}{name}.json")).unwrap(),
                payload: Payload::Bytes(document.to_string().into_bytes()),
                media_type: "application/json",
                condition: Condition::Always,
                owner: None,
            };
            pipeline.store.put(put).await.unwrap();
        }
        sweep(&api.state, &mut BTreeMap::new()).await.unwrap();
        let left = pipeline.store.list(REQUESTS, None).await.unwrap();
        let left: Vec<_> = left.iter().map(|listed| listed.key.file_name()).collect();
        assert_eq!(left, ["new.json", "odd.json"]);
    }
}
