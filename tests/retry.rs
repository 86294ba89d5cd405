//! Retries: what failed, once more, as a job of its own.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Place, Running, TWO, eventually, photo, result_count, results};

const SOON: Duration = Duration::from_mins(1);

/// A batch of two, of which one has failed.
fn with_a_failure(place: &Place) -> (Running, String) {
    place.put("bad.jpg", b"no picture");
    place.put("good.jpg", &photo(1));
    let worker = place.on_data("consumer").args(["--slots", "1"]).start();
    let submit = place.on_data("submit").arg(place.input());
    submit.args(["--recipe", TWO, "--batch", "b", "--wait"]).go().expect(1);
    let failed = results(&place.data()).into_iter().find(|(_, result)| result["state"] == "failed");
    (worker, failed.unwrap().0)
}

fn mend(place: &Place) {
    let stored = place.data().join("objects/inputs/b/bad.jpg");
    std::fs::write(stored, photo(2)).unwrap();
}

fn batch(place: &Place) -> Value {
    let status = place.on_data("status").args(["b", "--json"]).go().expect(0).json();
    status["batches"][0].clone()
}

#[test]
fn what_was_mended_is_retried_and_counts_as_done() {
    let place = Place::new();
    let (worker, failed) = with_a_failure(&place);
    let text = place.on_data("retry").args(["--batch", "b", "--wait"]).go().expect(1).stdout;
    assert!(text.starts_with("Sent 1 job\n") && text.contains(&failed), "{text}");
    assert!(text.contains("not_a_picture"), "{text}");
    let counted = batch(&place);
    assert_eq!((counted["done"].as_u64(), counted["failed"].as_u64()), (Some(1), Some(1)));

    mend(&place);
    let name = format!("b/{failed}");
    let sent = place.on_data("retry").args([&name, "--json"]).go().expect(0).json();
    let retry = sent["sent"][0]["id"].as_str().unwrap().to_owned();
    eventually("its end", SOON, || (result_count(&place.data()) == 4).then_some(()));
    let ends = results(&place.data());
    assert_eq!(ends[&retry]["state"], "done");
    let first_retry = ends[&retry]["job"]["retry_of"].as_str().unwrap();
    assert_eq!(ends[first_retry]["job"]["retry_of"], *failed);
    let counted = batch(&place);
    assert_eq!((counted["done"].as_u64(), counted["failed"].as_u64()), (Some(2), Some(0)));

    let story = place.on_data("status").arg(first_retry).go().expect(0).stdout;
    assert!(story.contains(&format!("retry     {retry} is done")), "{story}");

    let nothing = place.on_data("retry").args(["--batch", "b"]).go().expect(0).stdout;
    assert_eq!(nothing, "Sent 0 jobs\n");
    let nothing = place.on_data("retry").arg(&failed).go().expect(0).stdout;
    assert!(nothing.contains("1 done already"), "{nothing}");
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}

#[test]
fn two_retries_fold_into_one_job() {
    let place = Place::new();
    let (worker, failed) = with_a_failure(&place);
    worker.signal(Signal::TERM);
    worker.end().expect(0);
    mend(&place);
    let ask = || place.on_data("retry").args([&failed, "--json"]).go().expect(0).json();
    assert_eq!(ask()["sent"], ask()["sent"]);
    let dead = place.on_data("retry").args(["--batch", "b", "--only", "dead", "--json"]).go();
    assert_eq!(dead.expect(0).json()["sent"], serde_json::json!([]));
    let worker = place.on_data("consumer").args(["--slots", "2"]).start();
    eventually("both to be settled", SOON, || {
        let status = place.on_data("status").arg("--json").go().expect(0).json();
        let queue = &status["queue"];
        (queue["visible"] == 0 && queue["in_flight"] == 0).then_some(())
    });
    worker.signal(Signal::TERM);
    worker.end().expect(0);
    assert_eq!(results(&place.data()).len(), 3);
}

#[test]
fn what_cannot_be_retried_is_said() {
    let place = Place::new();
    let submit = || {
        let submit = place.on_data("submit").arg(place.input());
        submit.args(["--recipe", TWO, "--batch", "b", "--json"]).go().expect(0).json()
    };
    place.put("good.jpg", &photo(1));
    let id = submit()["jobs"][0].as_str().unwrap().to_owned();
    let open = place.on_data("retry").arg(format!("b/{id}")).go().expect(1).stdout;
    assert!(open.contains("has not ended"), "{open}");
    place.on_data("retry").arg("nobody").go().expect(2).says(&["there is no job nobody"]);
    place.on_data("retry").args(["--batch", "x"]).go().expect(2).says(&["there is no batch x"]);
    place.on_data("retry").go().expect(2).says(&["required"]);
}
