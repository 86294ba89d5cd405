//! A simulated instance with its worker.

use std::collections::{BTreeMap, BTreeSet};

use pixmill_contract::document::{JobSeconds, Report, Version};
use pixmill_contract::port::{Instance, Intent, Lifecycle};
use pixmill_contract::{InstanceId, IntentId, Timestamp, WorkerId};
use pixmill_controller::Policy;

/// How an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Booting,
    Up,
    /// It runs and does nothing.
    Broken,
    Dead,
}

#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) life: Life,
    intent: IntentId,
    launched_at: Timestamp,
    /// From when on it is listed.
    pub(crate) seen_from: u64,
    pub(crate) marked: Option<Timestamp>,
    pub(crate) draining: bool,
    slots: usize,
    pub(crate) holds: BTreeSet<u64>,
    pub(crate) progressed_at: u64,
    pub(crate) dead_at: u64,
    received: u64,
    ended: u64,
    job_seconds: JobSeconds,
    /// Whether it was ever heard by the controller.
    pub(crate) was_heard: bool,
}

impl Host {
    pub(crate) fn new(policy: &Policy, intent: &Intent, now: Timestamp, seen_from: u64) -> Self {
        Self {
            life: Life::Booting,
            intent: intent.id.clone(),
            launched_at: now,
            seen_from,
            marked: None,
            draining: false,
            slots: policy.slots as usize,
            holds: BTreeSet::new(),
            progressed_at: 0,
            dead_at: 0,
            received: 0,
            ended: 0,
            job_seconds: JobSeconds::default(),
            was_heard: false,
        }
    }

    /// Whether it counts as capacity.
    pub(crate) fn is_alive(&self) -> bool {
        self.life != Life::Dead && self.marked.is_none()
    }

    /// Whether it would take a job.
    pub(crate) fn takes(&self) -> bool {
        self.life == Life::Up && !self.draining && self.holds.len() < self.slots
    }

    pub(crate) fn take(&mut self, job: u64, now: u64) {
        self.holds.insert(job);
        self.received += 1;
        self.progressed_at = now;
    }

    /// Ends a job; not, if it was lost in the meantime.
    pub(crate) fn finish(&mut self, job: u64, took: u64, now: u64) -> bool {
        if self.life != Life::Up || !self.holds.remove(&job) {
            return false;
        }
        self.ended += 1;
        self.job_seconds.add(took as f64 / 1000.0);
        self.progressed_at = now;
        true
    }

    pub(crate) fn lose(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.holds)
    }

    /// It is marked; its worker is told if it is there.
    pub(crate) fn drain(&mut self, clock: Timestamp) {
        self.marked.get_or_insert(clock);
        self.draining |= self.life == Life::Up;
    }

    pub(crate) fn observe(&self, id: &InstanceId, now: u64, clock: Timestamp) -> Instance {
        let lifecycle = match self.life {
            Life::Booting | Life::Up | Life::Broken => Lifecycle::Running,
            Life::Dead => Lifecycle::Ended,
        };
        Instance {
            id: id.clone(),
            lifecycle,
            intent: self.intent.clone(),
            launched_at: self.launched_at,
            draining_since: self.marked,
            target: None,
            impaired: None,
            report: (self.life == Life::Up).then(|| self.report(id, now, clock)),
        }
    }

    fn report(&self, id: &InstanceId, now: u64, clock: Timestamp) -> Report {
        let busy = self.holds.len() as u32;
        // A worker without anything to do finds that out every few seconds.
        let progressed = if busy == 0 { now } else { self.progressed_at };
        let at = |millis: u64| Timestamp::from_millis(1_700_000_000_000 + millis);
        Report {
            pixmill: Version,
            instance: Some(id.clone()),
            worker: WorkerId::new(id.as_str()).unwrap(),
            pid: 1,
            started_at: clock,
            at: at(now),
            slots: self.slots as u32,
            busy,
            busy_peak: busy,
            leases: busy,
            jobs: vec![],
            draining: self.draining,
            progressed_at: at(progressed),
            storm: None,
            received: self.received,
            waited_seconds: None,
            ended: self.ended,
            job_seconds: self.job_seconds,
            paces: BTreeMap::new(),
        }
    }
}
