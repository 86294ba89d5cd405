//! The conformance suite of the object store port: one check a promise, against any adapter.

mod listing;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{ErrorKind, Result};
use crate::id::{BatchId, JobId, hex};
use crate::key::Key;
use crate::port::{Condition, Etag, ObjectStore, OwnerTag, Payload, Put};

/// How the suite gets at an adapter.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// A fresh store, empty.
    async fn store(&self) -> Arc<dyn ObjectStore>;

    /// A directory for files that are put.
    fn scratch(&self) -> PathBuf;
}

/// Holds an adapter to every promise of the object store port. Panics at the first that it
/// breaks.
pub async fn store_conformance(harness: &dyn StoreHarness) {
    writing::s1_an_object_comes_back_as_it_was_put(harness).await;
    writing::s1_a_file_is_put_whole(harness).await;
    writing::s1_a_given_file_is_put_whole_and_keeps_its_name(harness).await;
    writing::s1_no_reader_sees_part_of_an_object(harness).await;
    writing::s2_what_is_missing_is_not_found(harness).await;
    writing::s3_of_racing_creates_one_wins(harness).await;
    writing::s3_of_racing_replaces_one_wins(harness).await;
    writing::s3_a_condition_that_does_not_hold_changes_nothing(harness).await;
    writing::s4_a_tag_belongs_to_its_object(harness).await;
    writing::s4_racing_writes_keep_their_tags(harness).await;
    writing::s5_an_etag_is_of_one_content(harness).await;
    listing::s6_keys_come_in_byte_order(harness).await;
    listing::s6_a_listing_can_go_on_after_any_key(harness).await;
    listing::s6_a_prefix_may_end_anywhere(harness).await;
    listing::s6_nothing_that_stays_is_left_out(harness).await;
    listing::s7_deleting_is_ok_twice(harness).await;
    listing::a_link_is_made_for_what_is_there(harness).await;
}

fn key(text: &str) -> Key {
    Key::new(text).expect("the suite's keys are keys")
}

fn put_of(key: &Key, bytes: impl Into<Vec<u8>>, condition: Condition) -> Put {
    Put {
        key: key.clone(),
        payload: Payload::Bytes(bytes.into()),
        media_type: "application/octet-stream",
        condition,
        owner: None,
    }
}

async fn put(store: &dyn ObjectStore, key: &Key, bytes: impl Into<Vec<u8>>) -> Etag {
    store.put(put_of(key, bytes, Condition::Always)).await.expect("an object is put")
}

async fn bytes(store: &dyn ObjectStore, key: &Key) -> Vec<u8> {
    let object = store.get(key, None).await.expect("the object is there");
    object.bytes().await.expect("the whole object comes")
}

/// A tag that says which bytes it is for.
fn tag(id: &str, bytes: &[u8]) -> OwnerTag {
    use sha2::{Digest as _, Sha256};
    OwnerTag {
        batch: BatchId::single(),
        id: JobId::new(id).expect("the suite's ids are ids"),
        digest: "d".repeat(64),
        source: "of-some-picture".to_owned(),
        sha256: hex(&Sha256::digest(bytes)),
        width: 640,
        height: 480,
    }
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}
