//! The fleet and why it has its size, as far as they are known here.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::document::Report;
use pixmill_contract::port::{Depth, Instance, Lifecycle, TargetHealth};
use pixmill_contract::{Error, ErrorKind, Fleet, InstanceId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json as object};

use crate::answer::json;
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;

/// Decisions that are shown, unless somebody asks for more or fewer.
const DECISIONS: u64 = 50;

/// The instances and the queue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FleetView {
    /// The instances.
    instances: Vec<InstanceView>,
    /// Messages that could be received now.
    visible: u64,
    /// Messages that somebody works on.
    in_flight: u64,
    /// Messages that wait for their time.
    delayed: u64,
    /// Jobs that were given up.
    dead_letters: u64,
    /// When this was so.
    as_of: Timestamp,
}

/// An instance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct InstanceView {
    /// Its id.
    id: InstanceId,
    /// How far it has come, as its provider says.
    lifecycle: Lifecycle,
    /// Its state in a word: pending, ready, waiting, silent, draining, stopping or ended.
    state: &'static str,
    /// Why it is so, where it is not well.
    reason: Option<String>,
    /// When it was launched.
    launched_at: Timestamp,
    /// Since when it has been told to drain.
    draining_since: Option<Timestamp>,
    /// What a load balancer says of it.
    target: Option<TargetHealth>,
    /// What its worker says of itself.
    report: Option<Report>,
}

/// The last decisions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DecisionPage {
    /// The decisions, the newest first, as the controller keeps them.
    decisions: Vec<Json>,
}

impl InstanceView {
    fn of(instance: &Instance) -> Self {
        let (state, reason) = state(instance);
        Self {
            id: instance.id.clone(),
            lifecycle: instance.lifecycle,
            state,
            reason,
            launched_at: instance.launched_at,
            draining_since: instance.draining_since,
            target: instance.target.clone(),
            report: instance.report.clone(),
        }
    }

    /// What people would see change.
    pub(crate) fn shape(&self) -> Json {
        let report = self.report.as_ref();
        let busy = report.map(|report| (report.busy, report.leases, report.ended));
        object!([self.id, self.state, self.reason, busy])
    }
}

/// The state of an instance in a word, and why that is, where it is not well.
fn state(instance: &Instance) -> (&'static str, Option<String>) {
    let itself = instance.report.as_ref().is_some_and(|report| report.draining);
    match instance.lifecycle {
        Lifecycle::Ended => ("ended", None),
        Lifecycle::Stopping => ("stopping", None),
        Lifecycle::Pending => ("pending", None),
        Lifecycle::Running if instance.draining_since.is_some() || itself => ("draining", None),
        Lifecycle::Running => match &instance.report {
            None => ("silent", Some("no report (yet)".to_owned())),
            Some(Report { storm: Some(reason), .. }) => ("waiting", Some(reason.clone())),
            Some(_) => ("ready", None),
        },
    }
}

/// Instances as they are shown.
pub(crate) fn views(instances: &[Instance]) -> Vec<InstanceView> {
    instances.iter().map(InstanceView::of).collect()
}

fn fleet(state: &State) -> Result<&Arc<dyn Fleet>, Problem> {
    let none = || Problem::new(Code::NotHere, "no fleet of this pipeline is known here");
    state.settings.fleet.as_ref().ok_or_else(none)
}

/// `GET /v1/fleet`.
pub(crate) async fn show(state: Arc<State>, _: Asked) -> Outcome {
    let instances = match &state.settings.fleet {
        Some(fleet) => views(&fleet.observe().await?),
        None => vec![],
    };
    let pipeline = state.pipeline();
    let Depth { visible, in_flight, delayed } = pipeline.jobs.depth().await?;
    let dead_letters = pipeline.dead_letters.depth().await?.total();
    let as_of = pipeline.clock.now();
    let view = FleetView { instances, visible, in_flight, delayed, dead_letters, as_of };
    Ok(json(StatusCode::OK, &view))
}

/// `POST /v1/fleet/{instance}/drain`.
pub(crate) async fn drain(state: Arc<State>, asked: Asked) -> Outcome {
    let id = InstanceId::new(asked.part("instance"));
    let id = id.map_err(|error| Problem::new(Code::BadParameter, error.to_string()))?;
    let fleet = fleet(&state)?;
    let missing = |error: Error| {
        let why = format!("there is no instance {id}");
        let is_missing = error.kind() == ErrorKind::NotFound;
        if is_missing { Problem::new(Code::NotFound, why) } else { error.into() }
    };
    fleet.drain(&id).await.map_err(missing)?;
    tracing::info!(instance = %id, who = asked.who, "told to drain");
    let instances = views(&fleet.observe().await?);
    match instances.into_iter().find(|instance| instance.id == id) {
        Some(instance) => Ok(json(StatusCode::ACCEPTED, &instance)),
        None => Err(Problem::new(Code::NotFound, "it has ended")),
    }
}

/// `GET /v1/decisions`.
pub(crate) async fn decisions(state: Arc<State>, asked: Asked) -> Outcome {
    let count = usize::try_from(asked.number("limit").unwrap_or(DECISIONS)).unwrap_or(usize::MAX);
    let decisions = match &state.settings.decisions {
        Some(decisions) => decisions(count).await?,
        None => vec![],
    };
    Ok(json(StatusCode::OK, &DecisionPage { decisions }))
}
