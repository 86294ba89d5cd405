//! The memory: what the planner keeps from one tick to the next.
//!
//! It is one JSON document in the store. What matters for safety can be found anew from the world,
//! so a memory that is lost costs patience (nobody is judged, nothing is given up until as much
//! has been seen again) and never an instance that works. Its size is bounded: what it holds of an
//! instance goes with the instance, intents have a deadline, and averages are a few numbers.
//!
//! `learn.rs` reads a snapshot into it; the rules of `plan` read it and write what they decide.

mod arrivals;
mod boots;
mod idle;
mod known;
mod learn;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pixmill_contract::document::Version;
use pixmill_contract::port::{Instance, Intent};
use pixmill_contract::{InstanceId, IntentId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::moment::Moment;
use crate::plan::LaunchReason;
use crate::policy::Policy;

pub(crate) use boots::Boots;
pub(crate) use known::{Drained, Heard, Known};
pub(crate) use learn::News;

/// A tick may take so long however short its interval is: whoever is silent is waited for.
const SLOW_TICK: Duration = Duration::from_secs(5);

/// Most intents that wait for their instances at once: a tick adds two at most, and each is
/// forgotten at its deadline.
const MAX_INTENTS: usize = 100;

/// What the planner keeps from one tick to the next. The default is that of a controller that has
/// seen nothing yet, or has lost its memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The document's version.
    pixmill: Version,
    /// When it was begun: part of every intent's id, so that a memory that was lost and begun anew
    /// never names an intent that has been fulfilled already.
    pub(crate) born: Option<Timestamp>,
    /// When the last plan was made.
    pub(crate) planned_at: Option<Timestamp>,
    /// Its own clock.
    pub(crate) now: Moment,
    /// Whether the instances were observed then.
    pub(crate) saw: bool,
    /// Plans made.
    pub(crate) ticks: u64,
    /// Intents made.
    pub(crate) intents_made: u64,
    /// Intents whose instances have not all been seen.
    pub(crate) requested: Vec<Requested>,
    /// How many jobs arrive.
    arrivals: arrivals::Arrivals,
    /// How long jobs take.
    work: work::Work,
    /// How long instances take to boot, and how their boots end.
    pub(crate) boots: Boots,
    /// How many slots were idle lately.
    idle: idle::Idle,
    /// Whether our own eyes are trusted.
    pub(crate) breaker: Breaker,
    /// When instances were replaced for their health, within the last boot time.
    pub(crate) replaced: Vec<Moment>,
    /// The instances that were seen last.
    pub(crate) instances: BTreeMap<InstanceId, Known>,
}

/// An intent that waits for its instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Requested {
    pub(crate) intent: Intent,
    pub(crate) why: LaunchReason,
    pub(crate) since: Moment,
    /// How many of its instances have been seen.
    pub(crate) seen: u32,
}

impl Requested {
    /// How many of its instances are yet to be seen.
    pub(crate) fn missing(&self) -> u32 {
        self.intent.count.saturating_sub(self.seen)
    }
}

/// Whether what looks sick is believed to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum Breaker {
    /// It is: the sick are replaced.
    #[default]
    Closed,
    /// It is not, as it is too many at once: nobody is replaced until an instance that was launched
    /// since then, the canary, is well.
    Open {
        /// Since when.
        since: Moment,
        /// No canary is launched before.
        next: Moment,
    },
    /// It is, as the canary is well: the sick are replaced one at a time.
    Recovering {
        /// When the breaker opened.
        since: Moment,
    },
}

/// How a tick follows the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// What passed on the memory's clock.
    pub(crate) elapsed: Duration,
    /// Whether the time since the last plan cannot be told: this is the first, the clock has
    /// jumped, or the controller was away.
    pub(crate) gap: bool,
}

impl Memory {
    /// Begins a tick. `seen` says whether the instances were observed.
    pub(crate) fn begin(&mut self, policy: &Policy, now: Timestamp, seen: bool) -> Step {
        let longest = (policy.interval * 6).max(Duration::from_mins(1));
        let step = match self.planned_at {
            None => Step { elapsed: Duration::ZERO, gap: true },
            Some(before) if now < before => Step { elapsed: Duration::ZERO, gap: true },
            Some(before) => {
                let passed = now.since(before);
                let elapsed = passed.min((policy.interval * 3).max(SLOW_TICK));
                Step { elapsed, gap: passed > longest }
            }
        };
        if self.born.is_none() {
            (self.born, self.now) = (Some(now), Moment::START);
        }
        self.planned_at = Some(now);
        self.ticks += 1;
        if seen {
            self.now = self.now + step.elapsed;
        }
        step
    }

    /// A controller that has just started goes on with it. Nobody watched until now, so whoever was
    /// booting may have been ended along with the controller before, which says nothing about boots;
    /// and whoever starts a controller has mended what was wrong, or wants to see it fail: the first
    /// launch is not held back.
    pub fn resume(&mut self) {
        self.lose_sight();
        self.boots.lift();
    }

    /// How long an instance takes from its launch to its first report.
    pub fn boot(&self, policy: &Policy) -> Duration {
        self.boots.learned().unwrap_or(policy.boot)
    }

    /// How long a job keeps a slot.
    pub fn job(&self, policy: &Policy) -> Duration {
        self.work.mean(policy.job)
    }

    /// The squared coefficient of variation of how long a job keeps a slot (c²).
    pub(crate) fn variability(&self) -> f64 {
        self.work.variability()
    }

    /// Jobs that arrive in a second (λ).
    pub(crate) fn arrivals_per_second(&self) -> f64 {
        self.arrivals.per_second()
    }

    /// Jobs that end in a second.
    pub(crate) fn served_per_second(&self) -> f64 {
        self.arrivals.served_per_second()
    }

    /// Notes how many slots are idle now; nothing, if that could not be found out. Returns the
    /// least of the last `hold`.
    pub(crate) fn note_idle(&mut self, idle: Option<u32>, hold: Duration) -> u32 {
        self.idle.note(self.now, idle.unwrap_or(0), hold)
    }

    /// So many slots are given up, or lost: they are not idle besides.
    pub(crate) fn give_up_slots(&mut self, slots: u32) {
        self.idle.give_up(slots);
    }

    /// Nothing has come for as long as idle slots are held: what came before is no rate any more.
    pub(crate) fn forget_arrivals(&mut self) {
        self.arrivals.rest();
    }

    /// The id of the next intent.
    fn next_intent(&self, epoch: u64) -> IntentId {
        let born = self.born.map_or(0, Timestamp::millis);
        let parts = [epoch, born, self.intents_made].map(u64::to_le_bytes);
        IntentId::derived(&[b"intent", &parts[0], &parts[1], &parts[2]])
    }

    /// Passes over the intents that instances bear already: they were launched by a plan whose
    /// memory was not kept, and asking for them again would launch nothing.
    pub(crate) fn avoid_intents_of(&mut self, instances: &[Instance], epoch: u64) {
        let known: BTreeSet<_> = instances.iter().map(|instance| &instance.intent).collect();
        while known.contains(&self.next_intent(epoch)) {
            self.intents_made += 1;
        }
    }

    /// Writes a new intent down, or nothing if too many wait already. Its id follows from the
    /// epoch and from the memory alone, so that whoever plans again from the same memory names
    /// the same intent.
    pub(crate) fn request(
        &mut self,
        epoch: u64,
        count: u32,
        why: LaunchReason,
        now: Timestamp,
    ) -> Option<Intent> {
        if count == 0 || self.requested.len() >= MAX_INTENTS {
            return None;
        }
        let id = self.next_intent(epoch);
        self.intents_made += 1;
        let intent = Intent { id, count, at: now };
        let since = self.now;
        self.requested.push(Requested { intent: intent.clone(), why, since, seen: 0 });
        Some(intent)
    }
}
