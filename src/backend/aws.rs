//! A pipeline on AWS: a bucket and two queues.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_aws::{AwsBackend, AwsOptions, Linger};
use pixmill_contract::{Buckets, Pipeline, SystemClock};

use super::{Kind, Opened, Pace, Purpose};
use crate::args::Data;

/// So many keep the slots busy though every call takes 50 ms (benches/AWS.md), and let a worker
/// receive in tens; a receive that waits long asks seldom.
const PREFETCH: u16 = 40;
const POLL: Duration = Duration::from_secs(20);

/// Which pipeline the command line names.
pub(crate) fn options(data: &Data, linger: Linger) -> anyhow::Result<AwsOptions> {
    let (Some(bucket), Some(queue)) = (data.bucket.clone(), data.queue.clone()) else {
        bail!("a pipeline on AWS is a bucket and a queue: say --bucket and --queue");
    };
    Ok(AwsOptions { bucket, queue, dead_letter_queue: data.dead_letter_queue.clone(), linger })
}

pub(super) async fn opened(data: &Data, purpose: Purpose<'_>) -> anyhow::Result<Opened> {
    let linger = match purpose {
        Purpose::Work(_) => Linger::WORKER,
        Purpose::Ask | Purpose::Send => Linger::default(),
    };
    let options = options(data, linger)?;
    let configuration = pixmill_aws::configuration().await;
    let backend = AwsBackend::open(&configuration, &options)
        .await
        .context("failed to open the pipeline on AWS")?;
    let max_receive_count = backend.redrive.map_or(u32::MAX, |redrive| redrive.max_receive_count);
    let pipeline = Pipeline {
        store: Arc::new(backend.store.clone()),
        jobs: Arc::new(backend.jobs),
        dead_letters: Arc::new(backend.dead_letters),
        replies: Arc::new(backend.replies),
        buckets: Buckets::own(backend.store.bucket()),
        clock: Arc::new(SystemClock),
    };
    let pace = Pace { max_receive_count, prefetch: PREFETCH, poll: POLL };
    Ok(Opened { pipeline, pace, kind: Kind::Aws(backend.store) })
}
