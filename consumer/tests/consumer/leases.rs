//! Leases: kept for as long as the work takes, and whoever loses one touches nothing.

use std::time::Duration;

use pixmill_contract::ErrorKind;
use pixmill_contract::testing::{Operation, Plan};

use crate::harness::{World, code, fails, slow};

/// The source takes longer to read than a delivery stays hidden without renewal.
fn late() -> Plan {
    slow(Operation::Get, "inputs/", Duration::from_secs(100))
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_the_work_takes() {
    let world = World::new();
    world.submit("a").await;
    // Also those that are only held.
    let slots = |c: &mut pixmill_consumer::Config| (c.slots, c.prefetch) = (1, 3);
    let _consumer = world.consumer("w").config(slots).store(late()).start();
    let _other = world.consumer("other").config(|c| c.prefetch = 0).start();
    world.submit("b").await;
    world.submit("c").await;
    for id in ["a", "b", "c"] {
        assert_eq!(world.ended(id).await.receives, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_message_to_another_one_touches_nothing() {
    let world = World::new();
    let job = crate::harness::with_reply(world.job("a").await);
    world.send(&job.body()).await;
    // Its renewals do not get through.
    let mute = fails(Operation::ChangeVisibility, "", ErrorKind::Unavailable);
    let loser = world.consumer("loser").queue(mute).store(late()).time_passes_soon().start();
    world.called("loser Get inputs/").await;
    let winner = world.consumer("winner").config(|c| c.poll = Duration::from_secs(20)).start();
    let result = world.ended("a").await;
    assert_eq!((result.worker.as_str(), result.receives), ("winner", 2));
    crate::harness::pass(Duration::from_mins(3)).await;
    for what in ["Put outputs", "Put results", "replies", "DeleteMessage", "attempts"] {
        assert!(world.calls_of(&format!("loser {what}")).is_empty(), "{what}");
    }
    assert_eq!(world.result("a").await.unwrap(), result);
    assert_eq!(world.replies().await.len(), 1);
    winner.drain().await;
    loser.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_message_writes_no_failure_either() {
    let world = World::new();
    world.submit_with("a", b"not yet a picture").await;
    let mute = fails(Operation::ChangeVisibility, "", ErrorKind::Unavailable);
    let loser = world.consumer("loser").queue(mute).store(late()).time_passes_soon().start();
    world.called("loser Get inputs/").await;
    crate::harness::pass(Duration::from_mins(3)).await;
    // It has been received again meanwhile, by the same worker, and lost each time.
    assert!(world.calls_of("loser Get inputs/").len() > 1);
    assert!(world.calls_of("loser Put results/").is_empty(), "{:#?}", world.calls());
    loser.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hears_of_its_loss_stops_at_once() {
    let world = World::new();
    world.submit("a").await;
    let gone = fails(Operation::ChangeVisibility, "", ErrorKind::LeaseLost);
    let slowly = slow(Operation::Get, "inputs/", Duration::from_secs(15));
    let loser = world.consumer("loser").queue(gone).store(slowly).time_passes_soon().start();
    world.called("loser ChangeVisibility").await;
    loser.drain().await;
    assert!(world.calls_of("loser Put").is_empty());
    let _winner = world.consumer("winner").start();
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("done", 2));
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_for_a_while_lose_nothing() {
    let world = World::new();
    world.submit("a").await;
    let twice = crate::harness::nth_for(
        Operation::ChangeVisibility,
        "",
        2,
        pixmill_contract::testing::Fault::Fail(ErrorKind::Throttled),
    );
    let _consumer = world.consumer("w").queue(twice).store(late()).start();
    assert_eq!(world.ended("a").await.receives, 1);
}
