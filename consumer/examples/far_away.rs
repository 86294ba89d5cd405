//! How busy a consumer keeps its threads when its store and its queue are far away, and how often
//! it calls them, by how much it prefetches.
//!
//! ```text
//! cargo run --release -p pixmill-consumer --example far_away -- [PICTURES] [DELAY_MS] [DELETE_MS]
//! ```
//!
//! This machine's adapters, behind decorators by which every call takes `DELAY_MS` longer, and a
//! delete `DELETE_MS`, as one that waits for others to share its request with. A line for each
//! prefetch: pictures a second, what part of the time the grinding threads had a picture, and calls
//! a picture. The first and the last tenth of the results are left out of the first two.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints and may panic")]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixmill_consumer::{Config, Stage};
use pixmill_contract::port::{Condition, Depth, NewMessage, Payload, Put};
use pixmill_contract::testing::{Call, Fault, FaultyQueue, FaultyStore, Operation, Plan};
use pixmill_contract::{
    BatchId, Job, JobId, Key, ObjectStore as _, Pipeline, Queue as _, ResultDocument, SystemClock,
    Timestamp, WorkerId,
};
use pixmill_local::{Durability, LocalBackend};
use tokio::sync::watch;
use tokio::time::Instant;

const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/photos/harbour.jpg");
const RECIPE: &str = "thumb = resize:256 -> jpeg; web = resize:1200 | blur:9 -> jpeg:q=82";
const SLOTS: usize = 2;
const PREFETCHES: [usize; 6] = [2, 10, 15, 20, 30, 40];

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<u64>().unwrap());
    let pictures = numbers.next().unwrap_or(400);
    let call = Duration::from_millis(numbers.next().unwrap_or(50));
    let delete = Duration::from_millis(numbers.next().unwrap_or(1000));
    println!("{SLOTS} slots, {pictures} pictures, {call:?} a call, {delete:?} a delete");
    println!("prefetch  pictures/s   busy  receives  deletes  renewals  gets  heads  puts");
    for prefetch in PREFETCHES {
        measure(pictures, Far { call, delete }, prefetch).await;
    }
}

/// How much longer a call takes.
#[derive(Clone, Copy)]
struct Far {
    call: Duration,
    delete: Duration,
}

async fn measure(pictures: u64, far: Far, prefetch: usize) {
    let directory = tempfile::tempdir().unwrap();
    let local = open(directory.path(), pictures).await;
    let log = Arc::new(Log::default());
    let pipeline = Pipeline {
        store: Arc::new(FaultyStore::new(Arc::new(local.store.clone()), log.plan(far))),
        jobs: Arc::new(FaultyQueue::new(Arc::new(local.jobs.clone()), log.plan(far))),
        ..local.pipeline()
    };
    let worker = WorkerId::new("w").unwrap();
    let config = Config { slots: SLOTS, prefetch, ..Config::new(worker, "here") };
    let (stage, wanted) = watch::channel(Stage::Running);
    let run = pixmill_consumer::run(pipeline, config, wanted, watch::channel(None).0, None);
    let run = tokio::spawn(run);
    let end = Instant::now() + Duration::from_mins(10);
    while local.jobs.depth().await.unwrap() != Depth::default() {
        assert!(Instant::now() < end, "the pictures are not done");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stage.send_replace(Stage::Draining);
    run.await.unwrap().unwrap();

    let results = std::mem::take(&mut *log.results.lock().unwrap());
    let (rate, busy) = steady_state(&local, &results).await;
    let counts = log.counts.lock().unwrap();
    let each = |operation| {
        let calls = counts.get(&operation).copied().unwrap_or(0);
        f64::from(calls) / f64::from(u32::try_from(pictures).unwrap())
    };
    println!(
        "{prefetch:>8}  {rate:>10.1}  {:>4.0}%  {:>8.3}  {:>7.3}  {:>8.3}  {:>4.2}  {:>5.2}  {:>4.2}",
        busy * 100.0,
        each(Operation::Receive),
        each(Operation::DeleteMessage),
        each(Operation::ChangeVisibility),
        each(Operation::Get),
        each(Operation::Head),
        each(Operation::Put),
    );
}

/// A pipeline with so many jobs in its queue, each for a source of its own.
async fn open(directory: &Path, pictures: u64) -> LocalBackend {
    let local = LocalBackend::open(directory, Arc::new(SystemClock), Durability::Process).unwrap();
    let photo = std::fs::read(PHOTO).unwrap();
    for n in 0..pictures {
        let key: Key = format!("inputs/{n}.jpg").parse().unwrap();
        let put = Put {
            key: key.clone(),
            payload: Payload::Bytes(photo.clone()),
            media_type: "image/jpeg",
            condition: Condition::Always,
            owner: None,
        };
        local.store.put(put).await.unwrap();
        let id = JobId::new(n.to_string()).unwrap();
        let now = Timestamp::from_millis(0);
        let job = Job::new(id, BatchId::single(), key, RECIPE.parse().unwrap(), now);
        local.jobs.send(vec![NewMessage::now(job.body())]).await.remove(0).unwrap();
    }
    local
}

/// Pictures a second, and the part of the time in which the threads had one.
async fn steady_state(local: &LocalBackend, results: &[(Key, Instant)]) -> (f64, f64) {
    let edge = results.len() / 10;
    let steady = &results[edge..results.len() - edge];
    let wall = (steady[steady.len() - 1].1 - steady[0].1).as_secs_f64();
    let mut ground = 0.0;
    for (key, _) in &steady[1..] {
        let bytes = local.store.get(key, None).await.unwrap().bytes().await.unwrap();
        let result: ResultDocument = serde_json::from_slice(&bytes).unwrap();
        assert!(result.outcome.is_end(), "{result:?}");
        ground += result.timings.grind_ms / 1e3;
    }
    let slots = f64::from(u32::try_from(SLOTS).unwrap());
    let pictures = f64::from(u32::try_from(steady.len() - 1).unwrap());
    (pictures / wall, ground / (wall * slots))
}

/// What was called.
#[derive(Default)]
struct Log {
    counts: Mutex<HashMap<Operation, u32>>,
    /// The results, and when their writing began.
    results: Mutex<Vec<(Key, Instant)>>,
}

impl Log {
    fn plan(self: &Arc<Self>, far: Far) -> Plan {
        let log = Arc::clone(self);
        Arc::new(move |call: &Call<'_>| {
            *log.counts.lock().unwrap().entry(call.operation).or_default() += 1;
            if let (Operation::Put, Some(key)) = (call.operation, call.key)
                && key.as_str().starts_with("results/")
            {
                log.results.lock().unwrap().push((key.clone(), Instant::now()));
            }
            let is_delete = call.operation == Operation::DeleteMessage;
            Fault::Delay(if is_delete { far.delete } else { far.call })
        })
    }
}
