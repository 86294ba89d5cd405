//! What adapters are tested with: conformance suites, fault decorators, a clock that can be paused.
//!
//! A suite holds an adapter to the numbered promises of its port, and to nothing that only one
//! adapter keeps. A decorator breaks a good adapter in the ways that the world does, on a plan.
//! Both are for tests only; no program is built with them.

mod clock;
mod fault;
mod fleet;
mod queue;
mod replies;
mod simulation;
mod store;

pub use clock::{JumpingClock, PausedClock};
pub use fault::{
    Call, Fault, FaultyFleet, FaultyQueue, FaultyReplies, FaultyStore, Operation, Plan, View,
    never, on_call, seeded,
};
pub use fleet::{FleetHarness, fleet_conformance};
pub use queue::{QueueHarness, QueuePair, queue_conformance};
pub use replies::replies_conformance;
pub use simulation::Simulation;
pub use store::{StoreHarness, store_conformance};
