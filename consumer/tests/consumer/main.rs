//! The consumer held to the table of dispositions, with this machine's adapters and with adapters
//! that fail on a plan. One module for each kind of promise; `harness` makes a test a few lines.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

mod attempts;
mod crashes;
mod dead;
mod done;
mod drain;
mod duplicates;
mod events;
mod flow;
mod harness;
mod leases;
mod left;
mod listener;
mod outputs;
mod overlays;
mod panics;
mod redrive;
mod rejections;
mod requests;
mod sources;
mod storms;
