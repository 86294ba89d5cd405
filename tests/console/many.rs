//! Five thousand pictures in one batch: sent, shown and scrolled through without choking.

use super::*;
use crate::harness::canvas;

const MANY: u64 = 5000;

#[test]
fn five_thousand_pictures_are_one_batch_like_any_other() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = desktop(&place);
    browser.go(&server.page("grind"));
    browser.until_text("main", "Drop pictures anywhere");
    browser.write("#recipe-text", "invert -> png");
    browser.until("it is read", "document.querySelectorAll('.op').length === 1");
    let tiny = canvas(4, 4, png::ColorType::Rgb, |x, y| {
        [u8::try_from(x * 40).unwrap(), u8::try_from(y * 40).unwrap(), 9]
    });
    let drop = "const [bytes, many] = arguments; const transfer = new DataTransfer(); \
         for (let n = 0; n < many; n += 1) transfer.items.add(new File([new Uint8Array(bytes)], \
         `p${String(n).padStart(4, '0')}.png`, { lastModified: n })); \
         document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: \
         true, cancelable: true }));";
    browser.script_with(drop, &serde_json::json!([tiny, MANY]));
    browser.until_text("#run", "Grind 5,000 pictures");
    browser.until_text(".strip", "more");
    let _workers = [
        worker(&place),
        place
            .on_data("consumer")
            .args(["--worker", "x", "--poll", "100ms"])
            .bound(10 * SOON)
            .start(),
    ];
    browser.press("#run", "Grind 5,000 pictures");
    browser.until_within(
        "the end",
        3 * LONG,
        "document.querySelector('px-grist')?.getAttribute('aria-valuenow') === '5000'",
    );
    browser.until_text(".head .badge", "Done");
    browser.until(
        "all rows",
        "document.querySelector('px-rows').getAttribute('aria-rowcount') === '5000'",
    );
    browser.until("few rows", "document.querySelectorAll('.row').length < 80");
    // To the last row and back, by keys; a frame draws what is in view, however many there are.
    browser.script("document.querySelector('.row').focus()");
    browser.keys(&["\u{E010}"]);
    browser.until(
        "the last row",
        "document.activeElement.getAttribute('aria-rowindex') === \
        '5000' && document.activeElement.textContent.includes('Done')",
    );
    let drawn = "let drawn = 0; const count = (all) => all.forEach((one) => drawn += \
         [...one.addedNodes].filter((node) => node.classList?.contains('row')).length); const observer = new MutationObserver(count); \
         observer.observe(document.querySelector('px-rows'), { childList: true, subtree: true }); \
         for (let n = 0; n < 60; n += 1) { scrollBy(0, -777); await new \
         Promise(requestAnimationFrame); } count(observer.takeRecords()); return drawn;";
    let drawn = browser.script(drawn).as_u64().unwrap();
    assert!(drawn < 60 * 80, "{drawn} rows were drawn in 60 frames");
    browser.until("few rows", "document.querySelectorAll('.row').length < 80");
    // A cell of the bar leads to its row.
    browser.script("scrollTo(0, 0)");
    browser.click("px-grist canvas");
    browser.until(
        "a row in the middle",
        "Number(document.activeElement.getAttribute('aria-rowindex')) > 1000",
    );
    browser.write("input[type=search]", "p4321");
    browser.until_text("px-rows", "p4321.png");
    browser.until("one row", "document.querySelectorAll('.row').length === 1");
}
