//! The producer: puts pictures and jobs in, and follows what becomes of them.
//!
//! It knows the ports, but no adapter; it never decodes a picture.

pub mod dead;
mod documents;
mod follow;
mod ledger;
mod name;
mod patience;
mod retry;
mod submit;

pub use documents::{Standing, read_batch, read_note, read_result, read_standing, write_batch};
pub use follow::Follower;
pub use ledger::{Failure, Ledger, batches, batches_of};
pub use name::Name;
pub use retry::{Link, Retry, retry};
pub use submit::{SendError, send};
