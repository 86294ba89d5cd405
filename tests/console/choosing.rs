//! Pictures as they come to Grind, and go from there: dropped in folders, pasted, removed, many.

use std::fs;

use super::*;
use crate::harness::{canvas, photo, photo_of};

/// What the strip shows, by name.
const NAMES: &str = "[...document.querySelectorAll('.thumb-name')].map((e) => e.textContent)";

fn tiny(n: u8) -> Vec<u8> {
    canvas(4, 4, png::ColorType::Rgb, |x, y| [n, u8::try_from(x * 40 + y).unwrap(), 9])
}

#[test]
fn a_folder_is_dropped_with_all_that_is_in_it() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    let folder = place.path("Harbour");
    fs::create_dir_all(folder.join("June/raw")).unwrap();
    for (name, n) in [("a.jpg", 1), ("June/a.jpg", 2), ("June/raw/c.jpg", 3)] {
        fs::write(folder.join(name), photo(n)).unwrap();
    }
    // More than a browser gives at once; what the system left there is no picture.
    for n in 0..120 {
        fs::write(folder.join(format!("June/raw/{n:03}.png")), tiny(n)).unwrap();
    }
    fs::write(folder.join(".DS_Store"), b"junk").unwrap();
    browser.drop_paths(&[&folder]);
    browser.until_text("#run", "Grind 123 pictures");
    let names = browser.script(&format!("return {NAMES}"));
    let has = |name: &str| names.as_array().unwrap().iter().any(|known| known == name);
    assert!(has("a.jpg") && has("June-a.jpg"), "two pictures of one name are told apart: {names}");
    browser.press("#run", "Grind 123 pictures");
    browser.until_text("h1", "Harbour");
}

#[test]
fn a_picture_is_pasted_on_any_screen() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = desktop(&place);
    browser.go(&server.page("fleet"));
    browser.until_text("h1", "Fleet");
    browser.until_text("main", "No instances");
    browser.paste_picture(&tiny(200));
    browser.until_text("h1", "Grind");
    browser.until_text("#run", "Grind 1 picture");
    let name = browser.script(&format!("return {NAMES}[0]"));
    assert!(name.as_str().unwrap().starts_with("pasted-"), "{name}");
    browser.until("a preview", "document.querySelector('.stage').dataset.preview");
}

#[test]
fn pictures_are_removed_one_by_one_or_all_and_come_back() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    let pictures: Vec<_> = (0..3).map(|n| photo_of(n, 300, 200)).collect();
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    let files: Vec<_> = names.into_iter().zip(pictures.iter().map(Vec::as_slice)).collect();
    browser.drop_files(&files);
    browser.until_text("#run", "Grind 3 pictures");
    browser.until("a preview", "document.querySelector('.stage').dataset.preview");
    // The one that is looked at goes; the next one is looked at.
    browser.press(".thumb", "b.jpg");
    browser.until(
        "it is looked at",
        "document.querySelector('.thumb[aria-pressed=true]')?.textContent.includes('b.jpg')",
    );
    browser.click("[aria-label='Remove b.jpg']");
    browser.until_text("#run", "Grind 2 pictures");
    browser.until("another is looked at", "document.querySelector('.thumb[aria-pressed=true]')");
    browser.until("the focus is not lost", "document.activeElement.matches('.strip button')");
    browser.press(".toast button", "Undo");
    browser.until_text("#run", "Grind 3 pictures");
    browser.until("in its place", &format!("{NAMES}.join() === 'a.jpg,b.jpg,c.jpg'"));
    browser.press(".strip-head button", "Remove all");
    browser.until_text("main", "Drop pictures anywhere");
    browser.until_text(".action-bar", "No pictures yet");
    browser.press(".toast button", "Undo");
    browser.until_text("#run", "Grind 3 pictures");
}

#[test]
fn of_many_pictures_the_rest_is_a_number() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    let many: Vec<_> = (0..75).map(|n| (format!("p{n:02}.png"), tiny(n))).collect();
    let files: Vec<_> =
        many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    browser.drop_files(&files);
    browser.until_text("#run", "Grind 75 pictures");
    browser.until_text(".strip .rest", "+15 more");
    assert_eq!(browser.script("return document.querySelectorAll('.thumb').length"), 60);
    // What is gone makes room for the next.
    browser.script("document.querySelector('[aria-label=\"Remove p00.png\"]').focus()");
    browser.keys(&["\u{E007}"]);
    browser.until_text(".strip .rest", "+14 more");
    browser.press(".strip button.rest", "+14 more");
    browser.until("all of them", "document.querySelectorAll('.thumb').length === 74");
    browser.until_text(".strip-head", "Pictures · 74");
}
