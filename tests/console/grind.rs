//! Grind and Batch: from a drop to a download, and what is told of pictures that cannot be ground.

use super::*;
use crate::harness::{ground, photo, photo_of};

/// The colours in the middle of what the preview shows: whether red, green and blue are the same.
const IS_GRAY: &str = "const image = document.querySelector('px-compare .under'); \
    if (!image?.src.startsWith('blob:') || !image.complete) return null; \
    const canvas = new OffscreenCanvas(9, 9); const pen = canvas.getContext('2d'); \
    pen.drawImage(image, 0, 0, 9, 9); const pixels = pen.getImageData(0, 0, 9, 9).data; \
    let gray = true; for (let i = 0; i < pixels.length; i += 4) gray &&= Math.abs(pixels[i] - \
    pixels[i + 2]) < 6; return gray;";

/// The files of an archive whose files are stored as they are.
fn unzipped(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize, bytes: usize| {
        (0..bytes).rev().fold(0, |n, i| (n << 8) | usize::from(archive[at + i]))
    };
    let end =
        (0..archive.len() - 3).rev().find(|at| &archive[*at..*at + 4] == b"PK\x05\x06").unwrap();
    let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
    let mut files = vec![];
    for _ in 0..count {
        let (size, name, extra, comment) =
            (number(at + 24, 4), number(at + 28, 2), number(at + 30, 2), number(at + 32, 2));
        let local = number(at + 42, 4);
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let text = String::from_utf8(archive[at + 46..at + 46 + name].to_vec()).unwrap();
        files.push((text, archive[start..start + size].to_vec()));
        at += 46 + name + extra + comment;
    }
    files
}

#[test]
fn pictures_are_dropped_tuned_ground_compared_and_downloaded() {
    let place = Place::new();
    let server = Served::of(&place);
    let _worker = worker(&place);
    let browser = on_grind(&place, &server);
    // Too early it says what is missing.
    browser.press("#run", "Grind");
    browser.until_text(".toasts", "Choose pictures first");
    let pictures: Vec<_> = (0..3).map(|n| photo_of(n, 600, 400)).collect();
    browser.drop_files(&[
        ("a.jpg", &pictures[0]),
        ("b.jpg", &pictures[1]),
        ("c.jpg", &pictures[2]),
    ]);
    browser.until_text("#run", "Grind 3 pictures");
    browser.until("a preview", "document.querySelector('.stage').dataset.preview");
    browser.until("colours", &format!("(() => {{ {IS_GRAY} }})() === false"));
    compose(&browser);
    browser.press("#run", "Grind 3 pictures");
    browser.until_text("h1", "a and 2 more");
    browser.until(
        "the end",
        "document.querySelector('px-grist')?.getAttribute('aria-valuenow') === '3'",
    );
    browser.until_text(".head .badge", "Done");
    browser.until_text(".figures", "3");
    // Before and after.
    browser.until(
        "rows",
        "[...document.querySelectorAll('.row .badge')].filter((b) => \
        b.textContent === 'Done').length === 3",
    );
    browser.click(".row");
    let shown = "[...document.querySelectorAll('.lightbox .layer img')].every((i) => \
        i.src.startsWith('blob:') && i.naturalWidth)";
    browser.until("both pictures", shown);
    let line = "document.querySelector('.lightbox input[type=range]')";
    eventually("a line that moves", SOON, || {
        browser.script(&format!("{line}.focus()"));
        browser.keys(&["\u{E012}"]);
        let said = browser.script(&format!("return {line}.getAttribute('aria-valuetext')"));
        (said != "50 % before").then_some(())
    });
    browser.keys(&["\u{E00C}"]);
    browser
        .until("it closes", "!document.querySelector('dialog') && !location.hash.includes('job=')");
    browser.press("a.button", "Download 3");
    let files = unzipped(&browser.downloaded("zip"));
    for (name, picture) in ["a", "b", "c"].into_iter().zip(&pictures) {
        let made = files.iter().find(|(path, _)| {
            path.starts_with(&format!("{name}.")) || path.starts_with(&format!("{name}-"))
        });
        assert!(made.unwrap().1 == ground(picture, "resize:200 | grayscale -> png"), "{name}");
    }
}

/// Builds a chain, moves it, gets it wrong and puts it right, by fields and as text.
fn compose(browser: &Browser) {
    // A chain is built; the preview follows.
    browser.click("#add-operation");
    browser.keys(&["g", "r", "a", "y", "s", "\u{E007}"]);
    browser.until("gray", &format!("(() => {{ {IS_GRAY} }})() === true"));
    browser.click("#add-operation");
    browser.keys(&["f", "l", "i", "p", "\u{E007}"]);
    browser.write("[data-parameter=width] .num", "200");
    browser.until(
        "the recipe",
        "document.querySelector('.stage').dataset.preview.includes('resize:200')",
    );
    assert_eq!(
        browser.script("return document.querySelector('#recipe-text').value"),
        "resize:200 | grayscale | flip -> webp:82"
    );
    // Its order is changed without a pointer, and said.
    browser.script("document.querySelector('.op:last-child').focus()");
    browser.chord("\u{E00A}", "\u{E013}");
    browser.until(
        "another order",
        "document.querySelector('#recipe-text').value === 'resize:200 \
        | flip | grayscale -> webp:82'",
    );
    browser.until(
        "who hears it",
        "document.querySelector('.sr[role=status]').textContent === 'Flip, 2 of 3'",
    );
    browser.until("the focus stays", "document.activeElement.matches('.op:nth-child(2)')");
    // What cannot be is explained, and neither bent nor sent.
    browser.write("[data-parameter=width] .num", "-5");
    browser.until_text("[data-parameter=width] .wrong", "Width is");
    browser.press("#run", "Grind");
    browser.until_text(".toasts", "width is");
    browser.write("[data-parameter=width] .num", "200");
    browser.until(
        "the recipe",
        "document.querySelector('.stage').dataset.preview.includes('resize:200')",
    );
    // The same as text, by hand: wrong first.
    browser.write("#recipe-text", "resize:200 | grayscal -> png");
    browser.until_text("#recipe-wrong", "grayscale");
    browser.write("#recipe-text", "resize:200 | grayscale -> png");
    browser.until("it is read", "document.querySelectorAll('.op').length === 2");
    browser.press(".action-bar button", "Copy as");
    browser.press("[role=menuitem]", "Command line");
    browser.until(
        "a command",
        "document.documentElement.dataset.copied?.startsWith('pixmill run \
        a.jpg b.jpg c.jpg --recipe')",
    );
}

#[test]
fn what_cannot_be_ground_says_why_and_text_stays_text() {
    let place = Place::new();
    let server = Served::of(&place);
    let _worker = worker(&place);
    let browser = on_grind(&place, &server);
    // A recipe whose description is markup.
    let body = "description = \"<img src=x onerror=alert(2)>\"\nrecipe = \"resize:96 -> webp\"\n";
    browser.script_with(
        "await fetch('v1/recipes/script', { method: 'PUT', body: arguments[0], headers: { \
        'content-type': 'application/toml' } })",
        &serde_json::json!([body]),
    );
    browser.reload();
    browser.until_text("main", "Drop pictures anywhere");
    let hostile = "<img src=x onerror=alert(1)>.jpg";
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    browser.drop_files(&[
        ("bad.jpg", b"no picture"),
        (hostile, &photo(1)),
        ("evil.svg", svg),
        ("empty.png", b""),
    ]);
    browser.until_text("#run", "Grind 2 pictures");
    browser.until_text(".toasts", "2 files cannot be ground");
    browser.until_text(".preview-note", "no format's signature");
    browser.press(".thumb", "evil.svg");
    browser.until_text(".preview-note", "programs, not pictures");
    browser.press(".composer-head button", "Saved");
    browser.press("[role=menuitem]", "onerror=alert(2)");
    browser.until(
        "it is taken",
        "document.querySelector('#recipe-text').value.startsWith('resize:96')",
    );
    browser.drop_files(&[("bad.jpg", b"no picture"), (hostile, &photo(1)), ("svg.jpg", svg)]);
    browser.press("#run", "Grind 3 pictures");
    browser.until_text(".head .badge", "Ended, 2 failed");
    browser.until_text(".failures", "not a picture");
    browser.until_text("px-rows", hostile);
    browser.until_text("px-rows", "not a picture");
    browser.until(
        "no markup",
        "!document.querySelector('px-rows img[onerror], px-rows img[src=x], px-rows svg script')",
    );
    // One that failed is looked at, and tried again.
    browser.press(".row", "bad.jpg");
    browser.until_text(".lightbox .trouble", "no format's signature");
    browser.keys(&["\u{E00C}"]);
    browser.until("it closes", "!document.querySelector('dialog')");
    browser.press(".failure button", "Retry");
    browser.until_text(".toasts", "tried again");
    let batch = browser.script("return location.hash.split('/')[2].split('?')[0]");
    let jobs = format!("/v1/batches/{}/jobs", batch.as_str().unwrap());
    eventually("a retry that ended", LONG, || {
        let jobs = server.get(&jobs);
        let retries =
            jobs["jobs"].as_array().unwrap().iter().filter(|job| !job["retry_of"].is_null());
        (retries.filter(|job| job["state"] == "failed").count() == 1).then_some(())
    });
}
