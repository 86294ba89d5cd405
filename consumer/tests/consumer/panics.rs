//! What a picture can do to the code: a panic, and never coming to an end.

use std::time::Duration;

use pixmill_consumer::Exit;
use pixmill_contract::ErrorKind;
use pixmill_contract::document::TroubleKind;
use pixmill_contract::testing::{Fault, Operation};

use crate::harness::{World, code, eventually, nth_for, picture};

/// A picture that does this to its decoder.
fn bewitched(marker: &str) -> Vec<u8> {
    [picture(8, 6), format!("pixmill-test:{marker}").into_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn a_first_panic_is_noted_and_a_second_one_fails_the_job() {
    let world = World::new();
    world.submit_with("a", &bewitched("panic")).await;
    let _consumer = world.consumer("w").start();
    let note = eventually("a note", || async {
        Some(world.note("a").await).filter(|note| !note.troubles.is_empty())
    })
    .await;
    assert_eq!(note.troubles[0].kind, TroubleKind::Panicked);
    let result = world.ended("a").await;
    assert!(world.place("w Put attempts/") < world.place("w Put results/"));
    assert_eq!((code(&result), result.receives), ("panicked", 2));
    assert_eq!(result.troubles.len(), 1, "the result tells of the attempt before");
    world.settled().await;
    // The worker lives and works on.
    world.submit("b").await;
    assert_eq!(code(&world.ended("b").await), "done");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_picture_ends_its_worker_and_gives_the_others_back_at_once() {
    let world = World::new();
    world.submit_with("hang", &bewitched("hang")).await;
    let consumer = world.consumer("w").time_passes().start();
    world.called("w Get inputs/hang.png").await;
    world.submit("b").await;
    world.submit("c").await;
    assert_eq!(consumer.exit().await, Exit::Stuck);

    let depth = world.depth().await;
    assert_eq!((depth.visible, depth.in_flight), (2, 1), "its own message comes by itself");
    let note = world.note("hang").await;
    assert_eq!(note.troubles[0].kind, TroubleKind::Deadline);
    assert!(world.note("b").await.troubles.is_empty());
    assert!(world.result("hang").await.is_none());
    let _next = world.consumer("next").config(|c| c.prefetch = 0).start();
    assert_eq!(code(&world.ended("b").await), "done");
    assert_eq!(code(&world.ended("c").await), "done");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_picture_holds_up_one_slot_only() {
    let world = World::new();
    world.submit_with("hang", &bewitched("hang")).await;
    world.submit("b").await;
    let consumer = world.consumer("w").config(|c| c.slots = 2).start();
    world.ended("b").await;
    assert_eq!(consumer.exit().await, Exit::Stuck);
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_is_lost_with_its_lease_is_blamed_on_no_other_job() {
    let world = World::new();
    world.submit_with("hang", &bewitched("hang")).await;
    let lost = nth_for(Operation::ChangeVisibility, "", 1, Fault::Fail(ErrorKind::LeaseLost));
    let consumer = world.consumer("w").time_passes().queue(lost).start();
    world.called("w ChangeVisibility").await;
    // Its only thread is with a picture that is nobody's any more.
    world.submit("b").await;
    let ended = tokio::time::timeout(Duration::from_mins(10), consumer.exit()).await;
    assert_eq!(ended.unwrap(), Exit::Stuck);
    assert!(world.note("b").await.troubles.is_empty(), "{:?}", world.note("b").await);
    assert_eq!(world.depth().await.visible, 1, "given back at once");
}
