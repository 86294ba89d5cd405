//! Why: the reason that every action bears, the rule that spoke, and what people should know.

use std::fmt;

use pixmill_contract::plural;
use pixmill_contract::port::Impairment;
use serde::{Deserialize, Serialize};

/// Why instances are launched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum LaunchReason {
    /// There is work and nobody to do it.
    FirstInstance {
        /// Jobs that wait or are in flight.
        jobs: u64,
    },
    /// More jobs arrive than those that are there can do.
    Rate {
        /// Jobs that arrive in a second.
        per_second: f64,
    },
    /// What waits is to be worked off in time.
    Backlog {
        /// Jobs that wait.
        jobs: u64,
        /// Instances that this needs.
        needs: u32,
    },
    /// The policy wants so many at least.
    Minimum {
        /// How many.
        min: u32,
    },
    /// Some are gone that nobody asked to go, or go as they are sick.
    Replacement {
        /// How many.
        lost: u32,
    },
    /// Too many look sick at once: is a new one well?
    Canary,
}

/// Why an instance is drained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum DrainReason {
    /// It is not needed: so much was idle all the time that idle slots are held.
    Idle {
        /// Slots of the fleet that were idle.
        slots: u32,
    },
    /// There are more than the policy wants.
    Maximum {
        /// How many it wants at most.
        max: u32,
    },
    /// It is sick.
    Sick {
        /// What it suffers from.
        of: Sickness,
    },
    /// Its worker drains without having been told, as it does before a spot instance is reclaimed.
    Itself,
    /// It was marked already when it was seen first.
    Marked,
}

/// What an instance suffers from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "sickness")]
pub enum Sickness {
    /// It fails the load balancer's checks.
    Target {
        /// The reason's code.
        code: String,
    },
    /// Its machine fails its provider's own checks.
    Impaired {
        /// Which of them.
        of: Impairment,
    },
    /// Its worker does not answer any more.
    Silent,
    /// Its worker takes nothing although jobs wait.
    TakesNothing,
    /// Its worker holds leases and comes no step further for longer than any job may take.
    Stuck,
}

/// Why an instance is terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum TerminateReason {
    /// Its worker says that it is draining and holds nothing.
    Drained,
    /// Its drain took too long.
    DrainTimeout {
        /// So long, in seconds.
        after_seconds: u64,
    },
    /// It was to be drained before it ran at all.
    NeverRan,
    /// Its worker has not reported once.
    NeverReported {
        /// For so long, in seconds.
        after_seconds: u64,
    },
}

/// The rule that decided how many instances there are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The fleet could not be observed: nothing is done.
    Blind,
    /// As many as there are.
    Steady,
    /// Work and nobody to do it.
    FirstInstance,
    /// What arrives.
    Rate,
    /// What waits.
    Backlog,
    /// The policy's least.
    Minimum,
    /// The policy's most.
    Maximum,
    /// What was lost.
    Replacement,
    /// A canary, as too many look sick.
    Canary,
    /// Slots that were idle.
    Idle,
}

/// What people should know of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
pub enum Warning {
    /// The fleet could not be observed.
    FleetUnknown,
    /// The queue could not be asked.
    QueueUnknown,
    /// The time since the last plan cannot be told.
    Gap,
    /// The target latency is shorter than a boot.
    SoonerThanABoot {
        /// How long a boot takes, in seconds.
        boot_seconds: f64,
    },
    /// More are needed than the policy allows.
    AtMaximum {
        /// How many are needed.
        needed: u32,
    },
    /// Fewer are launched than wanted, because of the limit a tick.
    Throttled {
        /// How many are wanted.
        wanted: u32,
    },
    /// Launches are held back after failed boots.
    BootsFail {
        /// How many have failed in a row.
        failed: u32,
        /// For so long, in seconds.
        held_seconds: u64,
    },
    /// Too many look sick at once: nobody is replaced.
    BreakerOpen {
        /// How many.
        sick: u32,
        /// Of how many.
        of: u32,
    },
    /// Too many looked sick at once: they are replaced one at a time.
    Recovering {
        /// How many look sick.
        sick: u32,
    },
    /// More are sick than may be replaced in one boot time.
    SickWait {
        /// How many wait.
        waiting: u32,
    },
    /// The world keeps workers from working.
    Storm {
        /// How many.
        workers: u32,
    },
}

impl fmt::Display for LaunchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstInstance { jobs } => {
                write!(f, "{} and nobody to work", plural(*jobs, "job"))
            }
            Self::Rate { per_second } => write!(f, "{per_second:.1} jobs arrive in a second"),
            Self::Backlog { jobs, needs } => {
                let (jobs, needs) = (plural(*jobs, "job"), plural(*needs, "instance"));
                write!(f, "backlog of {jobs} needs {needs}")
            }
            Self::Minimum { min } => write!(f, "the policy wants {min} at least"),
            Self::Replacement { lost } => write!(f, "in place of {lost} lost"),
            Self::Canary => f.write_str("to see whether a new one is well"),
        }
    }
}

impl fmt::Display for DrainReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { slots } => write!(f, "{} idle all the time", plural(*slots, "slot")),
            Self::Maximum { max } => write!(f, "the policy wants {max} at most"),
            Self::Sick { of } => write!(f, "sick: {of}"),
            Self::Itself => f.write_str("its worker drains by itself"),
            Self::Marked => f.write_str("it was marked already"),
        }
    }
}

impl fmt::Display for Sickness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { code } => write!(f, "it fails the checks ({code})"),
            Self::Impaired { of: Impairment::System } => {
                f.write_str("its provider finds impaired what its machine stands on")
            }
            Self::Impaired { of: Impairment::Instance } => {
                f.write_str("its provider finds its machine impaired")
            }
            Self::Silent => f.write_str("its worker does not answer"),
            Self::TakesNothing => f.write_str("it takes nothing although jobs wait"),
            Self::Stuck => f.write_str("its jobs come no step further"),
        }
    }
}

impl fmt::Display for TerminateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drained => f.write_str("it holds nothing any more"),
            Self::DrainTimeout { after_seconds } => {
                write!(f, "its drain was not over after {after_seconds} s")
            }
            Self::NeverRan => f.write_str("it has not run yet"),
            Self::NeverReported { after_seconds } => {
                write!(f, "its worker has not reported after {after_seconds} s")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FleetUnknown => f.write_str("the fleet could not be observed: nothing is done"),
            Self::QueueUnknown => {
                f.write_str("the queue could not be asked: nothing is given up for being idle")
            }
            Self::Gap => f.write_str("the time since the last plan cannot be told"),
            Self::SoonerThanABoot { boot_seconds } => {
                write!(
                    f,
                    "nothing can be served sooner than a boot, which takes {boot_seconds:.0} s"
                )
            }
            Self::AtMaximum { needed } => {
                let needed = plural(*needed, "instance");
                write!(f, "the work needs {needed}, more than the policy allows")
            }
            Self::Throttled { wanted } => {
                let wanted = plural(*wanted, "instance");
                write!(f, "the work needs {wanted} more at once than one tick may launch")
            }
            Self::BootsFail { failed, held_seconds } => {
                write!(f, "{} failed in a row: ", plural(*failed, "boot"))?;
                write!(f, "one at a time is launched, the next in {held_seconds} s")
            }
            Self::BreakerOpen { sick, of } => {
                write!(f, "{sick} of {} look sick at once: ", plural(*of, "instance"))?;
                f.write_str("nobody is replaced, as ")?;
                f.write_str("our own eyes or something that all need may be broken")
            }
            Self::Recovering { sick } => {
                write!(f, "a new instance is well: {sick} sick are replaced one at a time")
            }
            Self::SickWait { waiting } => {
                let waiting = plural(*waiting, "sick instance");
                write!(f, "{waiting} to be replaced, a few in a boot time")
            }
            Self::Storm { workers } => {
                write!(f, "the world keeps {} from working", plural(*workers, "worker"))
            }
        }
    }
}
