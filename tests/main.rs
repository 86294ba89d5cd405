//! The product, tested through its binary, as people and machines use it.

#![allow(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod harness;

mod api;
mod aws;
mod bad_input;
mod console;
mod controller;
mod dead;
mod deploy;
mod disk;
mod doctor;
mod drop;
#[cfg(feature = "aws")]
mod ec2;
mod faults;
mod fleet;
mod fleet_port;
mod help;
mod interrupt;
mod listener;
mod logs;
mod mixed;
mod otel;
mod overlays;
mod paths;
mod recipe_files;
mod recipes;
mod replace;
mod resume;
mod retry;
mod run;
mod sandbox;
mod settings;
mod soak;
mod status;
mod stops;
mod submit;
mod supply;
mod terminal;
mod tidy;
mod tour;
mod up;
