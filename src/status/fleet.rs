//! Who works on a pipeline, how they are, and why there are so many of them.

use std::sync::Arc;
use std::time::Duration;

use indicatif::HumanDuration;
use pixmill_contract::document::Report;
use pixmill_contract::port::{Impairment, Instance, Lifecycle, TargetHealth, TargetState};
use pixmill_contract::{Fleet, Pipeline, Timestamp};
use pixmill_controller::{Decision, Note, Standing, last_decisions, standing};
use serde_json::{Value as Json, json};

use crate::args::{self, Backend};
use crate::backend::Opened;
use crate::shown::{ago, one_line, plural};

/// Decisions to do something that are shown.
const SHOWN: usize = 5;

/// Records that are looked through for those.
const LOOKED_THROUGH: usize = 50;

/// A controller that has not written for so long does not act any more.
const SILENCE: Duration = Duration::from_mins(1);

#[cfg(feature = "aws")]
async fn on_ec2(args: &args::Status) -> anyhow::Result<Arc<dyn Fleet>> {
    crate::ec2::seen_fleet(&args.data, &args.machines).await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS its configuration is looked for")]
async fn on_ec2(_: &args::Status) -> anyhow::Result<Arc<dyn Fleet>> {
    anyhow::bail!("{}", crate::backend::WITHOUT_AWS)
}

/// A fleet as of the last look.
pub(super) struct FleetView {
    fleet: Arc<dyn Fleet>,
    instances: Vec<Instance>,
    standing: Option<Standing>,
    decisions: Vec<Decision>,
}

impl FleetView {
    /// The fleet of the pipeline, if it has one. One on EC2 is looked at where it is asked for, as not
    /// everybody who may look at the pipeline may look at the machines.
    pub(super) async fn find(args: &args::Status, opened: &Opened) -> anyhow::Result<Option<Self>> {
        let view = |fleet| Self { fleet, instances: vec![], standing: None, decisions: vec![] };
        match args.data.backend {
            Backend::Local => Ok(opened.fleet(&args.data)?.map(view)),
            Backend::Aws if args.fleet || args.machines.asg.is_some() => {
                on_ec2(args).await.map(view).map(Some)
            }
            Backend::Aws => Ok(None),
        }
    }

    pub(super) async fn look(&mut self, pipeline: &Pipeline) -> anyhow::Result<()> {
        self.instances = self.fleet.observe().await?;
        self.standing = standing(pipeline).await?;
        self.decisions = last_decisions(pipeline, LOOKED_THROUGH).await?;
        Ok(())
    }

    fn note(&self, instance: &Instance) -> Option<&Note> {
        self.standing.as_ref()?.notes.get(&instance.id)
    }

    /// The last decisions to do something.
    fn doings(&self) -> impl Iterator<Item = &Decision> {
        let doings = self.decisions.iter().filter(|d| !d.record.actions.is_empty());
        doings.take(SHOWN)
    }

    /// Whether a controller acts, and which.
    fn controller(&self, now: Timestamp) -> String {
        match &self.standing {
            None => "no controller yet".to_owned(),
            Some(Standing { has_stopped: true, written_at, .. }) => {
                format!("its controller stopped {}", ago(*written_at, now))
            }
            Some(Standing { written_at, .. }) if now.since(*written_at) > SILENCE => {
                format!("its controller was heard of {}", ago(*written_at, now))
            }
            Some(Standing { holder, .. }) => format!("controller {holder}"),
        }
    }

    pub(super) fn to_line(&self) -> String {
        let living = self.instances.iter().filter(|i| i.lifecycle != Lifecycle::Ended).count();
        let busy: u32 = self.reports().map(|report| report.busy).sum();
        format!("{}, {busy} busy", plural(living, "instance"))
    }

    fn reports(&self) -> impl Iterator<Item = &Report> {
        self.instances.iter().filter_map(|instance| instance.report.as_ref())
    }

    pub(super) fn to_text(&self, now: Timestamp) -> String {
        let mut text = format!("Fleet: {}; {}\n", self.to_line(), self.controller(now));
        for instance in &self.instances {
            text.push_str(&format!("  {}\n", self.row(instance, now)));
        }
        if let Some(last) = self.decisions.first() {
            let (record, unknown) = (&last.record, "?".to_owned());
            let wanted = record.desired.map_or(unknown, |desired| desired.to_string());
            text.push_str(&format!(
                "  wanted: {wanted}; {:.1} jobs/s arrive, {:.1}/s end, each takes {:.2} s\n",
                record.arrivals_per_second, record.served_per_second, record.job_seconds
            ));
            for warning in &record.warnings {
                text.push_str(&format!("  ! {warning}\n"));
            }
            for trouble in &last.troubles {
                text.push_str(&format!("  ! {}\n", one_line(trouble)));
            }
        }
        for decision in self.doings() {
            text.push_str(&format!("  {}\n", decision.explain().replace('\n', "\n  ")));
        }
        text
    }

    fn row(&self, instance: &Instance, now: Timestamp) -> String {
        let (state, why) = self.state(instance);
        let age = HumanDuration(now.since(instance.launched_at));
        let mut row = format!("{}  {state:<8}", instance.id);
        if let Some(report) = &instance.report {
            let (busy, slots, jobs) = (report.busy, report.slots, report.ended);
            row.push_str(&format!("  busy {busy} of {slots}  {jobs} done"));
        }
        row.push_str(&format!("  {age:#} old"));
        if let Some(target) = &instance.target {
            row.push_str(&format!("  {}", probed(target)));
        }
        if let Some(of) = instance.impaired {
            row.push_str(&format!("  EC2 finds it impaired ({})", checked(of)));
        }
        if let Some(why) = why {
            row.push_str(&format!("  {}", one_line(&why)));
        }
        row
    }

    /// The state of an instance in a word, and why that is, where it is not well.
    fn state(&self, instance: &Instance) -> (&'static str, Option<String>) {
        let note = self.note(instance);
        let drained = note.and_then(|note| note.drained.as_ref()).map(ToString::to_string);
        let sick = note.and_then(|note| {
            let readings = plural(usize::try_from(note.bad_readings).ok()?, "reading");
            Some(format!("{} ({readings})", note.sickness.as_ref()?))
        });
        let itself = instance.report.as_ref().is_some_and(|report| report.draining);
        match instance.lifecycle {
            Lifecycle::Ended => ("ended", drained),
            Lifecycle::Stopping => ("stopping", drained),
            Lifecycle::Pending => ("pending", None),
            Lifecycle::Running if instance.draining_since.is_some() || itself => {
                ("draining", drained)
            }
            Lifecycle::Running if sick.is_some() => ("sick", sick),
            Lifecycle::Running => match &instance.report {
                None => ("silent", Some("no report (yet)".to_owned())),
                Some(Report { storm: Some(reason), .. }) => ("waiting", Some(reason.clone())),
                Some(_) => ("ready", None),
            },
        }
    }

    pub(super) fn to_json(&self, now: Timestamp) -> Json {
        let instances = self.instances.iter().map(|instance| {
            let (state, reason) = self.state(instance);
            json!({
                "id": instance.id,
                "state": state,
                "reason": reason,
                "launched_at": instance.launched_at,
                "draining_since": instance.draining_since,
                "target": instance.target,
                "impaired": instance.impaired,
                "report": instance.report,
            })
        });
        let controller = self.standing.as_ref().map(|standing| {
            json!({
                "name": standing.holder,
                "epoch": standing.epoch,
                "acts": !standing.has_stopped && now.since(standing.written_at) <= SILENCE,
                "written_at": standing.written_at,
            })
        });
        json!({
            "controller": controller,
            "instances": instances.collect::<Vec<_>>(),
            "last": self.decisions.first(),
            "decisions": self.doings().collect::<Vec<_>>(),
        })
    }
}

/// Which of EC2's own checks of a machine fail, in its words.
fn checked(of: Impairment) -> &'static str {
    match of {
        Impairment::System => "system status",
        Impairment::Instance => "instance status",
    }
}

/// What a load balancer says of an instance, in its words.
fn probed(target: &TargetHealth) -> String {
    let state = match target.state {
        TargetState::Initial => "initial",
        TargetState::Healthy => "healthy",
        TargetState::Unhealthy => "unhealthy",
        TargetState::Unused => "unused",
        TargetState::Draining => "draining",
        TargetState::Unavailable => "unavailable",
    };
    match &target.reason {
        Some(reason) => format!("target {state} ({reason})"),
        None => format!("target {state}"),
    }
}
