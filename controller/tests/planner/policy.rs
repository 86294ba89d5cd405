//! Policies: what contradicts itself is refused, and everything else follows from one number.

use std::time::Duration;

use pixmill_controller::{Objective, Policy};

#[test]
fn contradictions_are_refused_with_what_contradicts() {
    let refused = |change: fn(&mut Policy), why: &str| {
        let mut policy = Policy::default();
        change(&mut policy);
        let error = policy.check().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused(|policy| policy.min = 11, "at least 11 instances contradicts at most 10");
    refused(|policy| policy.max = 1_000_000, "10000 instances");
    refused(|policy| policy.slots = 0, "1 to 1024 slots");
    refused(|policy| policy.interval = Duration::ZERO, "the interval");
    refused(|policy| policy.boot = Duration::from_hours(2), "boots for over an hour");
    refused(|policy| policy.job = Duration::ZERO, "more than nothing");
    refused(|policy| policy.job = Duration::from_hours(1), "at most the longest job");
    refused(|policy| policy.objective = Objective::WaitCost(0.0), "cost of waiting");
    refused(|policy| policy.objective = Objective::WaitCost(f64::NAN), "cost of waiting");
    let none = |policy: &mut Policy| policy.objective = Objective::TargetLatency(Duration::ZERO);
    refused(none, "target latency");
    Policy::default().check().unwrap();
}

#[test]
fn a_burst_is_worked_off_within_the_target() {
    for latency in [30, 60, 300, 3600] {
        let latency = Duration::from_secs(latency);
        let objective = Objective::TargetLatency(latency);
        let derived = Policy { objective, ..Policy::default() }.estimated();
        let off = derived.drain_time.as_secs_f64() / latency.as_secs_f64();
        assert!((0.9..1.1).contains(&off), "{derived:?}");
    }
}

#[test]
fn waiting_that_costs_more_keeps_idle_slots_longer_and_more_in_reserve() {
    let derive = |rho| Policy { objective: Objective::WaitCost(rho), ..Policy::default() };
    let (little, much) = (derive(0.02).estimated(), derive(1.0).estimated());
    assert_eq!(little.hold, Duration::from_secs(15));
    assert_eq!(much.hold, Duration::from_mins(1));
    assert!(little.reserve < much.reserve);
    assert!(little.drain_time > much.drain_time);
    let lavish = derive(1000.0).estimated();
    assert_eq!((lavish.hold, lavish.reserve), (Duration::from_mins(20), 5.0));
}

#[test]
fn a_target_below_a_boot_is_said_to_be_out_of_reach() {
    let objective = Objective::TargetLatency(Duration::from_secs(30));
    let policy = Policy { objective, ..Policy::default() };
    assert!(policy.estimated().is_sooner_than_a_boot(&policy));
    let quick = policy.derive(Duration::from_secs(5), Duration::from_secs(1));
    assert!(!quick.is_sooner_than_a_boot(&policy));
}

#[test]
fn a_policy_is_shown_as_a_table_and_as_json() {
    let policy = Policy::default();
    let shown = policy.shown(&policy.estimated());
    let table = shown.to_string();
    for part in ["target latency", "1m", "ρ", "drain timeout", "5m 50s"] {
        assert!(table.contains(part), "{part} is not in\n{table}");
    }
    let json = serde_json::to_value(&shown).unwrap();
    assert_eq!(json["boot_seconds"], 60.0);
    assert_eq!(json["readings"], 3.0);
}
