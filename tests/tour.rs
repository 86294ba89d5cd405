//! README's tour, typed as it is printed, and what else README shows to be copied.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::harness::{Invocation, Place, files, pixmill, source_tree};

/// Commands with their output, as a block of README's shows them: `$ command`, then what it says.
/// `…` stands for anything, and a command that shows nothing may say what it likes.
fn typed(block: &str) -> Vec<(&str, String)> {
    let mut typed: Vec<(&str, String)> = vec![];
    for line in block.lines() {
        match (line.strip_prefix("$ "), typed.last_mut()) {
            (Some(command), _) => typed.push((command, String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("the block begins with no command: {line}"),
        }
    }
    typed
}

/// The fenced blocks of README in a language.
fn blocks<'r>(readme: &'r str, language: &str) -> Vec<&'r str> {
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn readme() -> String {
    fs::read_to_string(source_tree().join("README.md")).unwrap()
}

/// The code that a command's comment announces.
fn announced(command: &str) -> i32 {
    let code = command.split("# exit code ").nth(1);
    code.map_or(0, |rest| {
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    })
}

fn matches(shown: &str, said: &str) -> bool {
    let Some((first, rest)) = shown.split_once('…') else { return shown == said };
    let Some(mut left) = said.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('…').unwrap_or(("", rest));
    for piece in middle.split('…') {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    // A block cannot show that a line goes on in its end.
    last.trim().is_empty() || left.ends_with(last)
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn the_tour_goes_as_it_is_printed() {
    let readme = readme();
    let blocks = blocks(&readme, "console");
    let typed: Vec<_> = blocks.iter().flat_map(|block| typed(block)).collect();
    assert!(typed.len() >= 10, "{typed:?}");
    let place = Place::new();
    for directory in ["samples", "recipes"] {
        copy(&source_tree().join(directory), &place.path(directory));
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_pixmill")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display());
    for (command, shown) in typed {
        let shell = Invocation::new(OsStr::new("sh")).env("PATH", &path);
        let line = format!("exec 2>&1\n{command}\n");
        let ended = shell.args(["-c", &line]).working_in(&place.path("")).go();
        let code = ended.status.code();
        assert_eq!(code, Some(announced(command)), "{command}\n{}", ended.stdout);
        let said = &ended.stdout;
        assert!(
            shown.is_empty() || matches(&shown, said),
            "{command}\n-- README\n{shown}-- says\n{said}"
        );
    }
}

#[test]
fn the_files_that_the_readme_shows_are_read() {
    let readme = readme();
    let (recipes, settings): (Vec<_>, Vec<_>) =
        blocks(&readme, "toml").into_iter().partition(|block| block.contains("[outputs]"));
    assert!(!recipes.is_empty() && !settings.is_empty());
    let place = Place::new();
    for block in recipes {
        fs::write(place.path("shown.toml"), block).unwrap();
        let teach = pixmill().args(["operations", "shown", "--recipes"]).arg(place.path(""));
        teach.go().expect(0);
    }
    for block in settings {
        fs::write(place.path("pixmill.toml"), block).unwrap();
        pixmill().arg("operations").working_in(&place.path("")).go().expect(0);
    }
}
