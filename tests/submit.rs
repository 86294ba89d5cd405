//! Submitting: files, killed and repeated; the library by its examples.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    Invocation, Place, TWO, eventually, files, photo, result_count, results, sample, samples,
    source_tree,
};

const SOON: Duration = Duration::from_mins(2);

const PICTURES: usize = 400;

fn submit(place: &Place) -> Invocation {
    place.on_data("submit").arg(place.input()).args(["--recipe", "invert", "--batch", "b"])
}

fn status(place: &Place) -> Value {
    place.on_data("status").args(["b", "--json"]).go().expect(0).json()
}

/// How many pictures are in the store.
fn uploaded(place: &Place) -> usize {
    fs::read_dir(place.data().join("objects/inputs/b")).map_or(0, Iterator::count)
}

#[test]
fn a_submission_that_is_killed_is_completed_by_the_same_command() {
    let place = Place::new();
    let bytes = photo(1);
    for n in 0..PICTURES {
        place.put(format!("{n}.jpg"), &bytes);
    }
    for wanted in [1, PICTURES / 3, PICTURES - 50] {
        let running = submit(&place).start();
        eventually("some uploads", SOON, || (uploaded(&place) >= wanted).then_some(()));
        drop(running.kill());
    }
    let sent = submit(&place).arg("--json").go().expect(0).json();
    assert_eq!(sent["jobs"].as_array().unwrap().len(), PICTURES);
    assert_eq!(status(&place)["batches"][0]["jobs"], PICTURES);
    let worker = place.on_data("consumer").start();
    place.on_data("status").args(["b", "--watch"]).bound(SOON).go().expect(0);
    eventually("an empty queue", SOON, || {
        let queue = &status(&place)["queue"];
        (queue["visible"] == 0 && queue["in_flight"] == 0).then_some(())
    });
    worker.signal(Signal::TERM);
    worker.end().expect(0);
    assert_eq!(result_count(&place.data()), PICTURES);

    // Once more it adds nothing, and tells what there is.
    let before = files(&place.data().join("objects"));
    let lines = submit(&place).args(["--json", "--wait"]).go().expect(0).stdout;
    assert_eq!(lines.lines().count(), PICTURES);
    assert_eq!(status(&place)["queue"]["visible"], 0);
    let after = files(&place.data().join("objects"));
    assert!(before.keys().eq(after.keys()) && before == after, "it changed something");
}

#[test]
fn two_files_of_one_name_are_refused_before_anything_is_sent() {
    let place = Place::new();
    let (one, other) = (place.put("a/x.jpg", &photo(1)), place.put("b/x.jpg", &photo(2)));
    let submit = place.on_data("submit").arg(&one).arg(&other).args(["--recipe", TWO]);
    submit.go().expect(2).says(&["would both be x.jpg"]);
    assert!(!place.data().exists());
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO]).go().expect(0);
}

#[test]
fn one_batch_has_one_recipe() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    submit(&place).go().expect(0);
    let other = place.on_data("submit").arg(place.input()).args(["--recipe", "flip"]);
    other.args(["--batch", "b"]).go().expect(2).says(&["another recipe"]);
}

#[test]
fn a_place_in_s3_takes_another_backend() {
    let place = Place::new();
    let submit = place.on_data("submit").args(["s3://photos/2024", "--recipe", TWO]);
    submit.go().expect(2).says(&["--backend aws"]);
    assert!(!place.data().exists());
}

#[test]
fn a_submission_shows_a_bar_on_a_terminal_alone() {
    let place = Place::new();
    place.put_photos(3);
    let shown = submit(&place).start_on_terminal().end().expect(0).stdout;
    assert!(shown.contains('█') || shown.contains('░'), "{shown:?}");
    assert!(shown.contains("Sent 3 jobs as batch b"), "{shown:?}");
    let ended = submit(&place).go().expect(0);
    let both = ended.stdout + &ended.stderr;
    assert!(!both.contains('\u{1b}') && !both.contains('█'), "{both:?}");
}

/// Builds the library's examples, and returns the directory that they are in. Those of all crates
/// are built as the tests are, so that nothing is built twice.
fn examples() -> PathBuf {
    let directory = Path::new(env!("CARGO_BIN_EXE_pixmill")).parent().unwrap();
    let cargo = Path::new(env!("CARGO"));
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", cargo.parent().unwrap().display());
    let mut build = Invocation::new(cargo.as_os_str())
        .args(["build", "--workspace", "--offline", "--quiet", "--target-dir"])
        .arg(directory.parent().unwrap())
        .args(["--example", "bytes", "--example", "files", "--example", "keys"])
        .working_in(source_tree())
        .bound(Duration::from_mins(10));
    if directory.file_name() == Some(OsStr::new("release")) {
        build = build.arg("--release");
    }
    let of_the_toolchain = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    for (name, value) in std::env::vars() {
        if of_the_toolchain.contains(&name.as_str()) {
            build = build.env(&name, value);
        }
    }
    build.env("PATH", path).go().expect(0);
    directory.join("examples")
}

#[test]
fn the_examples_of_the_library_run() {
    let examples = examples();
    let place = Place::new();
    let worker = place.on_data("consumer").args(["--slots", "1"]).start();
    let example =
        |name: &str| Invocation::new(examples.join(name).as_os_str()).arg(place.data()).bound(SOON);
    let made = example("bytes").go().expect(0).stdout;
    assert!(made.contains("big 64×32 outputs/") && made.contains("gray 2×1 outputs/"), "{made}");

    let photos = fs::read_dir(samples().join("photos")).unwrap();
    let photos: Vec<_> = photos.map(|entry| entry.unwrap().path()).collect();
    let made = example("files").args(&photos).go().expect(0).stdout;
    let count = |what: &str| made.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("accepted "), count("done ")), (photos.len(), photos.len()), "{made}");
    assert!(made.ends_with(", 0 to come\n"), "{made}");

    place.put("harbour.jpg", &sample("photos/harbour.jpg"));
    let key = example("keys").arg(place.input().join("harbour.jpg")).go().expect(0).stdout;
    assert!(place.data().join("objects").join(key.trim()).is_file(), "{key}");
    let ends = results(&place.data());
    assert!(ends.values().all(|end| end["state"] == "done"), "{ends:?}");

    for name in ["bytes", "files", "keys"] {
        let lost = Invocation::new(examples.join(name).as_os_str()).go().expect(1);
        lost.says(&["name the pipeline's directory"]);
    }
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}
