//! What could not be observed, and clocks that jump: nothing is given up for it.

use std::time::Duration;

use pixmill_contract::Timestamp;
use pixmill_controller::{Rule, Warning};

use crate::stage::{BEGIN, Stage, drained, launched, roomy, terminated};

#[test]
fn a_queue_that_could_not_be_asked_is_not_an_empty_one() {
    let mut stage = Stage::idle(roomy(), 4);
    stage.queue = None;
    for _ in 0..60 {
        let plan = stage.tick();
        assert!(plan.actions.is_empty(), "{}", plan.record.explain());
        assert!(plan.record.warnings.contains(&Warning::QueueUnknown));
    }
    // What was not seen was not idle: the hold begins anew.
    stage.jobs(0, 0);
    assert!(drained(&stage.tick()).is_empty());
}

#[test]
fn a_fleet_that_could_not_be_observed_is_not_an_empty_one() {
    let mut stage = Stage::busy(roomy(), 4);
    stage.observed = false;
    stage.jobs(5000, 0);
    for _ in 0..60 {
        let plan = stage.tick();
        assert!(plan.actions.is_empty());
        assert_eq!((plan.record.rule, plan.record.counts), (Rule::Blind, None));
    }
    stage.observed = true;
    stage.jobs(0, 16);
    let plan = stage.tick();
    assert!(terminated(&plan).is_empty() && drained(&plan).is_empty());
}

#[test]
fn time_that_nobody_looked_is_held_against_nobody() {
    let mut stage = Stage::new(roomy());
    stage.jobs(1, 0);
    let intent = crate::stage::intents(&stage.tick()).remove(0);
    stage.fulfil(&intent);
    stage.tick();
    stage.observed = false;
    stage.pass(100);
    stage.observed = true;
    assert!(terminated(&stage.tick()).is_empty(), "it may have booted meanwhile");
}

#[test]
fn who_may_have_come_up_while_nobody_looked_is_not_ended_as_one_that_never_did() {
    let mut stage = Stage::busy(roomy(), 8);
    stage.add("new").answers = false;
    stage.tick();
    stage.observed = false;
    stage.tick();
    stage.observed = true;
    // It is drained as any other that is silent, and ended when that takes too long.
    let plan = stage.until(60, |plan| !plan.actions.is_empty());
    assert!(terminated(&plan).is_empty());
    assert_eq!(drained(&plan)[0].0, "new");
}

#[test]
fn workers_that_do_not_answer_are_not_idle() {
    let mut stage = Stage::idle(roomy(), 10);
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    for _ in 0..60 {
        let plan = stage.tick();
        assert!(drained(&plan).is_empty() && terminated(&plan).is_empty());
    }
}

#[test]
fn what_came_while_nothing_was_seen_is_no_burst() {
    let mut stage = Stage::busy(roomy(), 4);
    stage.queue = None;
    for _ in 0..100 {
        stage.actors.values_mut().for_each(|actor| actor.report.ended += 40);
        stage.tick();
    }
    stage.jobs(0, 16);
    let plan = stage.tick();
    assert!(plan.record.arrivals_per_second < 17.0, "{}", plan.record.arrivals_per_second);
}

#[test]
fn a_clock_that_jumps_harms_nobody() {
    let days = |days: u64| BEGIN + Duration::from_hours(24 * days);
    let jumps = [days(400), Timestamp::from_millis(0), days(1), Timestamp::from_millis(u64::MAX)];
    for jump in jumps {
        let mut stage = Stage::busy(roomy(), 4);
        stage.add("boots").answers = false;
        stage.jobs(50, 16);
        let mut requested = launched(&stage.pass(2));
        stage.now = jump;
        for round in 0..20 {
            let plan = stage.tick();
            assert!(drained(&plan).is_empty() && terminated(&plan).is_empty(), "{plan:?}");
            if round < 3 {
                requested = requested.max(launched(&plan));
            }
            assert!(launched(&plan) <= requested.max(1), "{}", plan.record.explain());
        }
    }
}

#[test]
fn a_controller_that_was_away_for_long_judges_nobody_by_it() {
    let mut stage = Stage::busy(roomy(), 4);
    stage.add("boots").answers = false;
    stage.tick();
    let plan = stage.tick_after(Duration::from_hours(10));
    assert!(drained(&plan).is_empty() && terminated(&plan).is_empty());
    assert!(plan.record.warnings.contains(&Warning::Gap));
}
