//! The fleet and why it has its size, as far as they are known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::document::{HeldJob, Report};
use pixmill_contract::port::{Depth, Instance, Lifecycle, TargetHealth};
use pixmill_contract::{Error, ErrorKind, Fleet, InstanceId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json as object};

use crate::answer::json;
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::{Acting, Note, State};

/// Decisions that are shown, unless somebody asks for more or fewer.
const DECISIONS: u64 = 50;

/// The instances and the queue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FleetView {
    /// The instances.
    instances: Vec<InstanceView>,
    /// All of them together.
    totals: Totals,
    /// The controller that acts, or did; nothing where there has never been one.
    controller: Option<ControllerView>,
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

/// All instances together.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Totals {
    /// Those that run, are about to, or are on their way out.
    living: usize,
    /// Those that work, or wait for work.
    ready: usize,
    /// How many there are to be, by the last decision.
    desired: Option<u64>,
    /// Their slots.
    slots: u64,
    /// Slots that are taken.
    busy: u64,
    /// Messages that they hold.
    leases: u64,
    /// How long the longest of those that were received last had waited, in seconds.
    waited_seconds: Option<f64>,
}

/// A controller.
#[derive(Debug, Serialize, JsonSchema)]
struct ControllerView {
    /// Its name.
    name: String,
    /// Which holder of the lease it is.
    epoch: u64,
    /// When it last wrote that it acts, which it does with every tick.
    last_tick_at: Timestamp,
    /// How long its ticks are apart, in seconds, by the last two.
    tick_seconds: Option<f64>,
    /// Whether it has stopped, so that nobody sizes the fleet.
    has_stopped: bool,
}

/// An instance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct InstanceView {
    /// Its id.
    id: InstanceId,
    /// How far it has come, as its provider says.
    lifecycle: Lifecycle,
    /// Its state in a word: pending, ready, waiting, sick, silent, draining, stopping or ended.
    state: &'static str,
    /// Why it is so, where it is not well.
    reason: Option<String>,
    /// When it was launched.
    launched_at: Timestamp,
    /// When its worker last said how it is.
    heartbeat_at: Option<Timestamp>,
    /// Whether it can be told to drain from here.
    drainable: bool,
    /// Since when it has been told to drain.
    draining_since: Option<Timestamp>,
    /// What a load balancer says of it.
    target: Option<TargetHealth>,
    /// The jobs that it works on.
    jobs: Vec<HeldJob>,
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
    fn of(instance: &Instance, note: Option<&Note>, drains: bool) -> Self {
        let (state, reason) = state(instance, note);
        let is_at_work = matches!(state, "pending" | "ready" | "waiting" | "sick" | "silent");
        Self {
            id: instance.id.clone(),
            lifecycle: instance.lifecycle,
            state,
            reason,
            launched_at: instance.launched_at,
            heartbeat_at: instance.report.as_ref().map(|report| report.at),
            drainable: drains && is_at_work,
            draining_since: instance.draining_since,
            target: instance.target.clone(),
            jobs: instance.report.as_ref().map_or(vec![], |report| report.jobs.clone()),
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
fn state(instance: &Instance, note: Option<&Note>) -> (&'static str, Option<String>) {
    let itself = instance.report.as_ref().is_some_and(|report| report.draining);
    let goes = note.and_then(|note| note.goes.clone());
    let sick = note.and_then(|note| note.sick.clone());
    match instance.lifecycle {
        Lifecycle::Ended => ("ended", goes),
        Lifecycle::Stopping => ("stopping", goes),
        Lifecycle::Pending => ("pending", None),
        Lifecycle::Running if instance.draining_since.is_some() || itself => ("draining", goes),
        Lifecycle::Running if sick.is_some() => ("sick", sick),
        Lifecycle::Running => match &instance.report {
            None => ("silent", Some("no report (yet)".to_owned())),
            Some(Report { storm: Some(reason), .. }) => ("waiting", Some(reason.clone())),
            Some(_) => ("ready", None),
        },
    }
}

/// Instances as they are shown, with what the controller thinks of them.
pub(crate) fn views(
    state: &State,
    instances: &[Instance],
    notes: &BTreeMap<InstanceId, Note>,
) -> Vec<InstanceView> {
    let drains = state.settings.drains;
    let view = |instance: &Instance| InstanceView::of(instance, notes.get(&instance.id), drains);
    instances.iter().map(view).collect()
}

/// The controller that acts, if it is known here.
pub(crate) async fn acting(state: &State) -> Result<Option<Acting>, Error> {
    match &state.settings.standing {
        Some(standing) => standing().await,
        None => Ok(None),
    }
}

impl Totals {
    fn of(views: &[InstanceView], desired: Option<u64>) -> Self {
        let reports = || views.iter().filter_map(|view| view.report.as_ref());
        let sum =
            |count: fn(&Report) -> u32| reports().map(|report| u64::from(count(report))).sum();
        let waited = reports().filter_map(|report| report.waited_seconds);
        Self {
            living: views.iter().filter(|view| view.state != "ended").count(),
            ready: views.iter().filter(|view| matches!(view.state, "ready" | "waiting")).count(),
            desired,
            slots: sum(|report| report.slots),
            busy: sum(|report| report.busy),
            leases: sum(|report| report.leases),
            waited_seconds: waited.reduce(f64::max),
        }
    }
}

fn fleet(state: &State) -> Result<&Arc<dyn Fleet>, Problem> {
    let none = || Problem::new(Code::NotHere, "no fleet of this pipeline is known here");
    state.settings.fleet.as_ref().ok_or_else(none)
}

/// `GET /v1/fleet`.
pub(crate) async fn show(state: Arc<State>, _: Asked) -> Outcome {
    let instances = match &state.settings.fleet {
        Some(fleet) => fleet.observe().await?,
        None => vec![],
    };
    let acting = acting(&state).await?;
    let notes = acting.as_ref().map(|acting| acting.notes.clone()).unwrap_or_default();
    let instances = views(&state, &instances, &notes);
    let last = last_decisions(&state, 2).await?;
    let at = |decision: &Json| serde_json::from_value::<Timestamp>(decision["at"].clone()).ok();
    let times: Vec<_> = last.iter().filter_map(at).collect();
    let tick_seconds = match times[..] {
        [last, before] => Some(last.since(before).as_secs_f64()),
        _ => None,
    };
    let controller = acting.map(|acting| ControllerView {
        name: acting.name,
        epoch: acting.epoch,
        last_tick_at: acting.at,
        tick_seconds,
        has_stopped: acting.has_stopped,
    });
    let desired = last.first().and_then(|decision| decision["desired"].as_u64());
    let totals = Totals::of(&instances, desired);
    let pipeline = state.pipeline();
    let Depth { visible, in_flight, delayed } = pipeline.jobs.depth().await?;
    let dead_letters = pipeline.dead_letters.depth().await?.total();
    let as_of = pipeline.clock.now();
    let view = FleetView {
        instances,
        totals,
        controller,
        visible,
        in_flight,
        delayed,
        dead_letters,
        as_of,
    };
    Ok(json(StatusCode::OK, &view))
}

/// The last decisions, if they are known here.
pub(crate) async fn last_decisions(state: &State, count: usize) -> Result<Vec<Json>, Error> {
    match &state.settings.decisions {
        Some(decisions) => decisions(count).await,
        None => Ok(vec![]),
    }
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
    let instances = views(&state, &fleet.observe().await?, &BTreeMap::new());
    match instances.into_iter().find(|instance| instance.id == id) {
        Some(instance) => Ok(json(StatusCode::ACCEPTED, &instance)),
        None => Err(Problem::new(Code::NotFound, "it has ended")),
    }
}

/// `GET /v1/decisions`.
pub(crate) async fn decisions(state: Arc<State>, asked: Asked) -> Outcome {
    let count = usize::try_from(asked.number("limit").unwrap_or(DECISIONS)).unwrap_or(usize::MAX);
    let decisions = last_decisions(&state, count).await?;
    Ok(json(StatusCode::OK, &DecisionPage { decisions }))
}
