//! Recipes in files: found by name or path, never taken for something else, and those that we ship.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{
    Invocation, Place, files, frame, photo, pixmill, sample, samples, source_tree,
};

/// A place with one picture and these recipes in `recipes`.
fn place_with(recipes: &[(&str, &str)]) -> Place {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    fs::create_dir(place.path("recipes")).unwrap();
    for (name, text) in recipes {
        fs::write(place.path("recipes").join(name), text).unwrap();
    }
    place
}

/// A run in the place, as from its own directory.
fn run(place: &Place, recipe: &str) -> Invocation {
    place.run(recipe).working_in(&place.path(""))
}

fn made(place: &Place) -> Vec<String> {
    files(&place.out()).into_keys().map(|path| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn a_recipe_is_found_by_its_name_and_by_its_path() {
    let place = place_with(&[("small.toml", "[outputs]\nsmall = 'resize:64 -> png'\n")]);
    run(&place, "small").go().expect(0);
    assert_eq!(made(&place), ["a-small.png"]);
    fs::rename(place.path("recipes"), place.path("elsewhere")).unwrap();
    for recipe in ["./elsewhere/small.toml", "elsewhere/small.toml"] {
        run(&place, recipe).go().expect(0);
    }
    run(&place, "small").args(["--recipes", "elsewhere"]).go().expect(0);
    run(&place, "small").env("PIXMILL_RECIPES", "elsewhere").go().expect(0);
    run(&place, "small").go().expect(2).says(&["neither an operation nor a recipe in recipes"]);
    run(&place, "small.toml").args(["--recipes", "elsewhere"]).go().expect(2).says(&["`small`"]);
    run(&place, "elsewhere/small").go().expect(2).says(&["ends in `.toml`"]);
    let report = run(&place, "elsewhere/small.toml").arg("--json").go().expect(0).json();
    assert_eq!(report["done_before"], 1, "the same recipe is the same work, however it is given");
}

#[test]
fn a_file_never_changes_what_an_operation_means() {
    let place = place_with(&[("flip.toml", "recipe = 'invert'")]);
    let ended = run(&place, "flip").go().expect(2);
    ended.says(&["is an operation and also the name of a recipe", "`flip;`", "recipes/flip.toml"]);
    assert!(!place.out().exists(), "something was begun");
    // Both that are proposed work, and a recipe of which it is a part is not in doubt.
    for recipe in ["flip;", "recipes/flip.toml", "flip -> png"] {
        run(&place, recipe).go().expect(0);
    }
}

#[test]
fn what_is_neither_is_refused_with_what_is_near() {
    let recipe = "recipe = 'invert'";
    let place = place_with(&[("webpage.toml", recipe), ("blurb.toml", recipe)]);
    for (given, said) in [
        ("webpag", "did you mean `webpage`?"),
        ("invrt", "did you mean `invert`?"),
        ("blure", "did you mean the operation `blur` or the recipe `blurb`?"),
        ("something-else", "the recipes are blurb, webpage"),
        ("webp", "`rotate:0 -> webp`"),
    ] {
        run(&place, given).go().expect(2).says(&[said]);
    }
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_its_place() {
    let text = "# Mine\n[outputs]\nthumb = \"resize:256 | grayscal -> webp\"\n";
    let place = place_with(&[("bad.toml", text)]);
    run(&place, "bad").go().expect(2).says(&[
        "recipes/bad.toml:3:23: unknown operation `grayscal`\n",
        "\n  thumb = \"resize:256 | grayscal -> webp\"\n                        ^^^^^^^^\n",
        "did you mean `grayscale`?",
    ]);
    let list = pixmill().arg("operations").working_in(&place.path("")).go().expect(0).stdout;
    assert!(list.contains("bad          refused: recipes/bad.toml:3:23: unknown"), "{list}");
    pixmill().args(["operations", "bad"]).working_in(&place.path("")).go().expect(2);
}

#[test]
fn recipes_are_listed_and_taught_with_the_operations() {
    let at_home = |name: &str| pixmill().args(["operations", name]).working_in(source_tree());
    let list = pixmill().arg("operations").working_in(source_tree()).go().expect(0).stdout;
    assert!(list.contains("  web          For web pages"), "{list}");
    let web = at_home("web").go().expect(0).stdout;
    assert!(web.contains("\n  small = resize:width=640 -> webp\n"), "{web}");
    at_home("wbe").go().expect(2).says(&["did you mean `web`?"]);
    let json = at_home("web").arg("--json").go().expect(0).json();
    assert!(json["recipe"].as_str().unwrap().starts_with("large = "), "{json}");
}

/// The recipes that we ship, each with the kinds of the files that it makes of a picture, and the
/// longest side that one of these may have.
const SHIPPED: [(&str, &[&str], u32); 6] = [
    ("archive", &["png"], 1600),
    ("documents", &["png"], 2400),
    ("placeholders", &["json", "json", "json"], 0),
    ("social", &["jpg", "jpg", "jpg"], 1350),
    ("thumbnails", &["jpg", "jpg"], 480),
    ("web", &["jpg", "webp", "webp"], 1600),
];

#[test]
fn every_recipe_that_we_ship_does_the_samples() {
    let shipped = source_tree().join("recipes");
    let names: Vec<_> = files(&shipped).into_keys().collect();
    let expected = SHIPPED.map(|(name, _, _)| PathBuf::from(format!("{name}.toml")));
    assert_eq!(names, expected, "say what each of them makes");
    for (name, kinds, side) in SHIPPED {
        let place = Place::new();
        let run = pixmill().arg("run").arg(samples()).args(["--recipe", name, "--json"]);
        let run = run.arg("--recipes").arg(&shipped).arg("--out").arg(place.out());
        run.go().expect(0);
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        for (path, bytes) in files(&place.out()) {
            let extension = path.extension().unwrap().to_str().unwrap().to_owned();
            if extension == "json" {
                serde_json::from_slice::<Value>(&bytes).unwrap();
            } else {
                let frame = frame(&bytes);
                assert!(frame.width.max(frame.height) <= side, "{name}: {}", path.display());
            }
            *made.entry(extension).or_default() += 1;
        }
        let pictures = files(&samples()).len();
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for kind in kinds {
            *expected.entry((*kind).to_owned()).or_default() += pictures;
        }
        assert_eq!(made, expected, "{name}");
    }
}

#[test]
fn every_example_that_is_taught_works() {
    let place = Place::new();
    place.put("harbour.jpg", &sample("photos/harbour.jpg"));
    let table = pixmill().args(["operations", "--json"]).go().expect(0).json();
    let rows = ["operations", "encodings"].iter().flat_map(|t| table[t].as_array().unwrap());
    for (n, row) in rows.enumerate() {
        let name = row["name"].as_str().unwrap();
        let taught = pixmill().args(["operations", name]).go().expect(0).stdout;
        // An operation and an encoding may share a name; then both are taught.
        let mut examples = taught.split("\nExample\n").skip(1).map(|rest| rest.lines().next());
        let example = row["example"].as_str().unwrap();
        assert!(examples.any(|first| first.unwrap().trim() == example), "{name}: {taught}");
        let out = place.path(format!("out-{n}"));
        place.run_into(example, &out).go().expect(0);
        assert_eq!(files(&out).len(), 1, "{example}");
    }
}
