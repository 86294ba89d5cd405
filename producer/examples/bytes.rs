//! A picture in memory, and what becomes of it. A worker has to run on the same directory:
//!
//! ```sh
//! pixmill consumer --data mill/ &
//! cargo run -p pixmill-producer --example bytes -- mill/
//! ```

#![allow(clippy::print_stdout, reason = "it is what an example is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use pixmill_contract::{Outcome, SystemClock};
use pixmill_local::{Durability, LocalBackend};
use pixmill_producer::{Picture, Producer};

/// A picture of two pixels.
const BMP: &[u8] = b"BM\x3e\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\x18\0\
    \0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\x40\x80\xff\x80\x40\0\0";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let data = PathBuf::from(std::env::args().nth(1).ok_or("name the pipeline's directory")?);
    let mill = LocalBackend::open(&data, Arc::new(SystemClock), Durability::Process)?;

    let recipe = "big = resize:64,enlarge=true -> png; gray = grayscale -> webp".parse()?;
    let mut batch = Producer::new(mill.pipeline()).batch(recipe).with_replies().open().await?;
    let job = batch.submit(Picture::bytes("two.bmp", BMP)).await?;
    let result = batch.wait(&job).await?;
    batch.close().await?;

    let Outcome::Done { outputs } = result.outcome else {
        return Err(format!("{:?}", result.outcome).into());
    };
    for output in outputs {
        println!("{} {}×{} {}", output.name, output.width, output.height, output.key);
    }
    Ok(())
}
