//! What a worker says of itself, and whether its loops go round.

use pixmill_contract::document::{Report, Version};

use crate::Stage;
use crate::worker::Worker;

/// What a worker says of itself now.
pub(crate) fn report(worker: &Worker) -> Report {
    let Worker { config, vitals, pipeline, .. } = worker;
    let (counts, now) = (vitals.counts(), pipeline.clock.now());
    Report {
        pixmill: Version,
        instance: config.instance.clone(),
        worker: config.worker.clone(),
        pid: std::process::id(),
        started_at: vitals.started_at,
        at: now,
        slots: number(config.slots),
        busy: counts.busy(),
        busy_peak: counts.busy_peak(now),
        leases: number(worker.leases.count()),
        jobs: counts.jobs(),
        draining: worker.stage() >= Stage::Draining,
        progressed_at: vitals.progressed_at(),
        storm: worker.weather.storm().map(|storm| storm.reason),
        received: counts.received,
        waited_seconds: counts.waited.map(|waited| waited.as_secs_f64()),
        ended: counts.ended,
        job_seconds: counts.job_seconds,
        paces: counts.paces,
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Why the worker is not healthy. An outage is none of that, and a picture that takes too long ends
/// the worker by itself; what is left is a loop that does not come back.
pub(crate) fn sickness(worker: &Worker) -> Option<&'static str> {
    let vitals = &worker.vitals;
    if vitals.keeper.is_overdue() {
        Some("the loop that renews the leases is stuck")
    } else if vitals.receiver.is_overdue() {
        Some("the loop that receives is stuck")
    } else {
        None
    }
}
