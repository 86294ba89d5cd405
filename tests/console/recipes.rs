//! Recipes that the server keeps: saved under a name, chosen again, replaced, brought back.

use super::*;

/// Saves what is being composed.
fn save(browser: &Browser, name: &str) {
    browser.press(".composer-head > button", "Save");
    browser.until_text("dialog", "Save this recipe");
    browser.write("dialog input", name);
    browser.press("dialog button.primary", "Save");
    browser.until("it closes", "!document.querySelector('dialog')");
}

/// Writes a recipe of so many operations, and waits until it is read.
fn compose(browser: &Browser, recipe: &str, operations: usize) {
    browser.write("#recipe-text", recipe);
    let read = format!("document.querySelectorAll('.op').length === {operations}");
    browser.until("it is read", &read);
    browser.keys(&["\u{E004}"]);
    is_composed(browser, recipe);
}

fn is_composed(browser: &Browser, recipe: &str) {
    let text = "document.querySelector('#recipe-text').value";
    browser.until(recipe, &format!("{text} === {recipe:?}"));
}

#[test]
fn a_recipe_is_saved_chosen_again_replaced_and_brought_back() {
    let place = Place::new();
    let server = Served::of(&place);
    let browser = on_grind(&place, &server);
    compose(&browser, "resize:200 | grayscale -> png", 2);
    // A name that cannot be is refused where it is typed.
    browser.press(".composer-head > button", "Save");
    browser.write("dialog input", "two words");
    browser.press("dialog button.primary", "Save");
    browser.until("it is refused", "document.querySelector('dialog input:invalid')");
    browser.keys(&["\u{E00C}"]);
    browser.until("it closes", "!document.querySelector('dialog')");
    save(&browser, "thumbs");
    browser.until_text(".toasts", "Saved as thumbs");
    let known = || server.get("/v1/recipes/thumbs")["recipe"].clone();
    assert_eq!(known(), "resize:width=200 | grayscale -> png");
    // By its address, and by the menu.
    compose(&browser, "invert -> webp", 1);
    browser.go("about:blank");
    browser.go(&server.page("grind?recipe=thumbs"));
    is_composed(&browser, "resize:200 | grayscale -> png");
    browser.press(".toast button", "Undo");
    is_composed(&browser, "invert -> webp");
    browser.press(".composer-head button", "Saved");
    browser.press("[role=menuitem]", "thumbs");
    is_composed(&browser, "resize:200 | grayscale -> png");
    // Nobody is asked before it is replaced: it can be brought back.
    compose(&browser, "invert -> webp", 1);
    save(&browser, "thumbs");
    browser.until_text(".toasts", "thumbs replaced");
    assert_eq!(known(), "invert -> webp");
    browser.press(".toast:last-child button", "Undo");
    eventually("the old one", SOON, || {
        (known() == "resize:width=200 | grayscale -> png").then_some(())
    });
}
