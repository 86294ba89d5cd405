//! The producer: puts pictures and jobs in, and follows what becomes of them.
//!
//! It knows the ports, but no adapter; it never decodes a picture.

mod follow;
mod submit;

pub use follow::Follower;
pub use submit::{SendError, read_batch, read_result, send, write_batch};
