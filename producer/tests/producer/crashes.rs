//! A redrive that is killed before or after any call, or disturbed in one, or done by several at
//! once, and then done again: the job has one tombstone, its message is there, the letter is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pixmill_contract::testing::{Call, Fault, Plan};
use pixmill_contract::{ErrorKind, Job, Outcome};
use pixmill_producer::dead;

use crate::harness::{FOR_EVER, SOON, World, all};

/// More calls than a redrive makes.
const ENOUGH: u64 = 30;

/// This happens to the call with this number, counted over all ports, and the other fault to all
/// calls after it.
fn at(number: u64, fault: Fault, after: Fault) -> (Plan, Arc<AtomicBool>) {
    let (calls, reached) = (AtomicU64::new(0), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&reached);
    let plan = move |_: &Call<'_>| match calls.fetch_add(1, Ordering::SeqCst) {
        call if call < number => Fault::None,
        call if call == number => {
            flag.store(true, Ordering::SeqCst);
            fault
        }
        _ => after,
    };
    (Arc::new(plan), reached)
}

/// The job is as a redrive leaves it; how often its message was sent.
async fn redriven(world: &World, job: &Job, when: &str) -> usize {
    assert_eq!(world.outcome(job).await, Some(Outcome::Redriven { redrives: 1 }), "{when}");
    assert!(world.letters().await.is_empty(), "{when}");
    assert!(!world.has_note(job).await, "{when}");
    let messages = world.messages().await;
    let expected = Job { redrive: 1, ..job.clone() }.body();
    assert!(messages.iter().all(|body| *body == expected), "{when}: {messages:?}");
    messages.len()
}

/// Kills a redrive at every call in turn, and redrives again.
async fn kill_at_every_call(fault: Fault) {
    let killed = Fault::Delay(FOR_EVER);
    for number in 0..ENOUGH {
        let when = format!("{fault:?} at call {number}");
        let world = World::new();
        let job = world.dead("a").await;
        let (plan, reached) = at(number, fault, killed);
        let pipeline = world.faulty(&plan);
        let first = tokio::spawn(async move { dead::redrive(&pipeline, &all()).await.map(drop) });
        let ended = tokio::time::timeout(Duration::from_mins(5), first).await;
        tokio::time::sleep(SOON).await;
        let was_sent = world.messages().await.len();
        let letter_is_left = !world.letters().await.is_empty();
        dead::redrive(&world.pipeline(), &all()).await.unwrap();
        // Between sending and deleting, and there only, a crash makes a second message, which
        // folds together with the first.
        let expected = if letter_is_left { was_sent + 1 } else { 1 };
        assert_eq!(redriven(&world, &job, &when).await, expected, "{when}");
        if !reached.load(Ordering::SeqCst) {
            ended.unwrap().unwrap().unwrap();
            assert!(number > 6, "a redrive makes more calls than {number}");
            return;
        }
    }
    panic!("a redrive makes more than {ENOUGH} calls");
}

#[tokio::test(start_paused = true)]
async fn a_redrive_that_is_killed_before_any_call_is_resumed() {
    kill_at_every_call(Fault::Delay(FOR_EVER)).await;
}

#[tokio::test(start_paused = true)]
async fn a_redrive_that_is_killed_after_any_call_is_resumed() {
    kill_at_every_call(Fault::Lose).await;
}

/// Has the fault happen to every call in turn, once; redrives again where it was an error.
async fn disturb_every_call(fault: Fault) {
    for number in 0..ENOUGH {
        let when = format!("{fault:?} at call {number}");
        let world = World::new();
        let job = world.dead("a").await;
        let (plan, reached) = at(number, fault, Fault::None);
        let first = dead::redrive(&world.faulty(&plan), &all()).await;
        if first.is_err() || fault == Fault::Lose {
            // A receive whose answer was lost hides the letter for a while.
            tokio::time::sleep(SOON).await;
            dead::redrive(&world.pipeline(), &all()).await.unwrap();
        }
        let messages = redriven(&world, &job, &when).await;
        assert!((1..=2).contains(&messages), "{when}: {messages} messages");
        if !reached.load(Ordering::SeqCst) {
            return;
        }
    }
    panic!("a redrive makes more than {ENOUGH} calls");
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

#[tokio::test(start_paused = true)]
async fn several_redrives_at_once_redrive_each_job() {
    let world = World::new();
    let mut jobs = vec![];
    for n in 0..40 {
        let job = world.dead(&format!("j{n}")).await;
        // Half of them have a second letter, for another to find.
        if n % 2 == 0 {
            world.send_letter(&job.body()).await;
        }
        jobs.push(job);
    }
    let redrives = (0..4).map(|_| {
        let pipeline = world.pipeline();
        tokio::spawn(async move { dead::redrive(&pipeline, &all()).await.unwrap() })
    });
    let mut handled = 0;
    for redrive in redrives.collect::<Vec<_>>() {
        let one = redrive.await.unwrap();
        handled += one.sent + one.deleted;
    }
    assert_eq!(handled, 60);
    assert!(world.letters().await.is_empty());
    let messages = world.messages().await;
    for job in jobs {
        assert_eq!(world.outcome(&job).await, Some(Outcome::Redriven { redrives: 1 }));
        let body = Job { redrive: 1, ..job }.body();
        let times = messages.iter().filter(|message| **message == body).count();
        assert!((1..=2).contains(&times), "{times} times {body}");
    }
}
