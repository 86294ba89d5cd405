//! The worker processes of a run: kept at their number, replaced when they die, with what they held
//! released at once. A crash costs a delivery and not the run. One that is stopped for longer than its
//! deliveries stay hidden is killed, as it may hold the lock that all others wait for.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_consumer::Stage;
use pixmill_contract::{Queue as _, WorkerId};
use pixmill_local::{LocalBackend, Standstill};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::progress::Progress;
use crate::{args, machine};

/// A worker that dies so soon did not get to work.
const STILLBORN: Duration = Duration::from_secs(2);

/// After so many of those in a row, starting more would not help.
const MAX_STILLBORN: usize = 10;

/// A worker holds one picture beyond the one that it works on, so that reading and writing overlap
/// with the work, if there are so many for each.
const PICTURES_FOR_OVERLAP: usize = 8;

/// And one more for every so many, as half of what it prefetches comes by one receive. What one worker
/// holds, an idle one cannot begin with, and when there are few that costs more than it saves.
const PICTURES_A_PREFETCH: usize = 32;

/// The most, as long as they are no larger than this together.
const MAX_PREFETCH: usize = 8;
const MAX_PREFETCHED_BYTES: u64 = 32 * 1024 * 1024;

/// How long the last messages may take to be deleted; what is left is purged by the next run.
const DISMISSAL: Duration = Duration::from_secs(2);

/// How much longer than the drain timeout a drain may take: a receive is waited for, and releases.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);

/// A worker stands still for no longer than its deliveries stay hidden, nor than this: a run that gets
/// nowhere for twice as long gives up.
const STANDSTILL: Duration = Duration::from_secs(30);

/// How often it is looked whether workers stand still.
const LOOK: Duration = Duration::from_secs(1);

/// The last lines that workers wrote, for the case that none of them lives.
const LINES_KEPT: usize = 5;

/// The workers.
pub(crate) struct Crew {
    program: PathBuf,
    arguments: Vec<String>,
    state: PathBuf,
    size: usize,
    drain_timeout: Duration,
    workers: Vec<Worker>,
    standstill: Standstill,
    looked_at: Option<Instant>,
    /// Workers that are gone, whose deliveries are still to be released.
    bereft: Vec<WorkerId>,
    started: usize,
    died: usize,
    stillborn: usize,
    local: LocalBackend,
    lines: mpsc::UnboundedReceiver<String>,
    line_sender: mpsc::UnboundedSender<String>,
    last_lines: Vec<String>,
    pub(crate) storms: Storms,
}

struct Worker {
    id: WorkerId,
    child: Child,
    /// While this is open, the worker knows that we live.
    life: Option<ChildStdin>,
    started_at: Instant,
}

impl Crew {
    /// Starts workers for pictures of these sizes on the pipeline in `state`.
    pub(crate) fn start(
        state: &Path,
        args: &args::Run,
        telemetry: &args::Telemetry,
        bytes: &[u64],
        local: LocalBackend,
    ) -> anyhow::Result<Self> {
        let size = args.jobs.map_or_else(machine::cores, usize::from).min(bytes.len());
        let program = std::env::current_exe().context("failed to find this program's file")?;
        let (line_sender, lines) = mpsc::unbounded_channel();
        let memory = machine::memory_bytes() / 2 / size.max(1) as u64;
        let prefetch = prefetch(size, bytes);
        let mut arguments = args.work.to_arguments();
        arguments.extend(telemetry.to_arguments());
        arguments.extend(["--memory".to_owned(), memory.to_string()]);
        arguments.extend(["--prefetch".to_owned(), prefetch.to_string()]);
        if args.durable {
            arguments.push("--durable".to_owned());
        }
        let mut crew = Self {
            program,
            arguments,
            state: state.to_owned(),
            size,
            drain_timeout: args.work.drain_timeout,
            workers: Vec::with_capacity(size),
            standstill: Standstill::new(args.work.visibility.min(STANDSTILL)),
            looked_at: None,
            bereft: vec![],
            started: 0,
            died: 0,
            stillborn: 0,
            local,
            lines,
            line_sender,
            last_lines: vec![],
            storms: Storms::default(),
        };
        crew.fill_up()?;
        Ok(crew)
    }

    fn fill_up(&mut self) -> anyhow::Result<()> {
        while self.workers.len() < self.size {
            let worker = self.spawn()?;
            self.workers.push(worker);
        }
        Ok(())
    }

    fn spawn(&mut self) -> anyhow::Result<Worker> {
        self.started += 1;
        let id = WorkerId::new(format!("run-{}-{}", std::process::id(), self.started))?;
        let mut command = Command::new(&self.program);
        command
            .args(["consumer", "--child", "--slots", "1", "--worker", id.as_str(), "--data"])
            .arg(&self.state)
            .args(&self.arguments)
            // One address is not for several.
            .env_remove("PIXMILL_LISTEN")
            // A group of their own: Ctrl-C is for us alone, and we tell them.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("failed to start a worker process")?;
        if let Some(out) = child.stdout.take() {
            let (storms, id) = (self.storms.clone(), id.clone());
            tokio::spawn(each_line(out, move |line| storms.note(id.as_str(), &line)));
        }
        if let Some(errors) = child.stderr.take() {
            let sender = self.line_sender.clone();
            // If nobody reads the lines any more, the run is over.
            tokio::spawn(each_line(errors, move |line| drop(sender.send(line))));
        }
        let life = child.stdin.take();
        Ok(Worker { id, child, life, started_at: Instant::now() })
    }

    /// Replaces workers that died, releases what they held, and passes on what they say.
    pub(crate) async fn tend(&mut self, progress: &Progress) -> anyhow::Result<()> {
        while let Ok(line) = self.lines.try_recv() {
            progress.say(&line);
            self.last_lines.push(line);
            let surplus = self.last_lines.len().saturating_sub(LINES_KEPT);
            self.last_lines.drain(..surplus);
        }
        self.kill_the_stopped();
        for (worker, status) in self.take_dead()? {
            self.storms.note(worker.id.as_str(), "");
            self.died += 1;
            progress.say(&format!("worker {} {}; replaced", worker.id, how_it_ended(status)));
            if worker.started_at.elapsed() < STILLBORN {
                self.stillborn += 1;
            } else {
                self.stillborn = 0;
            }
            self.bereft.push(worker.id);
        }
        self.release_what_the_dead_held().await;
        if self.stillborn > MAX_STILLBORN {
            bail!(
                "workers die as soon as they are started; they say:\n{}",
                self.last_lines.join("\n")
            );
        }
        // The system may refuse for a while to start one: whoever is there goes on.
        let trouble = self.fill_up().err().map(|error| format!("{error:#}"));
        self.storms.note("start", &trouble.unwrap_or_default());
        Ok(())
    }

    /// Kills workers that have stood still for longer than their leases last.
    fn kill_the_stopped(&mut self) {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let processes = self.workers.iter().filter_map(|worker| worker.child.id());
        let stopped = self.standstill.look(processes);
        let is_stopped =
            |worker: &&Worker| worker.child.id().is_some_and(|id| stopped.contains(&id));
        for worker in self.workers.iter().filter(is_stopped) {
            tracing::warn!(worker = %worker.id, "killing a worker that was stopped for too long");
            worker.signal(Signal::KILL);
        }
    }

    /// Keeps workers that stand still from keeping everybody, for as long as nobody tends them.
    pub(crate) async fn watch(&mut self) -> Infallible {
        loop {
            self.kill_the_stopped();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What cannot be released now, as the queue is out, is with the next look.
    async fn release_what_the_dead_held(&mut self) {
        let mut trouble = String::new();
        while let Some(worker) = self.bereft.last() {
            match self.local.jobs.release_held_by(worker).await {
                Ok(released) => {
                    tracing::info!(%worker, released, "replaced a worker");
                    // One that held a job did get to work, and the job may be what killed it.
                    if released > 0 {
                        self.stillborn = 0;
                    }
                    self.bereft.pop();
                }
                Err(error) => {
                    trouble = error.chain();
                    break;
                }
            }
        }
        self.storms.note("release", &trouble);
    }

    fn take_dead(&mut self) -> anyhow::Result<Vec<(Worker, ExitStatus)>> {
        let mut dead = Vec::new();
        let mut at = 0;
        while at < self.workers.len() {
            match self.workers[at].child.try_wait()? {
                Some(status) => dead.push((self.workers.swap_remove(at), status)),
                None => at += 1,
            }
        }
        Ok(dead)
    }

    /// How many died so far.
    pub(crate) fn died(&self) -> usize {
        self.died
    }

    /// The most memory that one of the living workers has had at once, in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> Option<u64> {
        let processes = self.workers.iter().filter_map(|worker| worker.child.id());
        processes.filter_map(machine::peak_memory_bytes).max()
    }

    /// Sends the workers home once nothing is left in the queue: the last messages are deleted after
    /// their ends are known. They hold nothing then, and end at once.
    pub(crate) async fn dismiss(mut self) {
        let patience = Instant::now() + DISMISSAL;
        // Should the queue be out by now, that is the next run's to mind.
        while Instant::now() < patience
            && self.local.jobs.depth().await.is_ok_and(|depth| depth.total() > 0)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for worker in &mut self.workers {
            worker.life = None;
        }
        if tokio::time::timeout(DISMISSAL, self.ended()).await.is_err() {
            // One that was stopped does not notice, and must not keep the run.
            self.signal(Signal::KILL);
            self.ended().await;
        }
    }

    /// Returns once no worker is left.
    async fn ended(&mut self) {
        for worker in &mut self.workers {
            drop(worker.child.wait().await);
        }
    }

    /// Has the workers drain, and kills them if told to abort or if they take longer than they may.
    pub(crate) async fn stop(mut self, stage: &mut watch::Receiver<Stage>) {
        self.signal(Signal::TERM);
        let aborting = async {
            if stage.wait_for(|stage| *stage == Stage::Aborting).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let patience = self.drain_timeout + DRAIN_MARGIN;
        tokio::select! {
            () = self.ended() => return,
            () = aborting => {}
            () = tokio::time::sleep(patience) => {}
        }
        self.signal(Signal::KILL);
        self.ended().await;
    }

    fn signal(&self, signal: Signal) {
        for worker in &self.workers {
            worker.signal(signal);
        }
    }
}

impl Worker {
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid
            && let Err(error) = kill_process(pid, signal)
        {
            // It has ended by itself in this moment.
            tracing::debug!(worker = %self.id, %error, "failed to signal a worker");
        }
    }
}

/// How many of pictures of these sizes each of so many workers prefetches.
fn prefetch(workers: usize, bytes: &[u64]) -> usize {
    let a_worker = bytes.len() / workers.max(1);
    let each = bytes.iter().sum::<u64>() / (bytes.len() as u64).max(1);
    let in_memory = usize::try_from(MAX_PREFETCHED_BYTES / each.max(1)).unwrap_or(usize::MAX);
    let overlap = usize::from(a_worker >= PICTURES_FOR_OVERLAP);
    (a_worker / PICTURES_A_PREFETCH).min(MAX_PREFETCH).min(in_memory).max(overlap)
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    if crate::consumer::is_stuck(status.code()) {
        return "ended over a picture that took too long".to_owned();
    }
    match status.signal() {
        Some(signal) => format!("was killed by signal {signal}"),
        None => format!("ended with {status}"),
    }
}

async fn each_line(from: impl AsyncRead + Unpin, mut to: impl FnMut(String)) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        to(line);
    }
}

/// What keeps the workers from working, as far as it is the world's fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Storms(Arc<Mutex<HashMap<String, String>>>);

impl Storms {
    /// Notes what keeps `who` from working; empty when nothing does any more.
    pub(crate) fn note(&self, who: &str, reason: &str) {
        let mut storms = self.0.lock().expect("no code panics with this lock");
        if reason.is_empty() {
            storms.remove(who);
        } else {
            storms.insert(who.to_owned(), reason.to_owned());
        }
    }

    /// One of the reasons, if anybody is kept from working.
    pub(crate) fn worst(&self) -> Option<String> {
        let storms = self.0.lock().expect("no code panics with this lock");
        storms.values().next().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_hold_more_the_more_there_is_to_do_unless_it_is_large() {
        let of = |pictures, bytes| prefetch(2, &vec![bytes; pictures]);
        assert_eq!(of(1, 50_000), 0);
        assert_eq!(of(16, 50_000), 1);
        assert_eq!(of(48, 50_000), 1);
        assert_eq!(of(300, 50_000), 4);
        assert_eq!(of(1_000_000, 50_000), MAX_PREFETCH);
        assert_eq!(of(1_000_000, 10_000_000), 3);
        assert_eq!(of(1_000_000, 60_000_000), 1);
    }
}
