//! What may be replaced: only what a run itself made for the same input, and what the user allows.

use std::fs;
use std::path::Path;

use crate::harness::{Place, TWO, codes, files, photo, stamps};

const ONE: &str = "resize:64 -> jpeg";

#[test]
fn a_file_in_the_way_is_not_touched_unless_that_is_wanted() {
    let place = Place::new();
    place.put_photos(3);
    fs::create_dir(place.out()).unwrap();
    let mine = place.out().join("photo-001.jpg");
    fs::write(&mine, b"my own work").unwrap();
    let ended = place.run(ONE).go().expect(1);
    assert!(ended.stdout.contains("1 failed: output_exists"), "{}", ended.stdout);
    assert!(ended.stdout.contains("--overwrite"), "{}", ended.stdout);
    assert_eq!(fs::read(&mine).unwrap(), b"my own work");
    assert_eq!(files(&place.out()).len(), 3);

    let report = place.run(ONE).args(["--overwrite", "--json"]).go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(1), Some(2)));
    assert_ne!(fs::read(&mine).unwrap(), b"my own work");
}

#[test]
fn a_folder_in_the_way_fails_that_picture_alone() {
    let place = Place::new();
    place.put_photos(2);
    fs::create_dir_all(place.out().join("photo-001.jpg")).unwrap();
    let report = place.run(ONE).arg("--json").go().expect(1).json();
    assert_eq!(codes(&report)["photo-001.jpg"], "failed/bad_output_key");
    assert_eq!(report["done"], 1);
}

#[test]
fn another_recipe_replaces_what_the_first_one_made() {
    let place = Place::new();
    place.put_photos(3);
    place.run(ONE).go().expect(0);
    let before = files(&place.out());
    let report = place.run("resize:48 -> jpeg").arg("--json").go().expect(0).json();
    assert_eq!(report["done"], 3);
    let after = files(&place.out());
    assert!(before.keys().eq(after.keys()));
    assert!(before.iter().all(|(name, bytes)| after[name] != *bytes));
}

#[test]
fn an_input_that_changed_is_done_again_and_no_other() {
    let place = Place::new();
    place.put_photos(4);
    place.run(TWO).go().expect(0);
    let before = stamps(&place.out());
    place.put("photo-002.jpg", &photo(77));
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(1), Some(3)));
    let changed: Vec<_> = changed(&before, &place).collect();
    assert_eq!(changed, ["photo-002-gray.png", "photo-002-thumb.jpg"]);
}

/// The names of outputs that are not what they were.
fn changed<'s>(
    before: &'s std::collections::BTreeMap<std::path::PathBuf, (u64, i64, u64)>,
    place: &Place,
) -> impl Iterator<Item = &'s str> {
    let after = stamps(&place.out());
    before
        .iter()
        .filter(move |(name, stamp)| after.get(*name) != Some(stamp))
        .map(|(name, _)| name.to_str().unwrap())
}

#[test]
fn an_output_that_somebody_edited_is_not_replaced() {
    let place = Place::new();
    place.put_photos(2);
    place.run(ONE).go().expect(0);
    let edited = place.out().join("photo-000.jpg");
    fs::write(&edited, b"retouched").unwrap();
    let report = place.run("resize:48 -> jpeg").arg("--json").go().expect(1).json();
    assert_eq!(codes(&report)["photo-000.jpg"], "failed/output_exists");
    assert_eq!(report["done"], 1);
    assert_eq!(fs::read(&edited).unwrap(), b"retouched");
    // The same by `--fresh`, which begins anew under the same rule.
    let report = place.run(ONE).args(["--fresh", "--json"]).go().expect(1).json();
    assert_eq!(codes(&report)["photo-000.jpg"], "failed/output_exists");
    assert_eq!(fs::read(&edited).unwrap(), b"retouched");
    // And what came back with other content but the same size is not ours either.
    let length = files(&place.out())[Path::new("photo-001.jpg")].len();
    fs::write(place.out().join("photo-001.jpg"), vec![7; length]).unwrap();
    let report = place.run("resize:40 -> jpeg").arg("--json").go().expect(1).json();
    assert_eq!(codes(&report)["photo-001.jpg"], "failed/output_exists");
}

#[test]
fn a_deleted_output_is_made_again_and_no_other() {
    let place = Place::new();
    place.put_photos(3);
    place.run(TWO).go().expect(0);
    let (whole, before) = (files(&place.out()), stamps(&place.out()));
    fs::remove_file(place.out().join("photo-001-thumb.jpg")).unwrap();
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(1), Some(2)));
    assert_eq!(files(&place.out()), whole);
    assert_eq!(changed(&before, &place).collect::<Vec<_>>(), ["photo-001-thumb.jpg"]);
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!(report["done_before"], 3);
}

#[test]
fn fresh_does_everything_again_with_the_same_outcome() {
    let place = Place::new();
    place.put_photos(3);
    place.run(TWO).go().expect(0);
    let whole = files(&place.out());
    let report = place.run(TWO).args(["--fresh", "--json"]).go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(3), Some(0)));
    assert_eq!(files(&place.out()), whole);
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!(report["done_before"], 3);
}

#[test]
fn new_pictures_join_what_is_done() {
    let place = Place::new();
    place.put_photos(2);
    place.run(TWO).go().expect(0);
    place.put_photos(4);
    // Writing the first two anew has changed when they were modified.
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!(report["done"], 4);
    place.put("photo-009.jpg", &photo(9));
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!((report["done"].as_u64(), report["done_before"].as_u64()), (Some(1), Some(4)));
}

#[test]
fn an_input_is_never_written_over() {
    let place = Place::new();
    let input = place.put("deep/photo.jpg", &photo(1));
    let original = fs::read(&input).unwrap();
    // The output of the inner folder would be the outer folder's picture.
    place.put("photo.jpg", &photo(2));
    let run = || {
        let run = crate::harness::pixmill().arg("run").arg(place.input().join("deep"));
        run.args(["--recipe", "invert", "--overwrite", "--out"]).arg(place.input())
    };
    let outer = fs::read(place.input().join("photo.jpg")).unwrap();
    let with_outer = run().arg(place.input().join("photo.jpg")).go().expect(2);
    with_outer.says(&["output names collide"]);
    assert_eq!(fs::read(place.input().join("photo.jpg")).unwrap(), outer);
    assert_eq!(fs::read(&input).unwrap(), original);
}
