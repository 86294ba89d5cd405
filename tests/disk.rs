//! A disk that is full in the middle: nobody's picture is to blame, the work waits and goes on.

use std::fs;
use std::time::Duration;

use crate::harness::{Place, SmallDisk, TWO, assert_same, eventually, photo_of};

/// Photographs that make larger outputs than the disk has room for when it is nearly full.
fn put_large_photos(place: &Place) {
    for n in 0..12 {
        place.put(format!("photo-{n:02}.jpg"), &photo_of(n, 900, 600));
    }
}

const SOON: Duration = Duration::from_mins(1);

#[test]
fn a_full_disk_is_waited_for() {
    let place = Place::new();
    put_large_photos(&place);
    let out = place.path("disk/out");
    let Some(disk) = SmallDisk::new(&place.path("disk"), "size=48m") else { return };
    // Room for the state and some of the outputs.
    let filler = disk.fill(1 << 20);
    let running = disk.see(place.run_into(TWO, &out).args(["--json"])).start();
    eventually("a word about the full disk", SOON, || {
        running.stderr().contains("waiting: ").then_some(())
    });
    assert!(running.stderr().contains("No space left on device"), "{}", running.stderr());
    fs::remove_file(filler).unwrap();
    let ended = running.end().expect(0);
    let report = ended.json();
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(12), Some(0)));
    assert_same(&place.undisturbed(TWO), &disk.path().join("out"));
}

#[test]
fn a_disk_that_stays_full_ends_the_run_with_the_reason_and_it_can_be_resumed() {
    let place = Place::new();
    put_large_photos(&place);
    let out = place.path("disk/out");
    let Some(disk) = SmallDisk::new(&place.path("disk"), "size=48m") else { return };
    let filler = disk.fill(1 << 20);
    let run = || disk.see(place.run_into(TWO, &out).bound(Duration::from_mins(2)));
    let ended = run().go().expect(3);
    assert!(ended.stdout.contains("Stopped by something outside"), "{}", ended.stdout);
    assert!(ended.stdout.contains("No space left on device"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("failed: "), "{}", ended.stdout);
    fs::remove_file(filler).unwrap();
    run().go().expect(0);
    assert_same(&place.undisturbed(TWO), &disk.path().join("out"));
}
