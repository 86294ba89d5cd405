//! Overlays: read in place by a run, put into the store by a submission, part of what is made.

use std::fs;

use crate::harness::{Place, files, photo, stamps};

/// A picture of one colour, of so many pixels a side.
fn logo(side: u32, level: u8) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let pixels = [level, 255 - level, level].repeat((side * side) as usize);
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// The names of outputs that are not what they were.
fn changed(place: &Place, work: impl FnOnce()) -> Vec<String> {
    let before = stamps(&place.out());
    work();
    let after = stamps(&place.out());
    let other = after.iter().filter(|(name, stamp)| before.get(*name) != Some(stamp));
    other.map(|(name, _)| name.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_watermark_that_changed_redoes_what_it_is_in_and_nothing_else() {
    let place = Place::new();
    place.put_photos(2);
    let mark = place.path("my logo.png");
    fs::write(&mark, logo(8, 0)).unwrap();
    let recipe = format!(
        "plain = resize:64 -> png; marked = resize:64 | composite:image=\"{}\",left=2 -> png",
        mark.display()
    );
    let run = || place.run(&recipe).arg("--json").go().expect(0).json();
    assert_eq!(run()["done"], 2);
    let first = files(&place.out());
    assert!(changed(&place, || assert_eq!(run()["done_before"], 2)).is_empty());

    fs::write(&mark, logo(8, 200)).unwrap();
    let redone = changed(&place, || assert_eq!(run()["done"], 2));
    assert_eq!(redone, ["photo-000-marked.png", "photo-001-marked.png"]);
    assert!(changed(&place, || assert_eq!(run()["done_before"], 2)).is_empty());

    // Another recipe of the same place, without the watermark, is none of its business.
    let plain = |out: &str| place.run_into("flip -> png", &place.path(out)).arg("--json");
    plain("plain").go().expect(0);
    fs::write(&mark, logo(8, 0)).unwrap();
    assert_eq!(plain("plain").go().expect(0).json()["done_before"], 2);
    run();
    assert_eq!(files(&place.out()), first, "the same watermark makes the same bytes");
}

#[test]
fn an_overlay_that_is_put_back_as_it_was_is_made_again() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    let (mark, kept) = (place.path("logo.png"), place.path("kept.png"));
    fs::write(&mark, logo(8, 0)).unwrap();
    let recipe = format!("composite:{},tile=true -> png", mark.display());
    let run = || place.run(&recipe).arg("--json").go().expect(0).json();
    run();
    let first = files(&place.out());
    fs::rename(&mark, &kept).unwrap();
    fs::write(&mark, logo(8, 200)).unwrap();
    run();
    assert_ne!(files(&place.out()), first);
    // The file of the first run, inode and time included.
    fs::rename(&kept, &mark).unwrap();
    assert_eq!(run()["done"], 1);
    assert_eq!(files(&place.out()), first);
}

#[test]
fn an_overlay_that_cannot_be_read_is_refused_before_anything_starts() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    fs::write(place.path("words.png"), b"words").unwrap();
    for (name, said) in
        [("gone.png", "No such file"), ("in", "not a file"), ("words.png", "no picture")]
    {
        let recipe = format!("resize:64 | composite:{name} -> png");
        let run = place.run(&recipe).working_in(&place.path("")).go().expect(2);
        run.says(&[&format!("recipe: failed to read the overlay {name}"), said]);
        let submit = place.on_data("submit").arg(place.input()).args(["--recipe", &recipe]);
        submit.working_in(&place.path("")).go().expect(2).says(&["failed to read the overlay"]);
    }
    assert!(!place.out().exists(), "something was begun");
}

#[test]
fn a_recipe_in_a_file_names_overlays_as_seen_from_there() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    fs::create_dir_all(place.path("recipes/marks")).unwrap();
    fs::write(place.path("recipes/marks/logo.png"), logo(8, 9)).unwrap();
    let text = "[outputs.marked]\nencoding = { format = 'png' }\noperations = [{ operation = \
                'composite', image = 'marks/logo.png', gravity = 'northwest', opacity = 1 }]\n";
    fs::write(place.path("recipes/mark.toml"), text).unwrap();
    for recipe in ["mark", "recipes/mark.toml"] {
        place.run(recipe).working_in(&place.path("")).go().expect(0);
    }
    let made = files(&place.out()).into_values().next().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(made)).read_info().unwrap();
    let row = reader.next_row().unwrap().unwrap();
    assert_eq!(row.data()[..3], [9, 246, 9]);
}

#[test]
fn a_submission_takes_its_overlays_along() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    let mark = place.path("logo.png");
    fs::write(&mark, logo(8, 0)).unwrap();
    let recipe = format!("composite:image={} -> png", mark.display());
    let batch = |name: &str| {
        let submit = place.on_data("submit").arg(place.input()).args(["--recipe", &recipe]);
        submit.args(["--batch", name]).go().expect(0);
    };
    batch("one");
    batch("two");
    assert_eq!(files(&place.data().join("objects/overlays")).len(), 1);
    fs::remove_file(&mark).unwrap();
    let consumer = place.on_data("consumer").start();
    let wait = |name: &str| {
        place.on_data("status").args([name, "--watch"]).go().expect(0);
    };
    wait("one");
    wait("two");
    drop(consumer.kill());
    let made: Vec<_> = files(&place.data().join("objects/outputs")).into_values().collect();
    let alone = place.path("alone");
    fs::write(&mark, logo(8, 0)).unwrap();
    place.run_into(&recipe, &alone).go().expect(0);
    let expected = files(&alone).into_values().next().unwrap();
    assert!(made.len() == 2 && made.iter().all(|bytes| *bytes == expected));
}
