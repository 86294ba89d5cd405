//! Rejected: bad input is a result with a code, in one attempt.

use pixmill_consumer::Config;
use pixmill_contract::document::Source;
use pixmill_contract::port::ObjectStore as _;
use pixmill_contract::testing::{Fault, Operation, Plan};
use pixmill_contract::{Job, Outcome};

use crate::harness::{World, code, concerns, picture, with_reply};

/// The only result of a pipeline with one job, which must have taken one attempt.
async fn in_one_attempt(world: &World, config: impl FnOnce(&mut Config)) -> &'static str {
    let _consumer = world.consumer("w").config(config).start();
    let result = world.ended("a").await;
    world.settled().await;
    assert_eq!(result.receives, 1, "{result:?}");
    assert!(world.keys("attempts/").await.is_empty());
    assert!(world.outputs().await.is_empty());
    assert!(world.dead_letters().await.is_empty());
    code(&result)
}

#[tokio::test(start_paused = true)]
async fn bad_bytes_fail_with_a_code_in_one_attempt() {
    let whole = picture(32, 24);
    let truncated = &whole[..whole.len() / 2];
    let mut corrupt = whole.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle] ^= 0x55;
    for (bytes, expected) in [
        (&b""[..], "empty"),
        (b"this is a text and no picture", "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported"),
        (truncated, "truncated"),
        (&corrupt, "corrupt"),
    ] {
        let world = World::new();
        world.submit_with("a", bytes).await;
        assert_eq!(in_one_attempt(&world, |_| ()).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_over_a_limit_fails_with_the_limits_own_code() {
    type Change = fn(&mut Config);
    let limits: [(Change, &str); 6] = [
        (|c| c.limits.side = 7, "side_too_large"),
        (|c| c.limits.pixels = 47, "too_many_pixels"),
        (|c| c.limits.memory_bytes = 1000, "over_memory"),
        (|c| c.limits.outputs = 1, "too_many_outputs"),
        (|c| c.limits.operations = 0, "too_many_operations"),
        (|c| c.limits.input_bytes = 10, "input_too_large"),
    ];
    for (change, expected) in limits {
        let world = World::new();
        world.submit("a").await;
        assert_eq!(in_one_attempt(&world, change).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_too_large_is_refused_by_its_headers() {
    let world = World::new();
    world.submit("a").await;
    // Whoever reads the body finds out that it breaks off.
    let cut: Plan = std::sync::Arc::new(|call| {
        if concerns(call, Operation::Get, "inputs/") { Fault::Cut } else { Fault::None }
    });
    let consumer = world.consumer("w").store(cut).config(|c| c.limits.input_bytes = 10).start();
    assert_eq!(code(&world.ended("a").await), "input_too_large");
    assert_eq!(world.calls_of("Get inputs/").len(), 1);
    consumer.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_invalid_recipe_fails_with_its_place_and_a_reply() {
    let world = World::new();
    let body = with_reply(world.job("a").await).body().replace("invert", "inverted");
    world.send(&body).await;
    assert_eq!(in_one_attempt(&world, |_| ()).await, "bad_recipe");
    let result = world.result("a").await.unwrap();
    assert_eq!(result.job, Some(serde_json::from_str(&body).unwrap()), "as it was sent");
    let Outcome::Failed { reason, .. } = result.outcome else { panic!("not failed") };
    assert!(reason.contains("inverted"), "{reason}");
    assert_eq!(world.replies().await.len(), 1);
    assert!(world.calls_of("Get inputs/").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_breaks_its_documents_rules_fails() {
    let changes: [fn(Job) -> Job; 2] = [
        |job| Job { output_bucket: Some("elsewhere".into()), ..job },
        |job| Job { source: Source { bucket: Some("elsewhere".into()), ..job.source }, ..job },
    ];
    for change in changes {
        let world = World::new();
        world.send(&change(world.job("a").await).body()).await;
        assert_eq!(in_one_attempt(&world, |_| ()).await, "bad_job");
    }
    let world = World::new();
    let body = world.job("a").await.body().replace("\"overwrite\":false", "\"colour\":1");
    world.send(&body).await;
    assert_eq!(in_one_attempt(&world, |_| ()).await, "bad_job");
}

#[tokio::test(start_paused = true)]
async fn a_missing_source_fails() {
    let world = World::new();
    let job = world.job("a").await;
    world.backend.store.delete(&job.source.key).await.unwrap();
    world.send(&job.body()).await;
    assert_eq!(in_one_attempt(&world, |_| ()).await, "source_missing");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_since_it_was_sent_fails() {
    let world = World::new();
    let job = world.job("a").await;
    let etag = world.put("inputs/a.png", &picture(9, 9), None).await;
    let job = Job { source: Source { etag: Some(etag), ..job.source }, ..job };
    world.put("inputs/a.png", &picture(5, 5), None).await;
    world.send(&job.body()).await;
    assert_eq!(in_one_attempt(&world, |_| ()).await, "source_changed");
}

#[tokio::test(start_paused = true)]
async fn a_source_of_the_very_content_that_was_sent_is_done() {
    let world = World::new();
    let job = world.job("a").await;
    let etag = world.put("inputs/a.png", &picture(9, 9), None).await;
    let job = Job { source: Source { etag: Some(etag), ..job.source }, ..job };
    world.send(&job.body()).await;
    let _consumer = world.consumer("w").start();
    assert_eq!(code(&world.ended("a").await), "done");
}

#[tokio::test(start_paused = true)]
async fn an_output_name_that_no_store_takes_fails() {
    let world = World::new();
    let name = format!("outputs/{{id}}/{}-{{name}}.png", "x".repeat(1100));
    let job = Job { outputs: name.parse().unwrap(), ..world.job("a").await };
    world.send(&job.body()).await;
    assert_eq!(in_one_attempt(&world, |_| ()).await, "bad_output_key");
}
