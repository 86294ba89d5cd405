//! Whom to blame when a source cannot be read: the source, or the world.

use std::time::Duration;

use pixmill_contract::document::Source;
use pixmill_contract::document::TroubleKind;
use pixmill_contract::testing::{Fault, Operation, Plan, never};
use pixmill_contract::{ErrorKind, Job};

use crate::harness::{
    BUCKET, Switch, World, all_of, code, fails, is_source, nth_for, pass, while_on,
};

/// One source cannot be read; everything else can.
fn one_source(id: &'static str, fault: Fault) -> Plan {
    std::sync::Arc::new(move |call| if is_source(call, id) { fault } else { Fault::None })
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_denied_while_the_store_answers_fails_its_job() {
    let world = World::new();
    world.submit("a").await;
    let denied = one_source("a", Fault::Fail(ErrorKind::Denied));
    let consumer = world.consumer("w").store(denied).start();
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("source_denied", 1));
    assert!(world.keys("attempts/").await.is_empty());
    consumer.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_denied_while_the_store_denies_too_waits() {
    let world = World::new();
    world.submit("a").await;
    let outage = Switch::on();
    let kind = ErrorKind::Denied;
    let denied =
        all_of(vec![fails(Operation::Get, "inputs/", kind), fails(Operation::Put, "", kind)]);
    let mut consumer = world.consumer("w").store(while_on(&outage, denied)).start();
    consumer.storm().await;
    pass(Duration::from_mins(3)).await;
    assert!(world.result("a").await.is_none());
    outage.set(false);
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("done", 1));
    consumer.calm().await;
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_comes_back_just_before_the_probe_is_not_blamed_on_the_source() {
    let world = World::new();
    world.submit("a").await;
    let once = nth_for(Operation::Get, "inputs/", 1, Fault::Fail(ErrorKind::Denied));
    let _consumer = world.consumer("w").store(once).start();
    assert_eq!(code(&world.ended("a").await), "done");
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_just_before_the_probe_is_not_blamed_on_the_source() {
    let world = World::new();
    world.submit("a").await;
    let kind = ErrorKind::Unavailable;
    // The source fails once more than the probe does.
    let plan = all_of(vec![
        nth_for(Operation::Get, "inputs/", 6, Fault::Fail(kind)),
        nth_for(Operation::Put, "probes/", 5, Fault::Fail(kind)),
    ]);
    let _consumer = world.consumer("w").store(plan).start();
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("done", 1));
    assert!(world.note("a").await.troubles.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_source_that_does_not_answer_is_bad_luck_and_no_storm() {
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::Cut] {
        let world = World::new();
        world.submit("a").await;
        let broken = Switch::on();
        let consumer = world.consumer("w").store(while_on(&broken, one_source("a", fault))).start();
        let storms = consumer.storms.clone();
        crate::harness::eventually("a note", || async {
            let troubled = !world.note("a").await.troubles.is_empty();
            troubled.then_some(())
        })
        .await;
        assert_eq!(world.note("a").await.troubles[0].kind, TroubleKind::Transient);
        assert!(!storms.has_changed().unwrap(), "the others go on");
        broken.set(false);
        let result = world.ended("a").await;
        assert_eq!(code(&result), "done");
        assert!(result.receives > 1, "it was given back, with backoff");
        assert_eq!(result.troubles.len(), world.note("a").await.troubles.len());
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_source_does_not_hold_up_the_others() {
    let world = World::new();
    world.submit("bad").await;
    for id in ["a", "b", "c"] {
        world.submit(id).await;
    }
    let broken = one_source("bad", Fault::Fail(ErrorKind::Unavailable));
    let _consumer = world.consumer("w").store(broken).config(|c| c.prefetch = 0).start();
    for id in ["a", "b", "c"] {
        assert_eq!(world.ended(id).await.receives, 1);
    }
    assert_eq!(code(&world.ended("bad").await), "dead");
}

/// The job with its source in this bucket.
fn in_bucket(bucket: &str, job: Job) -> Job {
    Job { source: Source { bucket: Some(bucket.to_owned()), ..job.source }, ..job }
}

#[tokio::test(start_paused = true)]
async fn sources_are_read_from_buckets_that_are_allowed_and_outputs_written_to_the_own_one() {
    let (world, other) = (World::new(), World::new());
    let theirs = in_bucket("theirs", other.job("a").await);
    let ours = in_bucket(BUCKET, world.job("b").await);
    for job in [theirs, Job { output_bucket: Some(BUCKET.to_owned()), ..ours }] {
        world.send(&job.body()).await;
    }
    let _consumer = world.consumer("w").allows("theirs", &other, never()).start();
    for id in ["a", "b"] {
        assert_eq!(code(&world.ended(id).await), "done");
    }
    assert_eq!(world.outputs().await.len(), 4);
    assert!(other.outputs().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_foreign_output_bucket_is_refused_also_where_the_source_may_be_read() {
    let (world, other) = (World::new(), World::new());
    let job = in_bucket("theirs", other.job("a").await);
    world.send(&Job { output_bucket: Some("theirs".to_owned()), ..job }.body()).await;
    let _consumer = world.consumer("w").allows("theirs", &other, never()).start();
    assert_eq!(code(&world.ended("a").await), "bad_job");
}

#[tokio::test(start_paused = true)]
async fn another_bucket_that_denies_or_is_silent_holds_nobody_up() {
    for (kind, end) in [(ErrorKind::Denied, "source_denied"), (ErrorKind::Unavailable, "dead")] {
        let (world, other) = (World::new(), World::new());
        world.send(&in_bucket("theirs", other.job("a").await).body()).await;
        world.submit("b").await;
        let broken = fails(Operation::Get, "", kind);
        let consumer = world.consumer("w").allows("theirs", &other, broken).start();
        assert_eq!(code(&world.ended("a").await), end);
        assert_eq!(code(&world.ended("b").await), "done");
        assert!(!consumer.storms.has_changed().unwrap(), "the others go on");
    }
}
