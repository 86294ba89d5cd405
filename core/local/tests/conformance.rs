//! Both adapters keep what the ports promise: alone, behind a decorator that lets everything
//! through, and with the strictest durability.

#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::testing::{
    FaultyQueue, FaultyStore, PausedClock, QueueHarness, QueuePair, StoreHarness, never,
    queue_conformance, replies_conformance, store_conformance,
};
use pixmill_contract::{ObjectStore, Queue};
use pixmill_local::{
    DirStore, DirStoreOptions, Durability, LocalBackend, QueueFile, QueueSettings,
};
use tempfile::TempDir;

/// Each queue and each store is a new file or directory of this one.
struct Harness {
    directory: TempDir,
    clock: Arc<PausedClock>,
    durability: Durability,
    decorated: bool,
}

impl Harness {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(PausedClock::new()),
            durability: Durability::Process,
            decorated: false,
        }
    }

    fn fresh(&self) -> PathBuf {
        tempfile::tempdir_in(self.directory.path()).unwrap().keep()
    }

    fn decorate(&self, queue: impl Queue + 'static) -> Arc<dyn Queue> {
        if self.decorated {
            Arc::new(FaultyQueue::new(Arc::new(queue), never()))
        } else {
            Arc::new(queue)
        }
    }
}

#[async_trait]
impl QueueHarness for Harness {
    async fn queue(&self, max_receive_count: u32) -> QueuePair {
        let path = self.fresh().join("queue.sqlite");
        let file = QueueFile::open(&path, self.clock.clone(), self.durability).unwrap();
        let dead_letter = Some("jobs-dead".to_owned());
        let settings = QueueSettings { max_receive_count, dead_letter, ..QueueSettings::default() };
        QueuePair {
            queue: self.decorate(file.queue("jobs", settings).unwrap()),
            dead_letter: self.decorate(file.queue("jobs-dead", QueueSettings::default()).unwrap()),
        }
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[async_trait]
impl StoreHarness for Harness {
    async fn store(&self) -> Arc<dyn ObjectStore> {
        let directory = self.fresh();
        let options = DirStoreOptions {
            root: directory.join("objects"),
            tags: directory.join("store.sqlite"),
            mounts: Vec::new(),
            durability: self.durability,
        };
        let store = Arc::new(DirStore::open(options).unwrap());
        if self.decorated { Arc::new(FaultyStore::new(store, never())) } else { store }
    }

    fn scratch(&self) -> PathBuf {
        self.directory.path().to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn the_queue_keeps_its_promises() {
    queue_conformance(&Harness::new()).await;
}

#[tokio::test(start_paused = true)]
async fn the_queue_keeps_its_promises_through_a_power_cut() {
    queue_conformance(&Harness { durability: Durability::Power, ..Harness::new() }).await;
}

#[tokio::test(start_paused = true)]
async fn a_decorator_without_faults_changes_nothing() {
    let harness = Harness { decorated: true, ..Harness::new() };
    queue_conformance(&harness).await;
    store_conformance(&harness).await;
}

#[tokio::test(start_paused = true)]
async fn the_reply_queues_keep_their_promises() {
    let harness = Harness::new();
    let backend = LocalBackend::open(&harness.fresh(), harness.clock.clone(), harness.durability);
    replies_conformance(&backend.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_keeps_its_promises() {
    store_conformance(&Harness::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_store_keeps_its_promises_through_a_power_cut() {
    store_conformance(&Harness { durability: Durability::Power, ..Harness::new() }).await;
}
