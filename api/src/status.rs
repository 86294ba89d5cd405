//! How the API itself is: `/health`, which asks nobody, and `/metrics` for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use pixmill_contract::metrics::MEDIA_TYPE;
use pixmill_contract::port::Depth;
use pixmill_contract::{MetricsPage, Queue};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{Answer, json, whole};
use crate::asked::Asked;
use crate::route::Outcome;
use crate::state::State;

/// How long a queue may take to say how full it is. Without an answer its metrics are left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// That the server answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// `GET /health`: alive, whatever the store and the queue are.
pub(crate) fn health() -> Answer {
    json(StatusCode::OK, &Health { status: "ok" })
}

/// `GET /metrics`.
pub(crate) async fn metrics(state: Arc<State>, _: Asked) -> Outcome {
    let mut page = MetricsPage::default();
    page.head("http_requests_total", "counter", "Requests, by the class of their status.");
    for (class, count) in state.counts.answers() {
        page.sample("http_requests_total", &format!("{{status=\"{class}\"}}"), count);
    }
    let (pictures, bytes, jobs) = state.counts.taken();
    page.single("uploads_total", "counter", "Pictures that were uploaded here.", pictures);
    page.single("upload_bytes_total", "counter", "Their bytes.", bytes);
    page.single("jobs_accepted_total", "counter", "Jobs that were accepted here.", jobs);
    let listeners = state.listeners_now();
    page.single("event_streams", "gauge", "Streams of events that are open.", listeners);
    let jobs = depth(&*state.pipeline().jobs).await;
    let dead = depth(&*state.pipeline().dead_letters).await;
    if let Some(jobs) = jobs {
        page.head("queue_messages", "gauge", "Messages of the job queue, about.");
        for (state, count) in
            [("visible", jobs.visible), ("in_flight", jobs.in_flight), ("delayed", jobs.delayed)]
        {
            page.sample("queue_messages", &format!("{{state=\"{state}\"}}"), count);
        }
    }
    if let Some(dead) = dead {
        page.single("dead_letters", "gauge", "Jobs that were given up, about.", dead.total());
    }
    Ok(whole(StatusCode::OK, MEDIA_TYPE, page.into_text()))
}

async fn depth(queue: &dyn Queue) -> Option<Depth> {
    tokio::time::timeout(PATIENCE, queue.depth()).await.ok()?.ok()
}
