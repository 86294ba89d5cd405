//! Redriven jobs: a tombstone is no result, and lower numbers are of the past.

use pixmill_contract::{Job, Outcome, ResultDocument};

use crate::harness::{World, code};

/// A dead job, as it stands after its redrive turned its result into a tombstone.
async fn tombstone(world: &World) -> (Job, ResultDocument) {
    let job = world.job("a").await;
    world.send(&job.body()).await;
    let consumer = world.consumer("before").start();
    let done = world.ended("a").await;
    world.settled().await;
    consumer.drain().await;
    let outcome = Outcome::Redriven { redrives: 1 };
    let tombstone = ResultDocument { outcome, ..done };
    world.put(World::result_key("a").as_str(), &tombstone.to_bytes(), None).await;
    (job, tombstone)
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_counts_as_no_result_and_is_replaced() {
    let world = World::new();
    let (job, _) = tombstone(&world).await;
    world.send(&Job { redrive: 1, ..job }.body()).await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.redrive), ("done", 1));
    assert_eq!(world.calls_of("w Put results/").len(), 1, "by its etag, at once");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_with_a_lower_number_than_the_tombstone_is_deleted() {
    for receives in [0, 1, 2] {
        let world = World::new();
        let (job, tombstone) = tombstone(&world).await;
        world.send(&job.body()).await;
        world.age(receives).await;
        let _consumer = world.consumer("w").start();
        world.settled().await;
        assert_eq!(world.result("a").await.unwrap(), tombstone, "after {receives} receives");
        assert!(world.dead_letters().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_messages_of_one_redrive_one_result_remains() {
    let world = World::new();
    let (job, _) = tombstone(&world).await;
    let job = Job { redrive: 1, ..job };
    world.send(&job.body()).await;
    world.send(&job.body()).await;
    let _consumer = world.consumer("w").config(|c| c.slots = 2).start();
    world.settled().await;
    let result = world.result("a").await.unwrap();
    assert_eq!((code(&result), result.redrive), ("done", 1));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_with_a_lower_number_than_the_result_is_deleted_without_a_reply() {
    let world = World::new();
    let (job, _) = tombstone(&world).await;
    let job = crate::harness::with_reply(job);
    world.send(&Job { redrive: 1, ..job.clone() }.body()).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    let result = world.result("a").await.unwrap();
    world.replies().await;
    world.send(&job.body()).await;
    world.age(1).await;
    world.settled().await;
    assert_eq!(world.result("a").await.unwrap(), result);
    assert!(world.replies().await.is_empty());
}
