//! The fleets against a server that plays EC2, Auto Scaling and load balancing as a test wants, over
//! real HTTP: what no emulator gives, such as lists that come late, answers that are lost, calls that
//! are throttled, and zones without machines. With workers that really run they are held to their
//! port's promises in the tests of the whole product.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

mod checks;
mod cloud;
mod group;
mod pages;
mod plain;
#[path = "../../../aws/tests/aws/scripted.rs"]
#[allow(dead_code, reason = "the tests of `core/aws` ask for more of it")]
mod scripted;
mod server;
mod troubles;
