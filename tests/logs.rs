//! Logs: text on a terminal, JSON otherwise, and on every line whose job it is about.

use serde_json::Value;

use rustix::process::Signal;

use crate::harness::{Place, SOON, eventually, marked, photo};

#[test]
fn every_line_about_a_job_names_it_however_little_is_logged() {
    let place = Place::new();
    place.put("bad.jpg", &marked(1, "panic"));
    place.put("good.jpg", &photo(1));
    let submit = place.on_data("submit").arg(place.input()).args(["--recipe", "resize:16"]);
    let sent = submit.args(["--batch", "b", "--json", "--log", "debug"]).go().expect(0);
    let logged = |said: &str, message: &str| -> Vec<Value> {
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["fields"]["message"] == message).collect()
    };
    let ids = sent.json()["jobs"].as_array().unwrap().clone();
    let told = logged(&sent.stderr, "sent");
    assert_eq!(told.len(), 2, "{}", sent.stderr);
    assert!(told.iter().all(|line| line["fields"]["batch"] == "b"));

    let work = |log: &[&str]| {
        let worker = place.on_data("consumer").args(["--poll", "100ms"]).args(log).start();
        eventually("both results", SOON, || {
            let status = place.on_data("status").args(["b", "--json"]).go().expect(0).json();
            (status["batches"][0]["done"].as_u64()? + status["batches"][0]["failed"].as_u64()? == 2)
                .then_some(())
        });
        worker.signal(Signal::TERM);
        worker.end().expect(0).stderr
    };
    let said = work(&[]);
    let panics = logged(&said, "panicked over a picture");
    assert!(!panics.is_empty(), "{said}");
    for line in panics {
        assert_eq!(line["span"]["batch"], "b", "{line}");
        assert!(ids.contains(&line["span"]["id"]), "{line}");
    }
    assert!(logged(&said, "ended").is_empty(), "not unless it is asked for\n{said}");

    let place_of_terminal = place.on_data("consumer").args(["--poll", "100ms", "--log", "info"]);
    let worker = place_of_terminal.start_on_terminal();
    eventually("a line", SOON, || worker.stdout().contains("working").then_some(()));
    worker.signal(Signal::TERM);
    let said = worker.end().expect(0).stdout;
    assert!(!said.contains('{'), "{said}");
}

#[test]
fn an_end_is_told_with_its_job_to_whoever_wants_to_know() {
    let place = Place::new();
    place.put("bad.jpg", b"no picture");
    let submit = place.on_data("submit").arg(place.input()).args(["--recipe", "resize:16"]);
    submit.args(["--batch", "b"]).go().expect(0);
    let worker = place.on_data("consumer").args(["--poll", "100ms", "--log", "info"]).start();
    let line = eventually("a line", SOON, || {
        let said = worker.stderr();
        let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["fields"]["message"] == "ended")
    });
    assert_eq!((&line["fields"]["state"], &line["span"]["batch"]), (&"failed".into(), &"b".into()));
    assert_eq!(line["fields"]["code"], "not_a_picture");
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}
