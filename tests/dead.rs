//! Dead letters, from the picture that kills its workers to its redrive after it was mended.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Invocation, Place, TWO, ended, eventually, marked, photo, result_count};

const SOON: Duration = Duration::from_mins(2);

/// Where the pipeline keeps the input of this name.
fn stored(place: &Place, name: &str) -> PathBuf {
    place.data().join("objects/inputs/b").join(name)
}

/// `pixmill dead …` on the pipeline.
fn dead(place: &Place, arguments: &[&str]) -> Invocation {
    crate::harness::pixmill().arg("dead").args(arguments).arg("--data").arg(place.data())
}

fn letters(place: &Place) -> Vec<Value> {
    let list = dead(place, &["list", "--json"]).go().expect(0).json();
    list["letters"].as_array().unwrap().clone()
}

/// Runs consumers, one after the other, until there are so many dead letters.
fn work_until_dead(place: &Place, count: usize) {
    let settings = ["--slots", "1", "--visibility", "1s", "--max-attempts", "3"];
    eventually("dead letters", SOON, || {
        let mut worker = place.on_data("consumer").args(settings).start();
        eventually("a death or an end", SOON, || {
            let status = place.on_data("status").arg("--json").go().expect(0).json();
            let all_dead = status["dead_letters"] == count && status["queue"]["in_flight"] == 0;
            (all_dead || !worker.is_running()).then_some(())
        });
        worker.signal(Signal::TERM);
        worker.end();
        let status = place.on_data("status").arg("--json").go().expect(0).json();
        (status["dead_letters"] == count).then_some(())
    });
}

fn work_until_results(place: &Place, count: usize) {
    let worker = place.on_data("consumer").args(["--slots", "1"]).start();
    eventually("the results", SOON, || {
        let done = ended(&place.data()).values().filter(|state| *state == "done").count();
        (done == count).then_some(())
    });
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}

#[test]
fn a_picture_that_was_mended_is_redriven_and_done() {
    let place = Place::new();
    place.put("killer.jpg", &marked(1, "abort"));
    place.put("good.jpg", &photo(2));
    let submit = place.on_data("submit").arg(place.input());
    submit.args(["--recipe", TWO, "--batch", "b"]).go().expect(0);
    assert!(letters(&place).is_empty());
    work_until_dead(&place, 1);

    let letter = &letters(&place)[0];
    assert_eq!((letter["batch"].as_str(), letter["state"].as_str()), (Some("b"), Some("dead")));
    assert_eq!(letter["source"], "inputs/b/killer.jpg");
    assert_eq!(
        (letter["code"].as_str(), letter["redrive"].as_u64()),
        (Some("too_many_attempts"), Some(0))
    );
    let id = letter["id"].as_str().unwrap();
    let text = dead(&place, &["list"]).go().expect(0).stdout;
    assert!(text.contains(&format!("b/{id}  inputs/b/killer.jpg")), "{text}");
    assert!(text.contains("too_many_attempts: its worker died each time"), "{text}");
    assert!(text.ends_with("1 dead letter\n"), "{text}");

    let shown = dead(&place, &["show", id, "--json"]).go().expect(0).json();
    let shown = &shown["letters"][0];
    assert_eq!(shown["message"]["source"]["key"], "inputs/b/killer.jpg");
    assert_eq!((&shown["result"]["state"], &shown["attempts"]["id"]), (&"dead".into(), &id.into()));
    dead(&place, &["show", "nobody"]).go().expect(1).says(&["no dead letter of nobody"]);

    std::fs::write(stored(&place, "killer.jpg"), photo(1)).unwrap();
    let redriven = dead(&place, &["redrive", id]).go().expect(0).stdout;
    assert_eq!(redriven, "Sent 1 job again\n");
    assert!(letters(&place).is_empty());
    let story = place.on_data("status").arg(id).go().expect(0).stdout;
    assert!(story.contains("was dead and has been sent again"), "{story}");
    work_until_results(&place, 2);
    assert_eq!(result_count(&place.data()), 2);
    let story = place.on_data("status").arg(format!("b/{id}")).go().expect(0).stdout;
    assert!(story.contains("done, 2 outputs") && story.contains("in redrive 1"), "{story}");
}

#[test]
fn what_is_still_deadly_dies_again_and_can_be_discarded() {
    let place = Place::new();
    place.put("killer.jpg", &marked(1, "abort"));
    place.put("other.jpg", &marked(2, "abort"));
    let submit = place.on_data("submit").arg(place.input());
    submit.args(["--recipe", TWO, "--batch", "b"]).go().expect(0);
    work_until_dead(&place, 2);
    let redriven = dead(&place, &["redrive", "--batch", "b", "--json"]).go().expect(0).json();
    assert_eq!((redriven["sent"].as_u64(), redriven["deleted"].as_u64()), (Some(2), Some(0)));
    work_until_dead(&place, 2);
    let again = letters(&place);
    assert!(again.iter().all(|letter| letter["redrive"] == 1), "{again:?}");
    let id = again[0]["id"].as_str().unwrap();
    let text = dead(&place, &["discard", id]).go().expect(0).stdout;
    assert_eq!(text, "Discarded 1 dead letter\n");
    dead(&place, &["discard", id]).go().expect(1);
    dead(&place, &["discard", "--all"]).go().expect(0);
    assert!(letters(&place).is_empty());
    assert!(ended(&place.data()).values().all(|state| state == "dead"));
    dead(&place, &["redrive", "--all"]).go().expect(0);
}

#[test]
fn nothing_is_touched_unless_somebody_says_what() {
    let place = Place::new();
    for what in ["redrive", "discard"] {
        dead(&place, &[what]).go().expect(2).says(&["required"]);
        dead(&place, &[what, "--all", "--batch", "b"]).go().expect(2);
        dead(&place, &[what, "--all"]).go().expect(2).says(&["there is no pipeline in"]);
    }
}

#[test]
fn a_run_goes_on_with_what_was_redriven_in_its_directory() {
    let place = Place::new();
    place.put("killer.jpg", &marked(1, "abort"));
    place.run(TWO).go().expect(1);
    let state = place.out().join(".pixmill");
    let redrive =
        crate::harness::pixmill().args(["dead", "redrive", "--all", "--data"]).arg(&state);
    redrive.go().expect(0);
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    assert_eq!(report["failures"][0]["state"], "dead");
    assert_eq!(result_count(&state), 1, "the tombstone was replaced");
}
