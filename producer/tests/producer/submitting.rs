//! Batches of the library: what is accepted, what a batch is said to be, and what a crash leaves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pixmill_contract::document::BatchDocument;
use pixmill_contract::testing::{Fault, Operation, Plan, never};
use pixmill_contract::{BatchId, ErrorKind, ObjectStore as _, Pipeline};
use pixmill_producer::{Batch, Picture, Producer, read_batch};

use crate::harness::{FOR_EVER, World};

fn id() -> BatchId {
    BatchId::new("b").unwrap()
}

/// The batch `b`, whether or not it is there.
async fn open(pipeline: Pipeline) -> Batch {
    let batch = Producer::new(pipeline).batch("invert".parse().unwrap());
    batch.id(id()).open().await.unwrap()
}

fn picture(n: usize) -> Picture {
    Picture::bytes(format!("folder/{n}.jpg"), format!("picture {n}"))
}

async fn document(world: &World) -> BatchDocument {
    read_batch(&world.pipeline(), &id()).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_in_the_store_and_in_the_queue() {
    let world = World::new();
    let mut batch = open(world.pipeline()).await;
    assert!(!document(&world).await.closed);
    let job = batch.submit(picture(1)).await.unwrap();
    let file = tempfile::NamedTempFile::with_suffix(".png").unwrap();
    batch.submit(Picture::path(file.path())).await.unwrap();
    batch.submit(Picture::key("photos/there.jpg".parse().unwrap())).await.unwrap();
    let elsewhere = "photos/there.jpg".parse().unwrap();
    batch.submit(Picture::in_bucket("other", elsewhere)).await.unwrap();
    let stored = world.backend.store.get(&"inputs/b/folder/1.jpg".parse().unwrap(), None).await;
    assert_eq!(stored.unwrap().bytes().await.unwrap(), b"picture 1");
    let jobs = world.work().await;
    assert_eq!(jobs.len(), 4);
    assert_eq!(jobs.iter().filter(|j| j.source.bucket.as_deref() == Some("other")).count(), 1);
    assert_eq!(jobs.iter().map(|job| &job.id).collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(batch.wait(&job).await.unwrap().id, job);
    let mut results = batch.close().await.unwrap();
    assert_eq!((document(&world).await.jobs, document(&world).await.closed), (4, true));
    assert_eq!(results.left(), 3, "one was waited for");
    while results.next().await.unwrap().is_some() {}
    assert_eq!(results.wait(&job).await.unwrap().id, job, "as often as one likes");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_one_job_in_a_batch() {
    let world = World::new();
    let mut batch = open(world.pipeline()).await;
    let first = batch.submit(picture(1)).await.unwrap();
    let twice = batch.submit(picture(1)).await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Invalid);
    assert!(twice.chain().contains("folder/1.jpg"), "{}", twice.chain());
    drop(batch);
    // A process that begins anew sends what has not ended, under the same id.
    let mut batch = open(world.pipeline()).await;
    assert_eq!(batch.submit(picture(1)).await.unwrap(), first);
    assert_eq!(world.work().await.len(), 2);
    let mut batch = open(world.pipeline()).await;
    assert_eq!(batch.submit(picture(1)).await.unwrap(), first);
    assert_eq!(world.depth().await, 0, "what has ended is not sent");
    let mut results = batch.close().await.unwrap();
    assert_eq!(results.next().await.unwrap().unwrap().id, first);
    assert!(results.next().await.unwrap().is_none());
    assert_eq!(document(&world).await.jobs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_gone_on_with_counts_all_of_it() {
    let world = World::new();
    let mut batch = open(world.pipeline()).await;
    for n in 0..3 {
        batch.submit(picture(n)).await.unwrap();
    }
    batch.close().await.unwrap();
    world.work().await;
    let mut batch = open(world.pipeline()).await;
    assert!(!document(&world).await.closed);
    for n in 2..5 {
        batch.submit(picture(n)).await.unwrap();
    }
    batch.close().await.unwrap();
    assert_eq!((document(&world).await.jobs, document(&world).await.closed), (5, true));
    assert_eq!(world.work().await.len(), 2);
    let other = Producer::new(world.pipeline()).batch("blur".parse().unwrap()).id(id());
    assert_eq!(other.open().await.unwrap_err().kind(), ErrorKind::Invalid, "another recipe");
    assert!(document(&world).await.closed);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_submitted_is_refused_and_may_be_submitted_when_it_can() {
    let world = World::new();
    let mut batch = open(world.pipeline()).await;
    for name in ["", "/a.jpg", "../a.jpg", "a//b.jpg", "a\0.jpg", &"x".repeat(2000)] {
        let refused = batch.submit(Picture::bytes(name, b"x")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{name:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.jpg");
    let missing = batch.submit(Picture::path(&path)).await.unwrap_err();
    assert!(missing.chain().contains("late.jpg"), "{}", missing.chain());
    std::fs::write(&path, b"here").unwrap();
    batch.submit(Picture::path(&path)).await.unwrap();
    batch.submit(Picture::bytes("empty.jpg", [])).await.unwrap();
    batch.close().await.unwrap();
    assert_eq!(document(&world).await.jobs, 2);
    assert_eq!(world.work().await.len(), 2);
    let overlay = "composite:image=logo.png".parse().unwrap();
    let refused = Producer::new(world.pipeline()).batch(overlay).open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "an overlay that is not in the store");
}

#[tokio::test(start_paused = true)]
async fn jobs_are_sent_while_other_pictures_are_still_uploaded() {
    let world = World::new();
    let stuck: Plan = Arc::new(|call| {
        let hit = call.operation == Operation::Put
            && call.key.is_some_and(|key| key.as_str().ends_with("/7.jpg"));
        if hit { Fault::Delay(FOR_EVER) } else { Fault::None }
    });
    let mut batch = open(world.faulty(&stuck)).await;
    let mut told = 0;
    let all = batch.submit_all((0..250).map(picture), |_| told += 1);
    assert!(tokio::time::timeout(Duration::from_hours(1), all).await.is_err(), "it hangs");
    assert_eq!(told, 200);
    assert_eq!(world.depth().await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_submission_that_is_killed_at_any_call_is_complete_when_it_is_repeated() {
    for number in 0.. {
        let world = World::new();
        let (calls, limit) = (AtomicU64::new(0), number);
        let plan: Plan = Arc::new(move |_| {
            let dead = calls.fetch_add(1, Ordering::SeqCst) >= limit;
            if dead { Fault::Delay(FOR_EVER) } else { Fault::None }
        });
        let pipeline = world.faulty(&plan);
        let first = async move {
            let mut batch = open(pipeline).await;
            batch.submit_all((0..5).map(picture), |_| ()).await.unwrap();
            batch.close().await.unwrap();
        };
        let ended = tokio::time::timeout(Duration::from_hours(1), first).await.is_ok();
        assert_eq!(
            ended,
            read_batch(&world.pipeline(), &id()).await.unwrap().is_some_and(|d| d.closed)
        );
        world.work().await;
        let mut batch = open(world.faulty(&never())).await;
        batch.submit_all((0..5).map(picture), |_| ()).await.unwrap();
        let mut results = batch.close().await.unwrap();
        world.work().await;
        let mut count = 0;
        while results.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!((count, document(&world).await.jobs), (5, 5), "killed at call {number}");
        if ended {
            assert!(number > 8, "it makes more calls than {number}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_one_call_may_fail() {
    for number in 0..20 {
        let world = World::new();
        let calls = AtomicU64::new(0);
        let plan: Plan = Arc::new(move |_| {
            let hit = calls.fetch_add(1, Ordering::SeqCst) == number;
            if hit { Fault::Lose } else { Fault::None }
        });
        let mut batch = open(world.faulty(&plan)).await;
        batch.submit_all((0..5).map(picture), |_| ()).await.unwrap();
        let mut results = batch.close().await.unwrap();
        world.work().await;
        let mut count = 0;
        while results.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!((count, document(&world).await.jobs), (5, 5), "a lost answer to call {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_of_an_earlier_process_can_be_waited_for() {
    let world = World::new();
    let mut batch = open(world.pipeline()).await;
    let job = batch.submit(picture(1)).await.unwrap();
    drop(batch);
    world.work().await;
    let mut batch = open(world.pipeline()).await;
    assert_eq!(batch.wait(&job).await.unwrap().id, job, "of an earlier process, too");
}
