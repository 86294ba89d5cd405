//! Left: what is no job, and two jobs with one name, go to the dead-letter queue by the queue's own
//! limit, with no result.

use pixmill_contract::Job;
use pixmill_contract::port::Depth;

use crate::harness::{RECIPE, World, eventually};

/// Waits until the queue has moved everything to its dead-letter queue.
async fn dead_lettered(world: &World) -> Vec<String> {
    eventually("the dead-letter queue", || async {
        (world.depth().await == Depth::default()).then_some(())
    })
    .await;
    world.dead_letters().await
}

#[tokio::test(start_paused = true)]
async fn what_is_no_job_moves_to_the_dead_letter_queue_without_a_result() {
    let world = World::new();
    let newer = world.job("a").await.body().replace("\"pixmill\":1", "\"pixmill\":2");
    let nameless = world.job("a").await.body().replace("\"id\":\"a\"", "\"id\":\"a/b\"");
    let mut bodies = ["hello".to_owned(), newer, nameless, "{}".to_owned()];
    for body in &bodies {
        world.send(body).await;
    }
    let _consumer = world.consumer("w").start();
    let mut dead = dead_lettered(&world).await;
    dead.sort();
    bodies.sort();
    assert_eq!(dead, bodies);
    assert!(world.keys("results/").await.is_empty());
    assert!(world.keys("attempts/").await.is_empty());
    assert!(world.calls_of("Send").is_empty(), "the queue did it, not the worker");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_job_does_not_keep_jobs_from_being_done() {
    let world = World::new();
    world.send("hello").await;
    world.age(4).await;
    for id in ["a", "b", "c", "d"] {
        world.submit(id).await;
    }
    let _consumer = world.consumer("w").start();
    for id in ["a", "b", "c", "d"] {
        world.ended(id).await;
    }
    assert_eq!(dead_lettered(&world).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn another_job_of_the_same_name_is_left_and_changes_nothing() {
    let world = World::new();
    let job = world.submit("a").await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    world.settled().await;
    let outputs = world.outputs().await;

    let recipe = RECIPE.replace("invert", "grayscale").parse().unwrap();
    let other = Job { recipe, ..job };
    world.send(&other.body()).await;
    assert_eq!(dead_lettered(&world).await, [other.body()]);
    assert_eq!(world.result("a").await.unwrap(), result);
    assert_eq!(world.outputs().await, outputs);
}

#[tokio::test(start_paused = true)]
async fn a_job_of_a_taken_name_spends_none_of_the_other_jobs_attempts() {
    let world = World::new();
    let job = world.job("a").await;
    // The first one has made its outputs and is about to write its result.
    let hanging = crate::harness::hangs_at(pixmill_contract::testing::Operation::Put, "results/");
    world.send(&job.body()).await;
    let first = world.consumer("w1").store(hanging).config(|c| c.prefetch = 0).start();
    world.called("w1 Put results/").await;
    let recipe = RECIPE.replace("invert", "grayscale").parse().unwrap();
    world.send(&Job { recipe, ..job }.body()).await;
    let _second = world.consumer("w2").start();
    eventually("its sixth receive", || async {
        (world.calls_of("w2 Get inputs/").len() >= 6).then_some(())
    })
    .await;
    assert_eq!(world.note("a").await.unstruck_starts(), 0, "{:?}", world.note("a").await);
    first.crash().await;
    assert_eq!(world.ended("a").await.digest, world.job("a").await.digest());
}
