//! Dead: given up after too many attempts, without touching the picture once more.

use pixmill_contract::document::TroubleKind;
use pixmill_contract::testing::Operation;
use pixmill_contract::{Clock as _, Job, Outcome, WorkerId};

use crate::harness::{World, code, hangs_at, with_reply};

/// A job that has had all of its attempts.
async fn spent(world: &World) -> Job {
    let job = with_reply(world.job("a").await);
    world.send(&job.body()).await;
    let (worker, now) = (WorkerId::new("gone").unwrap(), world.clock.now());
    let mut note = world.note("a").await;
    for receive in 3..6 {
        note.begin(now, &worker, receive);
    }
    note.add(now, &worker, TroubleKind::Deadline, "took longer than it may");
    world.put_note(&note).await;
    world.age(5).await;
    job
}

#[tokio::test(start_paused = true)]
async fn a_job_without_attempts_left_is_dead_without_touching_its_picture() {
    let world = World::new();
    let job = spent(&world).await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    world.settled().await;
    let Outcome::Dead { code, reason } = &result.outcome else { panic!("{result:?}") };
    assert_eq!(code.as_str(), "too_many_attempts");
    assert!(reason.contains("took longer than it may"), "{reason}");
    assert_eq!(result.troubles.len(), 1);
    assert!(world.calls_of("inputs/").is_empty());
    assert!(world.calls_of("outputs/").is_empty());
    let order = [
        world.place("w Put results/"),
        world.place("w dead-letters Send"),
        world.place("w replies Send"),
        world.place("w DeleteMessage"),
    ];
    assert!(order.is_sorted(), "{:#?}", world.calls());
    assert_eq!(world.dead_letters().await, [job.body()]);
    assert_eq!(world.replies().await[0].outcome, result.outcome);
}

#[tokio::test(start_paused = true)]
async fn a_struck_start_is_no_attempt() {
    let world = World::new();
    spent(&world).await;
    let mut note = world.note("a").await;
    note.starts[1].struck = true;
    world.put_note(&note).await;
    let _consumer = world.consumer("w").start();
    assert_eq!(code(&world.ended("a").await), "done");
    assert!(world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_that_finds_its_job_dead_sends_it_to_the_dead_letter_queue_again() {
    let world = World::new();
    let job = spent(&world).await;
    // Crashes between the result and the dead-letter queue.
    let hanging = hangs_at(Operation::Send, "");
    let consumer = world.consumer("w1").everything(&hanging).start();
    world.called("w1 dead-letters Send").await;
    consumer.crash().await;
    let result = world.result("a").await.unwrap();
    assert!(world.dead_letters().await.is_empty());

    let _next = world.consumer("w2").start();
    world.settled().await;
    assert_eq!(world.dead_letters().await, [job.body()]);
    assert_eq!(world.replies().await.len(), 1);
    assert_eq!(world.result("a").await.unwrap(), result);
    assert!(world.calls_of("w2 Get inputs/").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_result_of_an_earlier_number_does_not_stop_a_redriven_message() {
    let world = World::new();
    let job = spent(&world).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    assert_eq!(code(&world.result("a").await.unwrap()), "dead");
    let cleared = pixmill_contract::document::AttemptNote::new(job.batch.clone(), job.id.clone());
    world.put_note(&cleared).await;
    world.send(&Job { redrive: 1, ..job }.body()).await;
    world.settled().await;
    let result = world.result("a").await.unwrap();
    assert_eq!((code(&result), result.redrive), ("done", 1));
}
