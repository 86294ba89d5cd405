//! Pictures that are none, or that are hostile: each is a result with a code, in seconds, and costs
//! the others nothing.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::harness::{
    Place, TWO, canvas, codes, files, marked, photo, png_claiming, results, sample,
    with_claimed_size,
};

#[test]
fn every_kind_of_bad_file_has_its_code_and_the_good_ones_are_done() {
    let place = Place::new();
    let png = sample("drawings/logo-alpha.png");
    let mut corrupt = png.clone();
    let middle = corrupt.len() / 2;
    corrupt[middle..middle + 64].fill(0x55);
    place.put("good.jpg", &photo(1));
    place.put("a png.jpg", &png);
    place.put("text.jpg", b"this is not a picture at all, whatever it is called");
    place.put("empty.png", b"");
    place.put("one byte.jpg", &[0xff]);
    place.put("cut.jpg", &photo(2)[..2000]);
    place.put("cut short.png", &png[..png.len() / 2]);
    place.put("damaged.png", &corrupt);
    place.put("huge.jpg", &with_claimed_size(photo(3), 65535, 65535));
    place.put("huge claim.png", &png_claiming(65535, 65535));
    place.put("anim.gif", b"GIF89a\x10\0\x10\0\0\0\0;");
    place.put("drawing.webp", b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07");
    let ended = place.run("resize:64 -> jpeg").arg("--json").go().expect(1);
    let report = ended.json();
    let expected = [
        ("anim.gif", "failed/corrupt"),
        ("cut short.png", "failed/truncated"),
        ("cut.jpg", "failed/truncated"),
        ("damaged.png", "failed/corrupt"),
        ("drawing.webp", "failed/truncated"),
        ("empty.png", "failed/empty"),
        ("huge claim.png", "failed/side_too_large"),
        ("huge.jpg", "failed/side_too_large"),
        ("one byte.jpg", "failed/truncated"),
        ("text.jpg", "failed/not_a_picture"),
    ];
    let expected: Vec<_> = expected.map(|(n, c)| (n.to_owned(), c.to_owned())).into();
    assert_eq!(codes(&report).into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(report["done"], 2);
    assert_eq!(report["workers_died"], 0);
    assert_eq!(files(&place.out()).len(), 2);
}

#[test]
fn a_small_file_cannot_ask_for_much_memory_or_many_pixels() {
    let place = Place::new();
    place.put("wide.jpg", &with_claimed_size(photo(1), 16384, 16384));
    place.put("good.jpg", &photo(2));
    let bomb = canvas(9000, 6000, png::ColorType::Grayscale, |_, _| [7]);
    assert!(bomb.len() < 1 << 20);
    place.put("bomb.png", &bomb);
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    let codes = codes(&report);
    assert_eq!(codes["wide.jpg"], "failed/too_many_pixels");
    assert_eq!(codes["bomb.png"], "failed/too_many_pixels");
    assert_eq!((codes.len(), report["done"].as_u64()), (2, Some(1)));
}

#[test]
fn limits_are_settings_with_codes_of_their_own() {
    let place = Place::new();
    place.put("photo.jpg", &photo(1));
    for (limit, value, code) in [
        ("--max-input", "1kB", "failed/input_too_large"),
        ("--max-side", "300", "failed/side_too_large"),
        ("--max-pixels", "10000", "failed/too_many_pixels"),
        ("--max-memory", "1kB", "failed/over_memory"),
    ] {
        let out = place.path(limit);
        let report = place.run_into(TWO, &out).args([limit, value, "--json"]).go().expect(1).json();
        assert_eq!(codes(&report)["photo.jpg"], code, "{limit}");
    }
    place.run(TWO).args(["--max-outputs", "1"]).go().expect(2).says(&["too_many_outputs"]);
}

#[test]
fn what_cannot_be_applied_to_a_picture_fails_that_picture_alone() {
    let place = Place::new();
    place.put("large.jpg", &photo(1));
    place.put("small.png", &canvas(20, 20, png::ColorType::Rgb, |_, _| [1, 2, 3]));
    let report = place.run("crop:100,100 -> jpeg").arg("--json").go().expect(1).json();
    assert_eq!(codes(&report)["small.png"], "failed/inapplicable");
    assert_eq!(report["done"], 1);
}

#[test]
fn a_picture_that_kills_its_worker_each_time_is_given_up_and_all_others_are_done() {
    let place = Place::new();
    place.put_photos(8);
    place.put("killer.jpg", &marked(50, "abort"));
    let ended = place.run(TWO).arg("--json").go().expect(1);
    let report = ended.json();
    assert_eq!(
        codes(&report).into_iter().collect::<Vec<_>>(),
        [("killer.jpg".to_owned(), "dead/too_many_attempts".to_owned())]
    );
    assert_eq!(report["done"], 8);
    assert_eq!(report["workers_died"], 5, "one attempt each");
    assert_eq!(files(&place.out()).len(), 16);
    assert_eq!(results(&place.out().join(".pixmill")).len(), 9);
}

#[test]
fn many_pictures_that_kill_their_workers_each_have_their_end_and_so_have_all_others() {
    let place = Place::new();
    place.put_photos(50);
    for n in 0..10 {
        place.put(format!("killer-{n}.png"), &marked(60 + n, "abort"));
    }
    // Their neighbours are received and given back again and again, which must not use them up.
    let ended = place.run(TWO).args(["--jobs", "2", "--json"]).go().expect(1);
    let report = ended.json();
    let codes = codes(&report);
    assert_eq!(codes.len(), 10, "{codes:?}");
    assert!(codes.values().all(|code| code == "dead/too_many_attempts"), "{codes:?}");
    assert_eq!(report["done"], 50);
    assert_eq!(results(&place.out().join(".pixmill")).len(), 60);
}

#[test]
fn a_picture_that_never_ends_is_given_up_at_its_deadline() {
    let place = Place::new();
    place.put_photos(4);
    place.put("endless.jpg", &marked(70, "hang"));
    let run = place.run(TWO).args(["--deadline", "2s", "--max-attempts", "3"]);
    let ended = run.go().expect(1);
    assert!(ended.stdout.contains("1 failed: too_many_attempts"), "{}", ended.stdout);
    assert!(ended.stderr.contains("over a picture that took too long"), "{}", ended.stderr);
    // Where there is no terminal, the progress is a plain line now and then.
    let plain = ended.stderr.lines().any(|line| line.starts_with("4/5 "));
    assert!(plain && !ended.stderr.contains(['\r', '\u{1b}']), "{:?}", ended.stderr);
    assert_eq!(files(&place.out()).len(), 8);
}

#[test]
fn a_picture_that_makes_the_code_panic_fails_and_its_worker_lives() {
    let place = Place::new();
    place.put_photos(4);
    place.put("trap.jpg", &marked(80, "panic"));
    let ended = place.run(TWO).arg("--json").go().expect(1);
    let report = ended.json();
    assert_eq!(codes(&report)["trap.jpg"], "failed/panicked");
    assert_eq!((report["done"].as_u64(), report["workers_died"].as_u64()), (Some(4), Some(0)));
}

#[test]
fn what_failed_is_tried_again_and_succeeds_once_it_is_mended() {
    let place = Place::new();
    place.put_photos(2);
    place.put("broken.jpg", &photo(5)[..1500]);
    place.run(TWO).go().expect(1);
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    assert_eq!((report["done_before"].as_u64(), report["failed"].as_u64()), (Some(2), Some(1)));
    place.put("broken.jpg", &photo(5));
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    assert_eq!((report["done_before"].as_u64(), report["done"].as_u64()), (Some(2), Some(1)));
}

#[test]
fn a_dead_link_is_reported_and_the_others_are_done() {
    let place = Place::new();
    place.put_photos(2);
    symlink(place.path("nowhere.jpg"), place.input().join("dead link.jpg")).unwrap();
    let report = place.run(TWO).arg("--json").go().expect(1).json();
    assert_eq!(codes(&report)["dead link.jpg"], "failed/source_missing");
    assert_eq!(report["done"], 2);
}

#[test]
fn a_file_that_may_not_be_read_fails_alone() {
    let place = Place::new();
    place.put_photos(2);
    let locked = place.put("locked.jpg", &photo(7));
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let run = place.run(TWO).arg("--json");
    let run = if rustix::process::geteuid().is_root() {
        // Root may read everything, so somebody else has to run it.
        let open =
            |path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        open(place.path(""));
        std::fs::create_dir(place.out()).unwrap();
        open(place.out());
        let copy = place.path("pixmill");
        std::fs::copy(env!("CARGO_BIN_EXE_pixmill"), &copy).unwrap();
        let options = ["--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned);
        run.by(&copy).through("setpriv", &options)
    } else {
        run
    };
    let report = run.go().expect(1).json();
    assert_eq!(codes(&report)["locked.jpg"], "failed/source_denied");
    assert_eq!(report["done"], 2);
}
