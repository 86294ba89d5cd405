//! S6, S7: what is there, in order, and what is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{StoreHarness, bytes, key, kind, put};
use crate::error::ErrorKind;
use crate::key::Key;
use crate::port::{Listed, ObjectStore};

/// Keys whose order is easily got wrong, in byte order: `-` and `.` come before `/`, a directory
/// stands where its slash does, and everything beyond ASCII comes last.
const KEYS: &[&str] = &[
    "list/ lead and trail ",
    "list/100%/%41+b&c.png",
    "list/A",
    "list/a+b",
    "list/a-b/x",
    "list/a.b",
    "list/a/x",
    "list/a/x-1",
    "list/a/x.y/z",
    "list/a/x0/y",
    "list/a/y/z/1",
    "list/a0",
    "list/ab/c",
    "list/line\nbreak",
    "list/z",
    "list/ä/ö ü.jpg",
    "list/é",
    "list/漢字",
    "list/😀",
];

async fn listed(harness: &dyn StoreHarness) -> Arc<dyn ObjectStore> {
    let store = harness.store().await;
    assert!(KEYS.is_sorted());
    // In no particular order.
    for (n, text) in KEYS.iter().enumerate().rev() {
        put(&*store, &key(text), vec![b'x'; n]).await;
    }
    for outside in ["lis", "list-/x", "list0", "list.x"] {
        put(&*store, &key(outside), "outside").await;
    }
    store
}

/// Every page of a listing.
async fn pages(store: &dyn ObjectStore, prefix: &str, after: Option<&Key>) -> Vec<Listed> {
    let mut all: Vec<Listed> = Vec::new();
    loop {
        let last = all.last().map(|line| line.key.clone());
        let page = store.list(prefix, last.as_ref().or(after)).await.expect("a listing works");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn keys(store: &dyn ObjectStore, prefix: &str, after: Option<&Key>) -> Vec<String> {
    pages(store, prefix, after).await.into_iter().map(|line| line.key.to_string()).collect()
}

pub(super) async fn s6_keys_come_in_byte_order(harness: &dyn StoreHarness) {
    let store = listed(harness).await;
    assert_eq!(keys(&*store, "list/", None).await, KEYS);
    for (n, line) in pages(&*store, "list/", None).await.into_iter().enumerate() {
        assert_eq!(line.size, n as u64, "{:?}", line.key);
        assert_eq!(bytes(&*store, &line.key).await.len(), n, "{:?}", line.key);
    }
    let all = keys(&*store, "", None).await;
    assert!(all.is_sorted(), "S6: {all:?}");
    assert_eq!(all.len(), KEYS.len() + 4, "S6: everything is there: {all:?}");
}

pub(super) async fn s6_a_listing_can_go_on_after_any_key(harness: &dyn StoreHarness) {
    let store = listed(harness).await;
    for (n, text) in KEYS.iter().enumerate() {
        let rest = keys(&*store, "list/", Some(&key(text))).await;
        assert_eq!(rest, KEYS[n + 1..], "S6: after {text:?}");
    }
    // Also after what is not there itself.
    for after in ["lisa", "list/a", "list/a/m", "list/a/x/below", "list/zzz"] {
        let after = key(after);
        let expected: Vec<_> = KEYS.iter().filter(|k| **k > after.as_str()).collect();
        let rest = keys(&*store, "list/", Some(&after)).await;
        assert_eq!(rest.iter().collect::<Vec<_>>(), expected, "S6: after {after:?}");
    }
}

pub(super) async fn s6_a_prefix_may_end_anywhere(harness: &dyn StoreHarness) {
    let store = listed(harness).await;
    let prefixes =
        ["list/a", "list/a/", "list/a/x", "list/a-", "list/a/x.y/z", "list/ä", "list/l", "list"];
    for prefix in prefixes {
        let found = keys(&*store, prefix, None).await;
        let inside = KEYS.iter().chain(&["list-/x", "list.x", "list0"]);
        let mut expected: Vec<_> = inside.filter(|k| k.starts_with(prefix)).collect();
        expected.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "S6: below {prefix:?}");
    }
    for nowhere in ["nowhere", "nowhere/", "list/a/x/", "list/b", "list/a/y/z/1/"] {
        assert_eq!(keys(&*store, nowhere, None).await, [""; 0], "S6: below {nowhere:?}");
    }
}

pub(super) async fn s6_nothing_that_stays_is_left_out(harness: &dyn StoreHarness) {
    const STAYING: usize = 60;
    let store = harness.store().await;
    for n in 0..STAYING {
        put(&*store, &key(&format!("busy/{}/stays-{n}", n % 4)), "x").await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let churn = tokio::spawn({
        let (store, done) = (Arc::clone(&store), Arc::clone(&done));
        async move {
            for n in 0..60 {
                let key = key(&format!("busy/{}/comes-{n}", n % 6));
                put(&*store, &key, "x").await;
                store.delete(&key).await.expect("it is deleted");
            }
            done.store(true, Ordering::Relaxed);
        }
    });
    while !done.load(Ordering::Relaxed) && !churn.is_finished() {
        let found = keys(&*store, "busy/", None).await;
        let staying: BTreeSet<_> = found.iter().filter(|key| key.contains("stays")).collect();
        assert_eq!(staying.len(), STAYING, "S6: {found:?}");
        assert!(found.is_sorted(), "S6: {found:?}");
    }
    churn.await.expect("the churn ends");
}

pub(super) async fn s7_deleting_is_ok_twice(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/some where/deep/x");
    store.delete(&key).await.expect("S7: nothing was there");
    put(&*store, &key, "x").await;
    store.delete(&key).await.expect("it is deleted");
    store.delete(&key).await.expect("S7: nothing is there any more");
    assert_eq!(kind(store.head(&key).await), Some(ErrorKind::NotFound));
    assert_eq!(keys(&*store, "", None).await, [""; 0]);
    put(&*store, &key, "again").await;
    assert_eq!(bytes(&*store, &key).await, b"again");
}

pub(super) async fn a_link_is_made_for_what_is_there(harness: &dyn StoreHarness) {
    let store = harness.store().await;
    let key = key("outputs/a b/100%#?.png");
    put(&*store, &key, "x").await;
    let link = store.link(&key, Duration::from_mins(1)).await.expect("a link is made");
    let plain = link.chars().all(|c| c.is_ascii_graphic());
    assert!(link.contains("://") && plain, "a link is a URL: {link}");
}
