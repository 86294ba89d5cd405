//! A fleet of child processes keeps the promises of its port, with workers that are the real thing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::port::{Instance, Lifecycle};
use pixmill_contract::testing::{FleetHarness, fleet_conformance};
use pixmill_contract::{Clock as _, Fleet, SystemClock, Timestamp};
use pixmill_local::{Durability, LocalBackend, ProcessFleet, WorkerCommand};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::freeze;

/// Long enough on a machine as slow as may be.
const PATIENCE: Duration = Duration::from_mins(2);

/// Data directories, each with its fleet.
struct Processes {
    directory: TempDir,
    made: AtomicU32,
}

impl Processes {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), made: AtomicU32::new(0) }
    }

    fn fresh(&self) -> PathBuf {
        let n = self.made.fetch_add(1, Ordering::Relaxed);
        self.directory.path().join(n.to_string())
    }
}

fn open(data: &Path) -> ProcessFleet {
    let clock = Arc::new(SystemClock);
    let local = LocalBackend::open(data, clock.clone(), Durability::Process).unwrap();
    let arguments = ["consumer", "--slots", "1", "--drain-timeout", "5s", "--data"];
    let command = WorkerCommand {
        program: env!("CARGO_BIN_EXE_pixmill").into(),
        arguments: arguments.into_iter().map(Into::into).chain([data.into()]).collect(),
        visibility: PATIENCE,
    };
    ProcessFleet::open(data, command, local.jobs, clock).unwrap()
}

fn signal(instance: &Instance, signal: Signal) {
    let pid = instance.report.as_ref().unwrap().pid;
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[async_trait]
impl FleetHarness for Processes {
    async fn fleets(&self) -> [Arc<dyn Fleet>; 2] {
        [self.fresh(), self.fresh()].map(|data| Arc::new(open(&data)) as Arc<dyn Fleet>)
    }

    async fn reopened(&self, fleet: &Arc<dyn Fleet>) -> Arc<dyn Fleet> {
        // Its workers know where it is.
        let seen = fleet.observe().await.unwrap();
        let of = |n: u32| self.directory.path().join(n.to_string());
        let has = |data: &PathBuf| {
            let homes = data.join("fleet/instances");
            seen.iter().all(|i| homes.join(i.id.as_str()).is_dir())
        };
        let data = (0..self.made.load(Ordering::Relaxed)).map(of).find(has).unwrap();
        Arc::new(open(&data))
    }

    async fn crash(&self, instance: &Instance) {
        signal(instance, Signal::KILL);
    }

    async fn silence(&self, instance: &Instance) {
        freeze(instance.report.as_ref().unwrap().pid);
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_processes_keep_the_promises_of_the_fleet_port() {
    fleet_conformance(&Processes::new()).await;
}

#[tokio::test]
async fn the_token_of_a_fleet_is_its_owners_alone_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet/token");
    let read = || std::fs::read_to_string(&path).unwrap();
    open(directory.path());
    let token = read();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(token.trim().len(), 64);
    open(directory.path());
    assert_eq!(read(), token);
    assert_eq!(std::fs::read_dir(directory.path().join("fleet")).unwrap().count(), 3);
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_error_and_leaves_no_instance() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock);
    let local = LocalBackend::open(directory.path(), clock.clone(), Durability::Process).unwrap();
    let program = directory.path().join("no-such-program");
    let command = WorkerCommand { program, arguments: vec![], visibility: PATIENCE };
    let fleet = ProcessFleet::open(directory.path(), command, local.jobs, clock).unwrap();
    let id = pixmill_contract::IntentId::new("i").unwrap();
    let intent = pixmill_contract::port::Intent { id, count: 2, at: SystemClock.now() };
    let error = fleet.launch(&intent).await.unwrap_err();
    assert!(error.chain().contains("No such file"), "{}", error.chain());
    let seen = fleet.observe().await.unwrap();
    assert!(seen.iter().all(|i| i.lifecycle == Lifecycle::Ended), "{seen:?}");
}
