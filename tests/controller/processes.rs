//! A world of child processes, in a directory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::{Clock, Fleet, Pipeline, SystemClock};
use pixmill_local::{Durability, LocalBackend, ProcessFleet, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::world::{Ground, World, Wrong};
use crate::harness::{Place, result_count, results};

/// A worker that is stopped is left to the controller for longer than that takes to act.
pub(super) const LONG: Duration = Duration::from_hours(1);

struct Processes {
    data: PathBuf,
    local: LocalBackend,
    command: WorkerCommand,
    clock: Arc<Wrong>,
    _leftovers: Leftovers,
}

/// At most so many workers, which are told so.
pub(super) fn world(max: u32, flags: &[&str]) -> World {
    let arguments = ["consumer", "--slots", "1", "--visibility", "5s"];
    world_of(max, env!("CARGO_BIN_EXE_pixmill"), &[&arguments[..], flags].concat(), LONG)
}

/// At most so many of these processes, which are told where their data is at last, and may stand
/// still for so long.
pub(super) fn world_of(max: u32, program: &str, arguments: &[&str], visibility: Duration) -> World {
    let (place, clock) = (Place::new(), Arc::new(Wrong::default()));
    let data = place.data();
    let right = Arc::new(SystemClock);
    let local = LocalBackend::open(&data, right, Durability::Process).unwrap();
    let last = ["--data".into(), data.clone().into_os_string()];
    let command = WorkerCommand {
        program: program.into(),
        arguments: arguments.iter().map(Into::into).chain(last).collect(),
        visibility,
    };
    let pipeline = Pipeline { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..local.pipeline() };
    let leftovers = Leftovers(data.clone());
    let ground =
        Processes { data, local, command, clock: Arc::clone(&clock), _leftovers: leftovers };
    let (fleet, policy) = (ground.reopened(), World::policy(max));
    World { place, pipeline, fleet, policy, clock, ground: Box::new(ground) }
}

impl Ground for Processes {
    fn submit(&self, place: &Place, recipe: &str) {
        let submit = place.on_data("submit").arg(place.input());
        submit.args(["--recipe", recipe]).go().expect(0);
    }

    fn results(&self) -> Vec<Value> {
        results(&self.data).into_values().collect()
    }

    fn result_count(&self) -> usize {
        result_count(&self.data)
    }

    fn ever(&self) -> usize {
        let count = |of: &str| std::fs::read_dir(self.data.join("fleet").join(of)).unwrap().count();
        count("instances") + count("ended")
    }

    fn reopened(&self) -> Arc<dyn Fleet> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let jobs = self.local.jobs.clone();
        Arc::new(ProcessFleet::open(&self.data, self.command.clone(), jobs, clock).unwrap())
    }
}

/// Workers outlive their controllers; with this they do not outlive their test.
pub(super) struct Leftovers(pub(super) PathBuf);

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
