//! The adapters against an emulator of S3 and SQS, and against a server that answers as a script
//! says, over real HTTP.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

mod conformance;
mod emulator;
mod fake;
mod queue;
mod replies;
mod scripted;
mod store;
