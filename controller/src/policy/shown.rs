//! A policy with all that follows from it, for people to look at and for programs to read.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::{Derived, Objective, Policy};

/// One number of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name in JSON, with the unit last.
    pub name: &'static str,
    /// Its value; durations are in seconds.
    pub value: f64,
    /// What it means.
    pub meaning: &'static str,
}

/// A policy as rows: displayed as a table, serialized as one object of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What people said.
    pub given: Vec<Row>,
    /// What follows.
    pub derived: Vec<Row>,
}

fn row(name: &'static str, value: f64, meaning: &'static str) -> Row {
    Row { name, value, meaning }
}

fn time(name: &'static str, value: Duration, meaning: &'static str) -> Row {
    row(name, value.as_secs_f64(), meaning)
}

impl Policy {
    /// Itself and what follows from it.
    pub fn shown(&self, derived: &Derived) -> Shown {
        Shown { given: self.rows(), derived: derived.rows() }
    }

    fn rows(&self) -> Vec<Row> {
        let objective = match self.objective {
            Objective::TargetLatency(latency) => {
                time("target_latency_seconds", latency, "a cold burst is worked off within about")
            }
            Objective::WaitCost(rho) => {
                row("given_wait_cost", rho, "a job's second of waiting against a slot's second")
            }
        };
        vec![
            objective,
            row("min_instances", self.min.into(), "fewest instances"),
            row("max_instances", self.max.into(), "most instances, without those that drain"),
            row("slots", self.slots.into(), "pictures that an instance works on at once"),
            time("given_boot_seconds", self.boot, "from launch to first report, until learned"),
            time("given_job_seconds", self.job, "a job keeps a slot, until learned"),
            time("interval_seconds", self.interval, "between two looks at the fleet"),
            time("longest_job_seconds", self.longest_job, "a job may stand still at most"),
        ]
    }
}

impl Derived {
    fn rows(&self) -> Vec<Row> {
        vec![
            time("boot_seconds", self.boot, "B: from launch to first report"),
            time("job_seconds", self.job, "S: a job keeps a slot"),
            row("wait_cost", self.wait_cost, "ρ: a job's second of waiting against a slot's"),
            time("drain_time_seconds", self.drain_time, "D: a burst is worked off within about"),
            time("hold_seconds", self.hold, "T: slots are idle before they are given up"),
            row("reserve", self.reserve, "β: standard deviations of the load in reserve"),
            time("fast_half_life_seconds", self.fast, "quick average of arrivals"),
            time("slow_half_life_seconds", self.slow, "slow average of arrivals"),
            time("grace_seconds", self.grace, "not judged after the first report"),
            time("boot_deadline_seconds", self.boot_deadline, "to the first report at most"),
            time("request_deadline_seconds", self.request_deadline, "an intent is waited for"),
            row("readings", self.readings.into(), "bad readings in a row that make one sick"),
            time("stale_seconds", self.stale, "a report without change counts as none"),
            time("standstill_seconds", self.standstill, "takes nothing although jobs wait"),
            time("stuck_seconds", self.stuck, "leases come no step further"),
            time("drain_timeout_seconds", self.drain_timeout, "a drain is ended"),
            row("breaker_share", self.breaker_share, "of the fleet looks sick: replace nobody"),
            row("replaced_share", self.replaced_share, "of the fleet replaced in one boot time"),
            row("failed_boots", self.failed_boots.into(), "in a row: launches are held back"),
            time("backoff_base_seconds", self.backoff.base, "launches held back, at first"),
            time("backoff_cap_seconds", self.backoff.cap, "launches held back, at most"),
            row("launches_a_tick", self.launches_a_tick.into(), "or as many as there are"),
        ]
    }
}

impl Shown {
    fn all(&self) -> impl Iterator<Item = &Row> {
        self.given.iter().chain(&self.derived)
    }
}

impl Row {
    /// Its value with its unit, shortly.
    fn text(&self) -> String {
        if self.name.ends_with("_seconds") {
            let rounded = Duration::from_secs_f64((self.value * 1000.0).round() / 1000.0);
            return humantime::format_duration(rounded).to_string();
        }
        format!("{}", (self.value * 10_000.0).round() / 10_000.0)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, rows) in [("given", &self.given), ("derived", &self.derived)] {
            writeln!(f, "{title}")?;
            for row in rows {
                let name = row.name.trim_end_matches("_seconds").replace('_', " ");
                writeln!(f, "  {name:<17} {:>14}  {}", row.text(), row.meaning)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for row in self.all() {
            map.serialize_entry(row.name, &row.value)?;
        }
        map.end()
    }
}
