//! Following a batch: with replies for what is new alone, without them by asking the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixmill_contract::port::send_one;
use pixmill_contract::testing::{Fault, Operation, Plan};
use pixmill_contract::{Outcome, Queue as _};
use pixmill_producer::{Picture, Producer, Results};
use tokio::time::Instant;

use crate::harness::World;

/// How often each operation was called.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<HashMap<Operation, usize>>>);

impl Counts {
    fn plan(&self) -> Plan {
        let counts = self.clone();
        Arc::new(move |call| {
            *counts.0.lock().unwrap().entry(call.operation).or_default() += 1;
            Fault::None
        })
    }

    fn of(&self, operation: Operation) -> usize {
        self.0.lock().unwrap().get(&operation).copied().unwrap_or(0)
    }

    fn reset(&self) {
        self.0.lock().unwrap().clear();
    }
}

/// The results of a closed batch of so many pictures.
async fn closed(world: &World, plan: &Plan, pictures: usize, with_replies: bool) -> Results {
    let batch = Producer::new(world.faulty(plan)).batch("invert".parse().unwrap());
    let batch = if with_replies { batch.with_replies() } else { batch };
    let mut batch = batch.open().await.unwrap();
    let pictures = (0..pictures).map(|n| Picture::bytes(format!("{n}.jpg"), b"x"));
    batch.submit_all(pictures, |_| ()).await.unwrap();
    batch.close().await.unwrap()
}

async fn all(results: &mut Results) -> usize {
    let mut ids = BTreeSet::new();
    while let Some(result) = results.next().await.unwrap() {
        assert!(ids.insert(result.id), "a result came twice");
    }
    ids.len()
}

#[tokio::test(start_paused = true)]
async fn with_replies_following_costs_in_proportion_to_what_is_new() {
    let world = World::new();
    let counts = Counts::default();
    let mut results = closed(&world, &counts.plan(), 200, true).await;
    for job in world.work().await {
        // Replies come twice now and then.
        if job.id.as_str().starts_with('0') {
            let reply = world.end(&job, Outcome::Done { outputs: vec![] }).await;
            let queue = world.backend.replies(&job.reply_to.unwrap()).unwrap();
            send_one(&queue, reply.reply()).await.unwrap();
        }
    }
    counts.reset();
    assert_eq!(all(&mut results).await, 200);
    let requests = [Operation::Receive, Operation::DeleteMessage].map(|op| counts.of(op));
    assert!(requests.iter().all(|count| (20..=24).contains(count)), "{requests:?}");
    for operation in [Operation::List, Operation::Get, Operation::Head, Operation::Put] {
        assert_eq!(counts.of(operation), 0, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_queue_goes_with_whoever_listens_to_it() {
    let world = World::new();
    for stopped in [true, false] {
        let results = closed(&world, &Counts::default().plan(), 12, true).await;
        let jobs = world.work().await;
        let queue = world.backend.replies(jobs[0].reply_to.as_ref().unwrap()).unwrap();
        assert_eq!(queue.depth().await.unwrap().total(), 12);
        if stopped {
            results.stop().await;
        } else {
            drop(results);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(queue.depth().await.unwrap().total(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_replies_the_store_is_asked_at_growing_intervals() {
    let world = World::new();
    let counts = Counts::default();
    let mut results = closed(&world, &counts.plan(), 30, false).await;
    counts.reset();
    let begun = Instant::now();
    let (came, ()) = tokio::join!(all(&mut results), async {
        tokio::time::sleep(Duration::from_mins(5)).await;
        world.work().await;
    });
    assert_eq!(came, 30);
    assert!(begun.elapsed() < Duration::from_mins(5) + Duration::from_secs(11), "too late");
    // One page and its empty end a look.
    let looks = counts.of(Operation::List) / 2;
    assert!((10..50).contains(&looks), "{looks} looks in five minutes");
    assert_eq!(counts.of(Operation::Get), 30);
    assert_eq!(counts.of(Operation::Receive), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_found_in_the_store() {
    let world = World::new();
    let mut results = closed(&world, &Counts::default().plan(), 30, true).await;
    let jobs = world.work().await;
    world.backend.replies(jobs[0].reply_to.as_ref().unwrap()).unwrap().purge().await.unwrap();
    assert_eq!(all(&mut results).await, 30);
}

#[tokio::test(start_paused = true)]
async fn waiting_may_be_given_up_and_taken_up_again() {
    let world = World::new();
    let mut results = closed(&world, &Counts::default().plan(), 3, true).await;
    let given_up = tokio::time::timeout(Duration::from_secs(5), results.next()).await;
    assert!(given_up.is_err());
    world.work().await;
    assert_eq!(all(&mut results).await, 3);
    assert_eq!(world.backend.jobs.depth().await.unwrap().total(), 0);
}
