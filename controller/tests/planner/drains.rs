//! Scale in and drains: who goes, when, and what is waited for.

use std::time::Duration;

use pixmill_contract::port::Lifecycle;
use pixmill_controller::{DrainReason, Plan, Policy, Rule, TerminateReason};

use crate::stage::{Stage, drained, launched, roomy, terminated};

/// Ticks until somebody is drained.
fn until_drained(stage: &mut Stage) -> Plan {
    stage.until(60, |plan| !drained(plan).is_empty())
}

#[test]
fn idle_instances_go_only_after_the_hold() {
    let mut stage = Stage::idle(roomy(), 4);
    assert!(drained(&stage.tick()).is_empty(), "they were busy a moment ago");
    let plan = until_drained(&mut stage);
    assert_eq!((drained(&plan).len(), plan.record.rule), (4, Rule::Idle));
    assert!(matches!(drained(&plan)[0].1, DrainReason::Idle { slots: 16 }));
    assert!(terminated(&plan).is_empty(), "nobody has acknowledged");
}

#[test]
fn the_least_stays() {
    let mut stage = Stage::idle(Policy { min: 3, ..roomy() }, 4);
    assert_eq!(drained(&until_drained(&mut stage)).len(), 1);
    assert!((0..20).all(|_| drained(&stage.tick()).len() <= 1));
}

#[test]
fn the_least_busy_goes_first() {
    let mut stage = Stage::busy(roomy(), 3);
    for (id, busy) in [("i000", 3), ("i001", 0), ("i002", 1)] {
        let report = &mut stage.actor(id).report;
        (report.busy, report.leases) = (busy, busy);
    }
    stage.jobs(0, 4);
    let plan = until_drained(&mut stage);
    let ids: Vec<_> = drained(&plan).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["i001", "i002"], "{}", plan.record.explain());
}

#[test]
fn slots_that_were_taken_once_in_the_hold_are_not_idle() {
    let mut stage = Stage::busy(roomy(), 2);
    for round in 0..40 {
        for actor in stage.actors.values_mut() {
            let busy = if round % 2 == 0 { 4 } else { 0 };
            (actor.report.busy, actor.report.leases) = (busy, busy);
        }
        stage.jobs(0, if round % 2 == 0 { 8 } else { 0 });
        assert!(drained(&stage.tick()).is_empty());
    }
}

#[test]
fn slots_that_jobs_took_between_two_looks_are_not_idle() {
    let mut stage = Stage::idle(roomy(), 1);
    for round in 1..40 {
        let report = &mut stage.actor("i000").report;
        report.ended = round;
        report.job_seconds.add(0.2);
        assert!(drained(&stage.tick()).is_empty(), "it has worked");
    }
}

#[test]
fn slots_are_not_idle_while_jobs_wait_or_a_storm_blows() {
    let mut stage = Stage::idle(roomy(), 2);
    stage.jobs(8, 0);
    assert!((0..8).all(|_| drained(&stage.tick()).is_empty()));
    stage.jobs(0, 0);
    stage.actors.values_mut().for_each(|actor| actor.report.storm = Some("s3 is out".to_owned()));
    for _ in 0..40 {
        let plan = stage.tick();
        assert!(drained(&plan).is_empty());
        assert!(plan.record.explain().contains("the world keeps 2 workers"));
    }
}

#[test]
fn a_drained_instance_is_terminated_once_it_says_that_it_holds_nothing() {
    let mut stage = Stage::idle(roomy(), 1);
    until_drained(&mut stage);
    let now = stage.now;
    let actor = stage.actor("i000");
    actor.instance.draining_since = Some(now);
    (actor.report.draining, actor.report.leases, actor.report.busy) = (true, 1, 1);
    stage.jobs(0, 1);
    assert!((0..5).all(|_| terminated(&stage.tick()).is_empty()), "it holds a lease");
    stage.actor("i000").report.leases = 0;
    stage.jobs(0, 0);
    let end = [("i000".to_owned(), TerminateReason::Drained)];
    assert_eq!(terminated(&stage.tick()), end);
    assert_eq!(terminated(&stage.tick()), end, "until it is gone");
    stage.actor("i000").instance.lifecycle = Lifecycle::Stopping;
    assert!(stage.tick().actions.is_empty());
    stage.actors.clear();
    assert!(stage.tick().actions.is_empty(), "its end was asked for: nobody replaces it");
}

#[test]
fn holding_nothing_without_draining_is_no_acknowledgement() {
    let mut stage = Stage::idle(roomy(), 1);
    until_drained(&mut stage);
    for _ in 0..5 {
        let plan = stage.tick();
        assert!(terminated(&plan).is_empty());
        assert_eq!(drained(&plan).len(), 1, "it is told again");
    }
}

#[test]
fn an_old_report_is_no_acknowledgement() {
    let mut stage = Stage::idle(roomy(), 1);
    until_drained(&mut stage);
    stage.actor("i000").writes = false;
    stage.pass(4);
    stage.actor("i000").report.draining = true;
    assert!(terminated(&stage.tick()).is_empty());
}

#[test]
fn a_drain_that_nobody_acknowledges_ends_with_its_time() {
    let mut stage = Stage::busy(Policy { max: 1, ..roomy() }, 2);
    let plan = stage.until(3, |plan| !drained(plan).is_empty());
    let id = drained(&plan)[0].0.clone();
    let now = stage.now;
    stage.actor(&id).instance.draining_since = Some(now);
    stage.actor(&id).answers = false;
    let timeout = stage.policy.estimated().drain_timeout;
    let plan = stage.until(60, |plan| !terminated(plan).is_empty());
    let (ended, why) = terminated(&plan).remove(0);
    assert_eq!(ended, id);
    assert!(matches!(why, TerminateReason::DrainTimeout { after_seconds }
        if after_seconds >= timeout.as_secs()));
}

#[test]
fn a_most_that_is_lowered_drains_what_is_too_much() {
    let mut stage = Stage::busy(roomy(), 5);
    stage.policy.max = 2;
    let plan = stage.tick();
    assert_eq!((drained(&plan).len(), plan.record.desired), (3, Some(2)));
    assert!(matches!(drained(&plan)[0].1, DrainReason::Maximum { max: 2 }));
}

#[test]
fn an_instance_that_boots_goes_before_one_that_works() {
    let mut stage = Stage::busy(roomy(), 2);
    stage.add("new").answers = false;
    stage.actor("new").instance.lifecycle = Lifecycle::Pending;
    stage.tick();
    stage.policy.max = 2;
    let plan = stage.tick();
    assert_eq!(drained(&plan)[0].0, "new");
    assert_eq!(terminated(&stage.tick()), [("new".to_owned(), TerminateReason::NeverRan)]);
}

#[test]
fn a_worker_that_drains_by_itself_is_marked_and_replaced_if_needed() {
    let mut stage = Stage::busy(roomy(), 1);
    stage.actor("i000").report.draining = true;
    stage.jobs(40, 4);
    let plan = stage.tick();
    assert_eq!(drained(&plan), [("i000".to_owned(), DrainReason::Itself)]);
    assert!(launched(&plan) >= 1);
}

#[test]
fn a_drain_that_was_begun_before_the_memory_goes_on() {
    let mut stage = Stage::idle(roomy(), 1);
    let now = stage.now;
    stage.actor("i000").instance.draining_since = Some(now);
    stage.actor("i000").report.draining = true;
    stage.memory = pixmill_controller::Memory::default();
    assert_eq!(terminated(&stage.tick()).len(), 1);
}

#[test]
fn what_the_law_would_launch_again_at_once_stays() {
    // 5 jobs a second of a second each keep 5 of 8 slots taken, in turns.
    let mut stage = Stage::busy(roomy(), 2);
    for round in 1..60_u64 {
        for (number, actor) in stage.actors.values_mut().enumerate() {
            let taken = if (round + number as u64).is_multiple_of(2) { 4 } else { 0 };
            (actor.report.busy, actor.report.leases) = (taken, taken);
            actor.report.ended = round * 25;
            let sum = actor.report.ended as f64;
            let jobs = pixmill_contract::document::JobSeconds {
                count: round * 25,
                sum,
                sum_of_squares: sum,
            };
            actor.report.job_seconds = jobs;
        }
        stage.jobs(0, 4);
        let plan = stage.tick_after(Duration::from_secs(10));
        assert!(drained(&plan).is_empty(), "{}", plan.record.explain());
    }
}
