//! Worlds that go wrong: the fleet, the queue, the pictures, the clock, our own eyes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pixmill_contract::port::{Instance, Intent};
use pixmill_contract::testing::{Fault, FaultyFleet, FaultyQueue, Operation, Plan, never};
use pixmill_contract::{Clock, ErrorKind, Fleet, Pipeline, SystemClock, Timestamp};
use pixmill_controller::{Action, Policy, TerminateReason, Warning};
use rustix::process::Signal;

use super::{LONG, SLOW, SOON, Working, World, signal, told, until};
use crate::harness::{TWO, ended, eventually, freeze_in_a_write, is_writing, marked, result_count};

/// A switch that a fault plan looks at.
fn switch() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(false));
    (Arc::clone(&switch), switch)
}

fn is_departure(action: &Action) -> bool {
    match action {
        Action::Drain { .. } | Action::Terminate { .. } => true,
        Action::Launch { .. } => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_killed_are_replaced_at_once_and_what_they_held_is_done() {
    let world = World::new(2, &[]);
    world.place.put_photos(200);
    world.submit(SLOW);
    let working = Working::start(world.controller());
    for round in 1..=3 {
        let victim = loop {
            let living = world.living().await;
            // One that nobody has heard of yet is no loss but a boot that failed.
            let works = |i: &Instance| i.report.as_ref().is_some_and(|report| report.ended > 2);
            if living.len() == 2 && living.iter().all(works) {
                break living.into_iter().next().unwrap();
            }
            let over = result_count(&world.place.data()) == 200;
            assert!(!over, "over before kill {round}: {}", told(&working.decisions()));
        };
        signal(&victim, Signal::KILL);
    }
    world.until_results(200).await;
    world.until_living(0).await;
    let decisions = working.stop().await;
    // By the law, as long as much waits, and else for what was lost.
    assert!(world.ever() >= 4, "{}", told(&decisions));
    world.assert_all_done(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_observed_is_no_reason_to_go() {
    let world = World::new(1, &[]);
    world.place.put_photos(5);
    let (down, is_down) = switch();
    let plan = move |of: Operation| -> Plan {
        let is_down = Arc::clone(&is_down);
        Arc::new(move |call| {
            let fails = is_down.load(Ordering::SeqCst) && call.operation == of;
            if fails { Fault::Fail(ErrorKind::Unavailable) } else { Fault::None }
        })
    };
    let good = world.local.pipeline();
    let jobs = Arc::new(FaultyQueue::new(Arc::clone(&good.jobs), plan(Operation::Depth)));
    let working = Working::start(world.controller_in(Pipeline { jobs, ..good }));
    world.submit(TWO);
    world.until_results(5).await;
    down.store(true, Ordering::SeqCst);
    // Idle slots are held for 15 s.
    let gone = tokio::time::timeout(Duration::from_secs(20), world.until_living(0)).await;
    assert!(
        gone.is_err(),
        "gone while the queue could not be asked: {}",
        told(&working.decisions())
    );
    let last = working.decisions().pop().unwrap();
    assert!(last.record.warnings.contains(&Warning::QueueUnknown), "{}", last.explain());
    assert!(last.troubles[0].contains("the queue could not be observed"), "{}", last.explain());
    down.store(false, Ordering::SeqCst);
    world.until_living(0).await;
    drop(working.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_answers_are_no_reason_to_go() {
    let world = World::new(1, &[]);
    world.place.put_photos(5);
    world.submit(TWO);
    let (old, is_old) = switch();
    let plan: Plan = Arc::new(move |call| {
        let stale = is_old.load(Ordering::SeqCst) && call.operation == Operation::Observe;
        if stale { Fault::Stale } else { Fault::None }
    });
    let fleet = FaultyFleet::new(Arc::clone(&world.fleet) as Arc<dyn Fleet>, plan);
    let working = Working::start(world.controller_of(Arc::new(fleet)));
    world.until_results(5).await;
    working.ticks(2).await;
    old.store(true, Ordering::SeqCst);
    // Idle slots are held for 15 s.
    let gone = tokio::time::timeout(Duration::from_secs(20), world.until_living(0)).await;
    assert!(gone.is_err(), "gone by old news: {}", told(&working.decisions()));
    old.store(false, Ordering::SeqCst);
    world.until_living(0).await;
    drop(working.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_hangs_with_leases_is_replaced_and_others_do_its_jobs() {
    let mut world = World::new(2, &[]);
    // How long a drain is waited for follows from it.
    world.policy.longest_job = Duration::from_secs(2);
    world.policy.min = 2;
    world.place.put_photos(200);
    world.submit(SLOW);
    let working = Working::start(world.controller());
    until("both at work", async || {
        let living = world.living().await;
        living.len() == 2 && living.iter().all(|i| i.report.as_ref().is_some_and(|r| r.leases > 0))
    })
    .await;
    // Of one that was never heard of there is no drain.
    working.ticks(2).await;
    let hung = world.living().await.remove(0);
    signal(&hung, Signal::STOP);
    world.until_results(200).await;
    until("an end of it", async || world.living().await.iter().all(|i| i.id != hung.id)).await;
    world.until_living(2).await;
    let decisions = working.stop().await;
    let is_its_end = |action: &Action| match action {
        Action::Terminate { id, why } => {
            *id == hung.id && matches!(why, TerminateReason::DrainTimeout { .. })
        }
        Action::Launch { .. } | Action::Drain { .. } => false,
    };
    let mut actions = decisions.iter().flat_map(|d| &d.record.actions);
    assert!(actions.any(is_its_end), "{}", told(&decisions));
    world.assert_all_done(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_stopped_with_the_lock_of_the_queue_is_killed_and_replaced() {
    let arguments = ["consumer", "--slots", "1", "--visibility", "1s", "--durable"];
    let visibility = Duration::from_secs(1);
    let world = World::of(2, env!("CARGO_BIN_EXE_pixmill"), &arguments, visibility);
    world.place.put_photos(200);
    world.submit(TWO);
    let working = Working::start(world.controller());
    world.until_results(2).await;
    let living = world.living().await;
    let processes = || living.iter().filter_map(|i| Some(i.report.as_ref()?.pid)).collect();
    let stopped = freeze_in_a_write(processes, &world.place.data(), SOON);
    let before = result_count(&world.place.data());
    assert!(before < 200, "it was over before anybody had to wait");
    world.until_results(200).await;
    assert!(!is_writing(stopped, &world.place.data()));
    world.until_living(0).await;
    drop(working.stop().await);
    world.assert_all_done(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn launches_that_fail_are_asked_for_again_and_made_once() {
    let world = World::new(2, &[]);
    world.place.put_photos(10);
    world.submit(TWO);
    let (down, is_down) = switch();
    down.store(true, Ordering::SeqCst);
    let plan: Plan = Arc::new(move |call| {
        match (call.operation, is_down.load(Ordering::SeqCst)) {
            (Operation::Launch, true) => Fault::Fail(ErrorKind::InsufficientCapacity),
            // What works at last is done twice, as by a repeated call whose answer was lost.
            (Operation::Launch, false) => Fault::Duplicate,
            _ => Fault::None,
        }
    });
    let fleet = FaultyFleet::new(Arc::clone(&world.fleet) as Arc<dyn Fleet>, plan);
    let working = Working::start(world.controller_of(Arc::new(fleet)));
    working.ticks(10).await;
    assert_eq!(world.ever(), 0);
    let failure = &working.decisions().pop().unwrap().failures[0];
    assert!(failure.error.contains("the plan says that it fails"), "{failure:?}");
    down.store(false, Ordering::SeqCst);
    world.until_results(10).await;
    world.until_living(0).await;
    let decisions = working.stop().await;
    let intents = |intent: &Intent| intent.count as usize;
    let mut asked: Vec<_> = decisions.iter().flat_map(|d| &d.record.actions).collect();
    asked.retain(|action| matches!(action, Action::Launch { .. }));
    asked.dedup();
    let wanted: usize = asked
        .iter()
        .map(|action| match action {
            Action::Launch { intent, .. } => intents(intent),
            Action::Drain { .. } | Action::Terminate { .. } => 0,
        })
        .sum();
    assert_eq!(world.ever(), wanted, "{}", told(&decisions));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_never_reports_is_ended_at_its_deadline_and_launches_are_held_back() {
    let world = World::of(2, "/bin/sh", &["-c", "exec sleep 600", "sh"], LONG);
    world.place.put_photos(3);
    world.submit(TWO);
    let working = Working::start(world.controller());
    let ended = |action: &Action| match action {
        Action::Terminate { why, .. } => matches!(why, TerminateReason::NeverReported { .. }),
        Action::Launch { .. } | Action::Drain { .. } => false,
    };
    until("an end", async || working.actions().iter().any(ended)).await;
    working.ticks(10).await;
    let decisions = working.stop().await;
    assert!(world.ever() <= 4, "{} were launched: {}", world.ever(), told(&decisions));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_hang_or_kill_their_workers_end_dead_and_cost_no_other_job() {
    let world = World::new(2, &["--deadline", "2s", "--max-attempts", "3"]);
    world.place.put("hang.jpg", &marked(1, "hang"));
    world.place.put("die.jpg", &marked(2, "abort"));
    world.place.put_photos(20);
    world.submit(TWO);
    let working = Working::start(world.controller());
    world.until_results(22).await;
    world.until_living(0).await;
    drop(working.stop().await);
    let ends = ended(&world.place.data());
    let dead: Vec<_> = ends.iter().filter(|(_, state)| *state == "dead").collect();
    assert_eq!(dead.len(), 2, "{ends:?}");
    assert_eq!((&ends["die.jpg"][..], &ends["hang.jpg"][..]), ("dead", "dead"));
    assert_eq!(ends.values().filter(|state| *state == "done").count(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_are_allowed_than_there_are() {
    let world = World::new(3, &[]);
    world.place.put_photos(200);
    world.submit(SLOW);
    let working = Working::start(world.controller());
    until("three at work", async || world.living().await.len() == 3).await;
    drop(working.stop().await);
    let before = result_count(&world.place.data());
    assert!(before < 200, "it was over too soon");
    let mut few = world.controller();
    few.policy = Policy { max: 1, ..few.policy };
    let working = Working::start(few);
    world.until_living(1).await;
    world.until_results(200).await;
    world.until_living(0).await;
    let decisions = working.stop().await;
    let harsh = |action: &Action| match action {
        Action::Terminate { why, .. } => *why != TerminateReason::Drained,
        Action::Launch { .. } | Action::Drain { .. } => false,
    };
    let actions = decisions.iter().flat_map(|d| &d.record.actions);
    assert!(!actions.clone().any(harsh), "{}", told(&decisions));
    world.assert_all_done(200);
}

/// A clock that may be set.
#[derive(Debug, Default)]
struct Jumpy(AtomicU64);

impl Clock for Jumpy {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.0.load(Ordering::SeqCst));
        // A day behind at first, so that it can jump both ways.
        let behind = SystemClock.now().millis() - 86_200_000;
        Timestamp::from_millis(behind) + ahead
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_sends_nobody_home_and_launches_nobody() {
    let world = World::new(2, &[]);
    world.place.put_photos(10);
    world.submit(TWO);
    let clock = Arc::new(Jumpy::default());
    let pipeline =
        Pipeline { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..world.local.pipeline() };
    let working = Working::start(world.controller_in(pipeline));
    world.until_results(10).await;
    let (before, left) = (world.ever(), world.living().await.len());
    for ahead in [2 * 86_200, 0, 86_200, 43_200] {
        clock.0.store(ahead, Ordering::SeqCst);
        working.ticks(3).await;
        assert_eq!(world.living().await.len(), left, "{}", told(&working.decisions()));
    }
    assert_eq!(world.ever(), before, "{}", told(&working.decisions()));
    world.until_living(0).await;
    drop(working.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blind_eyes_replace_nobody() {
    let world = World::new(3, &[]);
    world.place.put_photos(30);
    world.submit(TWO);
    let (blind, is_blind) = switch();
    let fleet = FaultyFleet::new(Arc::clone(&world.fleet) as Arc<dyn Fleet>, never());
    let fleet = fleet.seen_as(Arc::new(move |mut instance| {
        if is_blind.load(Ordering::SeqCst) {
            instance.report = None;
        }
        instance
    }));
    let mut controller = world.controller_of(Arc::new(fleet));
    controller.policy = Policy { min: 3, ..controller.policy };
    let working = Working::start(controller);
    until("three that report", async || {
        let living = world.living().await;
        living.len() == 3 && living.iter().all(|i| i.report.is_some())
    })
    .await;
    working.ticks(3).await;
    blind.store(true, Ordering::SeqCst);
    let is_open = |warning: &Warning| matches!(warning, Warning::BreakerOpen { .. });
    until("a word about it", async || {
        working.decisions().last().is_some_and(|d| d.record.warnings.iter().any(is_open))
    })
    .await;
    working.ticks(10).await;
    let departures = working.actions().iter().filter(|action| is_departure(action)).count();
    // One at most makes room for the canary; its drain and its end are two actions, which are
    // repeated until they are seen.
    let gone = world.ever() - world.living().await.len();
    assert!(gone <= 1, "{departures} departures: {}", told(&working.decisions()));
    blind.store(false, Ordering::SeqCst);
    eventually("open eyes", SOON, || {
        let decision = working.decisions().pop()?;
        (!decision.record.warnings.iter().any(is_open)).then_some(())
    });
    drop(working.stop().await);
}
