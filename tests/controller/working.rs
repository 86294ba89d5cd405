//! A controller at work in the tests' own process: what it decides is kept, and it ends as a test
//! wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixmill_controller::{Action, Controller, Decision, Event};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::SOON;
use crate::harness::now;

/// A controller at work.
pub(crate) struct Working {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    decisions: Arc<Mutex<Vec<Decision>>>,
}

impl Working {
    pub(crate) fn start(controller: Controller) -> Self {
        let (stop, stopped) = watch::channel(false);
        let decisions = Arc::new(Mutex::new(vec![]));
        let kept = Arc::clone(&decisions);
        let task = tokio::spawn(async move {
            let keep = |event: &Event<'_>| {
                if let Event::Decided(decision) = event {
                    kept.lock().unwrap().push((*decision).clone());
                }
            };
            controller.run(stopped, keep).await;
        });
        Self { stop, task, decisions }
    }

    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.decisions.lock().unwrap().clone()
    }

    /// What it did so far.
    pub(crate) fn actions(&self) -> Vec<Action> {
        self.decisions().into_iter().flat_map(|decision| decision.record.actions).collect()
    }

    /// Waits until so many more ticks are over.
    pub(crate) async fn ticks(&self, count: usize) {
        let before = self.decisions().len();
        until("ticks", async || self.decisions().len() >= before + count).await;
    }

    /// Ends it as a signal does.
    pub(crate) async fn stop(self) -> Vec<Decision> {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        Arc::into_inner(self.decisions).unwrap().into_inner().unwrap()
    }

    /// Ends it as a crash does.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// What was done, in words, for whoever reads a failure.
pub(crate) fn told(decisions: &[Decision]) -> String {
    let doings = decisions.iter().filter(|d| !d.record.actions.is_empty());
    doings.map(Decision::explain).collect::<Vec<_>>().join("\n")
}

/// Looks until it holds.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let patience = now() + SOON;
    while !holds().await {
        assert!(now() < patience, "no {what} within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
