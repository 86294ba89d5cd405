//! What `status` says of batches and jobs, once and while it watches.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Place, TWO, eventually, photo, results};

const SOON: Duration = Duration::from_mins(1);

#[test]
fn a_watched_batch_is_shown_until_it_has_ended() {
    let place = Place::new();
    place.put_photos(3);
    let submit = || place.on_data("submit").arg(place.input()).args(["--recipe", TWO]);
    submit().args(["--batch", "good"]).go().expect(0);
    let mut watch = place.on_data("status").args(["good", "--watch"]).start();
    eventually("a line", SOON, || watch.stdout().contains("0 of 3 done").then_some(()));
    assert!(watch.is_running());
    let worker = place.on_data("consumer").args(["--slots", "1"]).start();
    let shown = watch.end().expect(0).stdout;
    assert!(shown.contains("Batch good: 3 of 3 done, 0 failed, took"), "{shown}");
    assert!(!shown.contains(['\r', '\u{1b}']), "{shown:?}");

    place.put("bad.jpg", b"no picture");
    submit().args(["--batch", "bad"]).go().expect(0);
    let shown = place.on_data("status").args(["bad", "--watch", "--json"]).go().expect(1).stdout;
    let last: serde_json::Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    let batch = &last["batches"][0];
    assert_eq!((batch["ended"].as_bool(), batch["done"].as_u64()), (Some(true), Some(3)));
    assert_eq!(batch["failures"][0]["source"], "inputs/bad/bad.jpg");
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}

#[test]
fn a_job_has_a_story() {
    let place = Place::new();
    place.put("photo.jpg", &photo(1));
    let worker = place.on_data("consumer").args(["--slots", "1", "--worker", "w"]).start();
    let submit = place.on_data("submit").arg(place.input());
    submit.args(["--recipe", TWO, "--batch", "b", "--wait"]).go().expect(0);
    let ends = results(&place.data());
    let id = ends.keys().next().unwrap();
    let story = place.on_data("status").arg(id).go().expect(0).stdout;
    for phrase in [
        &format!("Job b/{id}: done, 2 outputs"),
        "inputs/b/photo.jpg, jpg 360×240",
        "96×64",
        "thumb = resize:width=96 -> jpeg",
        "1 time, last by w on",
        "ms ground",
    ] {
        assert!(story.contains(phrase), "{phrase:?} is not in\n{story}");
    }
    let json = place.on_data("status").args([id, "--json"]).go().expect(0).json();
    assert_eq!(json["job"]["result"]["outputs"].as_array().unwrap().len(), 2);
    place.on_data("status").args([id, "--watch"]).go().expect(0);
    let unknown = place.on_data("status").arg("b/unknown").go().expect(0).stdout;
    assert!(unknown.contains("no result"), "{unknown}");
    place.on_data("status").arg("unknown").go().expect(2).says(&["no job unknown"]);
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}
