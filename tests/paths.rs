//! Odd names, odd files and odd folders.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Place, TWO, codes, files, photo, pixmill};

#[test]
fn any_name_that_a_file_can_have_is_a_name() {
    let place = Place::new();
    let odd: [&[u8]; 8] = [
        b"two words.jpg",
        b"new\nline.jpg",
        b"not \xff\xfe utf-8.jpg",
        b"50% off.jpg",
        b"{stem} {id}.jpg",
        b"-rf.jpg",
        "größe 写真.jpg".as_bytes(),
        b"a folder \x80/ another\n/quote'\"$(x).jpg",
    ];
    for (n, name) in (0..).zip(odd) {
        place.put(Path::new(OsStr::from_bytes(name)), &photo(n));
    }
    let report = place.run("invert -> jpeg").arg("--json").go().expect(0).json();
    assert_eq!(report["done"], 8);
    let mut expected: Vec<_> =
        odd.iter().map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    expected.sort();
    assert_eq!(files(&place.out()).into_keys().collect::<Vec<_>>(), expected);
    let again = place.run("invert -> jpeg").arg("--json").go().expect(0).json();
    assert_eq!(again["done_before"], 8);
}

#[test]
fn odd_names_do_not_spoil_the_report() {
    let place = Place::new();
    place.put(Path::new(OsStr::from_bytes(b"bad\x1b[31m\nname \xff.jpg")), b"no picture");
    let ended = place.run(TWO).go().expect(1);
    assert!(!ended.stdout.contains('\u{1b}'), "{:?}", ended.stdout);
    assert!(ended.stdout.contains("not_a_picture"), "{}", ended.stdout);
}

#[test]
fn the_output_directory_may_have_an_odd_name_too() {
    let place = Place::new();
    place.put_photos(2);
    let out = place.path(OsStr::from_bytes(b"out \n{stem} \xff"));
    place.run_into(TWO, &out).go().expect(0);
    place.run_into(TWO, &out).go().expect(0);
    assert_eq!(files(&out).len(), 4);
}

#[test]
fn a_name_that_gets_too_long_fails_alone() {
    let place = Place::new();
    place.put_photos(1);
    place.put(format!("{}.jpg", "x".repeat(250)), &photo(2));
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    assert_eq!(report["done"], 1);
    assert_eq!(report["failures"][0]["code"], "bad_output_key", "{report}");
}

#[test]
fn relative_paths_are_those_of_the_working_directory() {
    let place = Place::new();
    place.put("sub/photo.jpg", &photo(1));
    let run = pixmill().args(["run", "in/../in", "--recipe", "invert", "--out", "./new/./out"]);
    run.working_in(&place.path("")).go().expect(0);
    assert!(place.path("new/out/sub/photo.jpg").is_file());
}

#[test]
fn what_was_made_is_not_taken_for_input() {
    let place = Place::new();
    place.put_photos(2);
    let out = place.input().join("made");
    for _ in 0..2 {
        let report = place.run_into(TWO, &out).arg("--json").go().expect(0).json();
        assert_eq!(report["total"], 2);
    }
    assert_eq!(files(&out).len(), 4);
    place.run_into(TWO, &place.input()).go().expect(2).says(&["is both input and output"]);
}

#[test]
fn what_was_made_is_not_taken_for_input_by_way_of_a_link_either() {
    let place = Place::new();
    place.put_photos(2);
    symlink(place.input(), place.path("link")).unwrap();
    for out in [place.path("link/made"), place.path("in/made")] {
        let run = pixmill().arg("run").arg(place.path("link")).args(["--recipe", TWO, "--json"]);
        let report = run.arg("--out").arg(out).go().expect(0).json();
        assert_eq!(report["total"], 2);
    }
    assert_eq!(files(&place.input().join("made")).len(), 4);
}

#[test]
fn pipes_loops_and_folders_called_like_pictures_do_no_harm() {
    let place = Place::new();
    place.put_photos(2);
    fs::create_dir(place.input().join("folder.jpg")).unwrap();
    place.put("folder.jpg/inside.jpg", &photo(5));
    let pipe = place.input().join("pipe.jpg");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink(place.input(), place.input().join("loop")).unwrap();
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    assert_eq!(report["done"], 3);
    assert_eq!(
        codes(&report).into_iter().collect::<Vec<_>>(),
        [("loop".to_owned(), "failed/source_denied".to_owned())]
    );
    // A pipe that is named is refused and not waited for.
    let run = pixmill().arg("run").arg(&pipe).arg(place.input().join("photo-000.jpg"));
    let run = run.args(["--recipe", TWO, "--json", "--out"]).arg(place.path("other"));
    let report = run.go().expect(1).json();
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn a_picture_that_becomes_a_pipe_while_it_waits_does_not_hang_its_worker() {
    let place = Place::new();
    place.put_photos(1);
    // The link is a file when it is found, and somebody swaps what it leads to all the time.
    let (pipe, file) = (place.path("pipe"), place.path("file.jpg"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&file, photo(9)).unwrap();
    let (link, next) = (place.input().join("changing.jpg"), place.path("next"));
    symlink(&file, &link).unwrap();
    let mut running = place.run(TWO).arg("--json").start();
    let mut flips = 0_u32;
    while running.is_running() && flips < 200_000 {
        let target = if flips.is_multiple_of(2) { &pipe } else { &file };
        symlink(target, &next).unwrap();
        fs::rename(&next, &link).unwrap();
        flips += 1;
    }
    let report = running.end().json();
    assert_eq!(report["end"], "finished");
    assert!(report["done"].as_u64().unwrap() >= 1, "{report}");
}
