//! S1–S5: what is written, whole and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{StoreHarness, bytes, key, kind, put, put_of, tag};
use crate::error::{ErrorKind, Result};
use crate::port::{Condition, Etag, ObjectStore, Payload, Put};

/// How many race for one key.
const RACERS: u8 = 8;

/// Larger than any buffer on the way.
const LARGE: usize = 3 << 20;

pub(super) async fn s1_an_object_comes_back_as_it_was_put(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (n, content) in [Vec::new(), b"x".to_vec(), every_byte, vec![7; LARGE]].iter().enumerate() {
        let key = key(&format!("outputs/s1/{n}"));
        let etag = put(&*store, &key, content.clone()).await;
        let object = store.get(&key, None).await.expect("the object is there");
        assert_eq!(object.meta.size, content.len() as u64);
        assert_eq!(object.meta.etag, etag, "the etag that the put returned");
        assert_eq!(object.meta, store.head(&key).await.expect("the object is there"));
        assert!(object.bytes().await.expect("it comes whole") == *content, "S1: object {n}");
    }
}

pub(super) async fn s1_a_file_is_put_whole(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let content: Vec<u8> = (0..LARGE).map(|n| (n % 251).to_le_bytes()[0]).collect();
    let file = harness.scratch().join("payload.bin");
    std::fs::write(&file, &content).expect("the scratch directory can be written to");
    let key = key("outputs/from a file.bin");
    let payload = Payload::File(file.clone());
    let etag = store
        .put(Put { payload, ..put_of(&key, [], Condition::IfAbsent) })
        .await
        .expect("a file is put");
    std::fs::write(&file, b"changed").expect("the scratch directory can be written to");
    assert!(bytes(&*store, &key).await == content, "S1: the store has its own copy");
    assert_eq!(store.head(&key).await.expect("it is there").etag, etag);
}

pub(super) async fn s1_a_given_file_is_put_whole_and_keeps_its_name(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let file = harness.scratch().join("given.bin");
    std::fs::write(&file, vec![3; LARGE]).expect("the scratch directory can be written to");
    let key = key("inputs/given.bin");
    let given =
        |condition| Put { payload: Payload::Given(file.clone()), ..put_of(&key, [], condition) };
    for condition in [Condition::IfAbsent, Condition::Always] {
        let etag = store.put(given(condition)).await.expect("a file is put, and again");
        assert_eq!(store.head(&key).await.expect("it is there").etag, etag);
    }
    std::fs::remove_file(&file).expect("the file still has its name");
    assert!(bytes(&*store, &key).await == vec![3; LARGE], "S1: the store has it for its own");
}

pub(super) async fn s1_no_reader_sees_part_of_an_object(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/busy");
    put(&*store, &key, vec![0; LARGE / 3]).await;
    let done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (store, key, done) = (Arc::clone(&store), key.clone(), Arc::clone(&done));
        async move {
            for round in 1..20_u8 {
                put(&*store, &key, vec![round; LARGE / 3 - usize::from(round)]).await;
            }
            done.store(true, Ordering::Relaxed);
        }
    });
    while !done.load(Ordering::Relaxed) && !writer.is_finished() {
        let seen = bytes(&*store, &key).await;
        let round = seen[0];
        let whole = seen.len() == LARGE / 3 - usize::from(round);
        assert!(whole && seen.iter().all(|b| *b == round), "S1: part of an object was seen");
    }
    writer.await.expect("the writer ends");
}

pub(super) async fn s2_what_is_missing_is_not_found(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    put(&*store, &key("outputs/there/file"), "x").await;
    let missing = ["outputs/there/other", "outputs/there", "elsewhere", "outputs/there/file/below"];
    for text in missing {
        let key = key(text);
        assert_eq!(kind(store.head(&key).await), Some(ErrorKind::NotFound), "S2: head {text}");
        assert_eq!(kind(store.get(&key, None).await), Some(ErrorKind::NotFound), "S2: get {text}");
        let only = Etag("\"0\"".into());
        let result = store.get(&key, Some(&only)).await;
        assert_eq!(kind(result), Some(ErrorKind::NotFound), "S2: get {text} by etag");
    }
}

pub(super) async fn s3_of_racing_creates_one_wins(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    for round in 0..10 {
        let key = key(&format!("results/race/{round}.json"));
        let puts = (0..RACERS).map(|n| put_of(&key, [n; 1000], Condition::IfAbsent));
        let winner = race(&store, puts.collect(), ErrorKind::AlreadyExists).await;
        assert_eq!(bytes(&*store, &key).await, [winner; 1000], "S3: the winner's bytes stay");
    }
}

pub(super) async fn s3_of_racing_replaces_one_wins(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("attempts/race.json");
    let mut etag = put(&*store, &key, "first").await;
    for _ in 0..10 {
        let puts = (0..RACERS).map(|n| put_of(&key, [n; 1000], Condition::IfMatch(etag.clone())));
        let winner = race(&store, puts.collect(), ErrorKind::Changed).await;
        assert_eq!(bytes(&*store, &key).await, [winner; 1000], "S3: the winner's bytes stay");
        // The next round writes the same bytes again, which may have the same etag.
        etag = put(&*store, &key, "between").await;
    }
}

/// Puts all at once; who won, all others having got `lost`.
async fn race(store: &Arc<dyn ObjectStore>, puts: Vec<Put>, lost: ErrorKind) -> u8 {
    let racers: Vec<_> = puts
        .into_iter()
        .map(|put| {
            let store = Arc::clone(store);
            tokio::spawn(async move { store.put(put).await })
        })
        .collect();
    let mut winners = Vec::new();
    for (n, racer) in (0_u8..).zip(racers) {
        let result: Result<Etag> = racer.await.expect("a racer ends");
        match result {
            Ok(_) => winners.push(n),
            Err(error) => assert_eq!(error.kind(), lost, "S3: {}", error.chain()),
        }
    }
    assert_eq!(winners.len(), 1, "S3: one wins, not {winners:?}");
    winners[0]
}

pub(super) async fn s3_a_condition_that_does_not_hold_changes_nothing(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("results/one.json");
    let nowhere = Condition::IfMatch(Etag("\"0\"".into()));
    let result = store.put(put_of(&key, "x", nowhere)).await;
    assert_eq!(kind(result), Some(ErrorKind::Changed), "S3: there is nothing to replace");

    let first = put(&*store, &key, "first").await;
    let second = store
        .put(put_of(&key, "second", Condition::IfMatch(first.clone())))
        .await
        .expect("S3: a replace of what is there");
    let result = store.put(put_of(&key, "third", Condition::IfMatch(first.clone()))).await;
    assert_eq!(kind(result), Some(ErrorKind::Changed), "S3: somebody was faster");
    let result = store.put(put_of(&key, "fourth", Condition::IfAbsent)).await;
    assert_eq!(kind(result), Some(ErrorKind::AlreadyExists), "S3: it is there");

    assert_eq!(bytes(&*store, &key).await, b"second");
    assert_eq!(kind(store.get(&key, Some(&first)).await), Some(ErrorKind::Changed));
    let object = store.get(&key, Some(&second)).await.expect("it still is this one");
    assert_eq!(object.bytes().await.expect("it comes whole"), b"second");
}

pub(super) async fn s4_a_tag_belongs_to_its_object(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/tagged.webp");
    let owner = Some(tag("job-1", b"one"));
    let put = Put { owner: owner.clone(), ..put_of(&key, "one", Condition::IfAbsent) };
    let etag = store.put(put).await.expect("a tagged object is put");
    assert_eq!(store.head(&key).await.expect("it is there").owner, owner);
    assert_eq!(store.get(&key, Some(&etag)).await.expect("it is there").meta.owner, owner);

    // Somebody who was too late leaves no trace.
    let late =
        Put { owner: Some(tag("job-2", b"two")), ..put_of(&key, "two", Condition::IfAbsent) };
    assert_eq!(kind(store.put(late).await), Some(ErrorKind::AlreadyExists));
    assert_eq!(store.head(&key).await.expect("it is there").owner, owner);

    let owner = Some(tag("job-3", b"three"));
    let put = Put { owner: owner.clone(), ..put_of(&key, "three", Condition::IfMatch(etag)) };
    store.put(put).await.expect("a tagged object is replaced");
    assert_eq!(store.head(&key).await.expect("it is there").owner, owner);

    super::put(&*store, &key, "nobody's").await;
    assert_eq!(store.head(&key).await.expect("it is there").owner, None, "S4: a new object");
    store.delete(&key).await.expect("it is deleted");
    super::put(&*store, &key, "three").await;
    assert_eq!(store.head(&key).await.expect("it is there").owner, None, "S4: a new object");
}

pub(super) async fn s4_racing_writes_keep_their_tags(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/contested.png");
    let writers: Vec<_> = (0..4_u8)
        .map(|n| {
            let (store, key) = (Arc::clone(&store), key.clone());
            tokio::spawn(async move {
                for round in 0..10 {
                    let content = vec![n; 100 + round];
                    let owner = Some(tag(&format!("job-{n}-{round}"), &content));
                    let put = Put { owner, ..put_of(&key, content, Condition::Always) };
                    store.put(put).await.expect("a tagged object is put");
                    let object = store.get(&key, None).await.expect("it is there");
                    let owner = object.meta.owner.clone().expect("S4: its tag is there");
                    let content = object.bytes().await.expect("it comes whole");
                    let expected = tag(owner.id.as_str(), &content);
                    assert_eq!(owner, expected, "S4: the tag is of these bytes");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
}

pub(super) async fn s5_an_etag_is_of_one_content(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/changing");
    let mut etags = std::collections::HashSet::new();
    // Of one size, as fast as possible, with deletes in between: nothing but the content differs.
    for round in 0..100_u8 {
        if round % 3 == 0 {
            store.delete(&key).await.expect("it is deleted");
        }
        assert!(etags.insert(put(&*store, &key, [round; 64]).await), "S5: round {round}");
    }
}
