//! The planner held to its rules, one by one, to its laws over made-up fleets, and to its promises
//! in a simulated world. Nothing here waits, and every random number has a seed.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the numbers of a test are small"
)]

mod demand;
mod drains;
mod health;
mod launches;
mod laws;
mod memory;
mod outages;
mod policy;
mod records;
mod sim;
mod stage;
mod worlds;
