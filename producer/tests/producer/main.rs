//! What the producer promises, on the local adapter and through the fault decorators.

#![allow(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod backfill;
mod batches;
mod crashes;
mod dead;
mod following;
mod harness;
mod submitting;
