//! What was, for whoever draws it: a point every ten seconds, for a week.
//!
//! Points are written by whoever acts, an hour to a document, in a ring, so that nothing has to be
//! deleted and what is kept is bounded. They are for people: a minute of them may be lost with a
//! controller that is killed.

use std::time::Duration;

use futures_util::StreamExt as _;
use pixmill_contract::document::Version;
use pixmill_contract::key::CONTROLLER;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, Pipeline, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::Record;

/// The time between two points.
const EVERY: Duration = Duration::from_secs(10);

/// How often points are written down.
const WRITTEN: Duration = Duration::from_mins(1);

/// So many hours are kept: a week, and the one that is being written.
const HOURS: u64 = 7 * 24 + 1;

/// Documents that are read at once.
const READERS: usize = 8;

/// How things were at a moment. Nothing stands for what was not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Messages that could be received.
    pub visible: Option<u64>,
    /// Messages that somebody worked on.
    pub in_flight: Option<u64>,
    /// Dead letters.
    pub dead_letters: Option<u64>,
    /// Instances that worked, booted or had been asked for.
    pub instances: Option<u32>,
    /// How many there were to be.
    pub desired: Option<u32>,
    /// Jobs that ended in a second.
    pub served_per_second: f64,
    /// Jobs that arrived in a second.
    pub arrivals_per_second: f64,
}

impl From<&Record> for Point {
    fn from(record: &Record) -> Self {
        Self {
            at: record.at,
            visible: record.depth.map(|depth| depth.visible),
            in_flight: record.depth.map(|depth| depth.in_flight),
            dead_letters: record.dead_letters,
            instances: record.counts.map(|counts| counts.capacity()),
            desired: record.desired,
            served_per_second: record.served_per_second,
            arrivals_per_second: record.arrivals_per_second,
        }
    }
}

/// The points of an hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Hour {
    pixmill: Version,
    /// Hours since 1970.
    number: u64,
    points: Vec<Point>,
}

fn hour_of(at: Timestamp) -> u64 {
    at.millis() / 3_600_000
}

fn key(hour: u64) -> Key {
    Key::new(format!("{CONTROLLER}history/{:03}.json", hour % HOURS)).expect("a good key")
}

async fn read(pipeline: &Pipeline, hour: u64) -> Result<Option<Hour>, Error> {
    let object = match pipeline.store.get(&key(hour), None).await {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let known = serde_json::from_slice::<Hour>(&object.bytes().await?);
    // One of an earlier round.
    Ok(known.ok().filter(|known| known.number == hour))
}

/// The pen of whoever acts.
#[derive(Debug, Default)]
pub(crate) struct History {
    now: Option<Hour>,
    written_at: Option<Timestamp>,
}

impl History {
    /// Notes a plan, and writes down what has gathered now and then. What fails is written with the
    /// next.
    pub(crate) async fn note(&mut self, pipeline: &Pipeline, record: &Record) -> Result<(), Error> {
        let hour = hour_of(record.at);
        if self.now.as_ref().is_none_or(|known| known.number != hour) {
            self.write(pipeline).await?;
            let new = || Hour { pixmill: Version, number: hour, points: vec![] };
            self.now = Some(read(pipeline, hour).await?.unwrap_or_else(new));
            self.written_at = Some(record.at);
        }
        let Some(Hour { points, .. }) = &mut self.now else { return Ok(()) };
        if points.last().is_some_and(|last| record.at.since(last.at) < EVERY) {
            return Ok(());
        }
        points.push(record.into());
        if self.written_at.is_none_or(|at| record.at.since(at) >= WRITTEN) {
            self.write(pipeline).await?;
            self.written_at = Some(record.at);
        }
        Ok(())
    }

    /// Writes down what has gathered.
    pub(crate) async fn write(&self, pipeline: &Pipeline) -> Result<(), Error> {
        let Some(hour) = &self.now else { return Ok(()) };
        let put = Put {
            key: key(hour.number),
            payload: Payload::Bytes(serde_json::to_vec(hour).expect("points are JSON")),
            media_type: "application/json",
            condition: Condition::Always,
            owner: None,
        };
        pipeline.store.put(put).await.map(drop)
    }
}

/// How things were since a moment, the oldest first: at most for a week, and but for the last minute.
pub async fn history(pipeline: &Pipeline, since: Timestamp) -> Result<Vec<Point>, Error> {
    let now = hour_of(pipeline.clock.now());
    let first = hour_of(since).max(now.saturating_sub(HOURS - 1));
    let read = |hour| read(pipeline, hour);
    let hours: Vec<_> =
        futures_util::stream::iter(first..=now).map(read).buffered(READERS).collect().await;
    let mut points = vec![];
    for hour in hours {
        points.extend(hour?.into_iter().flat_map(|hour: Hour| hour.points));
    }
    points.retain(|point| point.at >= since);
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_the_ring_is_overwritten_after_a_week() {
        assert_eq!(key(5), key(5 + HOURS));
        assert_ne!(key(5), key(6));
        assert_eq!(hour_of(Timestamp::from_millis(7_199_999)), 1);
    }
}
