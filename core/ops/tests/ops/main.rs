//! What the crate promises to its callers, tested from outside.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bombs;
mod carried;
mod composite;
mod encodings;
mod files;
mod formats;
mod hostile;
mod limits;
mod make;
mod outputs;
mod samples;
mod strangers;
mod trim;
