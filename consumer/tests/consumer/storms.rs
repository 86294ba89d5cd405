//! The world's faults: the lease is kept, nothing is received, nobody is blamed, and work goes on.

use std::time::Duration;

use pixmill_consumer::Exit;
use pixmill_contract::ErrorKind;
use pixmill_contract::port::Depth;
use pixmill_contract::testing::{Operation, Plan};

use crate::harness::{Switch, VISIBILITY, World, all_of, code, fails, pass, while_on};

/// Ways in which a store can be out for a job that is being done.
fn outages() -> Vec<(&'static str, Plan)> {
    let mut plans = vec![];
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::Denied] {
        plans.push(("outputs", fails(Operation::Put, "outputs/", kind)));
        plans.push(("results", fails(Operation::Put, "results/", kind)));
        let unreadable = fails(Operation::Get, "", kind);
        plans.push(("sources", all_of(vec![unreadable, fails(Operation::Put, "", kind)])));
    }
    plans
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_with_the_lease_kept_and_nothing_received() {
    for (what, plan) in outages() {
        let world = World::new();
        world.submit("a").await;
        let outage = Switch::on();
        let mut consumer = world.consumer("w").store(while_on(&outage, plan)).start();
        let reason = consumer.storm().await;
        assert!(reason.contains("the plan says that it fails"), "{reason}");
        // A receive that was under way has come back by now.
        pass(Duration::from_secs(2)).await;
        world.submit("b").await;
        let calm = tokio::time::timeout(VISIBILITY * 4, consumer.calm()).await;
        assert!(calm.is_err(), "{what}: the storm lasts as long as the outage");
        let expected = Depth { visible: 1, in_flight: 1, delayed: 0 };
        assert_eq!(world.depth().await, expected, "{what}");
        assert!(world.result("a").await.is_none());

        outage.set(false);
        for id in ["a", "b"] {
            let result = world.ended(id).await;
            assert_eq!((code(&result), result.receives), ("done", 1), "{what}");
        }
        consumer.calm().await;
        assert!(world.keys("attempts/").await.is_empty(), "no attempt was spent");
    }
}

#[tokio::test(start_paused = true)]
async fn room_that_is_freed_in_a_storm_is_not_filled() {
    let world = World::new();
    world.submit("a").await;
    // Its own outputs cannot be written, the result of the other one can.
    let outage = Switch::on();
    let plan = while_on(&outage, fails(Operation::Put, "outputs/", ErrorKind::Unavailable));
    let late = crate::harness::slow(Operation::Get, "inputs/late", Duration::from_secs(20));
    world.submit_with("late", b"no picture").await;
    let one_more = |c: &mut pixmill_consumer::Config| c.prefetch = 1;
    let mut consumer = world.consumer("w").store(all_of(vec![plan, late])).config(one_more).start();
    consumer.storm().await;
    world.submit("b").await;
    assert_eq!(code(&world.ended("late").await), "not_a_picture");
    pass(Duration::from_mins(2)).await;
    assert!(world.calls_of("Get inputs/b.png").is_empty());
    assert_eq!(world.depth().await.visible, 1);
    outage.set(false);
    assert_eq!(world.ended("b").await.receives, 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_count_towards_a_jobs_deadline() {
    let world = World::new();
    world.submit("a").await;
    let outage = Switch::on();
    let plan = while_on(&outage, fails(Operation::Put, "", ErrorKind::Unavailable));
    let short = |c: &mut pixmill_consumer::Config| c.limits.deadline = Duration::from_secs(5);
    let mut consumer = world.consumer("w").store(plan).config(short).start();
    consumer.storm().await;
    pass(Duration::from_hours(1)).await;
    outage.set(false);
    assert_eq!(world.ended("a").await.receives, 1);
    assert_eq!(consumer.drain().await, Exit::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_received_from_is_a_storm_until_it_can() {
    let world = World::new();
    let outage = Switch::on();
    let plan = while_on(&outage, fails(Operation::Receive, "", ErrorKind::Unavailable));
    let mut consumer = world.consumer("w").queue(plan).start();
    consumer.storm().await;
    let calm = tokio::time::timeout(Duration::from_mins(2), consumer.calm()).await;
    assert!(calm.is_err(), "the storm lasts as long as the outage");
    world.submit("a").await;
    outage.set(false);
    assert_eq!(world.ended("a").await.receives, 1);
    consumer.calm().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_can_be_told_to_go_in_the_middle_of_a_storm() {
    for operation in [Operation::Receive, Operation::Put] {
        let world = World::new();
        world.submit("a").await;
        let plan = fails(operation, "", ErrorKind::Unavailable);
        let mut consumer = world.consumer("w").everything(&plan).start();
        consumer.storm().await;
        pass(Duration::from_mins(2)).await;
        let ended = tokio::time::timeout(Duration::from_secs(40), consumer.drain()).await;
        assert_eq!(ended.unwrap(), Exit::Drained, "after the drain timeout at the latest");
        assert_eq!(world.depth().await.visible, 1);
        let _next = world.consumer("next").start();
        assert_eq!(code(&world.ended("a").await), "done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspect_can_be_told_to_go_in_the_middle_of_a_storm() {
    let world = World::new();
    world.submit("a").await;
    world.age(3).await;
    let plan = fails(Operation::Put, "outputs/", ErrorKind::Unavailable);
    let mut consumer = world.consumer("w").store(plan).start();
    consumer.storm().await;
    let ended = tokio::time::timeout(Duration::from_secs(40), consumer.drain()).await;
    assert_eq!(ended.unwrap(), Exit::Drained, "after the drain timeout at the latest");
    assert_eq!(world.depth().await.visible, 1);
    assert_eq!(world.note("a").await.unstruck_starts(), 0, "no attempt");
}
