//! Producer and consumers as processes of their own, on one data directory.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Invocation, Patience, Place, Running, TWO, cpu_time, ended, eventually, files, large_photo,
    marked, photo, result_count, results,
};

const SOON: Duration = Duration::from_mins(1);

fn submit(place: &Place) -> Invocation {
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO])
}

fn consumer(place: &Place, name: &str, settings: &[&str]) -> Running {
    let consumer = place.on_data("consumer").args(["--slots", "1", "--worker", name]);
    consumer.args(settings).bound(Duration::from_mins(2)).start()
}

fn status(place: &Place) -> serde_json::Value {
    place.on_data("status").arg("--json").go().expect(0).json()
}

fn until_results(place: &Place, count: usize) {
    eventually("the results", SOON, || (result_count(&place.data()) >= count).then_some(()));
}

fn drain(consumer: Running) {
    consumer.signal(Signal::TERM);
    consumer.end().expect(0);
}

#[test]
fn what_is_submitted_is_worked_on_and_counted() {
    let place = Place::new();
    place.put_photos(5);
    place.put("bad.jpg", b"no picture");
    let sent = submit(&place).args(["--batch", "b1", "--json"]).go().expect(0).json();
    assert_eq!((sent["batch"].as_str(), sent["jobs"].as_array().unwrap().len()), (Some("b1"), 6));
    assert_eq!(status(&place)["queue"]["visible"], 6);

    let worker = consumer(&place, "w", &[]);
    until_results(&place, 6);
    drain(worker);
    let status = status(&place);
    assert_eq!(status["queue"]["visible"], 0);
    assert_eq!(status["queue"]["in_flight"], 0);
    assert_eq!(status["dead_letters"], 0);
    let batch = &status["batches"][0];
    assert_eq!((batch["jobs"].as_u64(), batch["done"].as_u64()), (Some(6), Some(5)));
    assert_eq!(batch["failures"][0]["code"], "not_a_picture");
    assert_eq!(files(&place.data().join("objects/outputs")).len(), 10);
    let text = place.on_data("status").arg("b1").go().expect(0).stdout;
    assert!(text.contains("Batch b1: 5 of 6 done, 1 failed"), "{text}");
    assert!(text.contains("not_a_picture"), "{text}");
    place.on_data("status").arg("nothing").go().expect(2).says(&["there is no batch nothing"]);
}

#[test]
fn waiting_for_a_batch_tells_how_it_ended() {
    let place = Place::new();
    place.put_photos(3);
    let worker = consumer(&place, "w", &[]);
    let good = submit(&place).arg("--wait").go().expect(0);
    assert!(good.stdout.contains("3 done, 0 failed"), "{}", good.stdout);
    place.put("bad.jpg", b"no picture");
    let bad = submit(&place).args(["--wait", "--json"]).go().expect(1);
    let ends =
        bad.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let states: Vec<_> = ends.map(|end| end["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states.len(), 4);
    assert_eq!(states.iter().filter(|state| *state == "failed").count(), 1);
    drain(worker);
}

#[test]
fn submitting_the_same_again_adds_nothing() {
    let place = Place::new();
    place.put_photos(3);
    let worker = consumer(&place, "w", &[]);
    submit(&place).args(["--batch", "b", "--wait"]).go().expect(0);
    let before = crate::harness::stamps(&place.data().join("objects/results"));
    submit(&place).args(["--batch", "b", "--wait"]).go().expect(0);
    drain(worker);
    assert_eq!(crate::harness::stamps(&place.data().join("objects/results")), before);
}

#[test]
fn two_consumers_share_the_work() {
    let place = Place::new();
    place.put_photos(40);
    let workers = ["one", "two"].map(|name| consumer(&place, name, &[]));
    submit(&place).arg("--wait").go().expect(0);
    workers.into_iter().for_each(drain);
    let ends = results(&place.data());
    let who: BTreeSet<_> = ends.values().map(|end| end["worker"].as_str().unwrap()).collect();
    assert_eq!(who, BTreeSet::from(["one", "two"]));
    assert!(ends.values().all(|end| end["receives"] == 1), "something was done twice");
}

#[test]
fn a_drained_consumer_gives_back_what_it_has_not_begun() {
    let place = Place::new();
    place.put_photos(40);
    submit(&place).go().expect(0);
    let worker = consumer(&place, "w", &["--prefetch", "20"]);
    until_results(&place, 1);
    worker.signal(Signal::TERM);
    let drained = worker.end().expect(0);
    let done = result_count(&place.data());
    assert!(done < 40, "it was too quick to be drained");
    let queue = &status(&place)["queue"];
    assert_eq!(queue["in_flight"], 0, "{}", drained.stderr);
    assert_eq!(queue["visible"].as_u64().unwrap(), 40 - done as u64);
    let worker = consumer(&place, "next", &[]);
    until_results(&place, 40);
    drain(worker);
    assert!(ended(&place.data()).values().all(|state| state == "done"));
}

#[test]
fn jobs_of_a_killed_consumer_are_taken_over_after_the_visibility_timeout() {
    let place = Place::new();
    place.put("large.jpg", &large_photo());
    let recipe = "blur:99 | blur:99 -> jpeg";
    place.on_data("submit").arg(place.input()).args(["--recipe", recipe]).go().expect(0);
    let killed = consumer(&place, "killed", &["--visibility", "2s"]);
    eventually("a job in work", SOON, || (status(&place)["workers"]["killed"] == 1).then_some(()));
    killed.kill();
    assert_eq!(result_count(&place.data()), 0, "it was too quick to be killed");
    assert_eq!(status(&place)["queue"]["in_flight"], 1);
    let heir = consumer(&place, "heir", &["--visibility", "2s"]);
    until_results(&place, 1);
    drain(heir);
    let ends = results(&place.data());
    let end = ends.values().next().unwrap();
    assert_eq!((end["state"].as_str(), end["worker"].as_str()), (Some("done"), Some("heir")));
    assert_eq!(end["receives"], 2);
}

#[test]
fn a_job_that_is_given_up_is_among_the_dead_letters() {
    let place = Place::new();
    place.put("killer.jpg", &marked(1, "abort"));
    place.put("good.jpg", &photo(2));
    let settings = ["--visibility", "1s", "--max-attempts", "3"];
    submit(&place).go().expect(0);
    // Nobody releases what a consumer of its own holds when it dies: its visibility runs out.
    let mut consumers = 0;
    while result_count(&place.data()) < 2 {
        consumers += 1;
        assert!(consumers <= 6, "the job has more attempts than it may");
        let mut worker = consumer(&place, &format!("w{consumers}"), &settings);
        eventually("a death or an end", SOON, || {
            (!worker.is_running() || result_count(&place.data()) == 2).then_some(())
        });
    }
    let ends = ended(&place.data());
    assert_eq!((ends["killer.jpg"].as_str(), ends["good.jpg"].as_str()), ("dead", "done"));
    let worker = consumer(&place, "last", &settings);
    eventually("a dead letter", SOON, || {
        let status = status(&place);
        // Two, if the worker was killed between sending the letter and deleting the message.
        let letters = status["dead_letters"].as_u64().unwrap();
        (letters > 0 && status["queue"]["in_flight"] == 0).then_some(())
    });
    drain(worker);
}

#[test]
fn a_second_signal_gives_everything_back_at_once() {
    let place = Place::new();
    place.put("endless.jpg", &marked(1, "hang"));
    submit(&place).go().expect(0);
    let mut worker = consumer(&place, "w", &[]);
    eventually("a job in work", SOON, || (status(&place)["workers"]["w"] == 1).then_some(()));
    worker.signal(Signal::TERM);
    crate::harness::stays("draining", Duration::from_millis(1500), || worker.is_running());
    let asked_at = crate::harness::now();
    worker.signal(Signal::TERM);
    worker.end().expect(0);
    assert!(asked_at.elapsed() < Duration::from_secs(15), "{:?}", asked_at.elapsed());
    let queue = &status(&place)["queue"];
    assert_eq!((queue["visible"].as_u64(), queue["in_flight"].as_u64()), (Some(1), Some(0)));
}

#[test]
fn an_idle_consumer_costs_next_to_nothing() {
    let place = Place::new();
    place.put_photos(1);
    submit(&place).go().expect(0);
    let worker = consumer(&place, "w", &[]);
    until_results(&place, 1);
    let before = cpu_time(worker.pid());
    let patience = Patience::new(Duration::from_secs(6));
    while patience.wait() {}
    let spent = cpu_time(worker.pid()).saturating_sub(before);
    drain(worker);
    assert!(spent <= Duration::from_millis(120), "{spent:?} of 6 s, which is more than 2 %");
}

#[test]
fn commands_without_a_pipeline_say_so() {
    let place = Place::new();
    place.on_data("status").go().expect(2).says(&["there is no pipeline in"]);
    submit(&place).go().expect(2).says(&["there is no picture in what was given"]);
    place.on_data("consumer").args(["--visibility", "10ms"]).go().expect(2);
}
