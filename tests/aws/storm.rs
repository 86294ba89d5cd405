//! A cloud on its worst day: bursts of 5xx and throttling, connections that break off, answers that
//! are late, lost or given twice, in front of every process at once; and then all is well. At full
//! size by `make soak`, by `PIXMILL_SOAK_STORM`, a number of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;

use super::{SOON, assert_all_done, consumer, drain};
use crate::harness::{Cloud, Patience, Place, Request, TWO, Treatment, eventually, files};

/// Of so many requests one is the first of a burst of refusals, and one meets a fault of its own.
const CALM: u32 = 60;
const FAULTS: u32 = 12;

fn jobs() -> u32 {
    let asked = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_STORM");
    asked.map_or(16, |(_, jobs)| jobs.parse().unwrap())
}

type Tally = Arc<Mutex<BTreeMap<&'static str, u32>>>;

/// What befalls each request, by a seed.
fn storm(seed: u64, tally: Tally) -> impl FnMut(&Request) -> Treatment + Send + 'static {
    let (mut dice, mut burst, mut kind) = (Rng::with_seed(seed), 0, 0);
    move |request| {
        let is_s3 = request.action.is_empty();
        if burst == 0 && dice.u32(0..CALM) == 0 {
            (burst, kind) = (dice.u32(1..15), dice.u32(0..3));
        }
        let (what, treatment) = if burst > 0 {
            burst -= 1;
            match (kind, is_s3) {
                (0, true) => ("slow down", Treatment::Refuse(503, "SlowDown", "us-east-1")),
                (0, false) => ("throttled", Treatment::Refuse(403, "RequestThrottled", "")),
                (1, _) => ("internal error", Treatment::Refuse(500, "InternalError", "us-east-1")),
                _ => ("unavailable", Treatment::Refuse(503, "ServiceUnavailable", "us-east-1")),
            }
        } else if dice.u32(0..FAULTS) == 0 {
            match dice.u32(0..4) {
                0 => ("reset", Treatment::Reset),
                1 => ("answer lost", Treatment::LoseAnswer),
                2 => ("done twice", Treatment::Twice),
                _ => ("late", Treatment::Late(Duration::from_millis(dice.u64(10..2000)))),
            }
        } else {
            ("let through", Treatment::Pass)
        };
        *tally.lock().unwrap().entry(what).or_default() += 1;
        treatment
    }
}

#[test]
fn a_storm_costs_nothing_but_time() {
    let (place, cloud, jobs) = (Place::new(), Cloud::new(), jobs());
    place.put_photos(jobs);
    let tally = Tally::default();
    cloud.gateway.treat(storm(u64::from(jobs), Arc::clone(&tally)));
    // As a person does it: what could not be sent is sent again.
    let patience = Patience::new(SOON);
    let submit = || cloud.submit(&place, TWO).args(["--batch", "b"]).bound(SOON).go();
    while submit().status.code() != Some(0) {
        assert!(patience.wait(), "it cannot be submitted");
    }
    let settings = ["--visibility", "5s", "--max-attempts", "7"];
    let workers = ["one", "two"].map(|name| consumer(&cloud, name, &settings));
    let bound = SOON + Duration::from_secs(u64::from(jobs));
    cloud.until_results(jobs as usize * 3 / 4, bound);
    cloud.gateway.treat(|_| Treatment::Pass);
    cloud.until_results(jobs as usize, bound);
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    for worker in workers {
        drain(worker);
    }
    assert_all_done(&cloud, jobs);
    let made: BTreeSet<_> =
        cloud.keys("outputs/").into_iter().map(|key| cloud.object(&key)).collect();
    let undisturbed: BTreeSet<_> = files(&place.undisturbed(TWO)).into_values().collect();
    assert!(made == undisturbed, "outputs differ");
    let tally = tally.lock().unwrap();
    println!(
        "{jobs} jobs, requests by what befell them: {tally:?}; one result a job, as undisturbed"
    );
}
