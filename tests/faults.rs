//! Faults of the world around: directories that cannot be written to, workers that cannot start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::SystemClock;
use pixmill_local::{Durability, LocalBackend};

use crate::harness::{Place, SmallDisk, TWO, eventually, files, photo, pixmill, result_count};

#[test]
fn an_output_directory_below_a_file_is_refused_at_once() {
    let place = Place::new();
    place.put_photos(1);
    fs::write(place.path("file"), b"").unwrap();
    let ended = place.run_into(TWO, &place.path("file/out")).go().expect(2);
    ended.says(&["failed to write to the output directory"]);
}

#[test]
fn a_read_only_output_directory_is_refused_at_once() {
    let place = Place::new();
    place.put_photos(1);
    let Some(disk) = SmallDisk::new(&place.path("disk"), "ro,size=1m") else { return };
    let run = disk.see(place.run_into(TWO, &place.path("disk/out")));
    run.go().expect(2).says(&["failed to write to the output directory", "ead-only"]);
    let run = disk.see(place.run_into(TWO, &place.path("disk")));
    run.go().expect(2).says(&["failed to write to the output directory", "ead-only"]);
}

#[test]
fn inputs_on_a_read_only_disk_are_as_good_as_any() {
    let place = Place::new();
    let Some(disk) = SmallDisk::new(&place.path("disk"), "size=8m") else { return };
    fs::write(disk.path().join("photo.jpg"), photo(1)).unwrap();
    fs::set_permissions(disk.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let run = pixmill().arg("run").arg(place.path("disk")).args(["--recipe", TWO, "--out"]);
    disk.see(run.arg(place.out())).go().expect(0);
    assert_eq!(files(&place.out()).len(), 2);
}

#[test]
fn a_damaged_state_is_said_and_not_guessed_at() {
    let place = Place::new();
    place.put_photos(1);
    place.run(TWO).go().expect(0);
    let before = files(&place.out());
    fs::write(place.out().join(".pixmill/queue.sqlite"), b"this is no database, not at all")
        .unwrap();
    let ended = place.run(TWO).go().expect(2);
    ended.says(&["queue.sqlite"]);
    assert_eq!(files(&place.out()), before);
}

#[tokio::test]
async fn jobs_that_get_lost_are_missed_and_sent_again() {
    let place = Place::new();
    place.put_photos(60);
    let mut running = place.run(TWO).args(["--jobs", "1"]).start();
    let state = place.out().join(".pixmill");
    eventually("a result", Duration::from_mins(1), || {
        assert!(running.is_running(), "it ended before anything could get lost");
        (result_count(&state) > 0).then_some(())
    });
    let backend = LocalBackend::open(&state, Arc::new(SystemClock), Durability::Process).unwrap();
    let lost = backend.jobs.purge().await.unwrap();
    assert!(lost > 3, "{lost}");
    let ended = running.end().expect(0);
    ended.says(&["sending again what got lost"]);
    assert_eq!(files(&place.out()).len(), 120);
}

#[test]
fn a_result_that_cannot_be_read_costs_that_picture_only() {
    let place = Place::new();
    place.put_photos(3);
    place.run(TWO).go().expect(0);
    let results = place.out().join(".pixmill/objects/results");
    let batch = fs::read_dir(results).unwrap().next().unwrap().unwrap().path();
    let result = fs::read_dir(batch).unwrap().next().unwrap().unwrap().path();
    fs::write(result, b"{ half of a").unwrap();
    let before = files(&place.out());
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(1), Some(2)));
    assert_eq!(files(&place.out()), before);
}
