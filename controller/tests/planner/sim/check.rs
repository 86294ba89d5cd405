//! What is promised of every event and every plan.

use std::collections::{BTreeMap, BTreeSet};

use pixmill_contract::{InstanceId, IntentId, Timestamp};
use pixmill_controller::{Action, DrainReason, Memory, Plan, Snapshot, TerminateReason, plan};

use super::{Fault, Outage, World};

/// What is remembered for that.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// How many instances an intent may have.
    intents: BTreeMap<IntentId, u32>,
    /// When an instance was replaced for its health, and how many there were then.
    replaced: Vec<(u64, u32)>,
}

impl World {
    /// No job is lost, and none is there twice.
    pub(super) fn conserve(&self) {
        let depth = self.depth();
        let there = depth.total() as usize + self.done;
        assert_eq!(there, self.arrived, "jobs at {} s", self.now / 1000);
    }

    pub(super) fn check_plan(
        &mut self,
        snapshot: &Snapshot,
        made: &Plan,
        memory: &Memory,
        now: Timestamp,
    ) {
        let explained = made.record.explain();
        let at = format!("at {} s with {:?}: {explained}", self.now / 1000, self.faults);
        let again = plan(&self.policy, snapshot, &self.memory, 1, now);
        assert_eq!((&again.0, &again.1), (made, memory), "the same inputs {at}");
        if let Some(desired) = made.record.desired {
            assert!((self.policy.min..=self.policy.max).contains(&desired), "bounds {at}");
        }
        if made.record.tick.is_multiple_of(16) {
            let text = serde_json::to_string(memory).unwrap();
            assert_eq!(&serde_json::from_str::<Memory>(&text).unwrap(), memory, "{at}");
        }

        // Planned again with the same snapshot, nothing is wanted that was not.
        let (second, _) = plan(&self.policy, snapshot, memory, 1, now);
        let (first, second) = (Wanted::by(made), Wanted::by(&second));
        assert!(second.is_within(&first), "idempotence {at}\n{first:?}\n{second:?}");

        let listed: BTreeSet<_> = snapshot.instances.iter().flatten().map(|i| &i.id).collect();
        for id in first.drains.iter().chain(&first.ends) {
            assert!(listed.contains(id), "{id} was not observed {at}");
        }
        for action in &made.actions {
            self.check_action(snapshot, action, &at);
        }
    }

    fn check_action(&mut self, snapshot: &Snapshot, action: &Action, at: &str) {
        match action {
            Action::Launch { intent, .. } => {
                let known = *self.check.intents.entry(intent.id.clone()).or_insert(intent.count);
                let forgets = |f: &Fault| matches!(f, Fault::During(Outage::PlansRepeated, ..));
                let forgets = self.faults.iter().any(forgets);
                assert!(forgets || known == intent.count, "an intent does not change {at}");
            }
            Action::Drain { id, why } => {
                let is_new = self.hosts[id].marked.is_none();
                let seen = snapshot.queue.is_some();
                match why {
                    DrainReason::Idle { .. } if is_new => {
                        assert!(seen, "scaled in without having seen the queue {at}");
                        assert!(self.hosts[id].holds.len() < 4, "a busy one goes {at}");
                    }
                    DrainReason::Sick { .. } if is_new => self.check_replaced(at),
                    DrainReason::Idle { .. }
                    | DrainReason::Sick { .. }
                    | DrainReason::Maximum { .. }
                    | DrainReason::Itself
                    | DrainReason::Marked => {}
                }
            }
            Action::Terminate { id, why } => {
                let host = &self.hosts[id];
                match why {
                    TerminateReason::Drained => {
                        assert!(host.draining && host.holds.is_empty(), "without ack {at}");
                    }
                    TerminateReason::NeverRan => assert!(host.holds.is_empty(), "{at}"),
                    TerminateReason::NeverReported { .. } => {
                        assert!(!host.was_heard, "it has reported {at}");
                    }
                    TerminateReason::DrainTimeout { .. } => {
                        assert!(host.marked.is_some(), "never drained {at}");
                    }
                }
            }
        }
    }

    /// At most one, or a tenth, in one boot time.
    fn check_replaced(&mut self, at: &str) {
        let alive = self.hosts.values().filter(|host| host.is_alive()).count() as u32;
        self.check.replaced.push((self.now, alive));
        // A memory that was lost has lost the count as well.
        let forgets = self.faults.iter().any(|fault| {
            matches!(fault, Fault::Forget(_) | Fault::During(Outage::PlansRepeated, ..))
        });
        let window = self.now.saturating_sub(30_000);
        let lately: Vec<_> = self.check.replaced.iter().filter(|(at, _)| *at > window).collect();
        let most = lately.iter().map(|(_, alive)| *alive).max().unwrap_or(0);
        let bound = (most / 10).max(1) as usize;
        assert!(forgets || lately.len() <= bound, "{} of {most} replaced {at}", lately.len());
    }

    pub(super) fn check_fleet(&self) {
        let held: usize = self.hosts.values().map(|host| host.holds.len()).sum();
        assert_eq!(held, self.held, "leases at {} s", self.now / 1000);
        let alive = self.hosts.values().filter(|host| host.is_alive()).count();
        // What was launched and forgotten before it was listed cannot be reckoned with.
        let forgets = |fault: &Fault| {
            matches!(fault, Fault::Forget(_) | Fault::During(Outage::PlansRepeated, ..))
        };
        let forgets = self.faults.iter().any(forgets);
        let lately: Vec<_> = self.history.iter().rev().take(8).rev().collect();
        assert!(
            forgets || alive <= self.policy.max as usize,
            "{alive} of {} at {} s with {:?}: {lately:#?}",
            self.policy.max,
            self.now / 1000,
            self.faults
        );
    }
}

/// What a plan wants.
#[derive(Debug, Default)]
struct Wanted {
    intents: BTreeSet<IntentId>,
    drains: BTreeSet<InstanceId>,
    ends: BTreeSet<InstanceId>,
}

impl Wanted {
    fn by(plan: &Plan) -> Self {
        let mut wanted = Self::default();
        for action in &plan.actions {
            match action {
                Action::Launch { intent, .. } => drop(wanted.intents.insert(intent.id.clone())),
                Action::Drain { id, .. } => drop(wanted.drains.insert(id.clone())),
                Action::Terminate { id, .. } => drop(wanted.ends.insert(id.clone())),
            }
        }
        wanted
    }

    fn is_within(&self, other: &Self) -> bool {
        self.intents.is_subset(&other.intents)
            && self.drains.is_subset(&other.drains)
            && self.ends.is_subset(&other.ends)
    }
}
