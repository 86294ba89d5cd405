//! Workers that are stopped for longer than their jobs wait for them, and go on later: whatever
//! they believe then, they overwrite nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::Signal;
use walkdir::WalkDir;

use crate::harness::{
    Patience, Place, assert_same, eventually, freeze_in_a_write, is_writing, kill, large_photo,
    result_count, results, workers_of,
};

const SOON: Duration = Duration::from_mins(1);

/// Takes a moment for a large photograph.
const SLOW: &str = "blur = blur:99 | blur:99 -> jpeg; small = resize:200 -> png";

/// Everything that stands in the store: inode, modification time, bytes.
fn objects(place: &Place) -> BTreeMap<PathBuf, (u64, i64, i64, Vec<u8>)> {
    let mut objects = BTreeMap::new();
    for folder in ["outputs", "results"] {
        let folder = place.data().join("objects").join(folder);
        // Who is stopped with the queue's lock keeps everybody from making the first one.
        if !folder.exists() {
            continue;
        }
        for entry in WalkDir::new(folder) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let meta = fs::metadata(entry.path()).unwrap();
                let bytes = fs::read(entry.path()).unwrap();
                let print = (meta.ino(), meta.mtime(), meta.mtime_nsec(), bytes);
                objects.insert(entry.into_path(), print);
            }
        }
    }
    objects
}

fn consumer(place: &Place, name: &str) -> crate::harness::Running {
    let settings = ["--visibility", "1s", "--slots", "1", "--worker", name];
    place.on_data("consumer").args(settings).bound(Duration::from_mins(2)).start()
}

/// How many jobs a worker holds.
fn held_by(place: &Place, name: &str) -> u64 {
    let status = place.on_data("status").arg("--json").go().expect(0).json();
    status["workers"][name].as_u64().unwrap_or(0)
}

#[test]
fn a_worker_that_was_stopped_over_its_job_overwrites_nothing() {
    let place = Place::new();
    place.put("large.jpg", &large_photo());
    place.on_data("submit").arg(place.input()).args(["--recipe", SLOW]).go().expect(0);
    let first = consumer(&place, "first");
    eventually("a job in work", SOON, || (held_by(&place, "first") == 1).then_some(()));
    first.signal(Signal::STOP);
    assert_eq!(result_count(&place.data()), 0, "it was too quick to be stopped");

    let second = consumer(&place, "second");
    eventually("a result", SOON, || (result_count(&place.data()) == 1).then_some(()));
    let before = objects(&place);
    assert_eq!(before.len(), 3);
    assert_eq!(results(&place.data()).values().next().unwrap()["worker"], "second");

    first.signal(Signal::CONT);
    first.signal(Signal::TERM);
    first.end().expect(0);
    second.signal(Signal::TERM);
    second.end().expect(0);
    assert_eq!(objects(&place), before);
    let status = place.on_data("status").arg("--json").go().expect(0).json();
    assert_eq!(status["queue"]["visible"], 0);
    assert_eq!(status["queue"]["in_flight"], 0);
}

#[test]
fn workers_that_are_stopped_at_random_moments_change_nothing_that_is_done() {
    let place = Place::new();
    place.put_photos(60);
    let recipe = crate::harness::TWO;
    place.on_data("submit").arg(place.input()).args(["--recipe", recipe]).go().expect(0);
    let mut rng = Rng::with_seed(7);
    let workers = ["one", "two"].map(|name| consumer(&place, name));
    let mut done = BTreeMap::new();
    for round in 0..4 {
        let stopped = &workers[round % 2];
        let patience = Patience::new(Duration::from_millis(rng.u64(50..250)));
        while patience.wait() {}
        stopped.signal(Signal::STOP);
        // Longer than the visibility timeout.
        let patience = Patience::new(Duration::from_millis(1300));
        while patience.wait() {}
        done.extend(
            objects(&place)
                .into_iter()
                .filter(|(path, _)| path.to_str().unwrap().contains("results")),
        );
        stopped.signal(Signal::CONT);
    }
    eventually("all results", SOON, || (result_count(&place.data()) == 60).then_some(()));
    for worker in workers {
        worker.signal(Signal::TERM);
        worker.end().expect(0);
    }
    let after = objects(&place);
    assert_eq!(results(&place.data()).len(), 60);
    assert!(done.iter().all(|(path, print)| after[path] == *print), "a result was replaced");
    for result in results(&place.data()).values() {
        assert_eq!(result["state"], "done", "{result}");
    }
}

#[test]
fn a_run_ends_although_one_of_its_workers_is_stopped_for_good() {
    let place = Place::new();
    place.put_photos(30);
    let run = place.run(crate::harness::TWO).args(["--jobs", "2", "--visibility", "1s"]);
    let running = run.start();
    let state = place.out().join(".pixmill");
    eventually("some results", SOON, || (result_count(&state) > 2).then_some(()));
    kill(workers_of(running.pid())[0], Signal::STOP);
    running.end().expect(0);
    assert_same(&place.undisturbed(crate::harness::TWO), &place.out());
}

#[test]
fn a_run_ends_although_one_of_its_workers_is_stopped_with_the_lock_that_all_others_wait_for() {
    let place = Place::new();
    place.put_photos(200);
    let run = place.run(crate::harness::TWO).args(["--jobs", "2", "--visibility", "1s"]);
    // A write that waits for the disk holds the lock for longer, and is easier to hit.
    let running = run.arg("--durable").start();
    let (parent, state) = (running.pid(), place.out().join(".pixmill"));
    eventually("some results", SOON, || (result_count(&state) > 2).then_some(()));
    let stopped = freeze_in_a_write(|| workers_of(parent), &state, SOON);
    let (before, ended) = (result_count(&state), running.end().expect(0));
    assert!(before < 200, "it was over before anybody had to wait");
    ended.says(&["was killed by signal 9; replaced"]);
    assert!(!is_writing(stopped, &state));
    assert_same(&place.undisturbed(crate::harness::TWO), &place.out());
}

#[test]
fn an_interrupted_run_ends_although_one_of_its_workers_is_stopped_for_good() {
    let place = Place::new();
    place.put_photos(60);
    let run = place.run(crate::harness::TWO).args(["--jobs", "2", "--drain-timeout", "1s"]);
    let running = run.start();
    let state = place.out().join(".pixmill");
    eventually("some results", SOON, || (result_count(&state) > 2).then_some(()));
    kill(workers_of(running.pid())[0], Signal::STOP);
    running.signal(Signal::INT);
    running.end().expect(130);
    place.run(crate::harness::TWO).go().expect(0);
}
