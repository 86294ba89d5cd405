//! Every screen, light, dark and in a system's own colours, on a desktop and a phone: no serious finding of accessibility, no
//! sideways scrolling, nothing that breaks the page's own rules. Each is kept as a picture in
//! `target/screenshots`, to be looked at.

use serde_json::json;

use super::browser::checker;
use super::*;
use crate::harness::{marked, photo_of, sample};

/// Findings that keep people from using a page.
const FINDINGS: &str = "const { violations } = await axe.run(document, { resultTypes: \
    ['violations'] }); \
    return violations.filter((v) => ['serious', 'critical'].includes(v.impact)) \
        .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).slice(0, \
        3).join(' | ')}`);";

/// A dead letter, a failed picture and some that are done.
fn filled(place: &Place, browser: &Browser, server: &Served) {
    browser.go(&server.page("grind"));
    browser.until_text("main", "Drop pictures anywhere");
    let photos: Vec<_> = (0..8).map(|n| photo_of(n * 3, 900, 600)).collect();
    let names: Vec<_> = (0..8).map(|n| format!("DSC_{:04}.jpg", 412 + n * 9)).collect();
    let mut files: Vec<_> =
        names.iter().map(String::as_str).zip(photos.iter().map(Vec::as_slice)).collect();
    let (bad, portrait) = (marked(1, "abort"), sample("photos/portrait-exif6.jpg"));
    files.extend([
        ("portrait.jpg", portrait.as_slice()),
        ("notes.jpg", b"no picture"),
        ("huge.jpg", &bad),
    ]);
    browser.drop_files(&files);
    browser.press("#run", "Grind 11 pictures");
    browser.until_text("h1", "DSC_0412 and 10 more");
    eventually("all ends", LONG, || {
        let consumer =
            place.on_data("consumer").args(["--visibility", "1s", "--max-attempts", "3"]);
        let mut worker = consumer.args(["--poll", "100ms"]).start();
        let there = || server.get("/v1/dead-letters")["total"] == 1;
        let settled = || there() && server.get("/v1/batches")["batches"][0]["done"] == 9;
        eventually("its end", SOON, || (settled() || !worker.is_running()).then_some(()));
        settled().then_some(())
    });
}

#[test]
fn every_screen_can_be_used_by_everybody_on_everything() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = desktop(&place);
    filled(&place, &browser, &server);
    let settings = ["--min", "1", "--max", "2", "--interval", "500ms", "--boot", "500ms"];
    let _controller = place.on_data("controller").args(settings).bound(10 * SOON).start();
    let checker = checker();
    let batch = server.get("/v1/batches")["batches"][0]["batch"].as_str().unwrap().to_owned();
    let jobs = server.get(&format!("/v1/batches/{batch}/jobs?q=portrait"));
    let job = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let drop_some = || {
        let photo = photo_of(5, 900, 600);
        browser.drop_files(&[("harbour.jpg", &photo), ("evil.svg", b"<svg/>")]);
        browser.until(
            "a preview",
            "document.querySelector('.stage').dataset.preview && \
            !document.querySelector('.load:not([hidden])')",
        );
    };
    let settled = || {
        browser.until(
            "pictures",
            "[...document.querySelectorAll('main .well img')].every((i) => i.complete && (i.src \
            || 'none' in i.dataset))",
        );
    };
    let screens: [(&str, String, &str); 8] = [
        ("grind-empty", "grind".to_owned(), "Drop pictures anywhere"),
        ("grind", "grind".to_owned(), "Drop pictures anywhere"),
        ("batch", format!("batch/{batch}?view=rows"), "too many attempts"),
        ("gallery", format!("batch/{batch}?view=gallery"), "too many attempts"),
        ("picture", format!("batch/{batch}?job={job}"), "too many attempts"),
        ("jobs", "jobs".to_owned(), "9/11"),
        ("fleet", "fleet".to_owned(), "1 of 1 in service"),
        ("dead", "dead".to_owned(), "huge.jpg"),
    ];
    for (size, (width, height)) in [("desktop", DESKTOP), ("phone", PHONE), ("zoomed", (320, 256))]
    {
        browser.size(width, height);
        for (name, hash, text) in &screens {
            // What was chosen before is another visitor's.
            browser.script("sessionStorage.clear()");
            browser.go("about:blank");
            browser.go(&server.page(hash));
            browser.until_text("main", text);
            match *name {
                "grind" => drop_some(),
                "picture" => browser.until(
                    "both",
                    "[...document.querySelectorAll('.lightbox \
                .layer img')].every((i) => i.naturalWidth)",
                ),
                _ => settled(),
            }
            let wide = browser.script("return [document.documentElement.scrollWidth, innerWidth]");
            assert_eq!(wide[0], wide[1], "{name} scrolls sideways ({size})");
            for theme in ["light", "dark", "forced"] {
                match (theme, size) {
                    ("forced", "desktop") => {
                        browser.media(&[
                            ("forced-colors", "active"),
                            ("prefers-reduced-motion", "reduce"),
                        ]);
                    }
                    ("forced", _) => continue,
                    _ => browser.theme(theme),
                }
                browser.shot(&format!("{name}-{size}-{theme}"));
                if size == "zoomed" {
                    continue;
                }
                browser.tool("Runtime.evaluate", &json!({ "expression": checker }));
                assert_eq!(browser.script(FINDINGS), json!([]), "{name} {size} {theme}");
            }
            assert_eq!(browser.wrongs(), json!([]), "{name} {size}");
        }
    }
}

#[test]
fn the_whole_story_needs_no_pointer() {
    let place = Place::new();
    let server = Served::of(&place);
    let _worker = worker(&place);
    let browser = on_grind(&place, &server);
    browser.keys(&["?"]);
    browser.until_text("dialog", "Keys and help");
    browser.keys(&["\u{E00C}"]);
    browser.until("it closes", "!document.querySelector('dialog')");
    for (keys, heading) in [
        (["g", "b"], "Batch"),
        (["g", "j"], "Jobs"),
        (["g", "f"], "Fleet"),
        (["g", "d"], "Dead"),
        (["g", "g"], "Grind"),
    ] {
        browser.keys(&keys);
        browser.until_text("h1", heading);
    }
    let files = [
        file(&place, "a.jpg", &photo_of(1, 300, 200)),
        file(&place, "b.jpg", &photo_of(2, 300, 200)),
    ];
    browser.choose("[data-chooser=pictures]", &files);
    browser.until_text("#run", "Grind 2 pictures");
    browser.until("a preview", "document.querySelector('.stage').dataset.preview");
    browser.keys(&["1"]);
    browser.until("before", "document.querySelector('.compare').dataset.mode === 'before'");
    browser.keys(&["]"]);
    browser.until(
        "the next",
        "document.querySelector('.thumb[aria-pressed=true]').textContent.includes('b.jpg')",
    );
    browser.chord("\u{E009}", "\u{E007}");
    browser.until_text("h1", "a and 1 more");
    browser.until_text(".head .badge", "Done");
    browser.until("rows", "document.querySelectorAll('.row').length === 2");
    browser.keys(&["j", "j", "\u{E007}"]);
    browser.until("it opens", "document.querySelector('.lightbox')");
    browser.keys(&["\u{E012}"]);
    browser.keys(&["\u{E00C}"]);
    browser.until("it closes", "!document.querySelector('dialog')");
    browser.keys(&["v"]);
    browser.until("a gallery", "document.querySelector('px-rows.tiles')");
}

#[test]
fn whoever_wants_nothing_to_move_sees_nothing_move() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    browser.drop_files(&[("a.jpg", &photo_of(1, 300, 200))]);
    browser.press("#run", "Grind 1 picture");
    // Nobody works: the mill turns as long as the page is open.
    browser.until_text(".head .badge", "Running 0 %");
    let moving = "document.getAnimations().filter((one) => one.playState === 'running').length";
    browser.media(&[("prefers-reduced-motion", "no-preference")]);
    browser.until("the mill turns", moving);
    browser.media(&[("prefers-reduced-motion", "reduce")]);
    browser.until("nothing moves", &format!("{moving} === 0"));
    for screen in ["grind", "jobs", "fleet", "dead", "batch"] {
        browser.keys(&["g", &screen[..1]]);
        let shown = format!("#nav [data-screen={screen}][aria-current]");
        browser.until("it is shown", &format!("document.querySelector('{shown}')"));
        assert_eq!(browser.script(&format!("return {moving}")), 0, "{screen}");
    }
}
