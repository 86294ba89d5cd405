//! The snapshot: what was observed of the world at one moment. It judges nothing.
//!
//! Each of its parts may be missing, which says that it could not be observed. What is missing is
//! never read as zero, and never a reason to have fewer instances.

use pixmill_contract::port::{Depth, Instance};

/// What was observed. `None` is "could not be observed".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// How much is in the job queue.
    pub queue: Option<Depth>,
    /// How many messages are in the dead-letter queue.
    pub dead_letters: Option<u64>,
    /// The instances of the fleet, in any order, each with its worker's report as far as that
    /// answered.
    pub instances: Option<Vec<Instance>>,
}
