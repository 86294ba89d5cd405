//! Fleet: a worker that dies, the one that comes in its place and why; and one that is drained.

use rustix::process::Signal;

use super::*;
use crate::harness::kill;

#[test]
fn a_worker_dies_and_another_one_takes_its_place() {
    let place = Place::new();
    let settings = ["--min", "1", "--max", "2", "--interval", "500ms", "--boot", "500ms"];
    let _controller = place.on_data("controller").args(settings).bound(10 * SOON).start();
    let server = Served::of(&place);
    let living = || {
        let fleet = server.get("/v1/fleet");
        let instance =
            fleet["instances"].as_array()?.iter().find(|one| one["state"] == "ready")?.clone();
        let pid = instance["report"]["pid"].as_u64()?;
        Some((instance["id"].as_str()?.to_owned(), u32::try_from(pid).unwrap()))
    };
    let (first, pid) = eventually("a worker", SOON, living);
    let browser = desktop(&place);
    browser.go(&server.page("fleet"));
    browser.until_text(".totals", "1 of 1 in service");
    browser.until_text(&format!("[data-id='{first}']"), "In service");
    browser.until_text(".logs", "the policy wants 1 at least");
    kill(pid, Signal::KILL);
    browser.until(
        "it fades",
        &format!("document.querySelector('[data-id=\"{first}\"]')?.classList.contains('leaves')"),
    );
    browser.until_text(&format!("[data-id='{first}']"), "It crashed, was killed");
    let second = eventually("another one", SOON, || living().filter(|(id, _)| *id != first)).0;
    browser.until_text(&format!("[data-id='{second}']"), "In service");
    browser.until_text(".logs", "in place of 1 lost");
    browser.until(
        "the dead one is gone",
        &format!("!document.querySelector('[data-id=\"{first}\"]')"),
    );
    // The chart says the same to whoever reads it off by keys, and as a table.
    browser.script("document.querySelector('.plot').focus()");
    browser.keys(&["\u{E012}"]);
    browser.until(
        "what is read off",
        "document.querySelector('.plot').getAttribute('aria-label').includes('in service')",
    );
    browser.press("summary", "As a table");
    browser.until_text(".chart-table", "In service");
    // Drained only when one is sure.
    browser.press(&format!("[data-id='{second}'] button"), "Drain");
    browser.until_text("dialog", "It holds no job now");
    browser.press("dialog button", "Keep");
    assert!(living().is_some_and(|(id, _)| id == second));
    browser.press(&format!("[data-id='{second}'] button"), "Drain");
    browser.press("dialog button", "Drain it");
    browser.until(
        "it goes",
        &format!(
            "!document.querySelector('[data-id=\"{second}\"]') || \
        document.querySelector('[data-id=\"{second}\"]').dataset.state !== 'ready'"
        ),
    );
}
