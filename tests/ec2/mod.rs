//! Fleets on EC2, over real HTTP to an emulator, with real workers in the place of the instances'
//! software: as libraries held to the promises of their port, and by the product's commands.

mod bad;
mod command;
mod conformance;
mod departure;
mod doctor;
pub(crate) mod ground;
mod world;
mod worlds;

use std::sync::Arc;
use std::time::Duration;

use crate::harness::{Cloud, Place, Region, Software, token_file};

/// Long enough for what is under way, on a machine as slow as may be.
const SOON: Duration = Duration::from_mins(4);

/// A worker of a pipeline on S3 and SQS, for every instance that runs, with these flags besides.
fn software(
    place: &Place,
    cloud: &Arc<Cloud>,
    region: &Region,
    port: u16,
    flags: &[&str],
) -> Software {
    let (token, cloud) = (token_file(&place.path("")), Arc::clone(cloud));
    let (way, flags) = (region.gateway.url(), flags.iter().map(ToString::to_string));
    let flags: Vec<_> = flags.collect();
    Arc::new(move |_, address| {
        let consumer = cloud.pixmill("consumer").args(["--slots", "1", "--poll", "1s", "--ec2"]);
        let consumer = consumer.args(["--prefetch", "0"]).args(&flags);
        let consumer = consumer.args(["--visibility", "5s", "--listen"]);
        let consumer = consumer.arg(format!("{address}:{port}")).arg("--token-file").arg(&token);
        consumer.env("AWS_ENDPOINT_URL_AUTO_SCALING", &way)
    })
}
