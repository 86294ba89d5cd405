//! The record of a plan: what was seen, what follows, which rule spoke, what is done and why.

use pixmill_contract::Timestamp;
use pixmill_contract::document::Version;
use serde::{Deserialize, Serialize};

use super::Action;
use super::law::{Capacity, Demand};
use super::reason::{LaunchReason, Rule, Warning};
use super::roster::Counts;
use crate::memory::Memory;
use crate::policy::Derived;
use crate::snapshot::Snapshot;

/// The record of one plan. Nothing (`null`) stands for what could not be observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The document's version.
    pub pixmill: Version,
    /// When it was planned.
    pub at: Timestamp,
    /// The epoch of the lease that it was planned under.
    pub epoch: u64,
    /// Its number since the memory was begun.
    pub tick: u64,
    /// How much was in the queue.
    pub depth: Option<SeenDepth>,
    /// How many dead letters there were.
    pub dead_letters: Option<u64>,
    /// How many instances there were in which phase, before this plan.
    pub counts: Option<Counts>,
    /// Jobs that arrive in a second (λ).
    pub arrivals_per_second: f64,
    /// Jobs that end in a second.
    pub served_per_second: f64,
    /// How long a job keeps a slot, in seconds (S).
    pub job_seconds: f64,
    /// How much that varies (c²).
    pub variability: f64,
    /// From launch to first report, in seconds (B).
    pub boot_seconds: f64,
    /// Slots that what arrives keeps taken (R).
    pub rate_slots: Option<f64>,
    /// Jobs that will wait one boot time from now (`Q_B`).
    pub backlog_jobs: Option<f64>,
    /// Slots that are wanted (N*).
    pub wanted_slots: Option<f64>,
    /// Slots of those that are ready, booting or requested (N).
    pub slots: Option<f64>,
    /// The least idle slots of the time that they are held for.
    pub idle_slots: Option<u32>,
    /// How many instances there are to be, those that drain not counted.
    pub desired: Option<u32>,
    /// The rule that decided so.
    pub rule: Rule,
    /// What is done, and why.
    pub actions: Vec<Action>,
    /// What people should know.
    pub warnings: Vec<Warning>,
}

/// How much was in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenDepth {
    /// Messages that could be received.
    pub visible: u64,
    /// Messages that were hidden by a delivery.
    pub in_flight: u64,
    /// Messages that were hidden since they were sent.
    pub delayed: u64,
}

impl Record {
    pub(super) fn new(
        snapshot: &Snapshot,
        memory: &Memory,
        derived: &Derived,
        epoch: u64,
        at: Timestamp,
    ) -> Self {
        Self {
            pixmill: Version,
            at,
            epoch,
            tick: memory.ticks,
            depth: snapshot.queue.map(|depth| SeenDepth {
                visible: depth.visible,
                in_flight: depth.in_flight,
                delayed: depth.delayed,
            }),
            dead_letters: snapshot.dead_letters,
            counts: None,
            arrivals_per_second: memory.arrivals_per_second(),
            served_per_second: memory.served_per_second(),
            job_seconds: derived.job.as_secs_f64(),
            variability: memory.variability(),
            boot_seconds: derived.boot.as_secs_f64(),
            rate_slots: None,
            backlog_jobs: None,
            wanted_slots: None,
            slots: None,
            idle_slots: None,
            desired: None,
            rule: Rule::Steady,
            actions: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn see(&mut self, capacity: &Capacity, demand: Option<&Demand>, idle: u32) {
        self.slots = Some(capacity.slots);
        self.idle_slots = Some(idle);
        if let Some(demand) = demand {
            self.arrivals_per_second = demand.arrivals;
            self.rate_slots = Some(demand.rate);
            self.backlog_jobs = Some(demand.backlog);
            self.wanted_slots = Some(demand.wanted);
        }
    }
}

impl LaunchReason {
    /// The rule that gives this reason.
    pub(super) fn rule(&self) -> Rule {
        match self {
            Self::FirstInstance { .. } => Rule::FirstInstance,
            Self::Rate { .. } => Rule::Rate,
            Self::Backlog { .. } => Rule::Backlog,
            Self::Minimum { .. } => Rule::Minimum,
            Self::Replacement { .. } => Rule::Replacement,
            Self::Canary => Rule::Canary,
        }
    }
}
