//! What a pixmill job is and what the ports promise.
//!
//! Everything that crosses a process boundary is defined here, and nothing here does any I/O of
//! its own: documents ([`job`](document), recipes, outcomes), the typed operations and their one
//! table, the ports with their written promises, and (feature `testing`) the conformance suites
//! that every adapter passes and the fault decorators. Roles and adapters depend on this crate;
//! it depends on none of them.

pub mod limits;
pub mod operation;
pub mod recipe;
pub mod reject;

pub use limits::Limits;
pub use operation::{Encoding, Format, Operation};
pub use recipe::{Output, Recipe, RecipeError};
pub use reject::{RejectCode, Rejection};
