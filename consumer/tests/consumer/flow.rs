//! How much is in work at once.

use std::collections::BTreeSet;
use std::time::Duration;

use pixmill_consumer::{Config, StartError};
use pixmill_contract::testing::{Fault, Operation, Plan, seeded};
use pixmill_contract::{ErrorKind, Limits};
use tokio::time::Instant;

use crate::harness::{World, all_of, code, hangs_at, pass, picture, slow};

const JOBS: usize = 24;

fn ids() -> impl Iterator<Item = String> {
    (0..JOBS).map(|n| format!("job{n}"))
}

/// Most jobs that were between the reading of their source and the writing of their result.
fn most_at_once(world: &World) -> usize {
    let (mut open, mut most) = (BTreeSet::new(), 0);
    for call in world.calls() {
        if let Some(id) = call.strip_prefix("w Get inputs/").and_then(|k| k.strip_suffix(".png")) {
            open.insert(id.to_owned());
        }
        let ended = call.strip_prefix("w Put results/single/");
        if let Some(id) = ended.and_then(|k| k.strip_suffix(".json")) {
            open.remove(id);
        }
        most = most.max(open.len());
    }
    most
}

#[tokio::test(start_paused = true)]
async fn reading_and_writing_overlap_with_the_work() {
    let world = World::new();
    for id in ids() {
        world.submit(&id).await;
    }
    let call = Duration::from_millis(50);
    let delayed: Plan = std::sync::Arc::new(move |_| Fault::Delay(call));
    let sizes = |c: &mut Config| (c.slots, c.prefetch) = (2, 4);
    let begun = Instant::now();
    let _consumer = world.consumer("w").store(delayed).config(sizes).start();
    for id in ids() {
        world.ended(&id).await;
    }
    assert_eq!(most_at_once(&world), 6, "slots and prefetched ones, and never more");
    // A source, two outputs and a result each.
    let serial = call * 4 * u32::try_from(JOBS).unwrap();
    assert!(begun.elapsed() < serial / 2, "{:?} of {serial:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn never_more_is_held_than_there_is_room_for() {
    let world = World::new();
    for id in ids() {
        world.submit(&id).await;
    }
    let sizes = |c: &mut Config| (c.slots, c.prefetch) = (1, 0);
    let slowly: Plan = std::sync::Arc::new(|_| Fault::Delay(Duration::from_millis(50)));
    let _consumer = world.consumer("w").store(slowly).config(sizes).start();
    for id in ids() {
        world.ended(&id).await;
    }
    assert_eq!(most_at_once(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_takes_long_holds_up_no_work_and_its_message_stays_held() {
    let world = World::new();
    for id in ids() {
        world.submit(&id).await;
    }
    let sizes = |c: &mut Config| (c.slots, c.prefetch) = (1, 0);
    let hanging = hangs_at(Operation::DeleteMessage, "");
    let consumer = world.consumer("w").queue(hanging).config(sizes).start();
    for id in ids() {
        world.ended(&id).await;
    }
    pass(Duration::from_mins(3)).await;
    assert_eq!(world.depth().await.in_flight, JOBS as u64);
    assert_eq!(world.calls_of("w Get inputs/").len(), JOBS, "none came again");
    consumer.abort().await;
}

#[tokio::test(start_paused = true)]
async fn work_stops_when_too_many_messages_wait_for_their_delete() {
    /// The bound, and one that keeps the only room there is.
    const MOST: usize = 256 + 1;
    let world = World::new();
    for n in 0..MOST + 3 {
        world.submit_with(&format!("job{n}"), b"no picture").await;
    }
    let sizes = |c: &mut Config| (c.slots, c.prefetch) = (1, 0);
    let hanging = hangs_at(Operation::DeleteMessage, "");
    let consumer = world.consumer("w").queue(hanging).config(sizes).start();
    world.ended(&format!("job{}", MOST - 1)).await;
    pass(Duration::from_mins(3)).await;
    assert_eq!(world.keys("results/").await.len(), MOST);
    consumer.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_receive_waits_until_half_of_what_is_prefetched_is_used_up() {
    // With the default of two it waits for nothing.
    for (prefetch, batch, receives) in [(2, 1, 1), (18, 9, 2)] {
        let world = World::new();
        let held = 2 + prefetch;
        for n in 0..held + batch {
            world.submit(&format!("job{n:02}")).await;
        }
        // One of a batch takes a while, and what comes after the batch does not end.
        let ends = move |n: usize| n + 1 < batch;
        let hanging = (batch..held + batch).filter(|n| !ends(*n));
        let mut plans: Vec<_> = hanging.map(|n| stuck_in_its_outputs(n, None)).collect();
        plans.push(stuck_in_its_outputs(batch - 1, Some(Duration::from_secs(20))));
        let sizes = move |c: &mut Config| (c.slots, c.prefetch) = (2, prefetch);
        let consumer = world.consumer("w").store(all_of(plans)).config(sizes).start();
        for n in (0..held).filter(|n| ends(*n)) {
            world.ended(&format!("job{n:02}")).await;
        }
        world.called(&format!("Put outputs/single/job{:02}/", batch - 1)).await;
        pass(Duration::from_secs(10)).await;
        assert_eq!(world.calls_of("w Receive").len(), receives, "prefetch {prefetch}");
        // With that one gone there is room for a batch.
        world.called(&format!("w Get inputs/job{:02}.png", held + batch - 1)).await;
        assert_eq!(world.calls_of("w Receive").len(), receives + 1, "prefetch {prefetch}");
        consumer.abort().await;
    }
}

/// The writing of this job's outputs takes so long, or for ever.
fn stuck_in_its_outputs(job: usize, long: Option<Duration>) -> Plan {
    let prefix = format!("outputs/single/job{job:02}/").leak();
    match long {
        Some(long) => slow(Operation::Put, prefix, long),
        None => hangs_at(Operation::Put, prefix),
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_budget_of_memory_slows_down_and_never_locks_up() {
    let (large, small) = (picture(400, 400), picture(8, 6));
    let header = pixmill_ops::inspect(&large, &Limits::default()).unwrap();
    let recipe = crate::harness::RECIPE.parse().unwrap();
    let estimate = pixmill_ops::estimate(
        &header,
        &recipe,
        &pixmill_ops::Overlays::default(),
        &Limits::default(),
    )
    .unwrap();
    let world = World::new();
    for (n, id) in ids().enumerate() {
        // Some take everything there is, some next to nothing.
        world.submit_with(&id, if n % 3 == 0 { &large } else { &small }).await;
    }
    let small = |c: &mut Config| {
        (c.slots, c.prefetch) = (4, 4);
        c.memory_bytes = estimate.memory_bytes;
        c.limits = Limits { memory_bytes: c.memory_bytes, ..Limits::default() };
    };
    let _consumer = world.consumer("w").config(small).start();
    for id in ids() {
        assert_eq!(code(&world.ended(&id).await), "done");
    }
    world.settled().await;
}

#[tokio::test(start_paused = true)]
async fn two_workers_get_everything_through_a_bad_world() {
    let shares = [
        (60, Fault::Fail(ErrorKind::Unavailable)),
        (40, Fault::Fail(ErrorKind::Throttled)),
        (40, Fault::Lose),
        (40, Fault::Duplicate),
        (100, Fault::Delay(Duration::from_secs(3))),
    ];
    let world = World::new();
    for id in ids() {
        world.submit(&id).await;
    }
    for (seed, name) in [(1, "w1"), (2, "w2")] {
        // They run to the end of the test.
        let bad = seeded(seed, &shares);
        let consumer = world.consumer(name).everything(&bad).time_passes_soon();
        drop(tokio::spawn(consumer.config(|c| c.slots = 2).start().exit()));
    }
    for id in ids() {
        assert_eq!(code(&world.ended(&id).await), "done");
    }
    world.settled().await;
    assert_eq!(world.keys("results/").await.len(), JOBS);
    assert_eq!(world.outputs().await.len(), 2 * JOBS);
    assert!(world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn settings_that_contradict_each_other_are_refused() {
    type Change = fn(&mut Config);
    let changes: [Change; 5] = [
        |c| c.slots = 0,
        |c| c.visibility = Duration::from_millis(10),
        |c| c.memory_bytes = 1,
        |c| c.max_attempts = 2,
        |c| c.max_receive_count = c.max_attempts + 2,
    ];
    for change in changes {
        let world = World::new();
        let refused = world.consumer("w").config(change).refused().await;
        assert!(matches!(refused, StartError::Config(_)), "{refused:?}");
    }
}
