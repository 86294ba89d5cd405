//! The controller: decides how many instances a fleet has, and which of them go.
//!
//! Every interval it observes the world, plans and applies. What it plans is a pure function of a
//! policy, a snapshot and a memory: `plan` reads no clock, asks nobody, rolls no dice, and says for
//! everything that it wants why. What it wants is found anew from the whole picture each time,
//! never "one more because something happened", so a plan that is lost, repeated or carried out by
//! half is made good by the next.
//!
//! It knows the ports and no adapter, no other role, no environment and no signal.

mod amount;
mod decision;
mod history;
mod lease;
mod memory;
mod moment;
mod observe;
mod plan;
mod policy;
mod run;
mod snapshot;
mod standing;

pub use decision::{Decision, Failure, decisions_between, last_decisions, last_tick};
pub use history::{Point, history};
pub use memory::Memory;
pub use plan::{
    Action, Counts, DrainReason, LaunchReason, Plan, Record, Rule, SeenDepth, Sickness,
    TerminateReason, Warning, plan,
};
pub use policy::{Derived, MAX_INSTANCES, Objective, Policy, PolicyError, Row, Shown};
pub use run::{Controller, Event};
pub use snapshot::Snapshot;
pub use standing::{Note, Standing, standing};
