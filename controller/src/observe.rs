//! Observing: the queues and the fleet, all at once, each for a bounded time.

use std::time::Duration;

use pixmill_contract::{Error, Fleet, Pipeline};

use crate::snapshot::Snapshot;

/// How long each of them may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen, and why what is missing is.
pub(crate) async fn observe(pipeline: &Pipeline, fleet: &dyn Fleet) -> (Snapshot, Vec<String>) {
    let (queue, dead_letters, instances) = tokio::join!(
        in_time("the queue", pipeline.jobs.depth()),
        in_time("the dead-letter queue", pipeline.dead_letters.depth()),
        in_time("the fleet", fleet.observe()),
    );
    let mut troubles = vec![];
    let snapshot = Snapshot {
        queue: seen(queue, &mut troubles),
        dead_letters: seen(dead_letters, &mut troubles).map(pixmill_contract::port::Depth::total),
        instances: seen(instances, &mut troubles),
    };
    (snapshot, troubles)
}

async fn in_time<T>(what: &str, look: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(format!("{what} could not be observed: {}", error.chain())),
        Err(_) => Err(format!("{what} could not be observed: no answer within {PATIENCE:?}")),
    }
}

fn seen<T>(looked: Result<T, String>, troubles: &mut Vec<String>) -> Option<T> {
    looked.map_err(|trouble| troubles.push(trouble)).ok()
}
