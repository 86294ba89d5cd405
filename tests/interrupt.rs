//! Ctrl-C: once drains, twice is quick, and afterwards the run goes on where it was. And two runs
//! that want the same place.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Place, Running, TWO, assert_same, eventually, marked, pixmill, result_count, stays, workers_of,
};

const SOON: Duration = Duration::from_mins(1);

fn until_some_are_done(place: &Place, running: &mut Running, count: usize) {
    let state = place.out().join(".pixmill");
    eventually("some results", SOON, || {
        assert!(running.is_running(), "it ended before it could be interrupted");
        (result_count(&state) >= count).then_some(())
    });
}

/// Waits until a worker has a picture in its hands.
fn until_one_is_in_work(place: &Place) {
    let state = place.out().join(".pixmill");
    eventually("a job in work", SOON, || {
        let status = pixmill().arg("status").arg("--json").arg("--data").arg(&state).go();
        // As long as there is nothing yet, it says so.
        let status: serde_json::Value = serde_json::from_str(&status.stdout).ok()?;
        (status["queue"]["in_flight"] == 1).then_some(())
    });
}

#[test]
fn an_interrupt_drains_and_the_next_run_goes_on_from_there() {
    let place = Place::new();
    place.put_photos(60);
    for signal in [Signal::INT, Signal::TERM] {
        let done = result_count(&place.out().join(".pixmill"));
        let mut running = place.run(TWO).arg("--json").start();
        until_some_are_done(&place, &mut running, done + 3);
        let workers = workers_of(running.pid());
        running.signal(signal);
        let ended = running.end().expect(130);
        let report = ended.json();
        assert_eq!(report["end"], "interrupted");
        // A drain loses no attempt and leaves nothing running.
        assert_eq!(
            (report["failed"].as_u64(), report["workers_died"].as_u64()),
            (Some(0), Some(0))
        );
        assert!(!workers.is_empty() && workers.iter().all(|pid| workers_of(*pid).is_empty()));
        let told = report["done"].as_u64().unwrap() + report["done_before"].as_u64().unwrap();
        assert_eq!(told, result_count(&place.out().join(".pixmill")) as u64, "{report}");
    }
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert!(report["done_before"].as_u64().unwrap() >= 6, "{report}");
    assert_eq!(result_count(&place.out().join(".pixmill")), 60);
    assert_same(&place.undisturbed(TWO), &place.out());
}

#[test]
fn people_are_told_how_to_go_on_after_an_interrupt() {
    let place = Place::new();
    place.put_photos(60);
    let mut running = place.run(TWO).start();
    until_some_are_done(&place, &mut running, 1);
    running.signal(Signal::INT);
    let ended = running.end().expect(130);
    assert!(ended.stdout.contains("Interrupted: run it again to continue."), "{}", ended.stdout);
}

#[test]
fn a_second_interrupt_does_not_wait_for_what_is_in_work() {
    let place = Place::new();
    place.put("endless.jpg", &marked(1, "hang"));
    let mut running = place.run(TWO).start();
    until_one_is_in_work(&place);
    running.signal(Signal::INT);
    stays("draining", Duration::from_millis(1500), || running.is_running());
    let workers = workers_of(running.pid());
    assert!(!workers.is_empty(), "the picture in work was not waited for");
    let asked_at = crate::harness::now();
    running.signal(Signal::INT);
    running.end().expect(130);
    assert!(asked_at.elapsed() < Duration::from_secs(15), "{:?}", asked_at.elapsed());
}

#[test]
fn a_drain_ends_at_its_timeout() {
    let place = Place::new();
    place.put("endless.jpg", &marked(1, "hang"));
    let running = place.run(TWO).args(["--drain-timeout", "1s"]).start();
    until_one_is_in_work(&place);
    let asked_at = crate::harness::now();
    running.signal(Signal::INT);
    running.end().expect(130);
    assert!(asked_at.elapsed() < Duration::from_secs(10), "{:?}", asked_at.elapsed());
}

#[test]
fn a_second_run_in_the_same_place_is_refused_and_disturbs_nothing() {
    let place = Place::new();
    place.put_photos(40);
    let mut first = place.run(TWO).start();
    until_some_are_done(&place, &mut first, 1);
    place.run(TWO).go().expect(2).says(&["another run is working in this output directory"]);
    first.end().expect(0);
    assert_same(&place.undisturbed(TWO), &place.out());
}
