//! Both adapters keep what the ports promise.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_aws::{AwsBackend, AwsOptions, Linger, S3Store};
use pixmill_contract::ObjectStore;
use pixmill_contract::testing::{
    QueueHarness, QueuePair, StoreHarness, queue_conformance, replies_conformance,
    store_conformance,
};

use crate::emulator::Emulator;

struct Harness {
    emulator: Emulator,
    linger: Linger,
}

#[async_trait]
impl QueueHarness for Harness {
    async fn queue(&self, max_receive_count: u32) -> QueuePair {
        let (queue, _) = self.emulator.queues(max_receive_count).await;
        let bucket = "not-asked-for".to_owned();
        let options = AwsOptions { bucket, queue, dead_letter_queue: None, linger: self.linger };
        let configuration = self.emulator.configuration().await;
        let backend = AwsBackend::open(&configuration, &options).await.unwrap();
        assert_eq!(backend.redrive.unwrap().max_receive_count, max_receive_count);
        QueuePair { queue: Arc::new(backend.jobs), dead_letter: Arc::new(backend.dead_letters) }
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The emulator does not.
    fn counts_total_visibility(&self) -> bool {
        false
    }
}

#[async_trait]
impl StoreHarness for Harness {
    async fn store(&self) -> Arc<dyn ObjectStore> {
        let configuration = self.emulator.configuration().await;
        Arc::new(S3Store::new(&configuration, self.emulator.bucket().await))
    }

    fn scratch(&self) -> PathBuf {
        self.emulator.directory()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_keeps_its_promises() {
    let emulator = Emulator::start().await;
    queue_conformance(&Harness { emulator, linger: Linger::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_keeps_its_promises_when_single_calls_linger() {
    let emulator = Emulator::start().await;
    queue_conformance(&Harness { emulator, linger: Linger::WORKER }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_its_promises() {
    let emulator = Emulator::start().await;
    store_conformance(&Harness { emulator, linger: Linger::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_queues_keep_their_promises() {
    let emulator = Emulator::start().await;
    let (queue, _) = emulator.queues(10).await;
    let bucket = "not-asked-for".to_owned();
    let options = AwsOptions { bucket, queue, dead_letter_queue: None, linger: Linger::WORKER };
    let backend = AwsBackend::open(&emulator.configuration().await, &options).await.unwrap();
    replies_conformance(&backend.replies).await;
}
