//! Attempts are starts, not receives: the first two receives are optimistic, from the third on a
//! start is written down before the picture is touched, and the delivery runs alone.

use std::sync::Arc;
use std::time::Duration;

use pixmill_consumer::{Exit, Stage};
use pixmill_contract::document::TroubleKind;
use pixmill_contract::testing::{Operation, Plan};
use pixmill_contract::{Clock as _, ErrorKind, WorkerId};

use crate::harness::{Switch, World, all_of, code, eventually, fails, hangs_at, slow, while_on};

#[tokio::test(start_paused = true)]
async fn from_the_third_receive_on_a_start_is_written_before_the_picture_is_touched() {
    for receives in 0..4 {
        let world = World::new();
        world.submit("a").await;
        world.age(receives).await;
        let _consumer = world.consumer("w").start();
        let result = world.ended("a").await;
        assert_eq!((code(&result), result.receives), ("done", receives + 1));
        let starts = world.note("a").await.starts;
        if receives < 2 {
            assert!(starts.is_empty());
            assert!(world.calls_of("Put attempts/").is_empty());
        } else {
            assert_eq!((starts.len(), starts[0].receive), (1, receives + 1));
            assert!(world.place("w Put attempts/") < world.place("w Get inputs/"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn from_the_third_receive_on_a_delivery_runs_alone() {
    let world = World::new();
    world.submit("suspect").await;
    world.age_and_hide(2, Duration::from_secs(3)).await;
    world.submit("slow").await;
    let plan = slow(Operation::Put, "outputs/", Duration::from_secs(5));
    let _consumer = world.consumer("w").config(|c| c.slots = 4).store(plan).start();
    world.called("w Get inputs/suspect.png").await;
    world.submit("next").await;
    for id in ["slow", "suspect", "next"] {
        world.ended(id).await;
    }
    let order = [
        world.place("w Put results/single/slow.json"),
        world.place("w Get inputs/suspect.png"),
        world.place("w Put results/single/suspect.json"),
        world.place("w Get inputs/next.png"),
    ];
    assert!(order.is_sorted(), "{:#?}", world.calls());
}

#[tokio::test(start_paused = true)]
async fn what_comes_with_a_suspect_is_done_before_it_and_spends_no_receive() {
    let world = World::new();
    for id in ["suspect1", "suspect2"] {
        world.submit(id).await;
    }
    world.age(2).await;
    for id in ["a", "b"] {
        world.submit(id).await;
    }
    let _consumer = world.consumer("w").config(|c| c.slots = 4).start();
    for (id, receives) in [("a", 1), ("b", 1), ("suspect1", 3), ("suspect2", 3)] {
        let result = world.ended(id).await;
        assert_eq!((code(&result), result.receives), ("done", receives), "{id}");
    }
    world.settled().await;
    assert!(world.dead_letters().await.is_empty());
    let result = |id: &str| world.place(&format!("w Put results/single/{id}.json"));
    let source = |id: &str| world.place(&format!("w Get inputs/{id}.png"));
    let first = source("suspect1").min(source("suspect2"));
    assert!(result("a").max(result("b")) < first, "alone: {:#?}", world.calls());
    let (one, other) = (result("suspect1"), result("suspect2"));
    assert!(one.min(other) < source("suspect1").max(source("suspect2")), "one after the other");
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_kills_its_workers_is_given_up_after_max_attempts() {
    // Also when the queue's own limit is as near as it may be.
    for max_receive_count in [10, 8] {
        let world = World::new();
        let job = world.submit("a").await;
        let mut deaths = 0;
        let result = loop {
            let deadly = hangs_at(Operation::Get, "inputs/");
            let limit = |c: &mut pixmill_consumer::Config| c.max_receive_count = max_receive_count;
            let name = format!("w{deaths}");
            let consumer = world.consumer(&name).store(deadly).config(limit).start();
            let touched = format!("{name} Get inputs/");
            let over = eventually("a death or the end", || async {
                let over = world.result("a").await;
                (over.is_some() || !world.calls_of(&touched).is_empty()).then_some(over)
            });
            if let Some(result) = over.await {
                world.settled().await;
                break result;
            }
            deaths += 1;
            consumer.crash().await;
        };
        assert_eq!((code(&result), deaths), ("dead", 5));
        assert_eq!(world.note("a").await.unstruck_starts(), 3);
        assert_eq!(world.dead_letters().await, [job.body()]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_start_is_struck_out_and_its_message_is_free_at_once() {
    let world = World::new();
    world.submit("a").await;
    world.age(2).await;
    let hanging = hangs_at(Operation::Get, "inputs/");
    let consumer = world.consumer("w").store(hanging).start();
    world.called("w Get inputs/").await;
    assert_eq!(world.note("a").await.unstruck_starts(), 1);
    assert_eq!(consumer.abort().await, Exit::Drained);
    let note = world.note("a").await;
    assert_eq!((note.starts.len(), note.unstruck_starts()), (1, 0));
    assert_eq!(world.depth().await.visible, 1);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_before_the_start_strikes_no_earlier_one() {
    let world = World::new();
    let job = world.submit("a").await;
    let mut note = world.note("a").await;
    // The same worker had it before, and something went wrong that nobody can tell.
    note.begin(world.clock.now(), &WorkerId::new("w").unwrap(), 3);
    world.put_note(&note).await;
    world.age(3).await;
    let hanging = hangs_at(Operation::Get, "results/");
    let consumer = world.consumer("w").store(hanging).start();
    world.called("w Get results/").await;
    consumer.abort().await;
    assert_eq!(world.note(job.id.as_str()).await.unstruck_starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_does_not_keep_an_interrupted_message() {
    let world = World::new();
    world.submit("a").await;
    world.age(2).await;
    let outage = Switch::default();
    let kind = ErrorKind::Unavailable;
    let broken = all_of(vec![
        fails(Operation::Put, "", kind),
        fails(Operation::Get, "", kind),
        fails(Operation::Head, "", kind),
    ]);
    // The source comes late enough for the outage to begin meanwhile.
    let late = slow(Operation::Get, "inputs/", Duration::from_secs(5));
    let plan = all_of(vec![while_on(&outage, broken), late]);
    let mut consumer = world.consumer("w").store(plan).start();
    world.called("w Get inputs/").await;
    outage.set(true);
    consumer.storm().await;
    consumer.want(Stage::Aborting);
    assert_eq!(consumer.exit().await, Exit::Drained);
    assert_eq!(world.depth().await.visible, 1);
}

#[tokio::test(start_paused = true)]
async fn near_the_queues_own_limit_the_message_is_sent_anew() {
    let world = World::new();
    let job = world.submit("a").await;
    // Nobody is to blame for these receives: drains, say.
    world.age(7).await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    world.settled().await;
    assert_eq!((code(&result), result.receives), ("done", 1));
    assert_eq!(result.digest, job.digest());
    assert!(world.dead_letters().await.is_empty());
    let place = |text| world.place(text);
    assert!(place("w Send") < place("w DeleteMessage"), "a crash in between loses nothing");
}

#[tokio::test(start_paused = true)]
async fn drains_without_end_never_lose_a_job_to_the_queues_limit() {
    let world = World::new();
    world.submit("a").await;
    for round in 0..25 {
        let name = format!("w{round}");
        let hanging: Plan = hangs_at(Operation::Get, "inputs/");
        let consumer = world.consumer(&name).store(Arc::clone(&hanging)).start();
        world.called(&format!("{name} Get inputs/")).await;
        consumer.abort().await;
    }
    assert_eq!(world.note("a").await.unstruck_starts(), 0);
    let _last = world.consumer("last").start();
    assert_eq!(code(&world.ended("a").await), "done");
    world.settled().await;
    assert!(world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn bad_luck_is_noted_and_counts_as_an_attempt() {
    let world = World::new();
    world.submit("a").await;
    let unreadable = fails(Operation::Get, "inputs/", ErrorKind::Unavailable);
    let _consumer = world.consumer("w").store(unreadable).start();
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("dead", 6));
    assert_eq!(result.troubles.len(), 5);
    assert!(result.troubles.iter().all(|trouble| trouble.kind == TroubleKind::Transient));
    assert_eq!(world.note("a").await.unstruck_starts(), 3);
}
