//! The producer: puts pictures and jobs in, and follows what becomes of them.
//!
//! It knows the ports, but no adapter; it never decodes a picture. Applications begin with
//! [`Producer`]; what they bring is a [`Pipeline`](pixmill_contract::Pipeline) of some adapter.
//!
//! ```no_run
//! # async fn example(pipeline: pixmill_contract::Pipeline) -> Result<(), Box<dyn std::error::Error>> {
//! use pixmill_producer::{Picture, Producer};
//!
//! let recipe = "resize:256 -> webp".parse()?;
//! let mut batch = Producer::new(pipeline).batch(recipe).with_replies().open().await?;
//! let cat = batch.submit(Picture::path("photos/cat.jpg")).await?;
//! batch.submit(Picture::bytes("dog.jpg", std::fs::read("photos/dog.jpg")?)).await?;
//! println!("{}", batch.wait(&cat).await?.outcome.state());
//! let mut results = batch.close().await?;
//! while let Some(result) = results.next().await? {
//!     println!("{} {}", result.id, result.outcome.state());
//! }
//! # Ok(())
//! # }
//! ```

mod backfill;
mod batch;
pub mod dead;
mod documents;
pub mod dropped;
mod follow;
mod ids;
mod ledger;
mod manifest;
mod name;
mod patience;
mod picture;
mod replies;
mod results;
mod retry;
mod sender;
mod submit;

pub use backfill::{Backfill, backfill};
pub use batch::{Batch, NewBatch, Producer};
pub use documents::{Standing, read_batch, read_note, read_result, read_standing, write_batch};
pub use follow::Follower;
pub use ledger::{End, Failure, Kept, Ledger, batches, batches_of};
pub use manifest::{members, send_retries};
pub use name::Name;
pub use picture::Picture;
pub use replies::ReplyQueue;
pub use results::Results;
pub use retry::{Link, Retry, retry};
pub use submit::{SendError, send};
