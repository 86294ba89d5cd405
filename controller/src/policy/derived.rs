//! What follows from a policy: the cost of waiting, and every timing and limit of the planner.

use std::time::Duration;

use pixmill_contract::Backoff;

use super::{Objective, Policy};
use crate::amount;

/// Readings in a row that make an instance sick: one is a lost packet, two a restart.
const READINGS: u32 = 3;

/// Share of the fleet that may look sick before it is our eyes that are suspected.
const BREAKER_SHARE: f64 = 0.2;

/// Share of the fleet that may be replaced for its health in one boot time.
const REPLACED_SHARE: f64 = 0.1;

/// Failed boots in a row after which launches are held back.
const FAILED_BOOTS: u32 = 3;

/// Instances that a tick may launch however small the fleet is; a larger fleet may double. It
/// bounds what one mad reading costs.
const LAUNCHES_A_TICK: u32 = 100;

/// What follows from a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// How long an instance takes from its launch to its first report (B).
    pub boot: Duration,
    /// How long a job keeps a slot (S).
    pub job: Duration,
    /// What a second that one job waits costs against a second of a slot (ρ).
    pub wait_cost: f64,
    /// How long a burst takes to be worked off (D).
    pub drain_time: Duration,
    /// How long slots are idle before they are given up (T).
    pub hold: Duration,
    /// How many standard deviations of the load are kept in reserve (β).
    pub reserve: f64,
    /// Half-life of the quick average of arrivals.
    pub fast: Duration,
    /// Half-life of the slow average of arrivals.
    pub slow: Duration,
    /// After its first report an instance is not judged for so long.
    pub grace: Duration,
    /// From launch to first report, before a boot has failed.
    pub boot_deadline: Duration,
    /// An intent that brought no instance for so long is forgotten. It is asked for in the first
    /// half of it.
    pub request_deadline: Duration,
    /// Readings in a row that make an instance sick.
    pub readings: u32,
    /// A report that has not changed for so long counts as none.
    pub stale: Duration,
    /// A worker that takes nothing for so long, while something waits, does not work.
    pub standstill: Duration,
    /// A worker whose leases come no step further for so long is stuck.
    pub stuck: Duration,
    /// A drain that takes longer is ended.
    pub drain_timeout: Duration,
    /// Share of the fleet that may look sick before nobody is replaced.
    pub breaker_share: f64,
    /// Share of the fleet that is replaced for its health in one boot time, at most.
    pub replaced_share: f64,
    /// Failed boots in a row after which launches are held back.
    pub failed_boots: u32,
    /// How launches are held back then.
    pub backoff: Backoff,
    /// Instances launched in one tick, unless the fleet is larger itself.
    pub launches_a_tick: u32,
}

impl Derived {
    pub(super) fn of(policy: &Policy, boot: Duration, job: Duration) -> Self {
        // A job of no length would make waiting free.
        let (b, s) = (boot.as_secs_f64(), job.as_secs_f64().max(1e-3));
        let hold = |rho: f64| (rho * b).max(15.0).min((20.0 * b).max(15.0));
        let rho = match policy.objective {
            Objective::WaitCost(rho) => rho,
            Objective::TargetLatency(latency) => {
                let square = latency.as_secs_f64().max(1.0).powi(2);
                // T depends on ρ and ρ on T: one step from ρ without T is close enough.
                2.0 * (b + hold(2.0 * b * s / square)) * s / square
            }
        };
        let hold = hold(rho);
        let drain = (2.0 * (b + hold) * s / rho).sqrt();
        let interval = policy.interval;
        let minute = Duration::from_mins(1);
        Self {
            boot,
            job,
            wait_cost: rho,
            drain_time: amount::seconds(drain),
            hold: amount::seconds(hold),
            reserve: (2.0 * rho).min(5.0),
            fast: amount::seconds(drain.clamp(15.0, 60.0)).max(interval * 3),
            slow: amount::seconds(drain.clamp(60.0, 1200.0)).max(interval * 3),
            grace: boot.max(interval * 3).max(Duration::from_secs(30)),
            boot_deadline: (boot * 4).max(Duration::from_secs(30) + interval * 2),
            request_deadline: minute.max(interval * 6),
            readings: READINGS,
            stale: interval * 2,
            // One receive may wait 20 s for a message.
            standstill: Duration::from_secs(30).max(interval * 3),
            stuck: policy.longest_job + interval * 2,
            drain_timeout: policy.longest_job + Duration::from_secs(30) + interval * 2,
            breaker_share: BREAKER_SHARE,
            replaced_share: REPLACED_SHARE,
            failed_boots: FAILED_BOOTS,
            backoff: Backoff { base: boot.max(Duration::from_secs(15)), cap: boot.max(minute) * 5 },
            launches_a_tick: LAUNCHES_A_TICK,
        }
    }

    /// Whether nothing that is launched now can help a cold burst in time: the target is shorter
    /// than a boot.
    pub fn is_sooner_than_a_boot(&self, policy: &Policy) -> bool {
        match policy.objective {
            Objective::TargetLatency(latency) => latency < self.boot,
            Objective::WaitCost(_) => false,
        }
    }

    /// How many of so many instances may look sick before nobody is replaced.
    pub fn tolerated(&self, instances: u32) -> u32 {
        amount::whole(f64::from(instances) * self.breaker_share).max(1)
    }

    /// How many of so many instances may be replaced for their health in one boot time.
    pub fn replaced_a_boot(&self, instances: u32) -> u32 {
        amount::whole(f64::from(instances) * self.replaced_share).max(1)
    }

    /// How many may be launched in one tick beside so many.
    pub fn launched_a_tick(&self, instances: u32) -> u32 {
        self.launches_a_tick.max(instances)
    }
}
