//! Two stages of shutdown: drain, then abort.

use std::time::Duration;

use pixmill_consumer::{Exit, Stage};
use pixmill_contract::port::Depth;
use pixmill_contract::testing::Operation;
use tokio::time::{Instant, timeout};

use crate::harness::{World, all_of, code, eventually, hangs_at, pass, slow};

const VISIBLE: Depth = Depth { visible: 1, in_flight: 0, delayed: 0 };

#[tokio::test(start_paused = true)]
async fn an_idle_worker_drains_as_soon_as_its_receive_is_back() {
    let world = World::new();
    let consumer = world.consumer("w").start();
    world.called("w Receive").await;
    let begun = Instant::now();
    assert_eq!(consumer.drain().await, Exit::Drained);
    assert!(begun.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_finished_and_nothing_more_is_received() {
    let world = World::new();
    world.submit("a").await;
    let slowly = slow(Operation::Put, "outputs/", Duration::from_secs(8));
    let consumer = world.consumer("w").store(slowly).start();
    world.called("w Put outputs/").await;
    consumer.want(Stage::Draining);
    pass(Duration::from_secs(2)).await;
    world.submit("b").await;
    assert_eq!(consumer.exit().await, Exit::Drained);
    let result = world.result("a").await.unwrap();
    assert_eq!((code(&result), result.receives), ("done", 1));
    assert_eq!(world.depth().await, VISIBLE);
}

#[tokio::test(start_paused = true)]
async fn what_is_only_held_is_released_at_once() {
    let world = World::new();
    // One hangs in its writing, the others in their reading.
    world.submit("a").await;
    let plan = all_of(vec![
        hangs_at(Operation::Put, "outputs/single/a/"),
        hangs_at(Operation::Get, "inputs/b.png"),
        hangs_at(Operation::Get, "inputs/c.png"),
    ]);
    let consumer = world.consumer("w").store(plan).start();
    world.called("w Put outputs/single/a/").await;
    world.submit("b").await;
    world.submit("c").await;
    world.called("w Get inputs/b.png").await;
    world.called("w Get inputs/c.png").await;
    assert_eq!(world.depth().await.in_flight, 3);
    let begun = Instant::now();
    consumer.want(Stage::Draining);
    eventually("their release", || async { (world.depth().await.visible == 2).then_some(()) })
        .await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(world.depth().await.in_flight, 1, "what runs is kept");
    consumer.abort().await;
}

#[tokio::test(start_paused = true)]
async fn after_the_drain_timeout_everything_is_released() {
    let world = World::new();
    world.submit("a").await;
    let plan = hangs_at(Operation::Put, "outputs/");
    let consumer = world.consumer("w").store(plan).start();
    world.called("w Put outputs/").await;
    let begun = Instant::now();
    assert_eq!(consumer.drain().await, Exit::Drained);
    assert!(begun.elapsed() >= Duration::from_secs(30));
    assert!(begun.elapsed() <= Duration::from_secs(40));
    assert_eq!(world.depth().await, VISIBLE);
}

#[tokio::test(start_paused = true)]
async fn an_abort_releases_at_once() {
    let world = World::new();
    world.submit("a").await;
    let consumer = world.consumer("w").store(hangs_at(Operation::Put, "results/")).start();
    world.called("w Put results/").await;
    consumer.want(Stage::Draining);
    pass(Duration::from_secs(3)).await;
    let begun = Instant::now();
    assert_eq!(consumer.abort().await, Exit::Drained);
    assert!(begun.elapsed() <= Duration::from_secs(1));
    assert_eq!(world.depth().await, VISIBLE);
    assert!(world.keys("attempts/").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pending_receive_is_waited_for_and_what_it_brings_is_released() {
    let world = World::new();
    world.submit("a").await;
    let late = slow(Operation::Receive, "", Duration::from_secs(5));
    let consumer = world.consumer("w").queue(late).start();
    world.called("w Receive").await;
    let begun = Instant::now();
    assert_eq!(consumer.drain().await, Exit::Drained);
    assert!(begun.elapsed() >= Duration::from_secs(4), "it was waited for");
    assert_eq!(world.depth().await, VISIBLE);
    assert!(world.calls_of("w Get").is_empty());
    // It had been received, and came back.
    let _next = world.consumer("next").start();
    assert_eq!(world.ended("a").await.receives, 2);
}

/// As long as SQS lets a receive wait.
const LONG_POLL: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn what_runs_is_finished_while_a_last_receive_is_waited_for() {
    let world = World::new();
    world.submit("a").await;
    let slowly = slow(Operation::Put, "outputs/", Duration::from_secs(3));
    let consumer = world.consumer("w").store(slowly).config(|c| c.poll = LONG_POLL).start();
    world.called("w Put outputs/").await;
    let begun = Instant::now();
    consumer.want(Stage::Draining);
    world.ended("a").await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(consumer.exit().await, Exit::Drained);
    assert!(begun.elapsed() <= LONG_POLL);
}

#[tokio::test(start_paused = true)]
async fn the_drain_timeout_counts_from_when_the_drain_was_asked_for() {
    let world = World::new();
    world.submit("a").await;
    let plan = hangs_at(Operation::Put, "outputs/");
    let consumer = world.consumer("w").store(plan).config(|c| c.poll = LONG_POLL).start();
    world.called("w Put outputs/").await;
    let begun = Instant::now();
    assert_eq!(consumer.drain().await, Exit::Drained);
    assert!(begun.elapsed() >= Duration::from_secs(30));
    assert!(begun.elapsed() <= Duration::from_secs(35), "{:?}", begun.elapsed());
    assert_eq!(world.depth().await, VISIBLE);
}

#[tokio::test(start_paused = true)]
async fn an_abort_waits_for_a_receive_only_as_long_as_for_the_releases() {
    let world = World::new();
    let consumer = world.consumer("w").queue(hangs_at(Operation::Receive, "")).start();
    world.called("w Receive").await;
    let begun = Instant::now();
    assert_eq!(consumer.abort().await, Exit::Drained);
    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_messages_that_are_being_deleted() {
    let world = World::new();
    world.submit("a").await;
    let slowly = slow(Operation::DeleteMessage, "", Duration::from_secs(5));
    let consumer = world.consumer("w").queue(slowly).start();
    world.called("w DeleteMessage").await;
    assert_eq!(consumer.drain().await, Exit::Drained);
    assert_eq!(world.depth().await, Depth::default());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_nobody_can_stop_any_more_drains() {
    let world = World::new();
    let consumer = world.consumer("w").start();
    world.called("w Receive").await;
    let ended = timeout(Duration::from_mins(1), consumer.abandoned()).await;
    assert_eq!(ended.unwrap(), Exit::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_waits_to_be_alone_is_released_by_a_drain() {
    let world = World::new();
    world.submit("suspect").await;
    world.age_and_hide(2, Duration::from_secs(3)).await;
    world.submit("slow").await;
    let plan = hangs_at(Operation::Put, "outputs/single/slow/");
    let consumer = world.consumer("w").store(plan).start();
    world.called("w Put outputs/single/slow/").await;
    pass(Duration::from_secs(6)).await;
    assert_eq!(world.depth().await.in_flight, 2, "both are taken");
    let begun = Instant::now();
    consumer.want(Stage::Draining);
    eventually("its release", || async { (world.depth().await.visible == 1).then_some(()) }).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    consumer.abort().await;
    assert_eq!(world.depth().await.visible, 2);
}
