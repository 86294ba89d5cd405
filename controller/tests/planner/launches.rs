//! Launches: intents and what becomes of them, boots that fail, and how launches are held back.

use std::time::Duration;

use pixmill_contract::port::Lifecycle;
use pixmill_controller::{Memory, TerminateReason, Warning};

use crate::stage::{Stage, intents, launched, roomy, terminated};

#[test]
fn an_intent_is_asked_for_again_until_it_is_seen_and_then_no_more() {
    let mut stage = Stage::new(roomy());
    stage.jobs(400, 0);
    let intent = intents(&stage.tick()).remove(0);
    assert_eq!(intents(&stage.tick()), std::slice::from_ref(&intent));
    stage.fulfil(&intent);
    stage.actors.pop_last();
    assert_eq!(intents(&stage.tick()), std::slice::from_ref(&intent), "one is missing");
    stage.fulfil(&intent);
    assert!(intents(&stage.tick()).is_empty());
}

#[test]
fn an_intent_that_brings_nothing_is_forgotten_and_another_takes_its_place() {
    let mut stage = Stage::new(roomy());
    stage.jobs(4, 0);
    let first = intents(&stage.tick()).remove(0);
    let begun = stage.now;
    let plan = stage.until(12, |plan| intents(plan).iter().any(|intent| intent.id != first.id));
    assert_eq!(intents(&plan).len(), 1, "the first is forgotten");
    assert!(stage.now.since(begun) > stage.policy.estimated().request_deadline);
}

#[test]
fn a_plan_that_is_made_again_names_the_same_intent() {
    let mut stage = Stage::new(roomy());
    stage.tick();
    stage.jobs(400, 0);
    let mut again = stage.clone();
    let first = intents(&stage.tick());
    let second = intents(&again.tick_after(Duration::from_secs(13)));
    assert_eq!(first[0].id, second[0].id);
}

#[test]
fn a_memory_that_is_lost_names_no_intent_that_was_fulfilled() {
    let mut stage = Stage::new(roomy());
    stage.jobs(400, 0);
    let first = intents(&stage.tick());
    stage.memory = Memory::default();
    assert_ne!(intents(&stage.tick())[0].id, first[0].id);
}

#[test]
fn an_instance_that_never_reports_is_ended_at_its_deadline() {
    let mut stage = Stage::new(roomy());
    stage.jobs(1, 0);
    let intent = intents(&stage.tick()).remove(0);
    stage.fulfil(&intent);
    let begun = stage.now;
    let plan = stage.until(40, |plan| !terminated(plan).is_empty());
    let (id, why) = terminated(&plan).remove(0);
    assert_eq!(id, intent.instance(0).to_string());
    assert!(matches!(why, TerminateReason::NeverReported { .. }));
    assert!(stage.now.since(begun) >= stage.policy.estimated().boot_deadline);
    assert_eq!(launched(&plan), 1, "another one in its place");
}

#[test]
fn after_three_failed_boots_one_is_launched_at_a_time_and_later_and_later() {
    let mut stage = Stage::new(roomy());
    stage.jobs(2000, 0);
    let mut when = Vec::new();
    for _ in 0..400 {
        let plan = stage.tick();
        for intent in intents(&plan) {
            when.push((stage.now, intent.count));
            stage.fulfil(&intent);
        }
        // Whatever is launched dies in its boot.
        stage.actors.values_mut().for_each(|a| a.instance.lifecycle = Lifecycle::Ended);
    }
    let after: Vec<_> = when.iter().skip(1).collect();
    assert!(after.iter().all(|(_, count)| *count == 1), "{after:?}");
    let gaps: Vec<_> = after.windows(2).map(|two| two[1].0.since(two[0].0)).collect();
    assert!(gaps.len() >= 10, "it goes on trying: {gaps:?}");
    let cap = stage.policy.estimated().backoff.cap + Duration::from_secs(30);
    assert!(gaps.iter().all(|gap| *gap <= cap), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.first(), "{gaps:?}");
    // One that reports ends it.
    let plan = stage.until(60, |plan| launched(plan) > 0);
    let intent = intents(&plan).remove(0);
    stage.fulfil(&intent);
    stage.actor(intent.instance(0).as_str()).answers = true;
    let plan = stage.tick();
    assert!(launched(&plan) > 1, "{}", plan.record.explain());
}

#[test]
fn a_controller_that_starts_launches_one_at_once_whatever_failed_before() {
    let mut stage = Stage::new(roomy());
    stage.jobs(2000, 0);
    for _ in 0..30 {
        for intent in intents(&stage.tick()) {
            stage.fulfil(&intent);
        }
        stage.actors.values_mut().for_each(|a| a.instance.lifecycle = Lifecycle::Ended);
    }
    stage.until(60, |plan| launched(plan) == 0);
    stage.memory.resume();
    assert_eq!(launched(&stage.tick()), 1);
    assert_eq!(launched(&stage.tick()), 1, "the same one, and no other beside it");
}

#[test]
fn who_died_with_its_controller_is_no_failed_boot() {
    let mut stage = Stage::new(roomy());
    stage.jobs(2000, 0);
    for _ in 0..10 {
        let plan = stage.until(60, |plan| launched(plan) > 0);
        let intent = intents(&plan).remove(0);
        assert!(intent.count > 1, "nothing holds launches back: {}", plan.record.explain());
        stage.fulfil(&intent);
        stage.tick();
        stage.actors.values_mut().for_each(|a| a.instance.lifecycle = Lifecycle::Ended);
        stage.memory.resume();
    }
}

#[test]
fn failed_boots_are_said() {
    let mut stage = Stage::new(roomy());
    stage.jobs(2000, 0);
    let intent = intents(&stage.tick()).remove(0);
    stage.fulfil(&intent);
    stage.tick();
    stage.actors.clear();
    let plan = stage.tick();
    let said = |warning: &Warning| matches!(warning, Warning::BootsFail { .. });
    assert!(plan.record.warnings.iter().any(said), "{:?}", plan.record);
    assert_eq!(launched(&plan), 0);
}

#[test]
fn a_boot_that_takes_longer_than_estimated_is_given_longer() {
    let mut stage = Stage::new(roomy());
    stage.jobs(1, 0);
    // An instance needs six minutes; the deadline is four at first.
    let needs = Duration::from_mins(6);
    for _ in 0..600 {
        let plan = stage.tick();
        for intent in intents(&plan) {
            stage.fulfil(&intent);
        }
        for (id, _) in terminated(&plan) {
            stage.actors.remove(&id);
        }
        let now = stage.now;
        for actor in stage.actors.values_mut() {
            actor.answers = now.since(actor.instance.launched_at) >= needs;
        }
        if stage.actors.values().any(|actor| actor.answers) {
            return;
        }
    }
    panic!("no instance was given the time that it needs");
}
