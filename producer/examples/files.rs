//! Files, and then what was made of them, as it comes. However many there are, no picture is held in
//! memory. A worker has to run on the same directory:
//!
//! ```sh
//! pixmill consumer --data mill/ &
//! cargo run -p pixmill-producer --example files -- mill/ samples/photos/*
//! ```

#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use pixmill_contract::SystemClock;
use pixmill_local::{Durability, LocalBackend};
use pixmill_producer::{Picture, Producer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let data = PathBuf::from(arguments.next().ok_or("name the pipeline's directory")?);
    let mill = LocalBackend::open(&data, Arc::new(SystemClock), Durability::Process)?;

    let recipe = "resize:256 -> jpeg".parse()?;
    let mut batch = Producer::new(mill.pipeline()).batch(recipe).with_replies().open().await?;
    batch.submit_all(arguments.map(Picture::path), |job| println!("accepted {job}")).await?;

    let mut results = batch.close().await?;
    while let Some(result) = results.next().await? {
        println!("{} {}, {} to come", result.outcome.state(), result.id, results.left());
    }
    Ok(())
}
