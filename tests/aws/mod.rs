//! A pipeline on S3 and SQS, over real HTTP: the same promises as in a directory.

mod api;
mod backfill;
mod campaign;
mod clients;
mod cost;
mod doctor;
mod ec2;
mod events;
mod everyday;
mod outage;
mod storm;
mod triage;

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cloud, Running, source_tree};

/// Long enough for what is under way, on a machine as slow as may be.
const SOON: Duration = Duration::from_mins(2);

/// Starts a worker, which polls in short waits so that it drains soon.
fn consumer(cloud: &Cloud, name: &str, settings: &[&str]) -> Running {
    let consumer =
        cloud.pixmill("consumer").args(["--slots", "1", "--poll", "1s", "--worker", name]);
    consumer.args(settings).start()
}

/// A program of these tests.
fn script(name: &str) -> PathBuf {
    source_tree().join("tests/aws").join(name)
}

fn drain(consumer: Running) {
    consumer.signal(Signal::TERM);
    consumer.end().expect(0);
}

/// Every job ended once, as done, with its two outputs and with nothing left in either queue.
fn assert_all_done(cloud: &Cloud, jobs: u32) {
    let (jobs, results) = (jobs as usize, cloud.results());
    assert_eq!(results.len(), jobs);
    for (key, result) in &results {
        assert_eq!(result["state"], "done", "{key}: {result}");
    }
    assert_eq!(cloud.keys("outputs/").len(), jobs * 2);
    assert_eq!((cloud.depth(&cloud.queue), cloud.depth(&cloud.dead)), (0, 0));
}
