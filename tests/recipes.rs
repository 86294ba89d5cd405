//! What is wrong with the command line is said before anything begins.

use std::fs;

use crate::harness::{Place, TWO, files, photo, pixmill};

#[test]
fn an_unknown_operation_is_shown_in_its_place_with_what_was_probably_meant() {
    let place = Place::new();
    place.put_photos(1);
    let ended = place.run("resize:512 | grayscal -> jpeg").go().expect(2);
    let lines: Vec<_> = ended.stderr.lines().collect();
    let at = lines.iter().position(|line| line.contains("resize:512 | grayscal")).unwrap();
    assert_eq!(lines[at].find("grayscal"), lines[at + 1].find('^'), "{}", ended.stderr);
    ended.says(&["unknown operation `grayscal`", "^^^^^^^^", "did you mean `grayscale`?"]);
    assert!(!place.out().exists(), "something was begun");
}

#[test]
fn recipes_that_make_no_sense_are_refused() {
    let place = Place::new();
    place.put_photos(1);
    for (recipe, phrase) in [
        ("", "operation"),
        ("resize", "width"),
        ("resize:0", "1..65535"),
        ("blur:kernel=4", "odd"),
        ("invert -> bmp", "unknown encoding"),
        ("invert:speed=3", "unknown parameter"),
        ("a = invert; a = flip", "`a`"),
        ("blur:401", "kernel of 401 px, the limit is 255"),
    ] {
        let ended = place.run(recipe).go().expect(2);
        assert!(ended.stderr.contains(phrase), "{recipe}: {}", ended.stderr);
    }
    assert!(!place.out().exists(), "something was begun");
}

#[test]
fn nothing_to_do_is_said_and_is_no_success() {
    let place = Place::new();
    place.run(TWO).go().expect(2).says(&["there is no picture in what was given"]);
    place.put("readme.txt", b"words");
    place.run(TWO).go().expect(2).says(&["there is no picture in what was given"]);
    let run = pixmill().args(["run", "--recipe", TWO, "--out"]).arg(place.out());
    run.go().expect(2).says(&["<INPUT>"]);
}

#[test]
fn an_input_that_is_not_there_is_reported_and_the_others_are_done() {
    let place = Place::new();
    let good = place.put("good.jpg", &photo(1));
    let run = pixmill().arg("run").arg(good).arg(place.path("gone.jpg"));
    let run = run.args(["--recipe", TWO, "--json", "--out"]).arg(place.out());
    let report = run.go().expect(1).json();
    assert_eq!(report["done"], 1);
    assert_eq!(report["failures"][0]["code"], "source_missing");
    let submit = place.on_data("submit").arg(place.path("gone.jpg")).args(["--recipe", TWO]);
    submit.go().expect(2).says(&["gone.jpg: source_missing"]);
}

#[test]
fn two_inputs_for_one_name_are_refused_before_anything_starts() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    place.put("a.png", &photo(2));
    let run = || place.run("resize:64 -> jpeg");
    let ended = run().go().expect(2);
    ended.says(&["output names collide", "a.jpg", "a.png", "--name '{dir}/{stem}.{srcext}.{ext}'"]);
    assert_eq!(files(&place.out()).len(), 0);
    // The hint is one that works.
    run().args(["--name", "{dir}/{stem}.{srcext}.{ext}"]).go().expect(0);
    assert_eq!(files(&place.out()).len(), 2);
}

#[test]
fn names_that_reach_outside_or_are_all_the_same_are_refused() {
    let place = Place::new();
    place.put_photos(2);
    for name in ["../{stem}.{ext}", "{stem}/../../x.{ext}", "{nonsense}.{ext}", "same.{ext}"] {
        let ended = place.run("invert").args(["--name", name]).go();
        assert_ne!(ended.status.code(), Some(0), "{name}");
        assert_eq!(files(&place.out()).len(), 0, "{name}");
    }
    assert_eq!(files(&place.input()).len(), 2, "something is among the inputs");
    let mut beside: Vec<_> =
        fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    beside.sort();
    assert_eq!(beside, [place.input(), place.out()], "something is outside");
}

#[test]
fn operations_are_listed_and_taught_by_the_table_of_the_parser() {
    let list = pixmill().arg("operations").go().expect(0).stdout;
    assert!(list.contains("resize") && list.contains("grayscale"), "{list}");
    let resize = pixmill().args(["operations", "resize", "--json"]).go().expect(0).json();
    assert_eq!(resize["name"], "resize");
    let alias = pixmill().args(["operations", "color_inversion"]).go().expect(0).stdout;
    assert!(alias.starts_with("invert: "), "{alias}");
    let both = pixmill().args(["operations", "lines"]).go().expect(0).stdout;
    assert!(both.contains("drawn green") && both.contains("After `->`"), "{both}");
    pixmill().args(["operations", "resise"]).go().expect(2).says(&["did you mean `resize`?"]);
}
