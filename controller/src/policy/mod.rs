//! The policy: what people ask of the fleet. One business number and the bounds; every timing
//! that the planner uses is derived from them (`derived.rs`), so that no two knobs must agree.

mod derived;
mod shown;

use std::time::Duration;

pub use derived::Derived;
pub use shown::{Row, Shown};

/// Most instances that one controller looks after: what it remembers of them must fit an object
/// that is written every tick.
pub const MAX_INSTANCES: u32 = 10_000;

/// Most slots that an instance may have.
const MAX_SLOTS: u32 = 1024;

/// Longest time that an instance may be expected to take to boot.
const MAX_BOOT: Duration = Duration::from_hours(1);

/// What the fleet is sized for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// A cold burst is worked off within about so long.
    TargetLatency(Duration),
    /// What a second that one job waits costs, as a share of what a second of a slot costs.
    WaitCost(f64),
}

/// What people ask of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What it is sized for.
    pub objective: Objective,
    /// Fewest instances.
    pub min: u32,
    /// Most instances; those that drain are not counted. With none, all are sent home.
    pub max: u32,
    /// Pictures that one instance works on at once.
    pub slots: u32,
    /// How long an instance takes from its launch to its first report, until that is learned.
    pub boot: Duration,
    /// How long a job keeps a slot, until that is learned.
    pub job: Duration,
    /// How often the fleet is looked at.
    pub interval: Duration,
    /// The longest that any job may take to come a step further; what holds a lease without any
    /// step for longer is stuck.
    pub longest_job: Duration,
}

impl Default for Policy {
    /// A minute of latency, 0 to 10 instances of one slot, a minute to boot, a look every 10 s.
    fn default() -> Self {
        Self {
            objective: Objective::TargetLatency(Duration::from_mins(1)),
            min: 0,
            max: 10,
            slots: 1,
            boot: Duration::from_mins(1),
            job: Duration::from_secs(1),
            interval: Duration::from_secs(10),
            longest_job: Duration::from_mins(5),
        }
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(String);

impl Policy {
    /// Refuses settings that contradict each other.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |why: String| Err(PolicyError(why));
        if self.min > self.max {
            let (min, max) = (self.min, self.max);
            return refuse(format!("at least {min} instances contradicts at most {max}"));
        }
        if self.max > MAX_INSTANCES {
            return refuse(format!("at most {MAX_INSTANCES} instances can be looked after"));
        }
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            return refuse(format!("an instance has 1 to {MAX_SLOTS} slots"));
        }
        if !(Duration::from_millis(100)..=Duration::from_mins(5)).contains(&self.interval) {
            return refuse("the interval must be 100 ms to 5 minutes".to_owned());
        }
        if self.boot > MAX_BOOT {
            return refuse("an instance that boots for over an hour cannot follow".to_owned());
        }
        if self.job.is_zero() || self.job > self.longest_job {
            return refuse("a job takes more than nothing and at most the longest job".to_owned());
        }
        if !(Duration::from_secs(1)..=Duration::from_hours(12)).contains(&self.longest_job) {
            return refuse("the longest job must be 1 s to 12 hours".to_owned());
        }
        match self.objective {
            Objective::TargetLatency(latency)
                if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&latency) =>
            {
                refuse("the target latency must be 1 s to 24 hours".to_owned())
            }
            Objective::WaitCost(rho) if !(1e-6..=1e3).contains(&rho) => {
                refuse(format!("the cost of waiting must be 0.000001 to 1000, not {rho}"))
            }
            Objective::TargetLatency(_) | Objective::WaitCost(_) => Ok(()),
        }
    }

    /// What follows from it, given how long instances boot and how long jobs take.
    pub fn derive(&self, boot: Duration, job: Duration) -> Derived {
        Derived::of(self, boot, job)
    }

    /// What follows from it before anything has been learned.
    pub fn estimated(&self) -> Derived {
        self.derive(self.boot, self.job)
    }
}
