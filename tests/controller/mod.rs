//! The controller over workers that are real processes: by its command, and as a library in worlds
//! that go wrong. The worlds of `bad.rs` are also those of fleets on EC2 (`tests/ec2`).

pub(crate) mod bad;
mod command;
mod crashes;
mod processes;
pub(crate) mod working;
pub(crate) mod world;
mod worlds;

use std::time::Duration;

/// Long enough for anything, on a machine as slow as may be.
pub(crate) const SOON: Duration = Duration::from_mins(3);

/// A recipe that takes a few hundredths of a second, so that a fleet has something to do.
pub(crate) const SLOW: &str = "resize:800,enlarge=true | median:9 | blur:31 -> jpeg";
