//! What is known of one instance beyond what was observed of it just now.

use pixmill_contract::document::{JobSeconds, Report};
use pixmill_contract::port::{Instance, Lifecycle};
use pixmill_contract::{IntentId, Timestamp, WorkerId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::amount::{real, whole};
use crate::moment::Moment;
use crate::plan::{DrainReason, Sickness, TerminateReason};

/// What is known of one instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// When it was launched.
    pub(crate) launched: Moment,
    /// The intent that it bore last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<IntentId>,
    /// Whether it has been watched from its launch to its first report, or to now. Of another one
    /// nobody knows when it came up, and whether it has worked before.
    pub(crate) followed: bool,
    /// Its worker, once that has reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heard: Option<Heard>,
    /// Readings in a row in which it looked sick.
    pub(crate) bad: u32,
    /// What it suffered from by the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suffers: Option<Sickness>,
    /// Its drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) drained: Option<Drained>,
    /// Why its end was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) terminated: Option<TerminateReason>,
    /// Whether its end is known, and has been made good as far as it must be.
    pub(super) mourned: bool,
}

/// A drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Drained {
    pub(crate) since: Moment,
    pub(crate) why: DrainReason,
}

/// What is known of a worker that has reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heard {
    worker: WorkerId,
    /// When the last report was written, by the worker's own clock, which may be off: it is only
    /// ever compared with itself.
    at: Timestamp,
    /// When that last changed, so when a new report last came. This is what a report's age is
    /// judged by.
    changed: Moment,
    /// When the first report came.
    pub(crate) first: Moment,
    /// Its slots.
    pub(crate) slots: u32,
    /// Slots that its jobs kept on average between its last two reports, rounded up.
    pub(crate) worked: u32,
    /// What changes when it comes a step further.
    progress: (Timestamp, u64),
    /// When that last changed.
    pub(crate) progressed: Moment,
    /// Jobs that ended there, over all its workers' lives.
    pub(crate) ended: u64,
    /// The last report's own count of them.
    last_ended: u64,
    /// How many of them the arrivals have been counted by; nothing, if it was silent then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counted: Option<u64>,
    /// The last report's own sums.
    jobs: JobSeconds,
}

impl Known {
    /// An instance that was not known. `age` is how long ago it was launched, as far as that is to
    /// be believed.
    pub(super) fn new(now: Moment, age: Duration, followed: bool) -> Self {
        Self {
            launched: now.before(age),
            intent: None,
            followed,
            heard: None,
            bad: 0,
            suffers: None,
            drained: None,
            terminated: None,
            mourned: false,
        }
    }

    /// Whether what is seen now is another life of an instance: it had ended, or was to, and has been
    /// started again for another intent. Nothing that is known of the former life holds for it.
    pub(super) fn is_reborn(&self, instance: &Instance) -> bool {
        let lives = match instance.lifecycle {
            Lifecycle::Pending | Lifecycle::Running => true,
            Lifecycle::Stopping | Lifecycle::Ended => false,
        };
        let had_ended = self.mourned || self.terminated.is_some();
        lives && had_ended && self.intent.as_ref().is_some_and(|intent| *intent != instance.intent)
    }

    /// Whether it goes, or is gone, because somebody wanted it to.
    pub(crate) fn is_asked_to_go(&self) -> bool {
        self.drained.is_some() || self.terminated.is_some()
    }

    /// Its worker's report, unless that is none or too old: it has not changed for longer than
    /// `stale`.
    pub(crate) fn report<'a>(
        &self,
        instance: &'a Instance,
        now: Moment,
        stale: Duration,
    ) -> Option<&'a Report> {
        let heard = self.heard.as_ref()?;
        instance.report.as_ref().filter(|_| now.since(heard.changed) <= stale)
    }

    /// Reads a report, and returns what its worker's jobs took since the one before.
    pub(super) fn read(&mut self, report: &Report, now: Moment) -> JobSeconds {
        let progress = (report.progressed_at, report.received.saturating_add(report.ended));
        let Some(heard) = &mut self.heard else {
            self.heard = Some(Heard {
                worker: report.worker.clone(),
                at: report.at,
                changed: now,
                first: now,
                slots: report.slots,
                worked: 0,
                progress,
                progressed: now,
                ended: report.ended,
                last_ended: report.ended,
                counted: None,
                jobs: report.job_seconds,
            });
            return report.job_seconds;
        };
        // Another worker counts from zero.
        let same = heard.worker == report.worker
            && heard.last_ended <= report.ended
            && heard.jobs.count <= report.job_seconds.count;
        let before = if same { (heard.last_ended, heard.jobs) } else { Default::default() };
        let done = JobSeconds {
            count: report.job_seconds.count - before.1.count,
            sum: report.job_seconds.sum - before.1.sum,
            sum_of_squares: report.job_seconds.sum_of_squares - before.1.sum_of_squares,
        };
        let ended = report.ended - before.0;
        if heard.at != report.at {
            let over = report.at.since(heard.at).as_secs_f64();
            let kept = if over > 0.0 { whole((done.sum / over).ceil()) } else { report.slots };
            heard.worked = kept.max(u32::from(ended > 0)).min(report.slots);
            (heard.at, heard.changed) = (report.at, now);
        }
        if heard.progress != progress {
            (heard.progress, heard.progressed) = (progress, now);
        }
        if !same {
            heard.worker = report.worker.clone();
        }
        heard.slots = report.slots;
        heard.ended = heard.ended.saturating_add(ended);
        (heard.last_ended, heard.jobs) = (report.ended, report.job_seconds);
        done
    }

    /// How many jobs have ended there since the arrivals were counted last. One that was silent
    /// then is counted from now on: when its jobs ended is not known.
    pub(super) fn count_ended(&mut self, now: Moment, stale: Duration) -> u64 {
        let Some(heard) = &mut self.heard else { return 0 };
        if now.since(heard.changed) > stale {
            heard.counted = None;
            return 0;
        }
        let is_new = self.followed && heard.first == now;
        let before = heard.counted.unwrap_or(if is_new { 0 } else { heard.ended });
        heard.counted = Some(heard.ended);
        heard.ended.saturating_sub(before)
    }
}

impl Heard {
    /// Slots of its that are idle, given its report: neither taken now, nor kept on average since
    /// the report before.
    pub(crate) fn idle(&self, report: &Report) -> u32 {
        let taken = report.busy.max(report.leases).max(self.worked);
        if report.storm.is_some() { 0 } else { report.slots.saturating_sub(taken) }
    }

    /// Jobs that it has in work.
    pub(crate) fn in_work(report: &Report) -> f64 {
        real(report.busy.min(report.slots).into())
    }
}
