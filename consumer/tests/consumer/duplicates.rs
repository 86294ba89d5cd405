//! At least once: whatever comes twice has the effect of once.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::testing::{Fault, Operation, on_call};

use crate::harness::{World, slow, with_reply};

#[tokio::test(start_paused = true)]
async fn the_same_job_sent_twice_has_one_result() {
    let world = World::new();
    let job = world.submit("a").await;
    world.send(&job.body()).await;
    let _consumer = world.consumer("w").config(|c| c.slots = 2).start();
    world.settled().await;
    assert_eq!(world.keys("results/").await.len(), 1);
    assert_eq!(world.outputs().await.len(), 2);
    assert_eq!(world.result("a").await.unwrap().receives, 1);
}

#[tokio::test(start_paused = true)]
async fn two_workers_with_the_same_job_agree_on_one_result() {
    let world = World::new();
    let job = with_reply(world.job("a").await);
    world.send(&job.body()).await;
    let only_one = |c: &mut pixmill_consumer::Config| c.prefetch = 0;
    // Each is slow enough that the other one begins before it has ended.
    let delay = slow(Operation::Put, "outputs/", Duration::from_secs(2));
    let first = world.consumer("w1").config(only_one).store(Arc::clone(&delay)).start();
    world.called("w1 Get inputs/a.png").await;
    world.send(&job.body()).await;
    let second = world.consumer("w2").config(only_one).store(delay).start();
    world.settled().await;
    assert!(world.place("w2 Get inputs/a.png") < world.place("w1 Put results/"));
    assert_eq!(world.keys("results/").await.len(), 1);
    let replies = world.replies().await;
    assert_eq!(replies.len(), 2);
    assert_eq!(replies[0], replies[1], "both tell of the result that stands");
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_delivered_twice_at_once_has_one_result() {
    let world = World::new();
    world.submit("a").await;
    let twice = on_call(Operation::Receive, &[0], Fault::Duplicate);
    let slowly = slow(Operation::Put, "outputs/", Duration::from_secs(2));
    let _consumer = world.consumer("w").queue(twice).store(slowly).start();
    world.ended("a").await;
    world.settled().await;
    assert_eq!(world.keys("results/").await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_of_a_finished_job_only_replies_and_deletes() {
    let world = World::new();
    let job = with_reply(world.job("a").await);
    world.send(&job.body()).await;
    let consumer = world.consumer("w1").start();
    let result = world.ended("a").await;
    world.settled().await;
    consumer.drain().await;
    world.replies().await;

    // Its delete was lost, say: the message comes again.
    world.send(&job.body()).await;
    world.age(1).await;
    let _again = world.consumer("w2").start();
    world.settled().await;
    let calls = world.calls_of("w2 ");
    let calls: Vec<_> = calls.iter().filter(|call| !call.contains("w2 Receive")).collect();
    assert_eq!(calls, ["w2 Get results/single/a.json", "w2 replies Send", "w2 DeleteMessage"]);
    assert_eq!(world.replies().await[0].outcome, result.outcome);
    assert_eq!(world.result("a").await.unwrap(), result);
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_of_a_failed_job_only_replies_and_deletes() {
    let world = World::new();
    let job = world.submit_with("a", b"no picture at all").await;
    let consumer = world.consumer("w1").start();
    let result = world.ended("a").await;
    world.settled().await;
    consumer.drain().await;
    // Even if it could be done by now.
    world.job("a").await;
    world.send(&job.body()).await;
    world.age(1).await;
    let _again = world.consumer("w2").start();
    world.settled().await;
    assert_eq!(world.result("a").await.unwrap(), result);
    assert!(world.outputs().await.is_empty());
}
