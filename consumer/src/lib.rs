//! The consumer: leases jobs, processes the pictures and writes the results back.
//!
//! The life of a job: permit → receive → lease → redelivered? look for the result → get → decode →
//! apply → encode → confirm the lease → outputs → result → reply → delete. A crash between any two
//! steps repeats idempotent work and loses nothing. What `process` returns decides the job's
//! fate; nothing else touches its message.
//!
//! It knows the ports and the kernels, but no adapter, no signal, no environment and no exit code.

mod admission;
mod attempt;
mod engine;
mod event;
mod fate;
mod lease;
mod listener;
mod notes;
mod outputs;
mod overlays;
mod process;
mod pulse;
mod receive;
mod recipes;
mod report;
mod settle;
mod shelf;
mod source;
mod vitals;
mod weather;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::document::Report;
use pixmill_contract::port::MAX_VISIBILITY;
use pixmill_contract::{InstanceId, Limits, Pipeline, WorkerId};
use tokio::sync::watch;

pub use listener::{ListenError, Listener, Token, TokenError};
pub use weather::Storm;

/// How a consumer works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its name in leases, notes and results.
    pub worker: WorkerId,
    /// The machine it runs on, for results.
    pub machine: String,
    /// The instance that it runs on, as its fleet calls it: in results it stands for the machine.
    pub instance: Option<InstanceId>,
    /// Pictures that are worked on at once, one thread each.
    pub slots: usize,
    /// Deliveries held beyond the slots, so that reading and writing overlap with the work.
    pub prefetch: usize,
    /// How long one receive waits for a message; a drain may have to wait as long.
    pub poll: Duration,
    /// How long a delivery stays hidden without renewal; renewals come at a third of it.
    pub visibility: Duration,
    /// What is refused before decoding.
    pub limits: Limits,
    /// Memory for all pictures that are worked on at once, in bytes.
    pub memory_bytes: u64,
    /// A job is given up after so many attempts.
    pub max_attempts: u32,
    /// The queue's own limit of receives, which must never take a readable job.
    pub max_receive_count: u32,
    /// How long a drain may take before what is held is released.
    pub drain_timeout: Duration,
    /// How long a call of a port may take, with all that its adapter repeats. A loop that waits for
    /// one still longer is stuck, which makes the worker unhealthy.
    pub longest_call: Duration,
}

impl Config {
    /// The defaults for a worker of this name: one slot, 30 s visibility.
    pub fn new(worker: WorkerId, machine: impl Into<String>) -> Self {
        Self {
            worker,
            machine: machine.into(),
            instance: None,
            slots: 1,
            prefetch: 2,
            poll: Duration::from_secs(1),
            visibility: Duration::from_secs(30),
            limits: Limits::default(),
            memory_bytes: 2 * 1024 * 1024 * 1024,
            max_attempts: 5,
            max_receive_count: 10,
            drain_timeout: Duration::from_secs(30),
            // Several times what the slowest adapter takes in an outage, so that none is held
            // against a worker.
            longest_call: Duration::from_mins(3),
        }
    }

    /// Refuses settings that contradict each other.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |why: &str| Err(ConfigError(why.to_owned()));
        if self.slots == 0 {
            return refuse("a worker needs at least one slot");
        }
        if self.visibility < Duration::from_secs(1) {
            return refuse("the visibility timeout must be at least a second");
        }
        if self.visibility > MAX_VISIBILITY {
            return refuse("the visibility timeout must be at most 12 hours");
        }
        if self.limits.memory_bytes > self.memory_bytes {
            return refuse("one job's memory limit is above the worker's memory budget");
        }
        if self.max_attempts < 3 {
            return refuse("two receives are optimistic, so a job needs at least three attempts");
        }
        if self.max_receive_count < self.max_attempts + 3 {
            return refuse("the queue's receive limit must be well above the attempts of a job");
        }
        Ok(())
    }

    /// Where results say that their job was done.
    pub(crate) fn place(&self) -> String {
        self.instance.as_ref().map_or_else(|| self.machine.clone(), ToString::to_string)
    }

    /// Whether a message was received so often that it is sent anew, before the queue's own limit
    /// takes it. The half that is left is for workers that die before they get to that.
    pub(crate) fn is_spent(&self, receives: u32) -> bool {
        receives > self.max_attempts.max(self.max_receive_count / 2)
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Why a consumer did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine gave it no threads.
    #[error("failed to start a thread")]
    Threads(#[from] std::io::Error),
}

/// What whoever runs the consumer wants of it. It only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Receive and work.
    Running,
    /// Receive no more; finish or release what is held.
    Draining,
    /// Release what is held, now.
    Aborting,
}

/// Why a consumer stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was told to, and holds nothing any more.
    Drained,
    /// A picture took longer than it may. Its thread cannot be stopped, so the process has to end.
    Stuck,
}

/// Runs a consumer until it is told to stop.
///
/// `stage` is how it is told; `storms` learns whenever the world stops it from working, and when
/// that is over. `listener` tells whoever asks how it is, and may tell it to drain, until the end.
pub async fn run(
    pipeline: Pipeline,
    config: Config,
    stage: watch::Receiver<Stage>,
    storms: watch::Sender<Option<Storm>>,
    listener: Option<Listener>,
) -> Result<Exit, StartError> {
    Consumer::new(pipeline, config, storms)?.run(stage, listener, std::future::ready(())).await
}

/// A consumer, for whoever asks it for its report without HTTP in between. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Consumer(Arc<worker::Worker>);

impl Consumer {
    /// One that receives nothing yet.
    pub fn new(
        pipeline: Pipeline,
        config: Config,
        storms: watch::Sender<Option<Storm>>,
    ) -> Result<Self, StartError> {
        config.check()?;
        Ok(Self(Arc::new(worker::Worker::start(pipeline, config, storms)?)))
    }

    /// What it says of itself now.
    pub fn report(&self) -> Report {
        report::report(&self.0)
    }

    /// Runs it, as [`run`] does. Once it has drained it goes on telling whoever asks that it has,
    /// until `stay` is over, which is not begun before: for a worker whose end nobody would notice
    /// otherwise.
    pub async fn run(
        self,
        stage: watch::Receiver<Stage>,
        listener: Option<Listener>,
        stay: impl Future<Output = ()>,
    ) -> Result<Exit, StartError> {
        let start = |listener: Listener| listener.start(Arc::clone(&self.0));
        let answering = listener.map(start).transpose()?;
        let exit = receive::run(self.0, stage).await;
        match exit {
            Exit::Drained => stay.await,
            Exit::Stuck => {}
        }
        if let Some(answering) = answering {
            answering.end().await;
        }
        Ok(exit)
    }
}
