//! What lasts: a reload in the middle, a server that goes and comes back, a line that is cut.

use super::*;
use crate::harness::photo;

/// Whether the browser holds what was chosen.
const KEPT: &str = "await new Promise((good) => { const opening = indexedDB.open('pixmill', 1); \
    opening.onsuccess = () => { const all = opening.result.transaction('chosen').objectStore('chosen').getAll(); \
    all.onsuccess = () => good(all.result[0]?.files.length === 4); opening.result.close(); }; })";

#[test]
fn a_reload_and_an_outage_lose_nothing() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    browser.write("#recipe-text", "resize:64 | invert -> png");
    browser.until("it is read", "document.querySelectorAll('.op').length === 2");
    browser.reload();
    browser.until(
        "the draft is there",
        "document.querySelector('#recipe-text')?.value.includes('invert')",
    );
    let pictures: Vec<_> = (0..4).map(photo).collect();
    let names = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"];
    let files: Vec<_> = names.into_iter().zip(pictures.iter().map(Vec::as_slice)).collect();
    browser.drop_files(&files);
    browser.until_text("#run", "Grind 4 pictures");
    browser.until("they are kept", KEPT);
    browser.reload();
    browser.until_text("#run", "Grind 4 pictures");
    browser.until("a preview", "document.querySelector('.stage').dataset.preview");
    browser.press("#run", "Grind 4 pictures");
    browser.until("all are sent", "document.querySelectorAll('.row').length === 4");
    // Nobody works yet. The page is reloaded in the middle.
    browser.reload();
    browser.until_text("h1", "a and 3 more");
    browser.until_text(".head .badge", "Running 0 %");
    browser.until("its rows", "document.querySelectorAll('.row').length === 4");
    // The server goes: what is shown says so, and stays.
    let at = server.at.to_string();
    drop(server.process.kill());
    browser.until_text(".banner", "does not answer");
    browser.until("its rows", "document.querySelectorAll('.row').length === 4");
    browser.until_text("#foot .badge", "Offline");
    let server = Served::at(&place, &at, &[]);
    let worker = worker(&place);
    browser.until_within(
        "it is live again",
        LONG,
        "document.querySelector('#foot .badge').textContent === 'Live'",
    );
    browser.until_text(".head .badge", "Done");
    // The line is cut and comes back.
    browser.offline(true);
    browser.until("it is seen", "document.querySelector('#foot .badge').textContent === 'Offline'");
    browser.offline(false);
    browser.until_within(
        "it is live again",
        LONG,
        "document.querySelector('#foot .badge').textContent === 'Live'",
    );
    // The list survives everything, and is searched.
    browser.go(&server.page("jobs"));
    browser.until_text("px-rows", "a and 3 more");
    browser.until_text("px-rows", "4/4");
    browser.press(".head .segments label", "Jobs");
    browser.until("jobs", "document.querySelectorAll('.row.job').length === 4");
    browser.write("input[type=search]", "c.jpg");
    browser.until("one of them", "document.querySelectorAll('.row.job').length === 1");
    browser.write("input[type=search]", "nothing of that name");
    browser.until_text("main", "Nothing matches");
    drop(worker);
}

#[test]
fn an_upload_that_was_cut_off_goes_on_with_the_same_pictures() {
    let place = Place::new();
    let server = Served::of(&place);
    let _worker = worker(&place);
    let browser = on_grind(&place, &server);
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    let files: Vec<_> =
        names.into_iter().zip(0..).map(|(n, i)| file(&place, n, &photo(i))).collect();
    browser.choose("[data-chooser=pictures]", &files);
    browser.block(&["*/v1/jobs"]);
    browser.press("#run", "Grind 3 pictures");
    browser.until_text(".head .badge", "Sending 0 of 3");
    browser.reload();
    browser.until_text(".banner:not([hidden])", "0 of 3 sent");
    browser.block(&[]);
    browser.choose(".banner [data-chooser=pictures]", &files);
    browser.until_text(".head .badge", "Done");
    browser.until_text(".figures", "3");
    browser.until("no banner", "!document.querySelector('.batch .banner')");
}
