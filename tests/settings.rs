//! Settings: a flag, the environment, the file, the default, in this order; what is wrong in the
//! file is shown in its place.

use std::fs;

use crate::harness::{Invocation, Place, files, photo, pixmill};

/// A place with a recipe `level` in each of some directories, which says where it is.
fn levels() -> Place {
    let place = Place::new();
    for directory in ["recipes", "of-all", "of-one", "of-env", "of-flag"] {
        fs::create_dir(place.path(directory)).unwrap();
        let text = format!("description = '{directory}'\nrecipe = 'flip'\n");
        fs::write(place.path(directory).join("level.toml"), text).unwrap();
    }
    place
}

fn settings(place: &Place, text: &str) {
    fs::write(place.path("pixmill.toml"), text).unwrap();
}

/// Which directory of recipes is looked into.
fn level(place: &Place, change: impl FnOnce(Invocation) -> Invocation) -> String {
    let teach = pixmill().args(["operations", "level"]).working_in(&place.path(""));
    let taught = change(teach).go().expect(0).stdout;
    taught.lines().next().unwrap().strip_prefix("level: ").unwrap().to_owned()
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let place = levels();
    let env = |command: Invocation| command.env("PIXMILL_RECIPES", "of-env");
    assert_eq!(level(&place, |command| command), "recipes");
    settings(&place, "recipes = 'of-all'");
    assert_eq!(level(&place, |command| command), "of-all");
    settings(&place, "recipes = 'of-all'\n[operations]\nrecipes = 'of-one'\n[run]\nrecipes = 'x'");
    assert_eq!(level(&place, |command| command), "of-one");
    assert_eq!(level(&place, env), "of-env");
    assert_eq!(level(&place, |command| env(command).args(["--recipes", "of-flag"])), "of-flag");
}

#[test]
fn the_file_is_the_one_that_a_flag_or_the_environment_names() {
    let place = levels();
    settings(&place, "recipes = 'of-all'");
    fs::write(place.path("other.toml"), "recipes = 'of-one'").unwrap();
    fs::write(place.path("third.toml"), "recipes = 'of-flag'").unwrap();
    let env = |command: Invocation| command.env("PIXMILL_CONFIG", "other.toml");
    assert_eq!(level(&place, env), "of-one");
    assert_eq!(level(&place, |command| env(command).args(["--config", "third.toml"])), "of-flag");
    assert_eq!(level(&place, |command| command.args(["--config", "/dev/null"])), "recipes");
    let gone = pixmill().args(["operations", "--config", "gone.toml"]).go();
    gone.expect(2).says(&["failed to read the settings in gone.toml"]);
}

#[test]
fn a_run_needs_no_flag_that_the_file_has_and_a_switch_can_be_turned_off() {
    let place = Place::new();
    place.put("a.jpg", &photo(1));
    settings(&place, "recipe = 'invert -> png'\njobs = 1\n[run]\nout = 'out'\nfresh = true\n");
    let run = || pixmill().args(["run", "in", "--json"]).working_in(&place.path(""));
    assert_eq!(run().go().expect(0).json()["done"], 1);
    assert_eq!(files(&place.out()).len(), 1);
    assert_eq!(run().go().expect(0).json()["done"], 1, "`fresh` of the file does not count");
    assert_eq!(run().arg("--fresh=false").go().expect(0).json()["done_before"], 1);
}

#[test]
fn what_is_wrong_in_the_file_is_refused_with_its_place_and_what_was_probably_meant() {
    let place = levels();
    for (text, position, phrases) in [
        ("\njob = 4", "2:1", ["no flag `--job`", "did you mean `jobs`?"]),
        ("[run]\nmax_side = 5", "2:1", ["`run` has no flag `--max_side`", "`max-side`"]),
        ("[rum]\njobs = 4", "1:2", ["no command `rum`", "did you mean `run`?"]),
        ("run = 5", "1:1", ["`run` is a command", "`[run]`"]),
        ("jobs = '4'", "1:8", ["takes a number, without quotes", "^^^"]),
        ("jobs = true", "1:8", ["`jobs` takes a number", "^^^^"]),
        ("jobs = 4000", "1:8", ["`4000` cannot be `jobs`", "1..=1024"]),
        ("visibility = 30", "1:14", ["`visibility` takes a text", "^^"]),
        ("visibility = '3 parsecs'", "1:14", ["`3 parsecs` cannot be", "parsecs"]),
        ("durable = 'yes'", "1:11", ["`durable` is true or false", "^^^^^"]),
        ("out = ['a']", "1:7", ["`out` takes a text", "^^^^^"]),
        ("child = true", "1:1", ["no flag `--child`", "^^^^^"]),
        ("config = 'x'", "1:1", ["no flag `--config`", "^^^^^^"]),
        ("jobs =", "1:7", ["failed to read TOML", "^"]),
    ] {
        settings(&place, text);
        let ended = pixmill().arg("operations").working_in(&place.path("")).go().expect(2);
        let at = format!("pixmill.toml:{position}: ");
        ended.says(&[at.as_str(), phrases[0], phrases[1]]);
    }
    // Whoever looks for help gets it.
    pixmill().args(["run", "--help"]).working_in(&place.path("")).go().expect(0);
}
