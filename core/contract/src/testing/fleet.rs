//! The conformance suite of the fleet port: one check a promise, against any adapter, with workers
//! that really run.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::id::{InstanceId, IntentId};
use crate::port::{Fleet, Instance, Intent, Lifecycle};

/// How the suite gets at an adapter.
#[async_trait]
pub trait FleetHarness: Send + Sync {
    /// A fresh fleet without instances, and another one of the same provider beside it.
    async fn fleets(&self) -> [Arc<dyn Fleet>; 2];

    /// The same fleet as this one, as another process opens it after the first is gone.
    async fn reopened(&self, fleet: &Arc<dyn Fleet>) -> Arc<dyn Fleet>;

    /// Ends an instance behind the fleet's back, as a crash does.
    async fn crash(&self, instance: &Instance);

    /// Keeps an instance from answering, though it lives.
    async fn silence(&self, instance: &Instance);

    /// How long anything may take to come about.
    fn patience(&self) -> Duration;

    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Holds an adapter to every promise of the fleet port. Panics at the first that it breaks.
pub async fn fleet_conformance(harness: &dyn FleetHarness) {
    f1_every_instance_is_listed_with_its_report(harness).await;
    f1_a_crash_is_listed_as_an_end(harness).await;
    f1_another_process_sees_the_same_fleet(harness).await;
    f2_an_intent_is_launched_once(harness).await;
    f2_what_has_ended_is_not_launched_again(harness).await;
    f3_a_drain_is_marked_and_ends_in_an_end_of_its_own(harness).await;
    f3_a_drain_of_the_silent_is_marked_and_kills_nothing(harness).await;
    f4_terminating_ends_the_silent_too_and_may_be_repeated(harness).await;
    f5_other_fleets_are_not_touched(harness).await;
    f6_a_silent_instance_holds_up_no_look(harness).await;
}

/// A fleet, what was launched in it, and another fleet beside it.
struct Launched {
    fleet: Arc<dyn Fleet>,
    other: Arc<dyn Fleet>,
    intent: Intent,
}

impl Launched {
    async fn new(harness: &dyn FleetHarness, name: &str, count: u32) -> Self {
        let [fleet, other] = harness.fleets().await;
        let id = IntentId::new(name).expect("a good name");
        let intent = Intent { id, count, at: harness.now() };
        fleet.launch(&intent).await.expect("F2: an intent is launched");
        Self { fleet, other, intent }
    }

    /// Looks until what is wanted is seen.
    async fn until(
        &self,
        harness: &dyn FleetHarness,
        what: &str,
        wanted: impl Fn(&[Instance]) -> bool,
    ) -> Vec<Instance> {
        let patience = Instant::now() + harness.patience();
        loop {
            let seen = self.fleet.observe().await.expect("F1: a fleet is observed");
            if wanted(&seen) {
                return seen;
            }
            assert!(Instant::now() < patience, "{what}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Looks until every instance has reported.
    async fn until_all_report(&self, harness: &dyn FleetHarness) -> Vec<Instance> {
        let count = self.intent.count as usize;
        self.until(harness, "F1: every worker reports", |seen| {
            seen.len() == count && seen.iter().all(|i| i.report.is_some())
        })
        .await
    }

    async fn end(self) {
        for instance in self.fleet.observe().await.expect("F1: a fleet is observed") {
            self.fleet.terminate(&instance.id).await.expect("F4: an instance is ended");
        }
    }
}

fn ids(instances: &[Instance]) -> Vec<InstanceId> {
    let mut ids: Vec<_> = instances.iter().map(|instance| instance.id.clone()).collect();
    ids.sort();
    ids
}

async fn f1_every_instance_is_listed_with_its_report(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f1-listed", 2).await;
    let before = launched.intent.at;
    let seen = launched.until_all_report(harness).await;
    for instance in &seen {
        assert_eq!(instance.lifecycle, Lifecycle::Running, "F1: {instance:?}");
        assert_eq!(instance.intent, launched.intent.id, "F1: {instance:?}");
        assert_eq!(instance.draining_since, None, "F1: {instance:?}");
        let age = instance.launched_at.since(before).max(before.since(instance.launched_at));
        assert!(age < harness.patience(), "F1: {instance:?}");
        let report = instance.report.as_ref().expect("it has reported");
        assert_eq!(report.instance.as_ref(), Some(&instance.id), "F1: {report:?}");
        assert!(report.slots > 0 && !report.draining, "F1: {report:?}");
    }
    assert_ne!(seen[0].id, seen[1].id, "F1: each has an id of its own");
    launched.end().await;
}

async fn f1_a_crash_is_listed_as_an_end(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f1-crash", 2).await;
    let seen = launched.until_all_report(harness).await;
    harness.crash(&seen[0]).await;
    let is_ended = |i: &Instance| i.id == seen[0].id && i.lifecycle == Lifecycle::Ended;
    launched.until(harness, "F1: a crash is seen", |now| now.iter().any(is_ended)).await;
    launched.end().await;
}

async fn f1_another_process_sees_the_same_fleet(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f1-again", 2).await;
    let seen = launched.until_all_report(harness).await;
    let fleet = harness.reopened(&launched.fleet).await;
    let launched = Launched { fleet, ..launched };
    let again = launched.until_all_report(harness).await;
    assert_eq!(ids(&seen), ids(&again), "F1: it is the same fleet");
    assert_eq!(seen[0].launched_at, again[0].launched_at, "F1: of the same age");
    launched.end().await;
}

async fn fleet_of_the_living(fleet: &Arc<dyn Fleet>) -> Vec<Instance> {
    let seen = fleet.observe().await.expect("F1: a fleet is observed");
    seen.into_iter().filter(|i| i.lifecycle != Lifecycle::Ended).collect()
}

async fn f2_an_intent_is_launched_once(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f2-once", 2).await;
    let seen = launched.until_all_report(harness).await;
    launched.fleet.launch(&launched.intent).await.expect("F2: it may be asked for again");
    let reopened = harness.reopened(&launched.fleet).await;
    let both =
        tokio::join!(reopened.launch(&launched.intent), launched.fleet.launch(&launched.intent));
    both.0.and(both.1).expect("F2: also by two at once");
    let again = launched.until_all_report(harness).await;
    assert_eq!(ids(&seen), ids(&again), "F2: nothing was launched again");

    // One that was launched in part is completed.
    let more = Intent { count: 3, ..launched.intent.clone() };
    launched.fleet.launch(&more).await.expect("F2: a part is completed");
    let launched = Launched { intent: more, ..launched };
    let all = launched.until_all_report(harness).await;
    assert!(ids(&seen).iter().all(|id| ids(&all).contains(id)), "F2: by what was missing alone");
    launched.end().await;
}

async fn f2_what_has_ended_is_not_launched_again(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f2-ended", 1).await;
    let seen = launched.until_all_report(harness).await;
    launched.fleet.terminate(&seen[0].id).await.expect("F4: an instance is ended");
    launched.fleet.launch(&launched.intent).await.expect("F2: it may be asked for again");
    let left = fleet_of_the_living(&launched.fleet).await;
    assert!(left.is_empty(), "F2: what has ended stays so: {left:?}");
}

async fn f3_a_drain_is_marked_and_ends_in_an_end_of_its_own(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f3-drain", 2).await;
    let seen = launched.until_all_report(harness).await;
    let [drained, left] = &seen[..] else { panic!("F2: two were launched") };
    launched.fleet.drain(&drained.id).await.expect("F3: an instance is drained");
    let is_marked = |i: &Instance| i.id == drained.id && i.draining_since.is_some();
    let now = launched.until(harness, "F3: it is marked", |now| now.iter().any(is_marked)).await;
    let since = now.iter().find(|i| i.id == drained.id).and_then(|i| i.draining_since);
    let done = |i: &Instance| {
        is_marked(i)
            && (i.lifecycle == Lifecycle::Ended
                || i.report.as_ref().is_some_and(|r| r.draining && r.leases == 0))
    };
    launched.until(harness, "F3: it has drained", |now| now.iter().any(done)).await;
    launched.fleet.drain(&drained.id).await.expect("F3: it may be asked for again");
    let now = launched.fleet.observe().await.expect("F1: a fleet is observed");
    let again = now.iter().find(|i| i.id == drained.id).and_then(|i| i.draining_since);
    assert_eq!(again, since, "F3: since the first time");
    let other = now.iter().find(|i| i.id == left.id).expect("F1: the other one is there");
    assert!(
        other.draining_since.is_none() && other.lifecycle == Lifecycle::Running,
        "F3: {other:?}"
    );
    launched.end().await;
}

async fn f3_a_drain_of_the_silent_is_marked_and_kills_nothing(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f3-silent", 1).await;
    let seen = launched.until_all_report(harness).await;
    harness.silence(&seen[0]).await;
    // Whether it was reached is not known, so either answer will do.
    drop(launched.fleet.drain(&seen[0].id).await);
    let now = launched.fleet.observe().await.expect("F1: a fleet is observed");
    assert_eq!(now[0].lifecycle, Lifecycle::Running, "F3: {now:?}");
    assert!(now[0].draining_since.is_some(), "F3: {now:?}");
    launched.end().await;
}

async fn f4_terminating_ends_the_silent_too_and_may_be_repeated(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f4-end", 2).await;
    let seen = launched.until_all_report(harness).await;
    harness.silence(&seen[0]).await;
    for instance in seen.iter().chain(&seen) {
        launched.fleet.terminate(&instance.id).await.expect("F4: an instance is ended, also twice");
    }
    let over = |now: &[Instance]| now.iter().all(|i| i.lifecycle == Lifecycle::Ended);
    launched.until(harness, "F4: all have ended", over).await;
}

async fn f5_other_fleets_are_not_touched(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f5-ours", 1).await;
    let seen = launched.until_all_report(harness).await;
    let other = &launched.other;
    assert!(other.observe().await.expect("F1: a fleet is observed").is_empty(), "F5");
    let nobody = InstanceId::new("nobody").expect("a good name");
    for id in [&seen[0].id, &nobody] {
        for answer in [other.drain(id).await, other.terminate(id).await] {
            let error = answer.expect_err("F5: it is none of theirs");
            assert_eq!(error.kind(), ErrorKind::NotFound, "F5: {}", error.chain());
        }
    }
    let now = launched.until_all_report(harness).await;
    assert!(now[0].draining_since.is_none(), "F5: {now:?}");
    launched.end().await;
}

async fn f6_a_silent_instance_holds_up_no_look(harness: &dyn FleetHarness) {
    let launched = Launched::new(harness, "f6-silent", 3).await;
    let seen = launched.until_all_report(harness).await;
    harness.silence(&seen[0]).await;
    let asked_at = Instant::now();
    let now = launched.fleet.observe().await.expect("F6: a fleet is observed");
    assert!(asked_at.elapsed() < harness.patience(), "F6: {:?}", asked_at.elapsed());
    for instance in &now {
        let answers = instance.report.is_some();
        assert_eq!(answers, instance.id != seen[0].id, "F6: {instance:?}");
        assert_eq!(instance.lifecycle, Lifecycle::Running, "F6: {instance:?}");
    }
    launched.end().await;
}
