//! Dead letters: why they died, and what becomes of them.

use super::*;
use crate::harness::{marked, photo};

/// Has workers die of what is there until so many letters are.
fn until_dead(place: &Place, server: &Served, letters: u64) {
    let there = || server.get("/v1/dead-letters")["total"] == letters;
    eventually("dead letters", LONG, || {
        let consumer =
            place.on_data("consumer").args(["--visibility", "1s", "--max-attempts", "3"]);
        let mut worker = consumer.args(["--poll", "100ms"]).start();
        eventually("its end", SOON, || (there() || !worker.is_running()).then_some(()));
        there().then_some(())
    });
}

#[test]
fn a_dead_letter_is_redriven_and_another_one_discarded() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = desktop(&place);
    browser.go(&server.page("dead"));
    browser.until_text("main", "Nothing died");
    browser.go(&server.page("grind"));
    browser.until_text("main", "Drop pictures anywhere");
    browser.drop_files(&[
        ("one.jpg", &marked(1, "abort")),
        ("two.jpg", &marked(2, "abort")),
        ("good.jpg", &photo(3)),
    ]);
    browser.press("#run", "Grind 3 pictures");
    browser.until_text("h1", "one and 2 more");
    until_dead(&place, &server, 2);
    browser.go(&server.page("dead"));
    browser.until_text("h1", "2");
    browser.until_text(".group", "too many attempts");
    browser.until_text(".group", "one.jpg");
    browser.press(".row .ellipsis", "one.jpg");
    browser.until_text("dialog .raw", "\"recipe\"");
    browser.keys(&["\u{E00C}"]);
    browser.until("it closes", "!document.querySelector('dialog')");
    browser.click("[aria-label='Redrive one.jpg']");
    browser.until_text(".toasts", "1 job redriven");
    browser.until("one is left", "document.querySelectorAll('.row.letter').length === 1");
    assert_eq!(server.get("/v1/dead-letters")["total"], 1);
    // Discarding asks, with the number.
    browser.press(".bulk button", "Discard all 1");
    browser.until_text("dialog", "Discard 1 letter?");
    browser.press("dialog button", "Keep");
    browser.until("it closes", "!document.querySelector('dialog')");
    assert_eq!(server.get("/v1/dead-letters")["total"], 1);
    browser.press(".bulk button", "Discard all 1");
    browser.press("dialog button", "Discard 1");
    browser.until_text("main", "Nothing died");
    assert_eq!(server.get("/v1/dead-letters")["total"], 0);
}
