//! Hostile input for every decoder, every parser and every operation. For tests only; no program is
//! built with it.
//!
//! What is tried follows from a target and a number alone, so a number is all that has to be kept of
//! what was found. Pictures and texts are real ones, changed (see `mutate`); what a target promises
//! is in `targets`. A crash of a C library ends the process, so long runs are a child's, whose parent
//! knows what it was at (`main.rs`).

mod corpus;
mod memory;
mod mutate;
mod targets;

pub use corpus::{Corpus, files_below};
pub use memory::{Peak, is_flat, life, peak};
pub use mutate::mutate;
pub use targets::{TARGETS, Target};

/// The tree that the corpora are in.
pub fn source_tree() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
