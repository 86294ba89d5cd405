//! pixmill on EC2: a worker on an instance, the fleet of instances that a controller looks after, and
//! the metrics of both for CloudWatch.

mod fleet;
mod metrics;
mod sight;
mod worker;

pub(crate) use fleet::{named, open as open_fleet, seen as seen_fleet};
pub(crate) use metrics::Metrics;
pub(crate) use sight::{Heard as HeardFleet, Told as ToldFleet};
pub(crate) use worker::{heed, identity, stay};
