//! Reads a snapshot into the memory: who is there, who is new, who is gone, what was done.

use pixmill_contract::port::{Instance, Lifecycle};

use super::{Drained, Known, Memory, Step};
use crate::plan::DrainReason;
use crate::policy::Derived;
use crate::snapshot::Snapshot;
use pixmill_contract::Timestamp;

/// What a snapshot told that asks for something to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Instances that had worked and are gone, asked for by nobody.
    pub(crate) lost: u32,
    /// Their slots.
    lost_slots: u32,
    /// Instances that are gone before they ever reported, and intents that brought none.
    pub(crate) failed: u32,
}

impl Memory {
    /// Reads a snapshot.
    pub(crate) fn learn(
        &mut self,
        derived: &Derived,
        snapshot: &Snapshot,
        step: Step,
        now: Timestamp,
    ) -> News {
        if step.gap || snapshot.instances.is_none() {
            self.lose_sight();
        }
        let saw = std::mem::replace(&mut self.saw, snapshot.instances.is_some());
        let step = Step { gap: step.gap || !saw, ..step };
        let Some(instances) = &snapshot.instances else { return News::default() };
        let mut news = News::default();
        let mut before = std::mem::take(&mut self.instances);
        for instance in instances {
            if self.instances.contains_key(&instance.id) {
                continue;
            }
            let known = before.remove(&instance.id).filter(|known| !known.is_reborn(instance));
            let known = known.unwrap_or_else(|| self.meet(instance, derived, step, now));
            let known = self.read(known, instance, derived, now, &mut news);
            self.instances.insert(instance.id.clone(), known);
        }
        for gone in before.into_values() {
            news.miss(&gone);
        }
        if let Some(depth) = snapshot.queue {
            let (at, stale) = (self.now, derived.stale);
            let ended = self.instances.values_mut().map(|known| known.count_ended(at, stale)).sum();
            let half_lives = (derived.fast, derived.slow);
            self.arrivals.count(now, (depth.total(), ended), half_lives, step.gap);
        }
        self.forget_requests(derived, &mut news);
        self.give_up_slots(news.lost_slots);
        news
    }

    /// Nobody watches for a while: who boots now may report, work and fall silent unseen.
    pub(super) fn lose_sight(&mut self) {
        let unheard = self.instances.values_mut().filter(|known| known.heard.is_none());
        unheard.for_each(|known| known.followed = false);
    }

    /// An instance that is seen for the first time. How old it is is believed as far as it was not
    /// overlooked before; a memory that is new itself gives it half of its patience at least.
    fn meet(
        &mut self,
        instance: &Instance,
        derived: &Derived,
        step: Step,
        now: Timestamp,
    ) -> Known {
        let intent = |requested: &&mut super::Requested| requested.intent.id == instance.intent;
        if let Some(requested) = self.requested.iter_mut().find(intent) {
            requested.seen = requested.seen.saturating_add(1);
        }
        let followed = !step.gap;
        let most = if followed { step.elapsed * 2 } else { derived.boot_deadline / 2 };
        Known::new(self.now, now.since(instance.launched_at).min(most), followed)
    }

    fn read(
        &mut self,
        mut known: Known,
        instance: &Instance,
        derived: &Derived,
        now: Timestamp,
        news: &mut News,
    ) -> Known {
        known.intent = Some(instance.intent.clone());
        if let Some(report) = &instance.report {
            let first = known.heard.is_none();
            let done = known.read(report, self.now);
            self.work.add(done);
            if first {
                let took = known.followed.then(|| self.now.since(known.launched));
                self.boots.succeed(took.filter(|took| !took.is_zero()));
            }
        }
        if let Some(since) = instance.draining_since
            && known.drained.is_none()
        {
            // Marked by a controller before this one, or by hand.
            let age = now.since(since).min(derived.drain_timeout / 2);
            let why = DrainReason::Marked;
            known.drained = Some(Drained { since: self.now.before(age), why });
        }
        match instance.lifecycle {
            Lifecycle::Stopping | Lifecycle::Ended => {
                news.miss(&known);
                known.mourned = true;
            }
            Lifecycle::Pending | Lifecycle::Running => {}
        }
        known
    }

    /// Forgets the intents whose instances have all been seen, and those that have been waited for
    /// long enough: what is needed then is launched anew, under a new name.
    fn forget_requests(&mut self, derived: &Derived, news: &mut News) {
        let now = self.now;
        let over = |since| now.since(since) > derived.request_deadline;
        self.requested.retain(|requested| {
            let overdue = over(requested.since);
            if overdue && requested.seen == 0 {
                news.failed += 1;
            }
            requested.missing() > 0 && !overdue
        });
    }
}

impl News {
    /// An instance is gone.
    fn miss(&mut self, known: &Known) {
        if known.mourned || known.is_asked_to_go() {
            return;
        }
        if let Some(heard) = &known.heard {
            self.lost += 1;
            self.lost_slots = self.lost_slots.saturating_add(heard.slots);
        } else if known.followed {
            self.failed += 1;
        }
    }
}
