//! A pipeline on S3 and SQS, over real HTTP: the same promises as in a directory.

mod clients;
mod events;
mod everyday;
mod outage;
mod triage;

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cloud, Running};

/// Long enough for what is under way, on a machine as slow as may be.
const SOON: Duration = Duration::from_mins(2);

/// Starts a worker, which polls in short waits so that it drains soon.
fn consumer(cloud: &Cloud, name: &str, settings: &[&str]) -> Running {
    let consumer =
        cloud.pixmill("consumer").args(["--slots", "1", "--poll", "1s", "--worker", name]);
    consumer.args(settings).start()
}

fn drain(consumer: Running) {
    consumer.signal(Signal::TERM);
    consumer.end().expect(0);
}
