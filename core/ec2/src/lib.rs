//! The fleet port of pixmill on EC2: instances of an Auto Scaling group ([`AsgFleet`]), or plain ones
//! from a launch template ([`Ec2Fleet`]).
//!
//! An instance runs a worker, which listens at the instance's private address; how it gets there
//! (image, user data, systemd) is the template's business. Which instances are a fleet's own is told
//! by a tag of theirs, of an Auto Scaling group by the one that AWS itself sets; no call touches
//! another. All that has to outlive a controller is in such tags: what an instance was launched for,
//! and since when it is to drain.
//!
//! * **Looking costs pages, not instances:** EC2 is asked for a thousand instances at once, a group
//!   and a target group for all of theirs. What the load balancer says is taken along; if it does not
//!   answer, nothing is said of it, and the fleet is seen all the same.
//! * **EC2 answers late and not always the same:** an instance that was launched or seen a moment ago
//!   and is not listed now is still there (`recent.rs`).
//! * **No decisions are made here,** and no call is repeated here either: that is done in one place,
//!   below (`pixmill_aws::Query`).
//!
//! What is told of each instance (its lifecycle, the load balancer's opinion with its reason, its
//! worker's report) is what [`Fleet::observe`](pixmill_contract::Fleet::observe) returns.

mod calls;
mod cloud_watch;
mod departure;
pub mod doctor;
mod group;
mod machines;
mod options;
mod plain;
mod recent;
mod tags;

pub use cloud_watch::{CloudWatch, Metric};
pub use departure::complete_departure;
pub use group::AsgFleet;
pub use options::{AsgOptions, Ec2Options, FleetOptions, Template};
pub use plain::Ec2Fleet;
