//! `pixmill controller`: sizes the fleet of a pipeline and heals it.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use pixmill_consumer::Stage;
use pixmill_contract::{Clock as _, Fleet, InstanceId, Pipeline, SystemClock};
use pixmill_controller::{Controller, Event, Objective, Policy};
use pixmill_local::{LocalBackend, ProcessFleet, WorkerCommand};
use serde_json::json;
use tokio::sync::watch;

use crate::args::{self, Backend};
use crate::backend::{self, Purpose};
#[cfg(feature = "aws")]
use crate::ec2::Metrics;
use crate::{machine, print, shutdown};

pub(crate) async fn run(
    args: args::Controller,
    telemetry: &args::Telemetry,
) -> anyhow::Result<ExitCode> {
    let policy = policy(args.data.backend, &args.sizing, &args.work);
    policy.check()?;
    if args.show_policy {
        let shown = policy.shown(&policy.estimated());
        let text = if args.json { format!("{:#}\n", json!(shown)) } else { shown.to_string() };
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (pipeline, fleet) = open(&args, telemetry).await?;
    let stop = stop()?;
    let metrics = metrics(&args).await?;
    let name = InstanceId::fresh(SystemClock.now()).to_string();
    let controller = Controller { pipeline, fleet, policy, name };
    let mut told = Told { explain: args.explain, json: args.json, last: String::new() };
    let tell = |event: &Event<'_>| {
        if let (Event::Decided(decision), Some(metrics)) = (event, &metrics) {
            metrics.note(decision);
        }
        told.tell(event);
    };
    if args.dry_run {
        controller.rehearse(stop, tell).await;
    } else {
        controller.run(stop, tell).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is published of its decisions, if somebody asked for that.
#[cfg(feature = "aws")]
async fn metrics(args: &args::Controller) -> anyhow::Result<Option<Metrics>> {
    let (Some(namespace), Some(queue)) = (&args.launching.cloudwatch, &args.data.queue) else {
        return Ok(None);
    };
    let configuration = pixmill_aws::configuration().await;
    let to = pixmill_ec2::CloudWatch::new(&configuration, namespace, queue)?;
    Ok(Some(Metrics::start(to)))
}

/// Without AWS there is nowhere to publish anything.
#[cfg(not(feature = "aws"))]
enum Metrics {}

#[cfg(not(feature = "aws"))]
impl Metrics {
    fn note(&self, _: &pixmill_controller::Decision) {
        match *self {}
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS its configuration is looked for")]
async fn metrics(_: &args::Controller) -> anyhow::Result<Option<Metrics>> {
    Ok(None)
}

/// Turns when the first signal comes.
fn stop() -> anyhow::Result<watch::Receiver<bool>> {
    let mut stage = shutdown::listen()?;
    let (sender, stop) = watch::channel(false);
    tokio::spawn(async move {
        drop(stage.wait_for(|stage| *stage > Stage::Running).await);
        sender.send_replace(true);
        sender.closed().await;
    });
    Ok(stop)
}

/// The policy that the command line asks for.
pub(crate) fn policy(backend: Backend, sizing: &args::Sizing, work: &args::Work) -> Policy {
    // Machines take longer than processes, and asking for them is billed and throttled.
    let (boot, interval) = match backend {
        Backend::Local => (Duration::from_secs(1), Duration::from_secs(2)),
        Backend::Aws => (Duration::from_mins(1), Duration::from_secs(10)),
    };
    let objective = match sizing.wait_cost {
        Some(cost) => Objective::WaitCost(cost),
        None => Objective::TargetLatency(sizing.target_latency),
    };
    Policy {
        objective,
        min: sizing.min,
        max: max(backend, sizing),
        slots: sizing.slots,
        boot: sizing.boot.unwrap_or(boot),
        interval: sizing.interval.unwrap_or(interval),
        longest_job: work.deadline,
        ..Policy::default()
    }
}

fn max(backend: Backend, sizing: &args::Sizing) -> u32 {
    sizing.max.unwrap_or_else(|| match backend {
        Backend::Local => u32::try_from(machine::cores()).unwrap_or(u32::MAX),
        Backend::Aws => Policy::default().max,
    })
}

/// The pipeline that the command line names, and its fleet.
async fn open(
    args: &args::Controller,
    telemetry: &args::Telemetry,
) -> anyhow::Result<(Pipeline, Arc<dyn Fleet>)> {
    if args.data.backend == Backend::Aws {
        let opened = backend::open(&args.data, Purpose::Ask).await?;
        let fleet = open_on_ec2(args, &opened.pipeline).await?;
        return Ok((opened.pipeline, fleet));
    }
    if args.machines.asg.is_some() || args.launching.launch_template.is_some() {
        bail!("instances of EC2 work on a pipeline on AWS: say --backend aws");
    }
    let Some(data) = &args.data.data else { return Err(backend::no_directory()) };
    let (pipeline, local) = backend::open_local(data, args.data.durable, None)?;
    let (sizing, work, durable) = (&args.sizing, &args.work, args.data.durable);
    let workers = Workers { sizing, work, durable, telemetry };
    Ok((pipeline, workers.fleet(data, &local)?))
}

#[cfg(feature = "aws")]
async fn open_on_ec2(
    args: &args::Controller,
    pipeline: &Pipeline,
) -> anyhow::Result<Arc<dyn Fleet>> {
    let acts = !args.dry_run;
    let fleet = crate::ec2::open_fleet(args, acts).await?;
    // Who only rehearses writes nothing.
    let told = |fleet| Arc::new(crate::ec2::ToldFleet::new(fleet, pipeline.clone()));
    Ok(if acts { told(fleet) } else { fleet })
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS a group is prepared")]
async fn open_on_ec2(_: &args::Controller, _: &Pipeline) -> anyhow::Result<Arc<dyn Fleet>> {
    bail!("{}", backend::WITHOUT_AWS)
}

/// How the workers of a fleet are started.
#[derive(Debug)]
pub(crate) struct Workers<'a> {
    pub(crate) sizing: &'a args::Sizing,
    pub(crate) work: &'a args::Work,
    pub(crate) durable: bool,
    pub(crate) telemetry: &'a args::Telemetry,
}

impl Workers<'_> {
    /// The fleet of a data directory.
    pub(crate) fn fleet(
        &self,
        data: &Path,
        local: &LocalBackend,
    ) -> anyhow::Result<Arc<dyn Fleet>> {
        let data = std::path::absolute(data).context("failed to find the data directory")?;
        let memory = self.sizing.memory.unwrap_or_else(|| {
            let budget =
                machine::memory_bytes() / 2 / u64::from(max(Backend::Local, self.sizing).max(1));
            budget.max(self.work.max_memory)
        });
        let mut arguments: Vec<OsString> =
            vec!["consumer".into(), "--data".into(), data.clone().into()];
        let mut add = |flag: &str, value: &str| arguments.extend([flag.into(), value.into()]);
        add("--slots", &self.sizing.slots.to_string());
        add("--memory", &memory.to_string());
        let others = self.telemetry.to_arguments().into_iter().chain(self.work.to_arguments());
        arguments.extend(others.map(OsString::from));
        if self.durable {
            arguments.push("--durable".into());
        }
        let program = std::env::current_exe().context("failed to find this program's file")?;
        let command = WorkerCommand { program, arguments, visibility: self.work.visibility };
        let clock = Arc::new(SystemClock);
        Ok(Arc::new(ProcessFleet::open(&data, command, local.jobs.clone(), clock)?))
    }
}

/// What people and programs are told.
struct Told {
    explain: bool,
    json: bool,
    /// What was said last of standing by or waiting, which is not said again.
    last: String,
}

impl Told {
    fn tell(&mut self, event: &Event<'_>) {
        let said = match event {
            Event::Decided(decision) => {
                self.last.clear();
                if self.json {
                    format!("{}\n", json!(decision))
                } else if self.explain || !decision.record.actions.is_empty() {
                    format!("{}\n", decision.explain())
                } else {
                    return;
                }
            }
            Event::Leading { epoch } => {
                tracing::info!(epoch, "acting from here on");
                return;
            }
            Event::StandingBy { holder } => {
                self.say_once(format!("standing by: controller {holder} acts"));
                return;
            }
            Event::Out(error) => {
                self.say_once(format!("nothing is done: {}", error.chain()));
                return;
            }
        };
        // Nobody reads it any more; the fleet is looked after all the same.
        drop(print(&said));
    }

    fn say_once(&mut self, line: String) {
        if line != self.last {
            eprintln!("pixmill: {line}");
            self.last = line;
        }
    }
}
