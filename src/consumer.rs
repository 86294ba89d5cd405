//! `pixmill consumer`: one worker process.

use std::future::ready;
use std::io::{Read as _, Write as _};
use std::pin::Pin;
use std::process::ExitCode;

use pixmill_consumer::{Config, Consumer, Exit, Stage, Storm};
use pixmill_contract::{Clock as _, InstanceId, SystemClock, WorkerId};
use tokio::sync::watch;

use crate::backend::{self, Purpose};
use crate::{args, exit, listener, machine, shutdown, telemetry};

/// What is to be done once a worker has drained.
type Stay = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) async fn run(args: args::Consumer) -> anyhow::Result<ExitCode> {
    // Before anything takes long: whoever asks waits at the socket from now on.
    let listener = listener::open(&args.listen, args.child)?;
    let worker = args.worker.unwrap_or_else(|| WorkerId::fresh(SystemClock.now()));
    let mut opened = backend::open(&args.data, Purpose::Work(&worker)).await?;
    opened.allow(&args.allow_bucket);
    let (pipeline, pace) = (opened.pipeline, opened.pace);
    let instance = if args.ec2 { Some(ec2_instance().await?) } else { args.listen.instance };
    let limits = args.work.limits();
    let memory_bytes = args.memory.unwrap_or_else(|| machine::memory_bytes() / 2);
    let config = Config {
        slots: args.slots.map_or_else(machine::cores, usize::from),
        prefetch: usize::from(args.prefetch.unwrap_or(pace.prefetch)),
        poll: args.poll.unwrap_or(pace.poll),
        visibility: args.work.visibility,
        memory_bytes: memory_bytes.max(limits.memory_bytes),
        limits,
        max_attempts: args.work.max_attempts,
        max_receive_count: pace.max_receive_count,
        drain_timeout: args.work.drain_timeout,
        instance,
        ..Config::new(worker, machine::name())
    };
    let (stop, stage) = watch::channel(Stage::Running);
    shutdown::listen_for(stop.clone())?;
    let stay = if args.ec2 { stay_on_ec2(&config, stop)? } else { Box::pin(ready(())) };
    let (storms, storm) = watch::channel(None);
    if args.child {
        end_with_standard_input()?;
        tokio::spawn(report_storms(storm));
    } else {
        let (worker, slots) = (&config.worker, config.slots);
        tracing::info!(%worker, slots, pipeline = args.data.flags(), "working");
    }
    let consumer = Consumer::new(pipeline, config, storms)?;
    match consumer.run(stage, listener, stay).await? {
        Exit::Drained => Ok(ExitCode::SUCCESS),
        // A thread is lost in a picture; returning would not wait for it, exiting is plainer.
        Exit::Stuck => Ok(exit::STUCK.into()),
    }
}

/// Heeds the notices of the instance from now on. What is returned is to be done after the drain.
#[cfg(feature = "aws")]
fn stay_on_ec2(config: &Config, stop: watch::Sender<Stage>) -> anyhow::Result<Stay> {
    let signalled = shutdown::listen()?;
    tokio::spawn(crate::ec2::heed(stop));
    match config.instance.clone() {
        Some(instance) => Ok(Box::pin(crate::ec2::stay(instance, signalled))),
        None => Ok(Box::pin(ready(()))),
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unnecessary_wraps, reason = "with AWS it may fail")]
fn stay_on_ec2(_: &Config, _: watch::Sender<Stage>) -> anyhow::Result<Stay> {
    Ok(Box::pin(ready(())))
}

#[cfg(feature = "aws")]
async fn ec2_instance() -> anyhow::Result<InstanceId> {
    crate::ec2::identity().await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS it asks the instance's metadata service")]
async fn ec2_instance() -> anyhow::Result<InstanceId> {
    anyhow::bail!("{}", backend::WITHOUT_AWS)
}

/// Ends this process as if it were killed as soon as standard input ends, which is when the parent
/// is gone, however it went.
fn end_with_standard_input() -> std::io::Result<()> {
    let watch = || {
        let mut rest = [0; 64];
        while !matches!(std::io::stdin().read(&mut rest), Ok(0) | Err(_)) {}
        telemetry::finish();
        std::process::exit(0);
    };
    std::thread::Builder::new().name("parent".into()).spawn(watch).map(drop)
}

/// Tells the parent when the world stops us from working, and when that is over: one line each,
/// with the reason or empty.
async fn report_storms(mut storm: watch::Receiver<Option<Storm>>) {
    while storm.changed().await.is_ok() {
        let reason = storm.borrow().as_ref().map(|storm| storm.reason.replace('\n', " "));
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{}", reason.unwrap_or_default()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// Whether a worker ended of its own accord because a picture was stuck.
pub(crate) fn is_stuck(code: Option<i32>) -> bool {
    code == Some(i32::from(exit::STUCK))
}
