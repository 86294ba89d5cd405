//! The controller over workers that are real processes: by its command, and as a library in worlds
//! that go wrong.

mod command;
mod crashes;
mod worlds;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixmill_contract::port::{Instance, Lifecycle};
use pixmill_contract::{Clock, Fleet, Pipeline, SystemClock};
use pixmill_controller::{Action, Controller, Decision, Event, Objective, Policy};
use pixmill_local::{Durability, LocalBackend, ProcessFleet, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::{Place, ended, now, result_count};

/// Long enough for anything, on a machine as slow as may be.
const SOON: Duration = Duration::from_mins(3);

/// A recipe that takes a few hundredths of a second, so that a fleet has something to do.
const SLOW: &str = "resize:800,enlarge=true | median:9 | blur:31 -> jpeg";

/// A worker that is stopped is left to the controller for longer than that takes to act.
const LONG: Duration = Duration::from_hours(1);

/// A pipeline with a fleet of processes.
struct World {
    _leftovers: Leftovers,
    place: Place,
    local: LocalBackend,
    fleet: Arc<ProcessFleet>,
    policy: Policy,
}

impl World {
    /// At most so many workers, which are told so.
    fn new(max: u32, flags: &[&str]) -> Self {
        let arguments = ["consumer", "--slots", "1", "--visibility", "5s"];
        Self::of(max, env!("CARGO_BIN_EXE_pixmill"), &[&arguments[..], flags].concat(), LONG)
    }

    /// At most so many of these processes, which are told where their data is at last, and may stand
    /// still for so long.
    fn of(max: u32, program: &str, arguments: &[&str], visibility: Duration) -> Self {
        let place = Place::new();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let local = LocalBackend::open(&place.data(), Arc::clone(&clock), Durability::Process);
        let local = local.unwrap();
        let data = ["--data".into(), place.data().into_os_string()];
        let command = WorkerCommand {
            program: program.into(),
            arguments: arguments.iter().map(Into::into).chain(data).collect(),
            visibility,
        };
        let fleet = ProcessFleet::open(&place.data(), command, local.jobs.clone(), clock).unwrap();
        let policy = Policy {
            objective: Objective::TargetLatency(Duration::from_secs(2)),
            max,
            boot: Duration::from_millis(500),
            interval: Duration::from_millis(300),
            ..Policy::default()
        };
        let leftovers = Leftovers(place.data());
        Self { _leftovers: leftovers, place, local, fleet: Arc::new(fleet), policy }
    }

    fn submit(&self, recipe: &str) {
        let submit = self.place.on_data("submit").arg(self.place.input());
        submit.args(["--recipe", recipe]).go().expect(0);
    }

    /// The good controller of a good world.
    fn controller(&self) -> Controller {
        Controller {
            pipeline: self.local.pipeline(),
            fleet: Arc::clone(&self.fleet) as Arc<dyn Fleet>,
            policy: self.policy.clone(),
            name: "first".to_owned(),
        }
    }

    /// The same with a fleet that looks or acts otherwise.
    fn controller_of(&self, fleet: Arc<dyn Fleet>) -> Controller {
        Controller { fleet, ..self.controller() }
    }

    /// The same with another pipeline.
    fn controller_in(&self, pipeline: Pipeline) -> Controller {
        Controller { pipeline, ..self.controller() }
    }

    async fn living(&self) -> Vec<Instance> {
        let seen = self.fleet.observe().await.unwrap();
        seen.into_iter().filter(|i| i.lifecycle == Lifecycle::Running).collect()
    }

    /// How many instances there have ever been.
    fn ever(&self) -> usize {
        let count =
            |of: &str| std::fs::read_dir(self.place.data().join("fleet").join(of)).unwrap().count();
        count("instances") + count("ended")
    }

    fn assert_all_done(&self, count: usize) {
        let ends = ended(&self.place.data());
        assert!(ends.len() == count && ends.values().all(|state| state == "done"), "{ends:?}");
    }

    async fn until_living(&self, count: usize) {
        until(&format!("{count} instances"), async || self.living().await.len() == count).await;
    }

    async fn until_results(&self, count: usize) {
        until("the results", async || result_count(&self.place.data()) >= count).await;
    }
}

/// Workers outlive their controllers; with this they do not outlive their test.
struct Leftovers(PathBuf);

impl Drop for Leftovers {
    fn drop(&mut self) {
        let homes = std::fs::read_dir(self.0.join("fleet/instances"));
        for home in homes.into_iter().flatten().filter_map(Result::ok) {
            let pid = std::fs::read_to_string(home.path().join("pid")).ok();
            let pid = pid.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
            let lives = !home.path().join("ended").exists();
            // One that ends in this moment is as good.
            pid.filter(|_| lives).map(|pid| kill_process(pid, Signal::KILL).ok());
        }
    }
}

fn signal(instance: &Instance, signal: Signal) {
    let pid = instance.report.as_ref().unwrap().pid;
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

/// Looks until it holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let patience = now() + SOON;
    while !holds().await {
        assert!(now() < patience, "no {what} within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A controller at work.
struct Working {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    decisions: Arc<Mutex<Vec<Decision>>>,
}

impl Working {
    fn start(controller: Controller) -> Self {
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

    fn decisions(&self) -> Vec<Decision> {
        self.decisions.lock().unwrap().clone()
    }

    /// What it did so far.
    fn actions(&self) -> Vec<Action> {
        self.decisions().into_iter().flat_map(|decision| decision.record.actions).collect()
    }

    /// Waits until so many more ticks are over.
    async fn ticks(&self, count: usize) {
        let before = self.decisions().len();
        until("ticks", async || self.decisions().len() >= before + count).await;
    }

    /// Ends it as a signal does.
    async fn stop(self) -> Vec<Decision> {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        Arc::into_inner(self.decisions).unwrap().into_inner().unwrap()
    }

    /// Ends it as a crash does.
    async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// What was done, in words, for whoever reads a failure.
fn told(decisions: &[Decision]) -> String {
    let doings = decisions.iter().filter(|d| !d.record.actions.is_empty());
    doings.map(Decision::explain).collect::<Vec<_>>().join("\n")
}
