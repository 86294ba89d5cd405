//! `pixmill run`: files and folders through a pipeline of their own, on this machine.
//!
//! The pipeline lives in `OUT/.pixmill`. Inputs and overlays are read in place and outputs are
//! written where people want them, by mounts of the store; everything else is as in every other
//! pipeline. Only one run works in an `OUT` at a time, so whatever it finds in flight is of the dead.

mod crew;
mod plan;
mod progress;
mod report;

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_consumer::Stage;
use pixmill_contract::document::ResultDocument;
use pixmill_contract::key::OVERLAYS;
use pixmill_contract::{Error, ErrorKind, Pipeline, Queue as _};
use pixmill_local::{Access, LocalBackend, Mount};
use pixmill_producer::Follower;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{args, backend, exit, inputs, overlays, shutdown};
use crew::Crew;
use plan::Plan;
use progress::Progress;
use report::{End, Report};

/// Where a run keeps its state, below `OUT`.
const STATE: &str = ".pixmill";

/// The reply queue of the one run that works in an `OUT`.
const REPLIES: &str = "replies-run";

/// How often the progress is looked at while nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// After so long without news, what is waited for is looked for.
const SILENCE: Duration = Duration::from_secs(2);

/// What gets lost more often is not sent again: something is wrong with the queue.
const MAX_SEARCHES: usize = 3;

/// A run that has got nowhere for so long, because of something outside, says so and ends.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(args: args::Run, telemetry: &args::Telemetry) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let recipe = crate::recipe::read(&args.recipe, &args.recipes.recipes)?;
    args.work.limits().check_recipe(&recipe)?;
    let recipe = overlays::in_place(recipe)?;
    let out = prepare(&args.out)?;
    let found = inputs::find(&args.inputs, Some(&out));
    refuse_nonsense(&args, &found, &out)?;

    let state = out.join(STATE);
    let _lock = lock(&state)?;
    let mounts = [
        Mount { prefix: "inputs/".into(), directory: "/".into(), access: Access::Read },
        Mount { prefix: OVERLAYS.into(), directory: "/".into(), access: Access::Read },
        Mount { prefix: "outputs/".into(), directory: out.clone(), access: Access::Write },
    ];
    let durability = backend::durability(args.durable);
    pixmill_local::write_mounts_that_survive(&state, &mounts, durability)?;
    let (pipeline, local) = backend::open_local(&state, args.durable, None)?;
    // What is in the queue was sent by a run that is no more: what is still wanted is sent again.
    local.jobs.purge().await?;
    let replies = local.replies(REPLIES)?;
    replies.purge().await?;

    let mut stage = shutdown::listen()?;
    let bytes: Vec<_> = found.inputs.iter().map(|input| input.size).collect();
    let mut crew = Crew::start(&state, &args, telemetry, &bytes, local.clone())?;
    let planned = plan::make_and_send(&pipeline, &local, &args, &recipe, &found, &out);
    let plan = tokio::select! {
        biased;
        _ = stage.wait_for(|stage| *stage > Stage::Running) => return Ok(exit::INTERRUPTED.into()),
        plan = planned => plan?,
        never = crew.watch() => match never {},
    };

    let mut report = Report::new(&plan, &found, &out);
    let progress = Progress::start(plan.jobs.len(), args.json);
    let ids = plan.jobs.iter().map(|(job, _)| job.id.clone());
    let follower =
        Follower::new(pipeline.clone(), Some(Arc::new(replies)), plan.batch.clone(), ids);
    let work = Work { pipeline, local, crew, progress, stage };
    report.end = work.follow(&plan, follower, &mut report).await?;
    report.seconds = started.elapsed().as_secs_f64();
    report.print(args.json)?;
    Ok(report.exit_code())
}

/// Makes `OUT` and finds out whether it can be written to, before anything else is done.
fn prepare(out: &Path) -> anyhow::Result<PathBuf> {
    let cannot = || format!("failed to write to the output directory {}", out.display());
    std::fs::create_dir_all(out.join(STATE)).with_context(cannot)?;
    let out = out.canonicalize().with_context(cannot)?;
    for directory in [out.clone(), out.join(STATE)] {
        // Without a name where the system can do that, so that nothing is left by whoever is killed.
        let mut probe = tempfile::tempfile_in(directory).with_context(cannot)?;
        probe.write_all(b"?").with_context(cannot)?;
    }
    Ok(out)
}

fn refuse_nonsense(args: &args::Run, found: &inputs::Found, out: &Path) -> anyhow::Result<()> {
    for input in &args.inputs {
        if input.canonicalize().is_ok_and(|input| input == out) {
            bail!(
                "{} is both input and output: what is made there would be taken for input the next \
                 time; choose another --out",
                out.display()
            );
        }
    }
    if found.inputs.is_empty() && found.unreadable.is_empty() {
        bail!("there is no picture in what was given: name files, or folders that hold some");
    }
    Ok(())
}

/// Takes `OUT` for this run alone.
fn lock(state: &Path) -> anyhow::Result<File> {
    let path = state.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("failed to open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another run is working in this output directory; wait for it, or choose another --out"
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("failed to lock {}", path.display()))
        }
    }
}

/// A run at work.
struct Work {
    pipeline: Pipeline,
    local: LocalBackend,
    crew: Crew,
    progress: Progress,
    stage: watch::Receiver<Stage>,
}

impl Work {
    /// Follows the jobs to their ends, or to an end of the run before that.
    async fn follow(
        mut self,
        plan: &Plan,
        mut follower: Follower,
        report: &mut Report,
    ) -> anyhow::Result<End> {
        let mut moved_at = Instant::now();
        let mut searched_at = moved_at;
        let mut searches = 0;
        let end = loop {
            if follower.waiting() == 0 {
                break End::Finished;
            }
            if *self.stage.borrow() > Stage::Running {
                break End::Interrupted;
            }
            // Each notes its own trouble: that replies come again does not find what got lost.
            let (who, news) = if moved_at.max(searched_at).elapsed() > SILENCE {
                searched_at = Instant::now();
                ("search", self.search(plan, &mut follower, &mut searches).await)
            } else {
                ("follow", follower.next(TICK).await)
            };
            let trouble = news.as_ref().err().map(Error::chain).unwrap_or_default();
            self.crew.storms.note(who, &trouble);
            if !trouble.is_empty() {
                tokio::time::sleep(TICK).await;
            }
            let news = news.unwrap_or_default();
            if !news.is_empty() {
                moved_at = Instant::now();
            }
            for result in news {
                report.add(&result);
                self.progress.add(&result);
            }
            self.crew.tend(&self.progress).await?;
            let storm = self.crew.storms.worst();
            self.progress.show(storm.as_deref());
            if let Some(reason) = storm
                && moved_at.elapsed() > PATIENCE
            {
                break End::Stalled(reason);
            }
        };
        self.progress.finish();
        report.workers_died = self.crew.died();
        report.worker_memory_bytes = self.crew.peak_memory_bytes();
        if end == End::Finished {
            self.crew.dismiss().await;
            return Ok(end);
        }
        self.crew.stop(&mut self.stage).await;
        // What was finished while the workers drained counts too.
        while let Ok(news) = follower.next(Duration::ZERO).await {
            if news.is_empty() {
                break;
            }
            for result in &news {
                report.add(result);
            }
        }
        Ok(if follower.waiting() == 0 { End::Finished } else { end })
    }

    /// Looks for what has ended unheard, if there is nothing more in the queue, and sends again what
    /// has not ended at all: no job is lost by this program, but a file can be tampered with, and a
    /// queue gives up whatever keeps killing its workers before they can act.
    async fn search(
        &self,
        plan: &Plan,
        follower: &mut Follower,
        searches: &mut usize,
    ) -> Result<Vec<ResultDocument>, Error> {
        if self.local.jobs.depth().await?.total() > 0 {
            return Ok(vec![]);
        }
        let news = follower.catch_up().await?;
        let jobs = plan.jobs.iter().map(|(job, _)| job);
        let lost: Vec<_> = jobs.filter(|job| follower.is_waiting_for(&job.id)).cloned().collect();
        if lost.is_empty() {
            return Ok(news);
        }
        *searches += 1;
        if *searches > MAX_SEARCHES {
            let reason = format!("{} jobs got lost {MAX_SEARCHES} times", lost.len());
            return Err(Error::new(ErrorKind::Unavailable, "find jobs in the queue", reason));
        }
        tracing::warn!(jobs = lost.len(), "sending again what got lost");
        pixmill_producer::send(&self.pipeline, &lost).await.map_err(|unsent| unsent.error)?;
        Ok(news)
    }
}
