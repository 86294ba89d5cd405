//! The memory: it survives the store, and what a lost one costs is patience.

use pixmill_controller::{Memory, plan};

use crate::stage::{Stage, drained, launched, roomy, terminated};

/// A memory of everything: busy instances, a drain, a failed boot, an intent.
fn rich() -> Stage {
    let mut stage = Stage::busy(roomy(), 5);
    stage.actor("i000").report.draining = true;
    stage.actor("i001").answers = false;
    stage.jobs(5000, 16);
    stage.pass(4);
    stage
}

#[test]
fn a_memory_survives_json() {
    let stage = rich();
    let text = serde_json::to_string(&stage.memory).unwrap();
    let again: Memory = serde_json::from_str(&text).unwrap();
    assert_eq!(again, stage.memory);
    assert!(text.starts_with("{\"pixmill\":1,"), "{text}");
    let other = text.replacen(":1,", ":2,", 1);
    assert!(serde_json::from_str::<Memory>(&other).is_err(), "another version is not guessed at");
}

#[test]
fn a_memory_keeps_nothing_of_what_is_gone() {
    let mut stage = Stage::busy(roomy(), 0);
    let empty = serde_json::to_string(&stage.memory).unwrap().len();
    for round in 0..300_u32 {
        stage.actors.clear();
        for number in 0..20 {
            stage.add(&format!("r{round}-{number}"));
        }
        stage.jobs(u64::from(round % 7) * 100, 0);
        stage.tick();
    }
    stage.actors.clear();
    stage.jobs(0, 0);
    stage.pass(30);
    let text = serde_json::to_string(&stage.memory).unwrap();
    assert!(text.len() < empty + 2000, "{} bytes: {text}", text.len());
}

#[test]
fn the_same_arguments_give_the_same_plan_in_whatever_order_instances_come() {
    let stage = rich();
    let snapshot = stage.snapshot();
    let mut turned = snapshot.clone();
    turned.instances.as_mut().unwrap().reverse();
    let now = stage.now + stage.policy.interval;
    let one = plan(&stage.policy, &snapshot, &stage.memory, 1, now);
    assert_eq!(one, plan(&stage.policy, &snapshot, &stage.memory, 1, now));
    assert_eq!(one, plan(&stage.policy, &turned, &stage.memory, 1, now));
}

#[test]
fn a_lost_memory_gives_nobody_up() {
    let mut stage = Stage::idle(roomy(), 4);
    for _ in 0..20 {
        stage.memory = Memory::default();
        let plan = stage.tick();
        assert!(drained(&plan).is_empty() && terminated(&plan).is_empty());
        assert_eq!(launched(&plan), 0);
    }
}

#[test]
fn a_restarted_worker_counts_anew_and_nothing_twice() {
    let mut stage = Stage::busy(roomy(), 1);
    for _ in 0..50 {
        stage.actor("i000").report.ended += 40;
        stage.tick();
    }
    let before = stage.tick().record.arrivals_per_second;
    let report = &mut stage.actor("i000").report;
    report.worker = pixmill_contract::WorkerId::new("another").unwrap();
    report.ended = 3;
    let after = stage.tick().record.arrivals_per_second;
    assert!(after <= before, "{before} {after}");
}
