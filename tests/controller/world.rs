//! A pipeline with a fleet whose workers are real, and the means to make it a bad one: its clock, the
//! signals that its workers get, and what its controller is told. What it stands on, child processes
//! or machines of an emulator, is a [`Ground`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pixmill_contract::port::{Instance, Lifecycle};
use pixmill_contract::{Clock, Fleet, Pipeline, SystemClock, Timestamp};
use pixmill_controller::{Controller, Objective, Policy};
use rustix::process::Signal;
use serde_json::Value;

use super::processes;
use super::working::{Working, told, until};
use crate::harness::{Place, kill};

/// What passes with one tick, where a test has time pass: as much of a tick as a controller believes.
const STEP: Duration = Duration::from_secs(4);

/// Which fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Processes,
    #[cfg(feature = "aws")]
    Plain,
    #[cfg(feature = "aws")]
    Group,
}

/// What a world stands on.
pub(crate) trait Ground: Send + Sync {
    /// Sends a job for every input of a place.
    fn submit(&self, place: &Place, recipe: &str);

    /// The documents of the jobs that have ended, and how many they are, cheaply.
    fn results(&self) -> Vec<Value>;
    fn result_count(&self) -> usize;

    /// How many instances there have ever been.
    fn ever(&self) -> usize;

    /// The same fleet, as another process has it.
    fn reopened(&self) -> Arc<dyn Fleet>;
}

/// A pipeline with a fleet.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) pipeline: Pipeline,
    pub(crate) fleet: Arc<dyn Fleet>,
    pub(crate) policy: Policy,
    /// The clock of the controller and its fleet. Workers have their own, which is right.
    pub(crate) clock: Arc<Wrong>,
    pub(crate) ground: Box<dyn Ground>,
}

impl World {
    /// At most so many workers, which are told so.
    pub(crate) async fn new(on: On, max: u32, flags: &[&str]) -> Self {
        match on {
            On::Processes => processes::world(max, flags),
            #[cfg(feature = "aws")]
            On::Plain | On::Group => crate::ec2::ground::world(on, max, flags).await,
        }
    }

    /// The policy of a world.
    pub(crate) fn policy(max: u32) -> Policy {
        Policy {
            objective: Objective::TargetLatency(Duration::from_secs(2)),
            max,
            boot: Duration::from_millis(500),
            interval: Duration::from_millis(300),
            ..Policy::default()
        }
    }

    pub(crate) fn submit(&self, recipe: &str) {
        self.ground.submit(&self.place, recipe);
    }

    /// The good controller of a good world.
    pub(crate) fn controller(&self) -> Controller {
        Controller {
            pipeline: self.pipeline.clone(),
            fleet: Arc::clone(&self.fleet),
            policy: self.policy.clone(),
            name: "first".to_owned(),
        }
    }

    /// The same with a fleet that looks or acts otherwise.
    pub(crate) fn controller_of(&self, fleet: Arc<dyn Fleet>) -> Controller {
        Controller { fleet, ..self.controller() }
    }

    /// The same with another pipeline.
    pub(crate) fn controller_in(&self, pipeline: Pipeline) -> Controller {
        Controller { pipeline, ..self.controller() }
    }

    pub(crate) async fn living(&self) -> Vec<Instance> {
        let seen = self.fleet.observe().await.unwrap();
        seen.into_iter().filter(|i| i.lifecycle == Lifecycle::Running).collect()
    }

    /// How many instances there have ever been.
    pub(crate) fn ever(&self) -> usize {
        self.ground.ever()
    }

    /// How each job ended, by the file name of its source.
    pub(crate) fn ends(&self) -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let name = |key: String| key.rsplit('/').next().unwrap().to_owned();
        let end =
            |result: Value| (name(text(&result["job"]["source"]["key"])), text(&result["state"]));
        self.ground.results().into_iter().map(end).collect()
    }

    pub(crate) fn assert_all_done(&self, count: usize) {
        let ends = self.ends();
        assert!(ends.len() == count && ends.values().all(|state| state == "done"), "{ends:?}");
    }

    pub(crate) async fn until_living(&self, count: usize) {
        until(&format!("{count} instances"), async || self.living().await.len() == count).await;
    }

    /// Waits until so many live whose workers report, and returns them.
    pub(crate) async fn until_reporting(&self, count: usize) -> Vec<Instance> {
        until(&format!("{count} that report"), async || {
            let living = self.living().await;
            living.len() == count && living.iter().all(|i| i.report.is_some())
        })
        .await;
        self.living().await
    }

    /// Waits until so many live and all are at work, and returns them.
    pub(crate) async fn until_at_work(&self, count: usize) -> Vec<Instance> {
        let at_work = |i: &Instance| i.report.as_ref().is_some_and(|report| report.leases > 0);
        until(&format!("{count} at work"), async || {
            let living = self.living().await;
            living.len() == count && living.iter().all(at_work)
        })
        .await;
        self.living().await
    }

    /// Waits until there are so many results, for as long as there are ever more.
    pub(crate) async fn until_results(&self, count: usize) {
        let mut had = self.ground.result_count();
        while had < count {
            let more = format!("more than {had} of {count} results");
            until(&more, async || self.ground.result_count() > had).await;
            had = self.ground.result_count();
        }
    }

    /// So much time passes for a controller, in as many ticks as it takes.
    pub(crate) async fn pass(&self, working: &Working, time: Duration) {
        let mut passed = Duration::ZERO;
        while passed < time {
            self.clock.forward(STEP);
            working.ticks(1).await;
            passed += STEP;
        }
    }

    /// Time passes until it holds, ten minutes of it at most.
    pub(crate) async fn pass_until(
        &self,
        working: &Working,
        what: &str,
        holds: impl AsyncFn() -> bool,
    ) {
        for _ in 0..150 {
            if holds().await {
                return;
            }
            self.pass(working, STEP).await;
        }
        let (doings, left) = (told(&working.decisions()), self.living().await);
        panic!("no {what} in ten minutes, there are {left:#?}: {doings}");
    }

    /// Time passes until everybody has been sent home.
    pub(crate) async fn pass_until_home(&self, working: &Working) {
        self.pass_until(working, "end of all", async || self.living().await.is_empty()).await;
    }
}

/// The clock of a machine that is set wrong by as much as a test wants.
#[derive(Debug, Default)]
pub(crate) struct Wrong(AtomicI64);

impl Wrong {
    pub(crate) fn forward(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Sets it: ahead by so many seconds, or behind.
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        let right = SystemClock.now().millis();
        Timestamp::from_millis(right.saturating_add_signed(self.0.load(Ordering::SeqCst)))
    }
}

/// Sends a signal to the worker of an instance.
pub(crate) fn signal(instance: &Instance, signal: Signal) {
    kill(instance.report.as_ref().unwrap().pid, signal);
}
