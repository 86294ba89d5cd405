//! Overlays are read with the source, under the same limits; what is wrong with one is a fact about
//! its job.

use std::time::Duration;

use pixmill_contract::testing::Operation;
use pixmill_contract::{ErrorKind, Job, Limits};

use crate::harness::{Switch, World, code, fails, pass, picture, while_on};

const KEY: &str = "overlays/logo.png";

/// A job that uses the overlay.
async fn marking(world: &World, id: &str) -> Job {
    let recipe = format!("composite:{KEY},opacity=0.5 -> png").parse().unwrap();
    Job { recipe, ..world.job(id).await }
}

#[tokio::test(start_paused = true)]
async fn an_overlay_is_read_once_for_many_jobs_and_again_when_it_changed() {
    let world = World::new();
    world.put(KEY, &picture(4, 3), None).await;
    let consumer = world.consumer("w").config(|c| c.slots = 1).start();
    let mut outputs = vec![];
    for id in ["a", "b", "c"] {
        if id == "c" {
            world.put(KEY, &picture(5, 3), None).await;
        }
        world.send(&marking(&world, id).await.body()).await;
        assert_eq!(code(&world.ended(id).await), "done");
        outputs.push(world.outputs().await.pop().unwrap().1);
    }
    assert_eq!(outputs[0], outputs[1]);
    assert_ne!(outputs[1], outputs[2]);
    let gets = world.calls().into_iter().filter(|c| c.contains("Get") && c.contains(KEY)).count();
    assert_eq!(gets, 2, "{:#?}", world.calls());
    consumer.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_pins_its_overlay_gets_that_or_fails() {
    let world = World::new();
    let etag = world.put(KEY, &picture(4, 3), None).await;
    let key: pixmill_contract::Key = KEY.parse().unwrap();
    for (id, ending) in [("a", "done"), ("b", "overlay_changed")] {
        // Another worker each time: one that has kept the overlay may still make what was wanted.
        let consumer = world.consumer(id).start();
        let job = marking(&world, id).await;
        let overlays = [(key.clone(), etag.clone())].into();
        world.send(&Job { overlays, ..job }.body()).await;
        assert_eq!(code(&world.ended(id).await), ending);
        world.put(KEY, &picture(5, 3), None).await;
        consumer.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_overlay_fails_the_job_in_one_attempt() {
    for (bytes, ending) in [
        (None, "overlay_missing"),
        (Some(vec![]), "bad_overlay"),
        (Some(b"no picture at all".to_vec()), "bad_overlay"),
        (Some(picture(9, 9)[..40].to_vec()), "bad_overlay"),
        (Some(picture(90, 9)), "bad_overlay"),
        (Some(picture(9, 9).repeat(99)), "bad_overlay"),
    ] {
        let world = World::new();
        if let Some(bytes) = bytes {
            world.put(KEY, &bytes, None).await;
        }
        let limits = Limits { side: 50, input_bytes: 4000, ..Limits::default() };
        world.send(&marking(&world, "a").await.body()).await;
        let _consumer = world.consumer("w").config(|c| c.limits = limits.clone()).start();
        let result = world.ended("a").await;
        assert_eq!((code(&result), result.receives), (ending, 1));
        assert!(world.outputs().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_overlay_that_is_no_key_of_one_is_refused() {
    let world = World::new();
    let job = world.job("a").await;
    let recipe = "composite:inputs/a.png -> png".parse().unwrap();
    world.send(&Job { recipe, ..job }.body()).await;
    let _consumer = world.consumer("w").start();
    assert_eq!(code(&world.ended("a").await), "bad_recipe");
    assert!(world.calls_of("inputs/a.png").is_empty(), "{:#?}", world.calls());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_blamed_on_the_overlay() {
    let world = World::new();
    world.put(KEY, &picture(4, 3), None).await;
    world.send(&marking(&world, "a").await.body()).await;
    let outage = Switch::on();
    let throttled = fails(Operation::Get, "overlays/", ErrorKind::Throttled);
    let mut consumer = world.consumer("w").store(while_on(&outage, throttled)).start();
    consumer.storm().await;
    pass(Duration::from_mins(3)).await;
    assert!(world.result("a").await.is_none());
    outage.set(false);
    let result = world.ended("a").await;
    assert_eq!((code(&result), result.receives), ("done", 1));
    consumer.calm().await;
}
