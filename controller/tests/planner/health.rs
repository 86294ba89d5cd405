//! Health: who is replaced, who never is, and when nobody is.

use std::time::Duration;

use pixmill_contract::port::{Impairment, Lifecycle, TargetState};
use pixmill_controller::{DrainReason, LaunchReason, Plan, Rule, Sickness, Warning};

use crate::stage::{Actor, Stage, drained, intents, launched, roomy, target, terminated};

/// A fleet whose instances hold nothing, so that their probes count, and that is not idle enough
/// to shrink: the policy's least is all of it.
fn quiet(many: u32) -> Stage {
    let mut stage = Stage::idle(roomy(), many);
    stage.policy.min = many;
    stage
}

fn sick(plan: &Plan) -> Vec<(String, Sickness)> {
    let sick = |(id, why): (String, DrainReason)| match why {
        DrainReason::Sick { of } => Some((id, of)),
        DrainReason::Idle { .. }
        | DrainReason::Maximum { .. }
        | DrainReason::Itself
        | DrainReason::Marked => None,
    };
    drained(plan).into_iter().filter_map(sick).collect()
}

fn fails_checks(actor: &mut Actor) {
    actor.instance.target = target(TargetState::Unhealthy, "Target.FailedHealthChecks");
}

#[test]
fn three_bad_readings_in_a_row_replace_an_instance() {
    let mut stage = quiet(10);
    fails_checks(stage.actor("i003"));
    assert!(stage.pass(2).actions.is_empty());
    let plan = stage.tick();
    let code = "Target.FailedHealthChecks".to_owned();
    assert_eq!(sick(&plan), [("i003".to_owned(), Sickness::Target { code })]);
    assert_eq!(launched(&plan), 1, "in its place");
    assert!(terminated(&plan).is_empty(), "drained first, as any other");
}

#[test]
fn flapping_health_replaces_nobody_and_is_no_demand() {
    let mut stage = quiet(10);
    for round in 0..60 {
        stage.actor("i003").answers = round % 3 == 0;
        assert!(stage.tick().actions.is_empty());
    }
}

#[test]
fn a_machine_that_its_provider_finds_impaired_is_replaced_unless_its_jobs_come_further() {
    let of = Impairment::System;
    let mut stage = quiet(10);
    stage.actor("i003").instance.impaired = Some(of);
    assert!(stage.pass(2).actions.is_empty());
    assert_eq!(sick(&stage.tick()), [("i003".to_owned(), Sickness::Impaired { of })]);

    let mut stage = quiet(10);
    let actor = stage.actor("i003");
    (actor.answers, actor.instance.impaired) = (false, Some(of));
    actor.instance.target = target(TargetState::Healthy, "");
    assert_eq!(sick(&stage.pass(3)), [("i003".to_owned(), Sickness::Impaired { of })]);

    let mut stage = Stage::busy(roomy(), 10);
    stage.actor("i003").instance.impaired = Some(of);
    assert!((0..30).all(|_| sick(&stage.tick()).is_empty()), "its jobs come further");
}

#[test]
fn machines_that_are_all_impaired_are_their_providers_trouble() {
    let mut stage = quiet(10);
    for actor in stage.actors.values_mut() {
        actor.instance.impaired = Some(Impairment::System);
        actor.report.storm = Some("the store is out".to_owned());
    }
    assert!((0..30).all(|_| sick(&stage.tick()).is_empty()));
}

#[test]
fn what_says_nothing_about_an_instance_replaces_nobody() {
    for (state, reason) in [
        (TargetState::Initial, "Elb.RegistrationInProgress"),
        (TargetState::Initial, "Elb.InitialHealthChecking"),
        (TargetState::Initial, "Target.FailedHealthChecks"),
        (TargetState::Draining, "Target.DeregistrationInProgress"),
        (TargetState::Unused, "Target.NotInUse"),
        (TargetState::Unavailable, "Target.HealthCheckDisabled"),
        (TargetState::Unhealthy, "Elb.InternalError"),
    ] {
        let mut stage = quiet(10);
        stage.actor("i003").instance.target = target(state, reason);
        for _ in 0..30 {
            assert!(stage.tick().actions.is_empty(), "{state:?} {reason}");
        }
    }
}

#[test]
fn a_busy_worker_whose_leases_progress_is_well_whatever_the_probe_says() {
    let mut stage = Stage::busy(roomy(), 10);
    fails_checks(stage.actor("i003"));
    assert!((0..30).all(|_| sick(&stage.tick()).is_empty()));
}

#[test]
fn a_worker_whose_leases_stand_still_longer_than_any_job_may_is_stuck() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.actor("i003").progresses = false;
    let begun = stage.now;
    let plan = stage.until(60, |plan| !sick(plan).is_empty());
    assert_eq!(sick(&plan), [("i003".to_owned(), Sickness::Stuck)]);
    assert!(stage.now.since(begun) > stage.policy.longest_job);
}

#[test]
fn a_worker_that_takes_nothing_although_jobs_wait_is_sick() {
    let mut stage = Stage::busy(roomy(), 10);
    let actor = stage.actor("i003");
    (actor.report.busy, actor.report.leases, actor.progresses) = (0, 0, false);
    stage.jobs(500, 36);
    let begun = stage.now;
    let plan = stage.until(20, |plan| !sick(plan).is_empty());
    assert_eq!(sick(&plan), [("i003".to_owned(), Sickness::TakesNothing)]);
    assert!(stage.now.since(begun) > stage.policy.estimated().standstill);
}

#[test]
fn a_worker_that_finds_nothing_to_do_or_sits_out_a_storm_is_well() {
    let mut stage = quiet(10);
    stage.actor("i003").progresses = false;
    assert!((0..60).all(|_| sick(&stage.tick()).is_empty()), "nothing waits");
    let mut stage = quiet(10);
    for actor in stage.actors.values_mut() {
        (actor.progresses, actor.report.storm) = (false, Some("the store is out".to_owned()));
        fails_checks(actor);
    }
    stage.jobs(500, 0);
    assert!((0..60).all(|_| sick(&stage.tick()).is_empty()));
}

#[test]
fn a_silent_worker_is_sick_unless_its_probe_answers() {
    let mut stage = quiet(10);
    stage.actor("i003").answers = false;
    stage.actor("i004").answers = false;
    stage.actor("i004").instance.target = target(TargetState::Healthy, "");
    let plan = stage.until(5, |plan| !sick(plan).is_empty());
    assert_eq!(sick(&plan), [("i003".to_owned(), Sickness::Silent)]);
    stage.actors.remove("i003");
    assert!((0..30).all(|_| sick(&stage.tick()).is_empty()));
}

#[test]
fn a_report_that_does_not_change_is_silence_whatever_time_it_bears() {
    let mut stage = quiet(10);
    let actor = stage.actor("i003");
    actor.writes = false;
    // Its own clock is a day ahead, which says nothing.
    actor.report.at = actor.report.at + Duration::from_hours(24);
    let plan = stage.until(8, |plan| !sick(plan).is_empty());
    assert_eq!(sick(&plan), [("i003".to_owned(), Sickness::Silent)]);
}

#[test]
fn a_new_worker_has_a_time_of_grace() {
    let mut stage = quiet(10);
    stage.policy.min = 11;
    stage.add("new");
    fails_checks(stage.actor("new"));
    let begun = stage.now;
    stage.until(20, |plan| !sick(plan).is_empty());
    assert!(stage.now.since(begun) >= stage.policy.estimated().grace);
}

#[test]
fn the_dead_are_replaced_at_once() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.actor("i003").instance.lifecycle = Lifecycle::Ended;
    stage.actor("i004").instance.lifecycle = Lifecycle::Stopping;
    stage.actors.remove("i005");
    let plan = stage.tick();
    assert!(launched(&plan) >= 3, "{}", plan.record.explain());
    assert_eq!(intents(&stage.tick()), intents(&plan), "and once");
}

#[test]
fn too_many_at_once_replace_nobody_and_it_is_said() {
    let mut stage = quiet(10);
    for id in ["i000", "i001", "i002"] {
        stage.actor(id).answers = false;
    }
    for _ in 0..30 {
        let plan = stage.tick();
        assert!(sick(&plan).is_empty() && terminated(&plan).is_empty());
        let open = Warning::BreakerOpen { sick: 3, of: plan.record.counts.unwrap().ready };
        assert!(plan.record.warnings.contains(&open), "{:?}", plan.record.warnings);
        assert!(plan.record.explain().contains("nobody is replaced"));
    }
}

#[test]
fn the_dead_are_replaced_also_while_nobody_else_is() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    stage.pass(4);
    stage.actor("i003").instance.lifecycle = Lifecycle::Ended;
    assert!(launched(&stage.tick()) >= 1);
}

#[test]
fn one_canary_is_launched_and_once_it_has_worked_the_sick_go_one_at_a_time() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    let plan = stage.until(5, |plan| plan.record.rule == Rule::Canary);
    let canary = intents(&plan).remove(0);
    assert_eq!(canary.count, 1);
    let why =
        pixmill_controller::Action::Launch { intent: canary.clone(), why: LaunchReason::Canary };
    assert!(plan.actions.contains(&why));
    stage.fulfil(&canary);
    assert!((0..4).all(|_| launched(&stage.tick()) == 0), "one is enough");

    let id = canary.instance(0).to_string();
    stage.actor(&id).answers = true;
    assert!((0..4).all(|_| sick(&stage.tick()).is_empty()), "it has done nothing yet");
    stage.actor(&id).report.ended = 1;
    let plan = stage.tick();
    assert_eq!((sick(&plan).len(), launched(&plan)), (1, 1), "{}", plan.record.explain());
    // The next one goes when the replacement is there.
    assert!((0..4).all(|_| sick(&stage.tick()).is_empty()));
    stage.fulfil(&intents(&plan)[0]);
    stage.tick();
    let new = intents(&plan)[0].instance(0).to_string();
    stage.actor(&new).answers = true;
    stage.until(12, |plan| sick(plan).len() == 1);
}

#[test]
fn instances_that_broke_in_their_boot_hold_no_canary_up() {
    let mut stage = Stage::busy(roomy(), 10);
    for id in ["new1", "new2"] {
        stage.add(id).answers = false;
    }
    stage.pass(2);
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    let plan = stage.until(60, |plan| plan.record.rule == Rule::Canary);
    assert!(terminated(&plan).is_empty(), "our eyes are not trusted");
}

#[test]
fn where_there_is_no_room_the_canary_takes_the_place_of_a_sick_one() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.policy.max = 10;
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    let plan = stage.until(5, |plan| plan.record.rule == Rule::Canary);
    assert_eq!((sick(&plan).len(), launched(&plan)), (1, 1));
}

#[test]
fn few_are_replaced_in_one_boot_time() {
    let mut stage = quiet(40);
    for id in ["i000", "i001", "i002", "i003", "i004", "i005", "i006"] {
        fails_checks(stage.actor(id));
    }
    let boot = stage.policy.estimated().boot;
    let mut when = Vec::new();
    for _ in 0..30 {
        let plan = stage.tick();
        for (id, _) in sick(&plan) {
            when.push(stage.now);
            stage.actors.remove(&id);
        }
        for intent in intents(&plan) {
            stage.fulfil(&intent);
        }
        let now = stage.now;
        for actor in stage.actors.values_mut() {
            actor.answers |= now.since(actor.instance.launched_at) >= boot;
        }
    }
    assert_eq!(when.len(), 7, "all in the end");
    for start in &when {
        let within = when.iter().filter(|at| *at >= start && at.since(*start) < boot).count();
        assert!(within <= 4, "{within} of 40 in one boot time");
    }
}

#[test]
fn silence_that_a_lost_memory_meets_is_no_failed_boot() {
    let mut stage = Stage::busy(roomy(), 10);
    stage.memory = pixmill_controller::Memory::default();
    stage.actors.values_mut().for_each(|actor| actor.answers = false);
    for _ in 0..120 {
        let plan = stage.tick();
        assert!(terminated(&plan).is_empty() && sick(&plan).is_empty(), "{plan:?}");
    }
}

#[test]
fn a_stopped_instance_that_is_started_again_is_another_one() {
    let mut stage = quiet(2);
    stage.policy.max = 2;
    stage.actor("i001").instance.lifecycle = Lifecycle::Ended;
    let plan = stage.until(3, |plan| launched(plan) == 1);
    let intent = intents(&plan).remove(0);
    // The fleet starts the very same one, under its new intent.
    let now = stage.now;
    let actor = stage.actor("i001");
    actor.instance.lifecycle = Lifecycle::Running;
    actor.instance.intent = intent.id;
    actor.instance.launched_at = now;
    for _ in 0..20 {
        let plan = stage.tick();
        assert_eq!((launched(&plan), drained(&plan), terminated(&plan)), (0, vec![], vec![]));
    }
    assert_eq!(stage.tick().record.counts.unwrap().ready, 2);
}
