//! Outages and missing permissions: no job fails or dies of them, and work resumes by itself.

use std::time::Duration;

use rustix::process::Signal;

use super::{SOON, assert_all_done, consumer, drain};
use crate::harness::{Cloud, Patience, Place, TWO, Treatment, eventually};

/// How long the world stays away after the worker has noticed: a minute in the soak, which says so by
/// `PIXMILL_SOAK_OUTAGE_SECONDS`.
fn outage() -> Duration {
    let asked = std::env::vars().find(|(name, _)| name == "PIXMILL_SOAK_OUTAGE_SECONDS");
    asked.map_or(Duration::ZERO, |(_, seconds)| Duration::from_secs(seconds.parse().unwrap()))
}

#[test]
fn an_outage_in_the_middle_of_a_batch_costs_nothing_but_time() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(60);
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    let worker = consumer(&cloud, "w", &["--visibility", "10s"]);
    cloud.until_results(10, SOON);
    cloud.gateway.cut();
    eventually("a word about it", SOON, || {
        worker.stderr().contains("waiting for the world").then_some(())
    });
    let patience = Patience::new(outage());
    while patience.wait() {}
    let done = cloud.keys("results/").len();
    assert!(done < 60, "it was over before the outage");
    cloud.gateway.mend();
    cloud.until_results(60, SOON);
    drain(worker);
    assert_all_done(&cloud, 60);
    println!("60 jobs, an outage of {:?} after {done}: no job failed, one result a job", outage());
}

#[test]
fn a_role_that_may_not_write_blames_no_picture() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(8);
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    cloud.gateway.treat(|request| {
        let denied = request.method == "PUT" && request.action.is_empty();
        if denied { Treatment::Deny } else { Treatment::Pass }
    });
    let worker = consumer(&cloud, "w", &[]);
    eventually("a word about it", SOON, || worker.stderr().contains("AccessDenied").then_some(()));
    assert!(cloud.keys("results/").is_empty());
    cloud.gateway.treat(|_| Treatment::Pass);
    cloud.until_results(8, SOON);
    drain(worker);
    assert_all_done(&cloud, 8);
}

#[test]
fn answers_that_are_lost_change_nothing() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(30);
    let mut n = 0;
    cloud.gateway.treat(move |_| {
        n += 1;
        if n % 7 == 0 { Treatment::LoseAnswer } else { Treatment::Pass }
    });
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    let worker = consumer(&cloud, "w", &["--visibility", "5s"]);
    cloud.until_results(30, SOON);
    // Messages whose receives were lost come back, and duplicates fold together.
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drain(worker);
    assert_all_done(&cloud, 30);
}

#[test]
fn a_drain_while_nobody_answers_ends_in_time() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(20);
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    let worker = consumer(&cloud, "w", &["--visibility", "5s", "--drain-timeout", "2s"]);
    cloud.until_results(3, SOON);
    cloud.gateway.cut();
    worker.signal(Signal::TERM);
    worker.end().expect(0);
    cloud.gateway.mend();
    let worker = consumer(&cloud, "next", &[]);
    cloud.until_results(20, SOON + Duration::from_secs(10));
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drain(worker);
    assert_all_done(&cloud, 20);
}
