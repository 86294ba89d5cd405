//! The planner's laws, over fleets, queues and pasts that are made up.

use proptest::prelude::*;

use std::collections::BTreeSet;
use std::time::Duration;

use pixmill_contract::port::{Depth, Lifecycle, TargetState};
use pixmill_controller::{DrainReason, Memory, Plan, Policy, TerminateReason, plan};

use crate::stage::{Stage, drained, intents, target, terminated};

/// What becomes of one instance in one tick.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
struct Turn {
    appears: bool,
    answers: bool,
    busy: u32,
    waiting: u32,
    draining: bool,
    ended: u64,
    progresses: bool,
    writes: bool,
    storm: bool,
    target: u8,
    lifecycle: u8,
}

fn turns() -> impl Strategy<Value = Turn> {
    let bools = (
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.85),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.05),
    );
    (bools, 0..5_u32, 0..3_u32, 0..30_u64, 0..8_u8, 0..40_u8).prop_map(
        |(
            (appears, answers, draining, progresses, writes, storm),
            busy,
            waiting,
            ended,
            target,
            lifecycle,
        )| Turn {
            appears,
            answers,
            busy,
            waiting,
            draining,
            ended,
            progresses,
            writes,
            storm,
            target,
            lifecycle,
        },
    )
}

/// One tick of a past: the queue, whether the fleet is seen, what becomes of each, what passes.
type Tick = (Option<(u64, u64)>, bool, Vec<Turn>, u64);

fn ticks() -> impl Strategy<Value = Vec<Tick>> {
    let queue = prop::option::weighted(0.9, (0..3000_u64, 0..200_u64));
    let tick =
        (queue, prop::bool::weighted(0.93), prop::collection::vec(turns(), 0..14), 0..25_u64);
    prop::collection::vec(tick, 1..25)
}

fn policies() -> impl Strategy<Value = Policy> {
    (0..4_u32, 0..12_u32, 1..9_u32, 1..120_u64).prop_map(|(min, more, slots, boot)| Policy {
        min,
        max: (min + more).max(1),
        slots,
        boot: Duration::from_secs(boot),
        ..Policy::default()
    })
}

fn turn(stage: &mut Stage, number: usize, turn: &Turn) {
    let id = format!("i{number:02}");
    if !turn.appears {
        stage.actors.remove(&id);
        return;
    }
    let slots = stage.policy.slots;
    let actor = stage.add(&id);
    (actor.answers, actor.progresses, actor.writes) = (turn.answers, turn.progresses, turn.writes);
    let report = &mut actor.report;
    report.busy = turn.busy.min(slots);
    report.leases = report.busy + turn.waiting;
    report.draining |= turn.draining || actor.instance.draining_since.is_some();
    report.storm = turn.storm.then(|| "the store is out".to_owned());
    report.ended += turn.ended;
    for _ in 0..turn.ended {
        report.job_seconds.add(1.0);
    }
    actor.instance.target = match turn.target {
        0 => target(TargetState::Unhealthy, "Target.FailedHealthChecks"),
        1 => target(TargetState::Unhealthy, "Elb.InternalError"),
        2 => target(TargetState::Initial, "Target.FailedHealthChecks"),
        _ => None,
    };
    actor.instance.lifecycle = match turn.lifecycle {
        0 => Lifecycle::Ended,
        1 => Lifecycle::Stopping,
        2 => Lifecycle::Pending,
        _ => Lifecycle::Running,
    };
}

/// Plays a past, with a check of every plan.
fn play(policy: &Policy, past: &[Tick], mut check: impl FnMut(&Stage, &Memory, &Plan)) -> Stage {
    let mut stage = Stage::new(policy.clone());
    for (queue, observed, all, passed) in past {
        stage.queue = queue.map(|(visible, in_flight)| Depth { visible, in_flight, delayed: 0 });
        stage.observed = *observed;
        // Nothing comes and goes unseen, as its marks would go with it.
        for (number, one) in all.iter().enumerate().filter(|_| *observed) {
            turn(&mut stage, number, one);
        }
        let before = stage.memory.clone();
        let plan = stage.tick_after(Duration::from_secs(*passed));
        check(&stage, &before, &plan);
    }
    stage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn desired_is_within_its_bounds(policy in policies(), past in ticks()) {
        play(&policy, &past, |_, _, plan| {
            if let Some(desired) = plan.record.desired {
                assert!((policy.min..=policy.max).contains(&desired), "{desired}");
            }
        });
    }

    #[test]
    fn the_same_inputs_give_the_same_plan(policy in policies(), past in ticks()) {
        play(&policy, &past, |stage, before, first| {
            let (again, memory) = plan(&policy, &snapshot_before(stage, first), before, 1, stage.now);
            assert_eq!(&again, first);
            assert_eq!(memory, stage.memory);
        });
    }

    #[test]
    fn a_repeated_snapshot_wants_nothing_new(policy in policies(), past in ticks()) {
        play(&policy, &past, |stage, _, first| {
            let snapshot = snapshot_before(stage, first);
            let (again, _) = plan(&policy, &snapshot, &stage.memory, 1, stage.now);
            let known = intents(first);
            for intent in intents(&again) {
                assert!(known.contains(&intent), "{}", again.record.explain());
            }
            let known: Vec<_> = drained(first).into_iter().map(|(id, _)| id).collect();
            for (id, why) in drained(&again) {
                assert!(known.contains(&id), "{id} {why}");
            }
            let known = terminated(first);
            for end in terminated(&again) {
                assert!(known.contains(&end), "{end:?}");
            }
        });
    }

    #[test]
    fn nobody_who_holds_leases_is_terminated_without_acknowledging(
        policy in policies(), past in ticks()
    ) {
        let mut ended = BTreeSet::new();
        play(&policy, &past, |stage, _, plan| {
            ended.retain(|id| stage.actors.contains_key(id));
            for (id, why) in terminated(plan) {
                let report = &stage.actors[&id].report;
                // What is asked for is asked for again, whatever it says by then.
                if !ended.insert(id.clone()) {
                    continue;
                }
                match why {
                    TerminateReason::Drained => {
                        assert!(report.draining && report.leases == 0, "{id}");
                    }
                    TerminateReason::NeverRan
                    | TerminateReason::NeverReported { .. }
                    | TerminateReason::DrainTimeout { .. } => {}
                }
            }
        });
    }

    #[test]
    fn what_is_not_known_never_scales_in(policy in policies(), past in ticks()) {
        play(&policy, &past, |stage, _, plan| {
            for (id, why) in drained(plan) {
                let actor = &stage.actors[&id];
                let is_new = actor.instance.draining_since == Some(stage.now);
                match why {
                    DrainReason::Idle { .. } if is_new => {
                        assert!(stage.queue.is_some() && stage.observed);
                        assert!(actor.answers, "{id} did not answer");
                    }
                    DrainReason::Idle { .. }
                    | DrainReason::Maximum { .. }
                    | DrainReason::Sick { .. }
                    | DrainReason::Itself
                    | DrainReason::Marked => assert!(stage.observed),
                }
            }
            assert!(stage.observed || plan.actions.is_empty());
        });
    }

    #[test]
    fn only_what_was_observed_is_acted_on(policy in policies(), past in ticks()) {
        play(&policy, &past, |stage, _, plan| {
            for (id, _) in drained(plan) {
                assert!(stage.actors.contains_key(&id));
            }
            for (id, _) in terminated(plan) {
                let lifecycle = stage.actors[&id].instance.lifecycle;
                assert!(matches!(lifecycle, Lifecycle::Pending | Lifecycle::Running));
            }
        });
    }

    #[test]
    fn few_are_replaced_for_their_health_in_one_boot_time(
        policy in policies(), past in ticks()
    ) {
        let mut replaced = Vec::new();
        play(&policy, &past, |stage, _, plan| {
            let Some(counts) = plan.record.counts else { return };
            for (id, why) in drained(plan) {
                let is_new = stage.actors[&id].instance.draining_since == Some(stage.now);
                let known = replaced.iter().any(|(at, known, _)| *known == id && *at == stage.now);
                if is_new && !known && matches!(why, DrainReason::Sick { .. }) {
                    replaced.push((stage.now, id, counts.booting + counts.ready));
                }
            }
            let window = Duration::from_secs(29);
            let lately = replaced.iter().filter(|(at, _, _)| stage.now.since(*at) < window);
            let most = lately.clone().map(|(_, _, alive)| *alive).max().unwrap_or(0);
            assert!(lately.count() <= (most / 10).max(1) as usize);
        });
    }

    #[test]
    fn draining_never_counts(policy in policies(), past in ticks()) {
        play(&policy, &past, |_, _, plan| {
            let Some((counts, slots)) = plan.record.counts.zip(plan.record.slots) else { return };
            // Those that are found sick in this very plan are among the ready.
            let slots_of = f64::from(policy.slots);
            assert!(slots <= f64::from(counts.capacity()) * slots_of, "{counts:?} {slots}");
        });
    }

    #[test]
    fn more_backlog_never_wants_fewer(
        policy in policies(), past in ticks(), less in 1..2000_u64, more in 0..2000_u64
    ) {
        let stage = play(&policy, &past, |_, _, _| ());
        let desired = |visible: u64| {
            let mut stage = stage.clone();
            stage.observed = true;
            stage.queue = Some(Depth { visible, in_flight: 5, delayed: 0 });
            stage.tick().record.desired.unwrap()
        };
        prop_assert!(desired(less) <= desired(less + more));
    }

    #[test]
    fn a_memory_survives_json_whatever_has_happened(policy in policies(), past in ticks()) {
        let stage = play(&policy, &past, |_, _, _| ());
        let text = serde_json::to_string(&stage.memory).unwrap();
        prop_assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), stage.memory);
    }
}

/// The snapshot that a plan was made from: without the marks that were made after it.
fn snapshot_before(stage: &Stage, plan: &Plan) -> pixmill_controller::Snapshot {
    let mut snapshot = stage.snapshot();
    let marked: Vec<_> = drained(plan).into_iter().map(|(id, _)| id).collect();
    for instance in snapshot.instances.iter_mut().flatten() {
        if marked.contains(&instance.id.to_string()) && instance.draining_since == Some(stage.now) {
            instance.draining_since = None;
        }
    }
    snapshot
}
