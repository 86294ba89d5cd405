//! The law: how many instances the work needs.

use std::time::Duration;

use pixmill_contract::document::JobSeconds;
use pixmill_contract::port::Depth;
use pixmill_controller::{LaunchReason, Objective, Policy, Rule};

use crate::stage::{Stage, drained, intents, launched, roomy};

#[test]
fn an_idle_and_empty_fleet_stays_empty() {
    let mut stage = Stage::new(roomy());
    for _ in 0..20 {
        assert!(stage.tick().actions.is_empty());
    }
}

#[test]
fn one_job_launches_the_first_instance() {
    let mut stage = Stage::new(roomy());
    stage.jobs(1, 0);
    let plan = stage.tick();
    assert_eq!((launched(&plan), plan.record.rule), (1, Rule::FirstInstance));
}

#[test]
fn jobs_in_flight_that_nobody_holds_launch_the_first_instance() {
    let mut stage = Stage::new(roomy());
    stage.jobs(0, 1);
    assert_eq!(launched(&stage.tick()), 1);
}

#[test]
fn a_burst_is_met_by_as_many_as_work_it_off_in_time() {
    let mut stage = Stage::new(roomy());
    stage.jobs(6000, 0);
    // 6000 seconds of work within a minute of working: about 100 slots.
    let plan = stage.tick();
    assert!((23..=27).contains(&launched(&plan)), "{}", plan.record.explain());
    assert_eq!(plan.record.rule, Rule::Backlog);
}

#[test]
fn jobs_in_flight_are_demand() {
    let wanted = |visible, in_flight| {
        let mut stage = Stage::new(roomy());
        stage.jobs(visible, in_flight);
        launched(&stage.tick())
    };
    assert_eq!(wanted(0, 6000), wanted(6000, 0));
    assert!(wanted(3000, 3000) >= wanted(6000, 0) - 1);
}

#[test]
fn delayed_jobs_are_no_backlog_yet() {
    let mut stage = Stage::new(roomy());
    stage.queue = Some(Depth { visible: 0, in_flight: 0, delayed: 500 });
    assert_eq!(launched(&stage.tick()), 0);
}

#[test]
fn what_boots_and_what_is_requested_is_capacity() {
    let mut stage = Stage::new(roomy());
    stage.jobs(400, 0);
    let first = stage.tick();
    // Nothing has appeared yet: the same intent is asked for again, and no other.
    let second = stage.tick();
    assert_eq!(intents(&second), intents(&first));
    stage.fulfil(&intents(&first)[0]);
    assert_eq!(launched(&stage.tick()), 0, "they boot");
}

#[test]
fn a_steady_stream_is_met_although_nothing_waits() {
    let mut stage = Stage::busy(roomy(), 2);
    // In every interval 60 jobs of a second end on each of the two, and as many come.
    let plan = (1..=60).map(|round| {
        for actor in stage.actors.values_mut() {
            actor.report.ended = round * 60;
            let sum = actor.report.ended as f64;
            let jobs = JobSeconds { count: round * 60, sum, sum_of_squares: sum };
            actor.report.job_seconds = jobs;
        }
        stage.tick()
    });
    let plan = plan.into_iter().find(|plan| launched(plan) > 0).expect("12 slots are needed");
    assert_eq!(launched(&plan), 1, "{}", plan.record.explain());
    assert!(plan.record.rate_slots.unwrap() > 8.0, "{:?}", plan.record);
}

#[test]
fn more_waiting_cost_launches_more() {
    let wanted = |rho| {
        let mut stage = Stage::new(Policy { objective: Objective::WaitCost(rho), ..roomy() });
        stage.jobs(2000, 0);
        launched(&stage.tick())
    };
    assert!(wanted(0.01) < wanted(0.1));
    assert!(wanted(0.1) < wanted(1.0));
}

#[test]
fn never_more_than_the_most_and_it_is_said() {
    let mut stage = Stage::new(Policy { max: 7, ..roomy() });
    stage.jobs(1_000_000, 0);
    let plan = stage.tick();
    assert_eq!((launched(&plan), plan.record.desired), (7, Some(7)));
    assert!(plan.record.explain().contains("more than the policy allows"));
}

#[test]
fn never_fewer_than_the_least() {
    let mut stage = Stage::new(Policy { min: 3, ..roomy() });
    let plan = stage.tick();
    assert_eq!((launched(&plan), plan.record.rule), (3, Rule::Minimum));
    // One of them goes: the least is restored.
    let mut stage = Stage::idle(Policy { min: 3, ..roomy() }, 3);
    assert!(drained(&stage.pass(20)).is_empty(), "the least stays");
    stage.actors.remove("i001");
    assert_eq!(launched(&stage.tick()), 1);
}

#[test]
fn a_draining_instance_is_no_capacity() {
    let mut stage = Stage::busy(roomy(), 2);
    for id in ["i000", "i001"] {
        let now = stage.now;
        stage.actor(id).instance.draining_since = Some(now);
        stage.actor(id).report.draining = true;
    }
    stage.jobs(5, 8);
    let plan = stage.tick();
    assert!(launched(&plan) >= 1, "{}", plan.record.explain());
    assert_eq!(plan.record.slots, Some(0.0));
}

#[test]
fn what_a_draining_instance_has_in_work_needs_nobody_else() {
    let mut stage = Stage::busy(roomy(), 1);
    stage.actor("i000").report.draining = true;
    assert_eq!(launched(&stage.tick()), 0);
}

#[test]
fn a_mad_reading_launches_no_more_than_a_tick_may() {
    let mut stage = Stage::new(Policy { max: 5000, ..roomy() });
    stage.jobs(u64::from(u32::MAX), 0);
    let plan = stage.tick();
    assert_eq!((launched(&plan), plan.record.desired), (100, Some(5000)));
    let before = plan.record.slots.unwrap();
    stage.fulfil(&intents(&plan)[0]);
    let plan = stage.tick();
    assert_eq!((launched(&plan), before), (100, 0.0), "as many as there are");
}

#[test]
fn slow_jobs_need_more_and_are_learned() {
    let mut stage = Stage::busy(roomy(), 5);
    let sum = |seconds: f64, jobs: u32| JobSeconds {
        count: u64::from(jobs),
        sum: seconds * f64::from(jobs),
        sum_of_squares: seconds * seconds * f64::from(jobs),
    };
    for round in 1..=10 {
        for actor in stage.actors.values_mut() {
            actor.report.job_seconds = sum(5.0, round * 8);
            actor.report.ended = u64::from(round * 8);
        }
        stage.tick();
    }
    let plan = stage.tick();
    assert!((plan.record.job_seconds - 5.0).abs() < 0.01, "{}", plan.record.job_seconds);
    assert!(plan.record.variability < 0.01);
}

#[test]
fn the_reasons_say_what_was_counted() {
    let mut stage = Stage::new(roomy());
    stage.jobs(812, 0);
    let plan = stage.tick();
    let [pixmill_controller::Action::Launch { why, intent }] = &plan.actions[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(*why, LaunchReason::Backlog { jobs: 812, needs: intent.count });
    assert_eq!(intent.at, stage.now);
    let explained = plan.record.explain();
    assert!(explained.contains("0 instances (") || explained.contains("0 instances, 812 jobs"));
    assert!(explained.contains(&format!("launch {}: backlog of 812 jobs", intent.count)));
}

#[test]
fn the_boot_time_is_learned_from_what_is_launched() {
    let mut stage = Stage::new(roomy());
    stage.jobs(1, 0);
    let first = stage.tick();
    stage.fulfil(&intents(&first)[0]);
    stage.pass(3);
    stage.actors.values_mut().for_each(|actor| actor.answers = true);
    let plan = stage.tick();
    assert!((plan.record.boot_seconds - 40.0).abs() < 11.0, "{}", plan.record.boot_seconds);
    assert!(stage.memory.boot(&stage.policy) < Duration::from_secs(51));
}
