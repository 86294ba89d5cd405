//! What the planner promises of whole worlds: that work ends, that fleets come to rest, and that
//! faults are over some time after they are over.

use std::time::Duration;

use pixmill_controller::{Objective, Policy};

use crate::sim::{Fault, Outage, Point, World, policy};

/// Instances at a moment.
fn alive(world: &World, at: u64) -> u32 {
    point(world, at).alive
}

fn point(world: &World, at: u64) -> &Point {
    world.history.iter().rev().find(|point| point.at <= at).unwrap()
}

/// The explanations around a moment, for a test that fails.
fn log(world: &World) -> String {
    let last = world.history.len().saturating_sub(60);
    let lines: Vec<_> = world.history[last..].iter().map(|p| p.explained.clone()).collect();
    lines.join("\n")
}

/// All jobs have ended by then, and the fleet is back at its least some time after.
fn ends(world: &mut World, by: u64) {
    world.run(by);
    let (done, jobs) = (world.done, world.jobs());
    assert_eq!(done, jobs, "not done after {by} s\n{}", log(world));
    world.run(by + 1200);
    let left = alive(world, by + 1200);
    assert_eq!(left, world.policy.min, "not at rest\n{}", log(world));
}

#[test]
fn a_burst_into_an_empty_fleet_is_worked_off_in_time() {
    for seed in 0..3 {
        let policy = Policy { slots: 8, ..policy() };
        let mut world = World::new(policy, seed, 60, &[]).burst(5, 10_000, 1000);
        ends(&mut world, 600);
        // A boot, the target, and what detection and the spread of boots take.
        assert!(world.done_at < 240, "done at {} s", world.done_at);
    }
}

#[test]
fn a_slow_trickle_is_served_from_nothing_and_leaves_nothing() {
    let mut world = World::new(policy(), 1, 60, &[]);
    for minute in 0..12 {
        world = world.burst(minute * 300, 1, 2000);
    }
    world.run(3600 + 200);
    for minute in 0..12_u64 {
        let by = minute * 300 + 60 * 6 / 5 + 30;
        assert!(point(&world, by).done as u64 > minute, "{}", log(&world));
    }
    ends(&mut world, 4000);
    assert!(world.history.iter().all(|point| point.alive <= 1), "{}", log(&world));
    let empty = world.history.iter().filter(|point| point.alive == 0).count();
    assert!(empty > world.history.len() / 4, "it never rests between");
}

#[test]
fn from_nothing_to_one_and_back() {
    let mut world = World::new(policy(), 2, 30, &[]).burst(100, 1, 1000);
    ends(&mut world, 200);
    let peak = world.history.iter().map(|point| point.alive).max();
    assert_eq!(peak, Some(1));
}

#[test]
fn a_stable_load_comes_to_rest() {
    for (seed, rate) in [(1, 0.5), (2, 5.0), (3, 20.0), (4, 60.0)] {
        let mut world = World::new(policy(), seed, 60, &[]).stream((0, 4800), rate, 1000);
        world.run(4800);
        let late: Vec<_> = world.history.iter().filter(|point| point.at > 1800).collect();
        let changes = late.windows(2).filter(|two| two[0].alive != two[1].alive).count();
        let hold = world.policy.estimated().hold.as_secs() as usize;
        assert!(changes <= 3000 / hold / 4, "{changes} changes at {rate}\n{}", log(&world));
        let waiting = late.iter().map(|point| point.waiting).max().unwrap_or(0);
        assert!((waiting as f64) < 20.0 + rate * 20.0, "{waiting} wait at {rate}");
        let most = late.iter().map(|point| f64::from(point.alive)).fold(0.0, f64::max);
        assert!(most <= (rate / 4.0).ceil() * 1.5 + 2.0, "{most} instances at {rate}");
        ends(&mut world, 5400);
    }
}

#[test]
fn the_least_is_kept_and_returned_to() {
    let policy = Policy { min: 3, ..policy() };
    let mut world = World::new(policy, 3, 60, &[]).burst(300, 3000, 1000);
    ends(&mut world, 900);
    assert!(world.history.iter().skip(2).all(|point| point.alive >= 3), "{}", log(&world));
}

#[test]
fn losses_are_restored_within_detection_and_a_boot() {
    for seed in 0..5 {
        let faults = [Fault::Kill(1805, 40)];
        let mut world = World::new(policy(), seed, 60, &faults).stream((0, 3600), 20.0, 1000);
        world.run(3600);
        let before = point(&world, 1800).up;
        let lost = before - point(&world, 1810).up;
        assert!(lost > 0, "nobody died");
        let restored = 1810 + 72 + 20;
        let needed = before.min(5);
        assert!(point(&world, restored).up >= needed, "seed {seed}\n{}", log(&world));
        ends(&mut world, 4200);
    }
}

#[test]
fn a_fleet_that_breaks_all_at_once_is_replaced_after_a_canary() {
    for seed in 0..3 {
        let faults = [Fault::Break(1205, 100)];
        let mut world = World::new(policy(), seed, 60, &faults).stream((0, 2400), 20.0, 1000);
        ends(&mut world, 4800);
        let said = |point: &Point| point.explained.contains("nobody is replaced");
        assert!(world.history.iter().any(said));
    }
}

#[test]
fn a_full_fleet_that_breaks_all_at_once_recovers_too() {
    let policy = Policy { max: 6, ..policy() };
    let faults = [Fault::Break(1205, 100)];
    let mut world = World::new(policy, 5, 60, &faults).stream((0, 2400), 10.0, 1000);
    ends(&mut world, 6000);
}

#[test]
fn launches_that_fail_for_ten_minutes_only_delay() {
    let faults = [Fault::During(Outage::LaunchesFail, 0, 600)];
    let mut world = World::new(policy(), 6, 60, &faults).burst(5, 2000, 1000);
    ends(&mut world, 600 + 300 + 60 + 300);
}

#[test]
fn instances_that_never_report_are_ended_and_their_number_is_bounded() {
    let faults = [Fault::During(Outage::NeverBoot, 0, 1200)];
    let mut world = World::new(policy(), 7, 60, &faults).burst(5, 2000, 1000);
    ends(&mut world, 3600);
    let late = world.history.iter().filter(|point| (700..1200).contains(&point.at));
    assert!(late.clone().all(|point| point.alive <= 1), "one at a time\n{}", log(&world));
}

#[test]
fn flapping_health_neither_replaces_nor_grows() {
    let faults = [Fault::During(Outage::Flapping, 600, 3000)];
    let mut world = World::new(policy(), 8, 60, &faults).stream((0, 3600), 20.0, 1000);
    world.run(3600);
    let most = world.history.iter().filter(|p| p.at > 900).map(|p| p.alive).max().unwrap();
    assert!(most <= 9, "{most} instances\n{}", log(&world));
    let sick = |point: &Point| point.explained.contains("drain 1: sick");
    assert!(!world.history.iter().any(sick), "{}", log(&world));
    ends(&mut world, 4200);
}

#[test]
fn silence_and_old_reports_never_shrink_a_fleet_that_works() {
    let silences = [
        Fault::During(Outage::Silent, 1200, 2400),
        Fault::During(Outage::OldReports, 1200, 2400),
        Fault::During(Outage::QueueUnknown, 1200, 2400),
        Fault::During(Outage::FleetUnknown, 1200, 2400),
    ];
    for fault in silences {
        let mut world = World::new(policy(), 9, 60, &[fault]).stream((0, 3600), 20.0, 1000);
        world.run(3600);
        let before = point(&world, 1190).up;
        let during = world.history.iter().filter(|p| (1200..2400).contains(&p.at));
        let least = during.map(|point| point.up).min().unwrap();
        assert!(least >= before.min(5), "{fault:?}: {least} of {before}\n{}", log(&world));
        ends(&mut world, 4200);
    }
}

#[test]
fn a_clock_that_jumps_harms_nobody() {
    for by in [-1_000_000, -100, 100, 1_000_000] {
        let faults = [Fault::Clock(600, by), Fault::Clock(1200, 0)];
        let mut world = World::new(policy(), 10, 60, &faults).stream((0, 2400), 20.0, 1000);
        world.run(2400);
        let late = world.history.iter().filter(|p| (590..1800).contains(&p.at));
        assert!(late.clone().all(|p| p.up >= 5), "{by} s\n{}", log(&world));
        ends(&mut world, 3000);
    }
}

#[test]
fn a_controller_that_forgets_everything_at_any_tick_converges() {
    for tick in 0..40 {
        let faults = [Fault::Forget(tick * 10)];
        let mut world = World::new(policy(), tick, 60, &faults).burst(25, 1500, 1000);
        ends(&mut world, 900);
    }
}

#[test]
fn plans_that_are_carried_out_and_forgotten_launch_nothing_twice() {
    for seed in 0..10 {
        let faults = [Fault::During(Outage::PlansRepeated, 0, 300)];
        let most = |faults: &[Fault]| {
            let mut world = World::new(policy(), seed, 60, faults).burst(5, 1500, 1000);
            ends(&mut world, 900);
            world.history.iter().map(|point| point.alive).max().unwrap()
        };
        let (most, undisturbed) = (most(&faults), most(&[]));
        assert!(most <= undisturbed * 5 / 4 + 2, "{most} instead of {undisturbed}");
    }
}

#[test]
fn costly_and_cheap_waiting_both_come_to_an_end() {
    for rho in [0.005, 0.1, 2.0] {
        let policy = Policy { objective: Objective::WaitCost(rho), ..policy() };
        let mut world = World::new(policy, 11, 60, &[]).burst(5, 3000, 1000);
        ends(&mut world, 7200);
    }
}

#[test]
fn processes_of_one_machine_are_as_good_a_fleet() {
    let policy = Policy {
        interval: Duration::from_secs(1),
        boot: Duration::from_secs(1),
        max: 8,
        slots: 1,
        ..policy()
    };
    let mut world = World::new(policy, 12, 1, &[Fault::Kill(40, 50)]).burst(5, 600, 500);
    ends(&mut world, 300);
}

/// Worlds with all kinds of faults, drawn by lot. `PIXMILL_WORLDS` asks for more of them.
#[test]
fn whatever_goes_wrong_is_over_some_time_after_it_is_over() {
    let asked = std::env::vars().find(|(name, _)| name == "PIXMILL_WORLDS");
    let seeds = asked.map_or(40, |(_, many)| many.parse().unwrap());
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut faults = Vec::new();
        for _ in 0..random.usize(1..6) {
            let from = random.u64(0..1800);
            let to = from + random.u64(10..600);
            faults.push(match random.u32(0..12) {
                0 => Fault::During(Outage::QueueUnknown, from, to),
                1 => Fault::During(Outage::FleetUnknown, from, to),
                2 => Fault::During(Outage::Silent, from, to),
                3 => Fault::During(Outage::Flapping, from, to),
                4 => Fault::During(Outage::OldReports, from, to),
                5 => Fault::During(Outage::LaunchesFail, from, to),
                6 => Fault::During(Outage::PlansRepeated, from, to),
                7 => Fault::During(Outage::NeverBoot, from, to),
                8 => Fault::Kill(from, random.u32(1..=100)),
                9 => Fault::Break(from, random.u32(1..=100)),
                10 => Fault::Clock(from, random.i64(-100_000..100_000)),
                _ => Fault::Forget(from),
            });
        }
        let policy = Policy {
            min: random.u32(0..3),
            max: random.u32(8..60),
            slots: random.u32(1..9),
            ..policy()
        };
        let boot = random.u64(1..120);
        let rate = f64::from(policy.max * policy.slots) * random.f64() * 0.5;
        let mut world = World::new(policy, seed, boot, &faults)
            .stream((0, 1800), rate.min(10.0), 1000)
            .burst(random.u64(0..1800), random.u64(0..2000), random.u64(100..3000));
        world.run(9000);
        let (done, jobs) = (world.done, world.jobs());
        assert_eq!(done, jobs, "seed {seed}: {faults:?}\n{}", log(&world));
        world.run(12_000);
        let (left, min) = (alive(&world, 12_000), world.policy.min);
        assert_eq!(left, min, "seed {seed}: {faults:?}\n{}", log(&world));
    }
}
