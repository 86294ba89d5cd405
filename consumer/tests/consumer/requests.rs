//! What a picture costs in requests, which far stores and queues charge for.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use pixmill_consumer::Config;
use pixmill_contract::testing::{Fault, Plan};

use crate::harness::{REPLIES, World, eventually};

const JOBS: usize = 48;

/// Sends jobs with so many outputs each, which want a reply.
async fn submit(world: &World, outputs: usize) {
    let mut recipe = String::new();
    for n in 0..outputs {
        write!(recipe, "o{n} = resize:{} -> png;", n % 8 + 1).unwrap();
    }
    for n in 0..JOBS {
        let mut job = world.job(&format!("job{n}")).await;
        job.recipe = recipe.trim_end_matches(';').parse().unwrap();
        job.reply_to = Some(REPLIES.to_owned());
        world.send(&job.body()).await;
    }
}

fn far(c: &mut Config) {
    (c.slots, c.prefetch, c.poll) = (2, 20, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn an_undisturbed_picture_costs_no_request_that_it_does_not_need() {
    for outputs in [1, 4, 16] {
        let world = World::new();
        submit(&world, outputs).await;
        let _consumer = world.consumer("w").config(far).start();
        world.settled().await;
        let calls = |operation: &str| world.calls_of(&format!("w {operation}")).len();
        assert_eq!(calls("Get"), JOBS, "its source");
        assert_eq!(calls("Put"), JOBS * (outputs + 1), "its outputs and its result");
        assert_eq!(calls("replies Send"), JOBS);
        assert_eq!(calls("DeleteMessage"), JOBS);
        // One may be waiting at the empty queue by now.
        let receives = calls("Receive");
        assert!(receives <= JOBS / 8 + 1, "{receives} receives of {JOBS} jobs");
        let all = calls("Get") + calls("Put") + calls("replies Send") + calls("DeleteMessage");
        assert_eq!(world.calls().len(), all + receives, "and nothing else");
    }
}

#[tokio::test(start_paused = true)]
async fn a_far_queue_is_received_from_in_batches_while_sources_are_read_side_by_side() {
    let world = World::new();
    submit(&world, 2).await;
    let call: Plan = Arc::new(|_| Fault::Delay(Duration::from_millis(50)));
    let _consumer = world.consumer("w").everything(&call).config(far).start();
    let done = || async { (world.keys("results/").await.len() == JOBS).then_some(()) };
    eventually("all results", done).await;
    let receives = world.calls_of("w Receive").len();
    assert!(receives <= JOBS / 8 + 1, "{receives} receives of {JOBS} jobs");
    // Before the first picture's output is written the sources of all that is held are asked for.
    let calls = world.calls();
    let first_output = world.place("w Put outputs/");
    let begun = calls[..first_output].iter().filter(|c| c.starts_with("w Get inputs/")).count();
    assert!(begun >= 10, "{begun} at once");
}
