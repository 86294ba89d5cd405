//! Backfills: what is taken, where they go on, and what they cost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::document::BackfillDocument;
use pixmill_contract::port::{Etag, Listed, Meta, Object, Put};
use pixmill_contract::testing::{Fault, FaultyStore, Operation, Plan};
use pixmill_contract::{Error, ErrorKind, Job, Key, ObjectStore};
use pixmill_producer::{Backfill, backfill, read_batch};

use crate::harness::{FOR_EVER, World};

/// A store that lists few keys at once, and tells of each listing.
#[derive(Debug)]
struct Pages<'s> {
    store: Arc<dyn ObjectStore>,
    lists: &'s AtomicUsize,
}

const PAGE: usize = 10;

#[async_trait]
impl ObjectStore for Pages<'_> {
    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Listed>, Error> {
        let mut page = self.store.list(prefix, after).await?;
        self.lists.fetch_add(1, Ordering::SeqCst);
        page.truncate(PAGE);
        Ok(page)
    }

    async fn head(&self, key: &Key) -> Result<Meta, Error> {
        panic!("a backfill looks at no picture: {key}")
    }

    async fn get(&self, key: &Key, _: Option<&Etag>) -> Result<Object, Error> {
        panic!("a backfill reads no picture: {key}")
    }

    async fn put(&self, put: Put) -> Result<Etag, Error> {
        panic!("a backfill copies nothing: {}", put.key)
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        panic!("a backfill deletes nothing: {key}")
    }

    async fn link(&self, key: &Key, _: Duration) -> Result<String, Error> {
        panic!("a backfill links to nothing: {key}")
    }
}

fn of(prefix: &str) -> Backfill {
    let (recipe, by) = ("invert".parse().unwrap(), "a test".to_owned());
    Backfill { bucket: None, prefix: prefix.to_owned(), recipe, batch: None, by }
}

async fn put(world: &World, keys: impl IntoIterator<Item = String>) {
    for key in keys {
        world.put(key.parse().unwrap(), b"x".to_vec()).await;
    }
}

/// The store with every call looked at by the plan.
fn watched(world: &World, plan: Plan) -> FaultyStore {
    FaultyStore::new(Arc::new(world.backend.store.clone()), plan)
}

async fn go(world: &World, wanted: &Backfill) -> Result<BackfillDocument, Error> {
    let pipeline = world.pipeline();
    backfill(&pipeline, &*pipeline.store, wanted, false, |_| ()).await.map(|(end, _)| end)
}

fn keys(jobs: &[Job]) -> BTreeSet<String> {
    jobs.iter().map(|job| job.source.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn pictures_are_taken_where_they_are_and_the_rest_is_counted() {
    let world = World::new();
    let taken = ["a.jpg", "photos/b.PNG", "photos/scan", "inputs/x/c.webp"].map(str::to_owned);
    let left = [
        "photos/notes.txt",
        "outputs/x/y.jpg",
        "overlays/logo.png",
        "results/b/x.jpg",
        "recipes/web.jpg",
        "probes/w",
    ];
    put(&world, taken.clone().into_iter().chain(left.map(str::to_owned))).await;
    let end = go(&world, &of("")).await.unwrap();
    assert_eq!((end.sent, end.skipped, end.complete), (4, 0, true));
    assert_eq!(end.seen, end.sent + end.passed_over);
    let jobs = world.work().await;
    assert_eq!(keys(&jobs), BTreeSet::from(taken));
    assert!(jobs.iter().all(|job| job.batch == of("").batch() && job.source.bucket.is_none()));
    let batch = read_batch(&world.pipeline(), &of("").batch()).await.unwrap().unwrap();
    assert_eq!((batch.jobs, batch.closed), (4, true));
}

#[tokio::test(start_paused = true)]
async fn another_bucket_has_no_keys_of_the_pipelines_own() {
    let (world, theirs) = (World::new(), World::new());
    put(&theirs, ["outputs/a.jpg".to_owned()]).await;
    let wanted = Backfill { bucket: Some("theirs".to_owned()), ..of("") };
    let store = theirs.pipeline().store;
    let sent = backfill(&world.pipeline(), &*store, &wanted, true, |_| ()).await;
    let (end, results) = sent.unwrap();
    assert_eq!(end.sent, 1);
    let jobs = world.work().await;
    assert_eq!(jobs[0].source.bucket.as_deref(), Some("theirs"));
    let mut results = results.unwrap();
    assert_eq!(results.next().await.unwrap().unwrap().id, jobs[0].id);
    assert!(results.next().await.unwrap().is_none());
    assert_ne!(wanted.batch(), of("").batch());
}

#[tokio::test(start_paused = true)]
async fn a_backfill_that_is_killed_at_any_call_goes_on_and_lists_no_page_twice() {
    let all: BTreeSet<_> = (0..2 * PAGE + 5).map(|n| format!("photos/{n:05}.jpg")).collect();
    let source = World::new();
    put(&source, all.clone()).await;
    for number in 0.. {
        let world = World::new();
        let calls = AtomicU64::new(0);
        let plan: Plan = Arc::new(move |_| {
            let dead = calls.fetch_add(1, Ordering::SeqCst) >= number;
            if dead { Fault::Delay(FOR_EVER) } else { Fault::None }
        });
        let lists = AtomicUsize::new(0);
        let wanted = Backfill { bucket: Some("photos".to_owned()), ..of("photos/") };
        let (pipeline, killed) = (world.faulty(&plan), watched(&source, Arc::clone(&plan)));
        let pages = Pages { store: Arc::new(killed), lists: &lists };
        let first = backfill(&pipeline, &pages, &wanted, false, |_| ());
        let ended = tokio::time::timeout(Duration::from_hours(1), first).await.is_ok();
        if !ended {
            let pages = Pages { store: source.pipeline().store, lists: &lists };
            let again = backfill(&world.pipeline(), &pages, &wanted, false, |_| ()).await;
            assert_eq!(again.unwrap().0.sent, all.len() as u64, "killed at call {number}");
        }
        // Three pages with their end, and the one that a crash was in.
        let lists = lists.load(Ordering::SeqCst);
        assert!((4..=5).contains(&lists), "{lists} lists, killed at call {number}");
        assert_eq!(keys(&world.work().await), all, "killed at call {number}");
        let batch = read_batch(&world.pipeline(), &wanted.batch()).await.unwrap().unwrap();
        assert_eq!((batch.jobs, batch.closed), (all.len() as u64, true));
        if ended {
            assert!(number > 10, "it makes more calls than {number}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_pass_sends_what_is_new_and_skips_what_has_ended() {
    let world = World::new();
    put(&world, (0..5).map(|n| format!("photos/{n}.jpg"))).await;
    assert_eq!(go(&world, &of("photos/")).await.unwrap().sent, 5);
    world.work().await;
    put(&world, ["photos/0-new.jpg".to_owned(), "photos/9.jpg".to_owned()]).await;
    let end = go(&world, &of("photos/")).await.unwrap();
    assert_eq!((end.pass, end.seen, end.sent, end.skipped), (2, 7, 2, 5));
    let jobs = world.work().await;
    assert_eq!(jobs.len(), 2);
    let batch = read_batch(&world.pipeline(), &of("photos/").batch()).await.unwrap().unwrap();
    assert_eq!((batch.jobs, batch.closed), (7, true));
    let end = go(&world, &of("photos/")).await.unwrap();
    assert_eq!((end.pass, end.sent, end.skipped), (3, 0, 7));
}

#[tokio::test(start_paused = true)]
async fn of_two_at_once_the_later_one_goes_on_and_the_earlier_one_stops() {
    let world = World::new();
    put(&world, ["photos/a.jpg".to_owned()]).await;
    let slow: Plan = Arc::new(|call| {
        let hit = call.operation == Operation::List;
        if hit { Fault::Delay(Duration::from_mins(1)) } else { Fault::None }
    });
    let (pipeline, store, wanted) = (world.pipeline(), watched(&world, slow), of("photos/"));
    let earlier = backfill(&pipeline, &store, &wanted, false, |_| ());
    let later = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        go(&world, &wanted).await
    };
    let (earlier, later) = tokio::join!(earlier, later);
    assert_eq!(later.unwrap().sent, 1);
    let stopped = earlier.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Changed);
    assert!(stopped.chain().contains("another process"), "{}", stopped.chain());
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_of_one_backfill() {
    let world = World::new();
    put(&world, ["photos/a.jpg".to_owned()]).await;
    let named = |prefix| Backfill { batch: Some("b".parse().unwrap()), ..of(prefix) };
    go(&world, &named("photos/")).await.unwrap();
    let refused = go(&world, &named("other/")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    let batch = read_batch(&world.pipeline(), &"b".parse().unwrap()).await.unwrap().unwrap();
    assert!(batch.closed, "the refused one opened it");
    let nothing = go(&world, &of("nowhere/")).await.unwrap();
    assert_eq!((nothing.seen, nothing.complete), (0, true));
}

#[tokio::test(start_paused = true)]
async fn any_answer_to_a_checkpoint_may_be_lost() {
    for number in 0..4 {
        let world = World::new();
        put(&world, ["photos/a.jpg".to_owned()]).await;
        let writes = Mutex::new(0);
        let plan: Plan = Arc::new(move |call| {
            let is_checkpoint = call.key.is_some_and(|key| key.as_str().starts_with("backfills/"));
            if call.operation != Operation::Put || !is_checkpoint {
                return Fault::None;
            }
            let mut writes = writes.lock().unwrap();
            *writes += 1;
            if *writes == number + 1 { Fault::Lose } else { Fault::None }
        });
        let pipeline = world.faulty(&plan);
        let store: Arc<dyn ObjectStore> = Arc::clone(&pipeline.store);
        let sent = backfill(&pipeline, &*store, &of("photos/"), false, |_| ()).await;
        assert_eq!(sent.unwrap().0.sent, 1, "write {number}");
    }
}
