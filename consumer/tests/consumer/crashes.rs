//! A crash between any two steps repeats work and loses nothing; so does any one call that fails,
//! whose answer is lost, or that happens twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pixmill_consumer::{Config, Exit};
use pixmill_contract::document::TroubleKind;
use pixmill_contract::testing::{Call, Fault, Operation, Plan};
use pixmill_contract::{Clock as _, ErrorKind, WorkerId};

use crate::harness::{Switch, World, eventually, with_reply};

/// More calls than a job makes.
pub(crate) const ENOUGH: u64 = 40;

/// What was held comes back soon.
pub(crate) fn short(config: &mut Config) {
    config.visibility = Duration::from_secs(3);
}

/// Whether a call is a job's own: receives and renewals come whenever they come.
fn is_a_step(call: &Call<'_>) -> bool {
    !matches!(call.operation, Operation::Receive | Operation::ChangeVisibility)
}

/// This happens to the call with this number, counted over all ports, and turns the switch on; to
/// all calls after it, the other fault.
pub(crate) fn at(number: u64, fault: Fault, after: Fault, reached: &Switch) -> Plan {
    let (steps, reached) = (AtomicU64::new(0), reached.clone());
    Arc::new(move |call| {
        if !is_a_step(call) {
            return Fault::None;
        }
        match steps.fetch_add(1, Ordering::SeqCst) {
            step if step < number => Fault::None,
            step if step == number => {
                reached.set(true);
                fault
            }
            _ => after,
        }
    })
}

/// What is left in the end, without what differs from run to run.
async fn outcome(world: &World) -> (Vec<(String, Vec<u8>)>, Vec<String>, &'static str) {
    let results = world.keys("results/").await;
    let result = world.result("a").await.unwrap();
    (world.outputs().await, results, crate::harness::code(&result))
}

/// One job, ready to be done, or without attempts left.
async fn prepared(spent: bool) -> World {
    let world = World::new();
    world.send(&with_reply(world.job("a").await).body()).await;
    if spent {
        let (worker, now) = (WorkerId::new("gone").unwrap(), world.clock.now());
        let mut note = world.note("a").await;
        for receive in 3..6 {
            note.begin(now, &worker, receive);
        }
        note.add(now, &worker, TroubleKind::Transient, "bad luck");
        world.put_note(&note).await;
        world.age(5).await;
    }
    world
}

async fn undisturbed(spent: bool) -> (Vec<(String, Vec<u8>)>, Vec<String>, &'static str) {
    let world = prepared(spent).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    outcome(&world).await
}

/// Crashes a consumer at every call in turn and lets another one finish. `end` ends the first.
async fn crash_at_every_call(spent: bool, after: Fault, abort: bool) {
    let expected = undisturbed(spent).await;
    for number in 0..ENOUGH {
        let world = prepared(spent).await;
        let reached = Switch::default();
        let plan = at(number, after, after, &reached);
        let first = world.consumer("w1").everything(&plan).config(short).start();
        eventually("the call or the end", || async {
            let over = reached.is_on() || world.depth().await.total() == 0;
            over.then_some(())
        })
        .await;
        let untouched = !reached.is_on();
        if abort {
            let ended = tokio::time::timeout(Duration::from_secs(30), first.abort()).await;
            assert_eq!(ended.unwrap(), Exit::Drained);
        } else {
            first.crash().await;
        }
        let written = world.result("a").await;
        let second = world.consumer("w2").start();
        world.settled().await;
        assert_eq!(outcome(&world).await, expected, "after a crash at call {number}");
        if let Some(written) = written {
            assert_eq!(world.result("a").await.unwrap(), written, "the first result wins");
        }
        assert!(!world.replies().await.is_empty(), "after a crash at call {number}");
        assert_eq!(!world.dead_letters().await.is_empty(), spent);
        second.drain().await;
        if untouched {
            assert!(number > 5, "a job has more steps than {number}");
            return;
        }
    }
    panic!("a job takes more than {ENOUGH} calls");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_at_any_call_loses_and_repeats_nothing() {
    crash_at_every_call(false, Fault::Delay(Duration::from_hours(1000)), false).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_while_it_gives_a_job_up_loses_and_repeats_nothing() {
    crash_at_every_call(true, Fault::Delay(Duration::from_hours(1000)), false).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_aborted_in_an_outage_loses_and_repeats_nothing() {
    crash_at_every_call(false, Fault::Fail(ErrorKind::Unavailable), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_aborted_while_it_gives_a_job_up_loses_and_repeats_nothing() {
    crash_at_every_call(true, Fault::Fail(ErrorKind::Throttled), true).await;
}

/// Has the fault happen to every call in turn, once.
async fn disturb_every_call(fault: Fault) {
    for spent in [false, true] {
        let expected = undisturbed(spent).await;
        for number in 0..ENOUGH {
            let world = prepared(spent).await;
            let reached = Switch::default();
            let plan = at(number, fault, Fault::None, &reached);
            let consumer = world.consumer("w").everything(&plan).config(short).start();
            world.settled().await;
            assert_eq!(outcome(&world).await, expected, "{fault:?} at call {number}");
            let before = usize::from(spent);
            assert_eq!(world.note("a").await.troubles.len(), before, "{fault:?} at {number}");
            consumer.drain().await;
            if !reached.is_on() {
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_one_call_may_fail() {
    disturb_every_call(Fault::Fail(ErrorKind::Unavailable)).await;
}

#[tokio::test(start_paused = true)]
async fn any_one_call_may_be_denied() {
    disturb_every_call(Fault::Fail(ErrorKind::Denied)).await;
}

#[tokio::test(start_paused = true)]
async fn any_one_answer_may_be_lost() {
    disturb_every_call(Fault::Lose).await;
}

#[tokio::test(start_paused = true)]
async fn any_one_call_may_happen_twice() {
    disturb_every_call(Fault::Duplicate).await;
}
