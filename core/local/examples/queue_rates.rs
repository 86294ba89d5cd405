//! How fast a queue in a file is filled and drained, and how much memory that takes.
//!
//! ```text
//! cargo run --release -p pixmill-local --example queue_rates -- [MESSAGES] [CONSUMERS]
//! cargo run --release -p pixmill-local --example queue_rates -- idle [CONSUMERS]
//! cargo run --release -p pixmill-local --example queue_rates -- send FILE MESSAGES
//! cargo run --release -p pixmill-local --example queue_rates -- drain FILE
//! ```
//!
//! The first form fills a queue in batches of 1,000 and drains it in batches of 10, each received
//! and deleted by one of the consumers, and prints the rates at the start, in the middle and at
//! the end. The second lets consumers wait for ten seconds at an empty queue, and prints what part
//! of a core that takes. The others are one process of several at a file, for `make bench-pipeline`:
//! they print now and then the time in seconds since 1970, how many messages more there were, and
//! how many MB are resident.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints and may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pixmill_contract::port::{NewMessage, Receive};
use pixmill_contract::{Clock as _, Queue as _, SystemClock};
use pixmill_local::{Durability, QueueSettings, SqliteQueue};
use tokio::time::Instant;

const BATCH: usize = 1_000;
const BODY_BYTES: usize = 300;
const TOLD_EVERY: usize = 5_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    let second = arguments.next();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("queue.sqlite");
    match first.as_deref() {
        Some("idle") => idle(open(&path), second.map_or(4, |n| n.parse().unwrap())).await,
        Some("send") => {
            let messages = arguments.next().unwrap().parse().unwrap();
            send_all(&open(second.unwrap().as_ref()), messages).await;
        }
        Some("drain") => drain_all(&open(second.unwrap().as_ref())).await,
        messages => {
            let messages = messages.map_or(100_000, |n| n.parse().unwrap());
            fill(&open(&path), messages).await;
            let bytes = std::fs::metadata(&path).unwrap().len();
            println!("the file has {} MB", bytes >> 20);
            let consumers = second.map_or(4, |n| n.parse().unwrap());
            // Each consumer has connections of its own, as processes would have.
            drain((0..consumers).map(|_| open(&path)).collect(), messages).await;
        }
    }
}

fn open(path: &Path) -> SqliteQueue {
    let clock = Arc::new(SystemClock);
    let settings = QueueSettings::default();
    SqliteQueue::open(path, "jobs", settings, clock, Durability::Process).unwrap()
}

/// What a process has done since it said so last.
#[derive(Default)]
struct Told(usize);

impl Told {
    /// Begins to count.
    fn begin() -> Self {
        let mut told = Self::default();
        told.tell();
        told
    }

    fn add(&mut self, count: usize) {
        self.0 += count;
        if self.0 >= TOLD_EVERY {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let since_1970 = Duration::from_millis(SystemClock.now().millis());
        println!("{:.3} {} {}", since_1970.as_secs_f64(), self.0, resident_mb());
        self.0 = 0;
    }
}

/// Sends so many messages, as one process of several.
async fn send_all(queue: &SqliteQueue, messages: usize) {
    let body = "x".repeat(BODY_BYTES);
    let mut told = Told::begin();
    for sent in (0..messages).step_by(BATCH) {
        let count = BATCH.min(messages - sent);
        let answers = queue.send(vec![NewMessage::now(&body); count]).await;
        assert!(answers.iter().all(Result::is_ok));
        told.add(count);
    }
    told.tell();
}

/// Receives and deletes until nothing is left, as one process of several.
async fn drain_all(queue: &SqliteQueue) {
    let mut told = Told::begin();
    loop {
        match receive_and_delete(queue).await {
            0 => return told.tell(),
            count => told.add(count),
        }
    }
}

/// As many as one receive brings.
async fn receive_and_delete(queue: &SqliteQueue) -> usize {
    let (wait, visibility) = (Duration::ZERO, Duration::from_mins(10));
    let deliveries = queue.receive(Receive { max: 10, wait, visibility }).await.unwrap();
    let receipts: Vec<_> = deliveries.into_iter().map(|delivery| delivery.receipt).collect();
    let count = receipts.len();
    assert!(queue.delete(receipts).await.iter().all(Result::is_ok));
    count
}

async fn fill(queue: &SqliteQueue, messages: usize) {
    let body = "x".repeat(BODY_BYTES);
    let thirds = Thirds::new("enqueued", messages);
    for sent in (0..messages).step_by(BATCH) {
        let count = BATCH.min(messages - sent);
        let answers = queue.send(vec![NewMessage::now(&body); count]).await;
        assert!(answers.iter().all(Result::is_ok));
        thirds.add(count);
    }
    let start = Instant::now();
    let depth = queue.depth().await.unwrap();
    println!("depth of {} takes {:?}", depth.visible, start.elapsed());
}

async fn drain(queues: Vec<SqliteQueue>, messages: usize) {
    let thirds = Arc::new(Thirds::new("drained", messages));
    let consumers: Vec<_> = queues
        .into_iter()
        .map(|queue| {
            let thirds = Arc::clone(&thirds);
            tokio::spawn(async move {
                loop {
                    match receive_and_delete(&queue).await {
                        0 => return,
                        count => thirds.add(count),
                    }
                }
            })
        })
        .collect();
    for consumer in consumers {
        consumer.await.unwrap();
    }
}

async fn idle(queue: SqliteQueue, consumers: usize) {
    let before = (Instant::now(), cpu());
    let waiting: Vec<_> = (0..consumers)
        .map(|_| {
            let queue = queue.clone();
            let (wait, visibility) = (Duration::from_secs(10), Duration::from_mins(1));
            tokio::spawn(async move { queue.receive(Receive { max: 10, wait, visibility }).await })
        })
        .collect();
    for waiter in waiting {
        assert!(waiter.await.unwrap().unwrap().is_empty());
    }
    let share = cpu().saturating_sub(before.1).as_secs_f64() / before.0.elapsed().as_secs_f64();
    println!("{consumers} waiting consumers take {:.2} % of a core", 100.0 * share);
}

/// Prints the rate and the memory at each third of the way.
struct Thirds {
    what: &'static str,
    all: usize,
    done: AtomicUsize,
    start: Instant,
}

impl Thirds {
    fn new(what: &'static str, all: usize) -> Self {
        println!("start: {} MB resident", resident_mb());
        Self { what, all, done: AtomicUsize::new(0), start: Instant::now() }
    }

    fn add(&self, count: usize) {
        let before = self.done.fetch_add(count, Ordering::Relaxed);
        let third = |done: usize| done * 3 / self.all;
        if third(before) != third(before + count) {
            let done = before + count;
            #[allow(clippy::cast_precision_loss, reason = "a rate is not exact")]
            let rate = done as f64 / self.start.elapsed().as_secs_f64();
            println!("{} {done}: {rate:.0}/s so far, {} MB resident", self.what, resident_mb());
        }
    }
}

fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}

/// Time that this process has had a core, in user and system mode; Linux counts in 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}
