//! What a controller publishes in CloudWatch, where somebody asked for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pixmill_contract::Timestamp;
use pixmill_controller::{Action, Decision};
use pixmill_ec2::{CloudWatch, Metric};

/// How often. CloudWatch keeps one value a minute, and bills by the request.
const EVERY: Duration = Duration::from_mins(1);

/// The metrics of one controller.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<Gathered>>);

/// What is published next.
#[derive(Debug, Default, Clone, PartialEq)]
struct Gathered {
    at: Option<Timestamp>,
    /// What was true at the last decision.
    levels: Vec<Metric>,
    launches: u32,
    drains: u32,
    terminations: u32,
    failures: u32,
}

impl Metrics {
    /// Begins to publish.
    pub(crate) fn start(to: CloudWatch) -> Self {
        let metrics = Self::default();
        let gathered = Arc::clone(&metrics.0);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let taken =
                    std::mem::take(&mut *gathered.lock().unwrap_or_else(PoisonError::into_inner));
                let Some(at) = taken.at else { continue };
                if let Err(error) = to.put(at, &taken.metrics()).await {
                    tracing::warn!(reason = error.chain(), "failed to publish metrics");
                }
            }
        });
        metrics
    }

    /// Takes a decision into account.
    pub(crate) fn note(&self, decision: &Decision) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(decision);
    }
}

impl Gathered {
    fn note(&mut self, decision: &Decision) {
        let record = &decision.record;
        self.at = Some(record.at);
        let mut levels = vec![];
        let mut add = |name, value: Option<f64>| {
            levels.extend(value.map(|value| Metric { name, value }));
        };
        // What could not be observed is left out: a zero would be a lie.
        #[expect(clippy::cast_precision_loss, reason = "metrics are real numbers")]
        let real = |count: u64| count as f64;
        add("Backlog", record.depth.map(|depth| real(depth.visible)));
        add("InFlight", record.depth.map(|depth| real(depth.in_flight)));
        add("DeadLetters", record.dead_letters.map(real));
        add("Desired", record.desired.map(f64::from));
        add("InService", record.counts.map(|counts| f64::from(counts.ready)));
        add("Starting", record.counts.map(|c| f64::from(c.requested + c.booting)));
        add("Draining", record.counts.map(|counts| f64::from(counts.draining)));
        self.levels = levels;
        for action in &record.actions {
            match action {
                Action::Launch { .. } => self.launches += 1,
                Action::Drain { .. } => self.drains += 1,
                Action::Terminate { .. } => self.terminations += 1,
            }
        }
        self.failures += u32::try_from(decision.failures.len()).unwrap_or(u32::MAX);
    }

    fn metrics(&self) -> Vec<Metric> {
        let count = |name, value: u32| Metric { name, value: f64::from(value) };
        let counts = [
            count("LaunchDecisions", self.launches),
            count("DrainDecisions", self.drains),
            count("TerminateDecisions", self.terminations),
            count("FailedActions", self.failures),
        ];
        self.levels.iter().copied().chain(counts).collect()
    }
}
