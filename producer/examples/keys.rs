//! A picture that is in the store already: it stays where it is, and only its job is sent. Here it is
//! what an earlier job made. A worker has to run on the same directory:
//!
//! ```sh
//! pixmill consumer --data mill/ &
//! cargo run -p pixmill-producer --example keys -- mill/ samples/photos/harbour.jpg
//! ```

#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use pixmill_contract::{Key, Outcome, SystemClock};
use pixmill_local::{Durability, LocalBackend};
use pixmill_producer::{Picture, Producer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let data = arguments.next().ok_or("name the pipeline's directory")?;
    let photo = arguments.next().ok_or("name a photograph")?;
    let mill = LocalBackend::open(&data, Arc::new(SystemClock), Durability::Process)?;
    let producer = Producer::new(mill.pipeline());

    let small = grind(&producer, "resize:256 -> png", Picture::path(photo)).await?;
    let gray = grind(&producer, "grayscale -> png", Picture::key(small)).await?;
    println!("{gray}");
    Ok(())
}

/// The key of what a recipe makes of a picture.
async fn grind(producer: &Producer, recipe: &str, picture: Picture) -> Result<Key, Box<dyn Error>> {
    let mut batch = producer.batch(recipe.parse()?).with_replies().open().await?;
    let job = batch.submit(picture).await?;
    let result = batch.wait(&job).await?;
    batch.close().await?;
    let Outcome::Done { outputs } = result.outcome else {
        return Err(format!("{:?}", result.outcome).into());
    };
    Ok(outputs.into_iter().next().ok_or("no output")?.key)
}
