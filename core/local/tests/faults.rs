//! Each fault of the decorators does what it says, around the adapters of this machine.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::port::{Condition, Delivery, NewMessage, Payload, Put, Receive};
use pixmill_contract::testing::{Fault, FaultyQueue, FaultyStore, Operation, PausedClock, Plan};
use pixmill_contract::testing::{on_call, seeded};
use pixmill_contract::{ErrorKind, Key, ObjectStore, Queue};
use pixmill_local::{Durability, LocalBackend};
use tempfile::TempDir;
use tokio::time::Instant;

const RECEIVE: Receive =
    Receive { max: 10, wait: Duration::ZERO, visibility: Duration::from_secs(30) };

fn backend() -> (LocalBackend, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(PausedClock::new());
    (LocalBackend::open(data.path(), clock, Durability::Process).unwrap(), data)
}

fn queue(backend: &LocalBackend, plan: Plan) -> FaultyQueue {
    FaultyQueue::new(Arc::new(backend.jobs.clone()), plan)
}

fn store(backend: &LocalBackend, plan: Plan) -> FaultyStore {
    FaultyStore::new(Arc::new(backend.store.clone()), plan)
}

fn key() -> Key {
    Key::new("results/single/a.json").unwrap()
}

fn put(bytes: &str, condition: Condition) -> Put {
    let payload = Payload::Bytes(bytes.into());
    Put { key: key(), payload, media_type: "application/json", condition, owner: None }
}

async fn send(queue: &dyn Queue) -> Option<ErrorKind> {
    queue.send(vec![NewMessage::now("a")]).await.remove(0).err().map(|e| e.kind())
}

async fn receive(queue: &dyn Queue) -> Vec<Delivery> {
    queue.receive(RECEIVE).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_has_no_effect_and_a_lost_one_has() {
    let (backend, _data) = backend();
    let failing =
        queue(&backend, on_call(Operation::Send, &[0], Fault::Fail(ErrorKind::Throttled)));
    assert_eq!(send(&failing).await, Some(ErrorKind::Throttled));
    assert_eq!(receive(&failing).await, []);
    let losing = queue(&backend, on_call(Operation::Send, &[0], Fault::Lose));
    assert_eq!(send(&losing).await, Some(ErrorKind::Unavailable));
    assert_eq!(receive(&losing).await.len(), 1);

    let losing = store(&backend, on_call(Operation::Put, &[0], Fault::Lose));
    let lost = losing.put(put("1", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let again = losing.put(put("2", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "the first one was written");
}

#[tokio::test(start_paused = true)]
async fn a_lost_receive_hides_what_it_brought() {
    let (backend, _data) = backend();
    let losing = queue(&backend, on_call(Operation::Receive, &[0], Fault::Lose));
    assert_eq!(send(&losing).await, None);
    assert!(losing.receive(RECEIVE).await.is_err());
    assert_eq!(receive(&losing).await, []);
    tokio::time::sleep(RECEIVE.visibility).await;
    assert_eq!(receive(&losing).await[0].receive_count, 2);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_comes_with_the_next_receive_and_works() {
    let (backend, _data) = backend();
    let doubling = queue(&backend, on_call(Operation::Receive, &[0], Fault::Duplicate));
    assert_eq!(send(&doubling).await, None);
    let first = receive(&doubling).await.remove(0);
    let second = receive(&doubling).await.remove(0);
    assert_eq!(second.body, first.body);
    assert_ne!(second.receipt, first.receipt);
    let renewal = vec![(second.receipt.clone(), RECEIVE.visibility)];
    assert!(doubling.change_visibility(renewal).await[0].is_ok());
    assert!(doubling.delete(vec![second.receipt]).await[0].is_ok());
    let late = doubling.delete(vec![first.receipt]).await.remove(0);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::LeaseLost);
}

#[tokio::test(start_paused = true)]
async fn a_duplicated_create_finds_its_own_object() {
    let (backend, _data) = backend();
    let doubling = store(&backend, on_call(Operation::Put, &[0], Fault::Duplicate));
    let answer = doubling.put(put("mine", Condition::IfAbsent)).await.unwrap_err();
    assert_eq!(answer.kind(), ErrorKind::AlreadyExists);
    let object = doubling.get(&key(), None).await.unwrap();
    assert_eq!(object.bytes().await.unwrap(), b"mine");
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_the_one_before() {
    let (backend, _data) = backend();
    let stale = queue(&backend, on_call(Operation::Depth, &[1], Fault::Stale));
    assert_eq!(stale.depth().await.unwrap().visible, 0);
    assert_eq!(send(&stale).await, None);
    assert_eq!(stale.depth().await.unwrap().visible, 0, "as it was");
    assert_eq!(stale.depth().await.unwrap().visible, 1);

    let stale = store(&backend, on_call(Operation::Head, &[1], Fault::Stale));
    stale.put(put("1", Condition::Always)).await.unwrap();
    assert_eq!(stale.head(&key()).await.unwrap().size, 1);
    stale.put(put("22", Condition::Always)).await.unwrap();
    assert_eq!(stale.head(&key()).await.unwrap().size, 1, "as it was");
    assert_eq!(stale.head(&key()).await.unwrap().size, 2);
}

#[tokio::test(start_paused = true)]
async fn a_cut_body_is_noticed_and_a_delay_takes_its_time() {
    let (backend, _data) = backend();
    let delay = Duration::from_secs(7);
    let plan: Plan = Arc::new(move |call| {
        if call.operation == Operation::Get && call.key == Some(&key()) {
            Fault::Cut
        } else if call.operation == Operation::Put {
            Fault::Delay(delay)
        } else {
            Fault::None
        }
    });
    let faulty = store(&backend, plan);
    let start = Instant::now();
    faulty.put(put("whole", Condition::Always)).await.unwrap();
    assert!(start.elapsed() >= delay);
    let error = faulty.get(&key(), None).await.unwrap().bytes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_tries_again_gets_everything_through_a_bad_queue() {
    const MESSAGES: usize = 50;
    let (backend, _data) = backend();
    let kind = ErrorKind::Unavailable;
    let shares = [(100, Fault::Fail(kind)), (100, Fault::Lose), (100, Fault::Duplicate)];
    let bad = queue(&backend, seeded(7, &shares));
    for n in 0..MESSAGES {
        while bad.send(vec![NewMessage::now(n.to_string())]).await[0].is_err() {}
    }
    let mut handled = std::collections::BTreeSet::new();
    while backend.jobs.depth().await.unwrap().total() > 0 {
        let patient = Receive { wait: Duration::from_secs(20), ..RECEIVE };
        for delivery in bad.receive(patient).await.unwrap_or_default() {
            handled.insert(delivery.body);
            drop(bad.delete(vec![delivery.receipt]).await);
        }
    }
    assert_eq!(handled.len(), MESSAGES, "nothing was lost");
}
