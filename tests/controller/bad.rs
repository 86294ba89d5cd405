//! Worlds that go wrong for any fleet: each is told once, and run over child processes
//! (`worlds.rs`, `crashes.rs`), over plain instances and over an Auto Scaling group
//! (`tests/ec2/bad.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pixmill_contract::testing::{Fault, FaultyFleet, Operation, Plan};
use pixmill_controller::{Action, Controller, Policy, TerminateReason};
use rustix::process::Signal;

use super::SLOW;
use super::working::{Working, told, until};
use super::world::{On, World, signal};
use crate::harness::{TWO, marked};

/// A day, which is how far a clock is set wrong, in seconds.
const DAY: i64 = 86_400;

/// Pictures that keep a fleet busy for long enough; `PIXMILL_SOAK_PICTURES` names another number.
pub(crate) fn many() -> u32 {
    let wanted = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_PICTURES");
    wanted.map_or(200, |(_, number)| number.parse().unwrap())
}

/// A switch that a fault plan looks at.
pub(crate) fn switch() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(false));
    (Arc::clone(&switch), switch)
}

/// The fleet as it was a while ago says nothing of now: nobody is sent home by it.
pub(crate) async fn answers_are_old(on: On) {
    let world = World::new(on, 1, &[]).await;
    world.place.put_photos(5);
    world.submit(TWO);
    let (old, is_old) = switch();
    let plan: Plan = Arc::new(move |call| {
        let stale = is_old.load(Ordering::SeqCst) && call.operation == Operation::Observe;
        if stale { Fault::Stale } else { Fault::None }
    });
    let fleet = FaultyFleet::new(Arc::clone(&world.fleet), plan);
    let working = Working::start(world.controller_of(Arc::new(fleet)));
    world.until_results(5).await;
    working.ticks(2).await;
    old.store(true, Ordering::SeqCst);
    // Idle slots are held for 15 s.
    world.pass(&working, Duration::from_secs(20)).await;
    let left = world.living().await.len();
    assert_eq!(left, 1, "gone by old news: {}", told(&working.decisions()));
    old.store(false, Ordering::SeqCst);
    world.pass_until_home(&working).await;
    drop(working.stop().await);
    world.assert_all_done(5);
}

/// A worker that hangs with leases is replaced, and others do its jobs.
pub(crate) async fn a_worker_hangs(on: On) {
    let mut world = World::new(on, 2, &[]).await;
    // How long a drain is waited for follows from it.
    world.policy.longest_job = Duration::from_secs(10);
    world.policy.min = 2;
    world.place.put_photos(many());
    world.submit(SLOW);
    let working = Working::start(world.controller());
    world.until_at_work(2).await;
    // Nobody is judged in the first half minute after its first report.
    working.ticks(2).await;
    world.pass(&working, Duration::from_secs(24)).await;
    let hung = world.until_at_work(2).await.remove(0);
    signal(&hung, Signal::STOP);
    world.until_results(many() as usize).await;
    world
        .pass_until(&working, "end of it", async || {
            world.living().await.iter().all(|i| i.id != hung.id)
        })
        .await;
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
    world.assert_all_done(many() as usize);
}

/// Pictures that hang or kill their workers end dead, and cost no other job.
pub(crate) async fn pictures_are_poison(on: On) {
    let world = World::new(on, 2, &["--deadline", "2s", "--max-attempts", "3"]).await;
    world.place.put("hang.jpg", &marked(1, "hang"));
    world.place.put("die.jpg", &marked(2, "abort"));
    world.place.put_photos(20);
    world.submit(TWO);
    let working = Working::start(world.controller());
    world.until_results(22).await;
    world.pass_until_home(&working).await;
    drop(working.stop().await);
    let ends = world.ends();
    assert_eq!((&ends["die.jpg"][..], &ends["hang.jpg"][..]), ("dead", "dead"));
    assert_eq!(ends.values().filter(|state| *state == "done").count(), 20, "{ends:?}");
}

/// Fewer are allowed than there are: the others drain, and no job is broken off.
pub(crate) async fn fewer_are_allowed(on: On) {
    let world = World::new(on, 3, &[]).await;
    world.place.put_photos(many());
    world.submit(SLOW);
    let working = Working::start(world.controller());
    world.until_at_work(3).await;
    drop(working.stop().await);
    let before = world.ground.result_count();
    assert!(before < many() as usize, "it was over too soon");
    let mut few = world.controller();
    few.policy = Policy { max: 1, ..few.policy };
    let working = Working::start(few);
    world.until_living(1).await;
    world.until_results(many() as usize).await;
    world.pass_until_home(&working).await;
    let decisions = working.stop().await;
    let harsh = |action: &Action| match action {
        Action::Terminate { why, .. } => *why != TerminateReason::Drained,
        Action::Launch { .. } | Action::Drain { .. } => false,
    };
    let actions = decisions.iter().flat_map(|d| &d.record.actions);
    assert!(!actions.clone().any(harsh), "{}", told(&decisions));
    world.assert_all_done(many() as usize);
}

/// A clock that jumps sends nobody home and launches nobody; and who is launched by a wrong one is
/// launched once.
pub(crate) async fn the_clock_jumps(on: On) {
    let world = World::new(on, 2, &[]).await;
    world.place.put_photos(10);
    world.submit(TWO);
    let working = Working::start(world.controller());
    world.until_results(10).await;
    let (before, left) = (world.ever(), world.living().await.len());
    for days in [2, 0, -1, 1] {
        world.clock.set(days * DAY);
        working.ticks(3).await;
        assert_eq!(world.living().await.len(), left, "{}", told(&working.decisions()));
    }
    assert_eq!(world.ever(), before, "{}", told(&working.decisions()));
    for days in [1, -1] {
        world.pass_until_home(&working).await;
        world.clock.set(days * DAY);
        working.ticks(2).await;
        let before = world.ever();
        world.place.put_photos(10);
        world.submit(TWO);
        until("the first of them", async || !world.living().await.is_empty()).await;
        until("the end of the work", async || {
            let depth = world.pipeline.jobs.depth().await.unwrap();
            depth.total() == 0 && world.living().await.iter().all(|i| i.report.is_some())
        })
        .await;
        working.ticks(5).await;
        let launched = world.ever() - before;
        assert!(launched <= 2, "{launched} by a clock that is {days} days ahead");
    }
    world.pass_until_home(&working).await;
    drop(working.stop().await);
}

/// How a controller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// As a crash has it: its lease is watched until it has run out, for half a minute.
    Killed,
    /// As a signal has it: it gives its lease up.
    Stopped,
}

/// Of two controllers one acts, and the other takes over with what is there.
pub(crate) async fn two_controllers_meet(on: On, leaving: Leaving) {
    let world = World::new(on, 2, &[]).await;
    let fleet = world.ground.reopened();
    let first = Working::start(Controller { fleet, ..world.controller() });
    first.ticks(1).await;
    let second = Working::start(Controller { name: "second".to_owned(), ..world.controller() });
    world.place.put_photos(30);
    world.submit(TWO);
    world.until_results(30).await;
    assert!(second.decisions().is_empty(), "two act at once");
    let epoch = first.decisions()[0].record.epoch;
    match leaving {
        Leaving::Killed => first.crash().await,
        Leaving::Stopped => drop(first.stop().await),
    }
    until("the other one's decision", async || !second.decisions().is_empty()).await;
    assert_eq!(second.decisions()[0].record.epoch, epoch + 1);
    world.pass_until_home(&second).await;
    drop(second.stop().await);
    assert!(world.ever() <= 2, "{} instances", world.ever());
    world.assert_all_done(30);
}
