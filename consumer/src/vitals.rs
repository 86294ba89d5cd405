//! What a worker knows of its own work, for whoever asks: counts that only grow, and what is going
//! on at this moment. The code that does the work writes it, and nothing here acts on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pixmill_contract::document::{HeldJob, JobSeconds, Pace};
use pixmill_contract::port::Delivery;
use pixmill_contract::{BatchId, Clock, JobId, Recipe, Timestamp};

use crate::pulse::Pulse;

/// Most kinds of work that are told apart: more than a pipeline's recipes have, and few enough for
/// whoever keeps a time series of each.
const MAX_KINDS: usize = 64;

/// What is counted together because there were too many kinds before it.
const OTHER: &str = "other";

/// How long a peak is remembered.
const PEAK: Duration = Duration::from_mins(1);

/// What a worker knows of its own work.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// Of the loop that renews the leases.
    pub(crate) keeper: Pulse,
    /// Of the loop that receives.
    pub(crate) receiver: Pulse,
    pub(crate) started_at: Timestamp,
    clock: Arc<dyn Clock>,
    /// In milliseconds since 1970.
    progressed_at: AtomicU64,
    counts: Mutex<Counts>,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    busy: Busy,
    /// Jobs that are worked on, and since when.
    held: BTreeMap<(BatchId, JobId), Timestamp>,
    pub(crate) received: u64,
    pub(crate) waited: Option<Duration>,
    pub(crate) ended: u64,
    pub(crate) job_seconds: JobSeconds,
    pub(crate) paces: BTreeMap<String, Pace>,
}

/// What a job took, as far as it got.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// How long it kept a slot.
    pub(crate) slot: Duration,
    /// The size of its source, if a slot worked on it.
    pub(crate) pixels: Option<u64>,
}

impl Vitals {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        Self {
            keeper: Pulse::new(),
            receiver: Pulse::new(),
            started_at: now,
            clock,
            progressed_at: AtomicU64::new(now.millis()),
            counts: Mutex::default(),
        }
    }

    /// A job came a step further, or there is nothing to do.
    pub(crate) fn step(&self) {
        self.progressed_at.store(self.clock.now().millis(), Ordering::Relaxed);
    }

    pub(crate) fn progressed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.progressed_at.load(Ordering::Relaxed))
    }

    /// A receive brought this. Nothing is a step too, if nothing is `held` from before.
    pub(crate) fn received(&self, deliveries: &[Delivery], held: usize) {
        if !deliveries.is_empty() || held == 0 {
            self.step();
        }
        let now = self.clock.now();
        let first = deliveries.iter().rev().find(|delivery| delivery.receive_count <= 1);
        let mut counts = self.lock();
        counts.received += deliveries.len() as u64;
        if let Some(delivery) = first {
            counts.waited = Some(now.since(delivery.sent_at));
        }
    }

    /// A slot is taken for as long as what this returns is kept.
    pub(crate) fn take_slot(self: &Arc<Self>) -> Slot {
        let now = self.clock.now();
        self.lock().busy.rise(now);
        Slot(Arc::clone(self))
    }

    /// A job is worked on for as long as what this returns is kept.
    pub(crate) fn hold(self: &Arc<Self>, batch: &BatchId, id: &JobId) -> Held {
        let (job, now) = ((batch.clone(), id.clone()), self.clock.now());
        self.lock().held.insert(job.clone(), now);
        Held { vitals: Arc::clone(self), job }
    }

    /// A message is gone from the queue, or about to be: its job has ended. `recipe` is what was
    /// done, if something was.
    pub(crate) fn ended(&self, spent: Spent, recipe: Option<&Recipe>) {
        self.step();
        let seconds = spent.slot.as_secs_f64();
        let mut counts = self.lock();
        counts.ended += 1;
        counts.job_seconds.add(seconds);
        if let (Some(pixels), Some(recipe)) = (spent.pixels, recipe) {
            let pace = counts.pace(kind(recipe));
            pace.jobs += 1;
            pace.megapixels += megapixels(pixels);
            pace.seconds += seconds;
        }
    }

    /// Everything that was counted, as of now.
    pub(crate) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no code panics with this lock")
    }
}

impl Counts {
    /// Slots that are taken.
    pub(crate) fn busy(&self) -> u32 {
        self.busy.now
    }

    /// The most slots that were taken at once in the minute before `now`.
    pub(crate) fn busy_peak(&self, now: Timestamp) -> u32 {
        self.busy.peak(now)
    }

    /// Jobs that are worked on.
    pub(crate) fn jobs(&self) -> Vec<HeldJob> {
        let held = |((batch, id), since): (&(BatchId, JobId), &Timestamp)| HeldJob {
            batch: batch.clone(),
            id: id.clone(),
            since: *since,
        };
        self.held.iter().map(held).collect()
    }

    /// What is known of a kind of work, or of all those that came when there were too many.
    fn pace(&mut self, kind: String) -> &mut Pace {
        let is_room = self.paces.len() < MAX_KINDS || self.paces.contains_key(&kind);
        self.paces.entry(if is_room { kind } else { OTHER.to_owned() }).or_default()
    }
}

/// A job that is worked on. A second delivery of it is worked on by itself.
#[derive(Debug)]
pub(crate) struct Held {
    vitals: Arc<Vitals>,
    job: (BatchId, JobId),
}

impl Drop for Held {
    fn drop(&mut self) {
        self.vitals.lock().held.remove(&self.job);
    }
}

/// A slot that is taken.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Vitals>);

impl Drop for Slot {
    fn drop(&mut self) {
        let now = self.0.clock.now();
        self.0.lock().busy.fall(now);
    }
}

/// How many slots are taken, and were.
#[derive(Debug, Clone, Default)]
struct Busy {
    now: u32,
    /// Heights that were left, and when: each is lower than the one before it, because what was
    /// lower and earlier is no peak any more. So there are at most as many as there are slots.
    left: VecDeque<(u32, Timestamp)>,
}

impl Busy {
    fn rise(&mut self, now: Timestamp) {
        self.now += 1;
        self.forget(now);
    }

    fn fall(&mut self, now: Timestamp) {
        while self.left.back().is_some_and(|(height, _)| *height <= self.now) {
            self.left.pop_back();
        }
        self.left.push_back((self.now, now));
        self.now -= 1;
        self.forget(now);
    }

    fn forget(&mut self, now: Timestamp) {
        while self.left.front().is_some_and(|(_, at)| now.since(*at) > PEAK) {
            self.left.pop_front();
        }
    }

    fn peak(&self, now: Timestamp) -> u32 {
        let recent = self.left.iter().filter(|(_, at)| now.since(*at) <= PEAK);
        recent.map(|(height, _)| *height).fold(self.now, u32::max)
    }
}

/// The names of a recipe's operations, in order of the alphabet.
fn kind(recipe: &Recipe) -> String {
    let operations = recipe.outputs().iter().flat_map(|output| &output.chain);
    let names: BTreeSet<_> = operations.map(|operation| operation.entry().name).collect();
    names.into_iter().collect::<Vec<_>>().join("+")
}

#[expect(clippy::cast_precision_loss, reason = "no picture has so many pixels")]
fn megapixels(pixels: u64) -> f64 {
    pixels as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use pixmill_contract::SystemClock;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_peak_is_remembered_for_a_minute() {
        let mut busy = Busy::default();
        for second in [1, 2, 3] {
            busy.rise(at(second));
        }
        for second in [10, 20, 30] {
            busy.fall(at(second));
        }
        assert_eq!(busy.now, 0);
        assert_eq!([30, 70, 71, 81, 91].map(|second| busy.peak(at(second))), [3, 3, 2, 1, 0]);
        busy.rise(at(100));
        assert_eq!(busy.peak(at(1000)), 1, "it is taken now");
    }

    #[test]
    fn what_is_remembered_is_bounded_by_the_slots() {
        let mut busy = Busy::default();
        for second in 0..1000 {
            busy.rise(at(second));
            busy.rise(at(second));
            busy.fall(at(second));
            busy.fall(at(second));
        }
        assert_eq!((busy.peak(at(1000)), busy.left.len()), (2, 2));
    }

    #[test]
    fn work_is_told_apart_by_its_operations_whatever_their_order() {
        let recipe = |text: &str| text.parse::<Recipe>().unwrap();
        assert_eq!(kind(&recipe("resize:4 | blur:3 | resize:2 -> png")), "blur+resize");
        assert_eq!(kind(&recipe("a = blur:3 -> png; b = resize:9 -> jpeg")), "blur+resize");
        let vitals = Vitals::new(Arc::new(SystemClock));
        let spent = Spent { slot: Duration::from_millis(500), pixels: Some(2_000_000) };
        vitals.ended(spent, Some(&recipe("invert")));
        vitals.ended(spent, Some(&recipe("invert -> png")));
        vitals.ended(Spent::default(), None);
        let counts = vitals.counts();
        let expected = Pace { jobs: 2, megapixels: 4.0, seconds: 1.0 };
        assert_eq!(counts.paces, BTreeMap::from([("invert".to_owned(), expected)]));
        let expected = JobSeconds { count: 3, sum: 1.0, sum_of_squares: 0.5 };
        assert_eq!((counts.ended, counts.job_seconds), (3, expected));
    }

    #[test]
    fn kinds_are_bounded() {
        let mut counts = Counts::default();
        for n in 0..1000 {
            counts.pace(format!("kind-{n}")).jobs += 1;
        }
        counts.pace("kind-5".to_owned()).jobs += 1;
        assert_eq!(counts.paces.len(), MAX_KINDS + 1);
        assert_eq!((counts.paces[OTHER].jobs, counts.paces["kind-5"].jobs), (936, 2));
    }

    #[test]
    fn slots_are_free_when_they_are_let_go() {
        let vitals = Arc::new(Vitals::new(Arc::new(SystemClock)));
        let slots = [vitals.take_slot(), vitals.take_slot()];
        assert_eq!(vitals.counts().busy(), 2);
        drop(slots);
        assert_eq!(vitals.counts().busy(), 0);
        assert_eq!(vitals.counts().busy_peak(SystemClock.now()), 2);
    }
}
