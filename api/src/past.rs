//! What was: how full the queue and how large the fleet, as columns for a chart, and what was done.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use pixmill_contract::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::answer::json;
use crate::asked::Asked;
use crate::fleet::last_decisions;
use crate::route::Outcome;
use crate::state::{Done, State};

/// Most points of a chart.
const POINTS: usize = 360;

/// Decisions that come after the last point that was written down: a minute's, at the usual interval.
const LATEST: usize = 24;

/// Decisions that are looked at for events.
const LOOKED_AT: usize = 512;

/// Events that are shown, unless somebody asks for more or fewer.
const SHOWN: u64 = 100;

/// How things were, a column for each number. Nothing stands for what was not known.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Columns {
    /// How long a point stands for, in seconds.
    step_seconds: u64,
    /// When, at the end of each point.
    at: Vec<Timestamp>,
    /// The most messages that could be received.
    visible: Vec<Option<f64>>,
    /// The most messages that somebody worked on.
    in_flight: Vec<Option<f64>>,
    /// The most dead letters.
    dead_letters: Vec<Option<f64>>,
    /// The most instances.
    instances: Vec<Option<f64>>,
    /// How many there were to be.
    desired: Vec<Option<f64>>,
    /// Jobs that ended in a second, on average.
    served_per_second: Vec<Option<f64>>,
    /// When this was so.
    as_of: Option<Timestamp>,
}

/// How things were at a moment.
#[derive(Debug, Clone, Deserialize)]
struct Point {
    at: Timestamp,
    #[serde(default)]
    visible: Option<f64>,
    #[serde(default)]
    in_flight: Option<f64>,
    #[serde(default)]
    dead_letters: Option<f64>,
    #[serde(default)]
    instances: Option<f64>,
    #[serde(default)]
    desired: Option<f64>,
    #[serde(default)]
    served_per_second: Option<f64>,
}

impl Point {
    /// That of a decision.
    fn of_decision(decision: &Json) -> Option<Self> {
        let number = |value: &Json| value.as_f64();
        let counts = &decision["counts"];
        let phases = ["requested", "booting", "ready"];
        let phases: Option<Vec<f64>> = phases.iter().map(|phase| counts[phase].as_f64()).collect();
        Some(Self {
            at: serde_json::from_value(decision["at"].clone()).ok()?,
            visible: number(&decision["depth"]["visible"]),
            in_flight: number(&decision["depth"]["in_flight"]),
            dead_letters: number(&decision["dead_letters"]),
            instances: phases.map(|counts| counts.iter().sum()),
            desired: number(&decision["desired"]),
            served_per_second: number(&decision["served_per_second"]),
        })
    }
}

impl Columns {
    /// Points, the oldest first, put together where there are too many for a chart.
    fn of(points: &[Point], range: Duration) -> Self {
        let step = (range / u32::try_from(POINTS).unwrap_or(u32::MAX)).max(Duration::from_secs(1));
        let mut columns = Self { step_seconds: step.as_secs(), ..Self::default() };
        let place = |point: &Point| u128::from(point.at.millis()) / step.as_millis();
        for together in points.chunk_by(|one, other| place(one) == place(other)) {
            columns.add(together);
        }
        columns
    }

    fn add(&mut self, together: &[Point]) {
        let Some(last) = together.last() else { return };
        let most = |of: fn(&Point) -> Option<f64>| together.iter().filter_map(of).reduce(f64::max);
        self.at.push(last.at);
        self.visible.push(most(|point| point.visible));
        self.in_flight.push(most(|point| point.in_flight));
        self.dead_letters.push(most(|point| point.dead_letters));
        self.instances.push(most(|point| point.instances));
        self.desired.push(last.desired);
        let served: Vec<_> = together.iter().filter_map(|point| point.served_per_second).collect();
        let count = u32::try_from(served.len()).unwrap_or(u32::MAX);
        let mean = (count > 0).then(|| served.iter().sum::<f64>() / f64::from(count));
        self.served_per_second.push(mean);
    }
}

/// Something that a controller did or noticed, and when.
#[derive(Debug, Serialize, JsonSchema)]
struct FleetEvent {
    /// When.
    at: Timestamp,
    /// What.
    #[serde(flatten)]
    done: Done,
}

/// What was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FleetEvents {
    /// The latest first.
    events: Vec<FleetEvent>,
}

/// `GET /v1/fleet/history`.
pub(crate) async fn history(state: Arc<State>, asked: Asked) -> Outcome {
    let range = match asked.text("range") {
        Some("6h") => Duration::from_hours(6),
        Some("24h") => Duration::from_hours(24),
        Some("7d") => Duration::from_hours(7 * 24),
        Some(_) | None => Duration::from_hours(1),
    };
    let now = state.pipeline().clock.now();
    let since = Timestamp::from_millis(now.millis().saturating_sub(millis(range)));
    let mut points: Vec<Point> = match &state.settings.history {
        Some(history) => {
            let known = history(since).await?.into_iter();
            known.filter_map(|point| serde_json::from_value(point).ok()).collect()
        }
        None => vec![],
    };
    // The last minute is not written down yet.
    let last = points.last().map_or(since, |point| point.at);
    let latest = last_decisions(&state, LATEST).await?;
    let latest = latest.iter().rev().filter_map(Point::of_decision);
    points.extend(latest.filter(|point| point.at > last));
    let columns = Columns { as_of: Some(now), ..Columns::of(&points, range) };
    Ok(json(StatusCode::OK, &columns))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `GET /v1/fleet/events`.
pub(crate) async fn events(state: Arc<State>, asked: Asked) -> Outcome {
    let limit = usize::try_from(asked.number("limit").unwrap_or(SHOWN)).unwrap_or(usize::MAX);
    let decisions = last_decisions(&state, LOOKED_AT).await?;
    let mut events: Vec<FleetEvent> = vec![];
    for (place, decision) in decisions.iter().enumerate() {
        let of = |decision: &Json| -> Vec<Done> {
            serde_json::from_value(decision["events"].clone()).unwrap_or_default()
        };
        let Ok(at) = serde_json::from_value::<Timestamp>(decision["at"].clone()) else { continue };
        let before = decisions.get(place + 1).map(of).unwrap_or_default();
        // What goes on is told once, when it begins.
        let is_new = |done: &Done| {
            done.kind != "warning"
                || !before.iter().any(|other| other.kind == done.kind && other.why == done.why)
        };
        let new = of(decision).into_iter().filter(is_new);
        events.extend(new.map(|done| FleetEvent { at, done }));
        if events.len() >= limit {
            break;
        }
    }
    events.truncate(limit);
    Ok(json(StatusCode::OK, &FleetEvents { events }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_few_points_that_hold_the_peaks() {
        let point = |second: u64| Point {
            at: Timestamp::from_millis(second * 1000),
            visible: Some(if second == 70_007 { 9.0 } else { 1.0 }),
            in_flight: None,
            dead_letters: None,
            instances: Some(2.0),
            desired: Some(3.0),
            served_per_second: Some(0.5),
        };
        let day = Duration::from_hours(24);
        let points: Vec<_> = (0..86_400).step_by(7).map(point).collect();
        let columns = Columns::of(&points, day);
        assert_eq!((columns.at.len(), columns.step_seconds), (POINTS, 240));
        assert!(columns.visible.contains(&Some(9.0)), "a peak is not lost");
        assert!(columns.in_flight.iter().all(Option::is_none), "what is unknown is not zero");
        let few = Columns::of(&points[..3], Duration::from_hours(1));
        assert_eq!(few.at.len(), 2, "the first two are within ten seconds");
    }
}
