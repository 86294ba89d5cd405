//! `pixmill run` when all goes well: what it makes, what it reports, how it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use png::ColorType;

use crate::harness::{
    Place, TWO, assert_same, canvas, files, frame, ground, large_photo, oriented, photo, pixmill,
    results, sample, samples, stamps,
};

/// The recipe of `make run`.
const MAKE_RUN: &str =
    "thumb = resize:256 -> jpeg; web = resize:1200 | blur:3 -> jpeg:q=82; gray = grayscale -> png";

#[test]
fn the_samples_become_what_make_run_promises() {
    let place = Place::new();
    let run = || {
        let run = pixmill().arg("run").arg(samples()).args(["--recipe", MAKE_RUN, "--json"]);
        run.arg("--out").arg(place.out()).go().expect(0).json()
    };
    let report = run();
    let made = files(&place.out());
    assert_eq!(made.len(), 18, "{:?}", made.keys());
    assert_eq!((report["total"].as_u64(), report["done"].as_u64()), (Some(6), Some(6)));
    assert_eq!(report["outputs"], 18);
    for (name, bytes) in &made {
        let (frame, name) = (frame(bytes), name.to_str().unwrap());
        if name.contains("-thumb") {
            assert_eq!(frame.width, 256, "{name}");
        }
        assert!(frame.width <= 1200 || name.contains("-gray"), "{name}");
    }

    let before = stamps(&place.out());
    let again = run();
    assert_eq!((again["done"].as_u64(), again["done_before"].as_u64()), (Some(0), Some(6)));
    assert_eq!(stamps(&place.out()), before, "the second run touched something");
}

#[test]
fn pictures_are_turned_as_exif_says() {
    // Red on the left and blue on the right, as stored.
    let stored =
        canvas(64, 32, ColorType::Rgb, |x, _| if x < 32 { [250, 0, 0] } else { [0, 0, 250] });
    let jpeg = ground(&stored, "crop:64,32 -> jpeg:q=100");
    let place = Place::new();
    for orientation in 1..=8 {
        place.put(format!("{orientation}.jpg"), &oriented(&jpeg, orientation));
    }
    place.run("crop:8,8,left=0,top=0 -> png").go().expect(0);
    place.run_into("resize:64 -> png", &place.path("whole")).go().expect(0);
    let red: Vec<_> = (1..=8)
        .filter(|n| first_pixel(&fs::read(place.out().join(format!("{n}.png"))).unwrap())[0] > 128)
        .collect();
    // What is left as stored is, as displayed: left for 1 and 4, right for 2 and 3, the top for 5
    // and 6, the bottom for 7 and 8.
    assert_eq!(red, [1, 4, 5, 6]);
    for n in 1..=8 {
        let whole = frame(&fs::read(place.path("whole").join(format!("{n}.png"))).unwrap());
        let expected = if n < 5 { (64, 32) } else { (32, 64) };
        assert_eq!((whole.width, whole.height), expected, "orientation {n}");
    }
}

fn first_pixel(bytes: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels.truncate(3);
    pixels
}

#[test]
fn outputs_tell_nothing_of_the_camera_or_the_place() {
    let private = |bytes: &[u8]| {
        let traces: [&[u8]; 4] = [b"Exif", b"Pixmill Samples", b"CAMERA1", b"ns.adobe.com/xap"];
        traces.iter().any(|trace| bytes.windows(trace.len()).any(|window| window == *trace))
    };
    let place = Place::new();
    let inputs = [sample("photos/portrait-exif6.jpg"), oriented(&photo(1), 6)];
    for (n, input) in inputs.iter().enumerate() {
        assert!(private(input));
        place.put(format!("{n}.jpg"), input);
    }
    place
        .run("a = resize:900 -> jpeg; b = crop:100,100 -> png; c = rotate:90 -> jpeg")
        .go()
        .expect(0);
    let made = files(&place.out());
    assert_eq!(made.len(), 6);
    for (name, bytes) in made {
        assert!(!private(&bytes), "{}", name.display());
        assert_eq!(frame(&bytes).orientation, pixmill_ops::Orientation::UPRIGHT);
    }
}

#[test]
fn gray_stays_gray_and_alpha_stays_in_what_can_hold_it() {
    let place = Place::new();
    let clear = canvas(16, 16, ColorType::Rgba, |x, _| [200, 0, 0, if x < 8 { 0 } else { 255 }]);
    place.put("clear.png", &clear);
    place.put(
        "gray.png",
        &canvas(16, 16, ColorType::Grayscale, |x, _| [u8::try_from(x * 9).unwrap()]),
    );
    place
        .run("p = flip -> png; j = flip -> jpeg:q=100; back = crop:4,4,left=0,top=0 -> png")
        .go()
        .expect(0);
    let made = files(&place.out());
    let color = |name: &str| {
        let bytes = std::io::Cursor::new(&made[std::path::Path::new(name)]);
        png::Decoder::new(bytes).read_info().unwrap().info().color_type
    };
    assert_eq!(color("clear-p.png"), ColorType::Rgba);
    assert_eq!(color("gray-p.png"), ColorType::Grayscale);

    // As JPEG, what was transparent is white.
    place.run_into("crop:4,4,left=0,top=0 -> jpeg:q=100", &place.path("white")).go().expect(0);
    let white = fs::read(place.path("white/clear.jpg")).unwrap();
    assert!(first_pixel(&ground(&white, "flip -> png")).iter().all(|sample| *sample > 250));
}

#[test]
fn the_report_agrees_with_the_files() {
    let place = Place::new();
    place.put_photos(5);
    place.put("deep/er/one more.jpg", &photo(9));
    place.put("notes.txt", b"not a picture");
    let report = place.run(TWO).arg("--json").go().expect(0).json();
    let sum = |files: &BTreeMap<_, Vec<u8>>| files.values().map(|b| b.len() as u64).sum::<u64>();
    let inputs: BTreeMap<_, _> = files(&place.input())
        .into_iter()
        .filter(|(name, _)| !name.ends_with("notes.txt"))
        .collect();
    let outputs = files(&place.out());
    assert_eq!(report["end"], "finished");
    assert_eq!(report["total"], 6);
    assert_eq!(report["done"], 6);
    assert_eq!(report["failed"], 0);
    assert_eq!(report["outputs"].as_u64().unwrap(), outputs.len() as u64);
    assert_eq!(report["bytes_in"].as_u64().unwrap(), sum(&inputs));
    assert_eq!(report["bytes_out"].as_u64().unwrap(), sum(&outputs));
    assert_eq!(report["passed_over"]["txt"], 1);
    assert_eq!(report["workers_died"], 0);
    let (seconds, rate) =
        (report["seconds"].as_f64().unwrap(), report["per_second"].as_f64().unwrap());
    assert!((rate * seconds - 6.0).abs() < 0.01, "{report}");
    assert!(!report["slowest"].as_array().unwrap().is_empty());
    assert!(outputs.contains_key(std::path::Path::new("deep/er/one more-thumb.jpg")));
}

#[test]
fn people_get_a_report_on_standard_output_and_nothing_else_there() {
    let place = Place::new();
    place.put_photos(2);
    let ended = place.run(TWO).go().expect(0);
    let first = ended.stdout.lines().next().unwrap();
    assert!(first.starts_with("Ground 2 of 2 pictures into 4 files in "), "{first}");
    assert!(!ended.stderr.contains(['\r', '\u{1b}']), "{:?}", ended.stderr);
    let again = place.run(TWO).go().expect(0);
    assert!(again.stdout.starts_with("Nothing to do: 2 pictures done before"), "{}", again.stdout);
}

#[test]
fn json_is_all_that_programs_get() {
    let place = Place::new();
    place.put_photos(2);
    let ended = place.run(TWO).arg("--json").go().expect(0);
    assert!(ended.json().is_object());
    assert_eq!(ended.stderr, "");
}

#[test]
fn outputs_do_not_depend_on_the_number_of_workers_or_on_their_siblings() {
    let place = Place::new();
    place.put_photos(6);
    let (one, four) = (place.path("one"), place.path("four"));
    place.run_into(TWO, &one).args(["--jobs", "1"]).go().expect(0);
    place.run_into(TWO, &four).args(["--jobs", "4"]).go().expect(0);
    assert_same(&one, &four);
    let alone = place.path("alone");
    place.run_into("thumb = resize:96 -> jpeg", &alone).go().expect(0);
    for (name, bytes) in files(&alone) {
        assert_eq!(bytes, fs::read(one.join(&name)).unwrap(), "{}", name.display());
    }
}

#[test]
fn one_file_is_enough_and_an_unnamed_output_keeps_its_name() {
    let place = Place::new();
    let input = place.put("Photo.JPG", &photo(3));
    let run = pixmill().arg("run").arg(input).args(["--recipe", "invert"]);
    run.arg("--out").arg(place.out()).go().expect(0);
    let names: Vec<_> = files(&place.out()).into_keys().collect();
    assert_eq!(names, [std::path::PathBuf::from("Photo.jpg")]);
}

#[test]
fn settings_come_from_the_environment_too_and_flags_win() {
    let place = Place::new();
    place.put_photos(1);
    let run = || pixmill().arg("run").arg(place.input()).env("PIXMILL_OUT", place.out());
    run().env("PIXMILL_RECIPE", "invert -> png").go().expect(0);
    run().env("PIXMILL_RECIPE", "no such thing").args(["--recipe", "flip -> jpeg"]).go().expect(0);
    assert_eq!(files(&place.out()).len(), 2);
}

#[test]
fn the_help_documents_every_exit_code() {
    let help = pixmill().args(["run", "--help"]).go().expect(0).stdout;
    let codes = help.split("Exit codes:").nth(1).unwrap();
    let first_words: Vec<_> =
        codes.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(first_words, ["0", "1", "2", "3", "130"]);
}

#[test]
fn few_large_pictures_are_shared_among_the_workers() {
    let place = Place::new();
    place.put("one.jpg", &large_photo());
    place.put("two.jpg", &large_photo());
    place.run("blur:99 | blur:99 -> jpeg").args(["--jobs", "2"]).go().expect(0);
    let ends = results(&place.out().join(".pixmill"));
    let workers: BTreeSet<_> = ends.values().map(|end| end["worker"].as_str().unwrap()).collect();
    assert_eq!(workers.len(), 2, "one did all of it");
}
