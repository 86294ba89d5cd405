//! What holds the source tree together and no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use walkdir::WalkDir;

use crate::harness::{Invocation, source_tree};

/// Which crate of the workspace may use which: for its own code, and for its tests besides.
/// Roles never see an adapter or each other; adapters decide nothing; the root names them all.
const EDGES: [(&str, &[&str], &[&str]); 16] = [
    ("pixmill-access", &[], &[]),
    ("pixmill-console", &[], &[]),
    ("pixmill-contract", &[], &[]),
    ("pixmill-resample", &[], &[]),
    ("pixmill-ops", &["pixmill-contract", "pixmill-resample"], &[]),
    ("pixmill-workers", &["pixmill-contract"], &[]),
    ("pixmill-local", &["pixmill-contract", "pixmill-workers"], &["pixmill-contract"]),
    ("pixmill-aws", &["pixmill-contract"], &["pixmill-contract"]),
    ("pixmill-ec2", &["pixmill-aws", "pixmill-contract", "pixmill-workers"], &[]),
    ("pixmill-producer", &["pixmill-contract"], &["pixmill-contract", "pixmill-local"]),
    (
        "pixmill-api",
        &["pixmill-access", "pixmill-console", "pixmill-contract", "pixmill-producer"],
        &["pixmill-contract", "pixmill-local"],
    ),
    (
        "pixmill-consumer",
        &["pixmill-access", "pixmill-contract", "pixmill-ops"],
        &["pixmill-contract", "pixmill-local", "pixmill-ops"],
    ),
    ("pixmill-controller", &["pixmill-contract"], &["pixmill-contract", "pixmill-local"]),
    // For tests only: nothing may use these two.
    ("pixmill-fuzz", &["pixmill-contract", "pixmill-ops"], &[]),
    (
        "pixmill-sim",
        &[
            "pixmill-consumer",
            "pixmill-contract",
            "pixmill-controller",
            "pixmill-local",
            "pixmill-ops",
            "pixmill-producer",
        ],
        &[],
    ),
    (
        "pixmill",
        &[
            "pixmill-api",
            "pixmill-aws",
            "pixmill-consumer",
            "pixmill-contract",
            "pixmill-controller",
            "pixmill-ec2",
            "pixmill-local",
            "pixmill-ops",
            "pixmill-producer",
        ],
        &["pixmill-contract", "pixmill-ops"],
    ),
];

fn packages() -> BTreeMap<String, Value> {
    let cargo = Invocation::new(env!("CARGO").as_ref());
    let home = |name| std::env::vars().find(|(known, _)| known == name).map(|(_, value)| value);
    let cargo = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
        .into_iter()
        .filter_map(|name| Some((name, home(name)?)))
        .fold(cargo, |cargo, (name, value)| cargo.env(name, value));
    let metadata = cargo
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .working_in(source_tree())
        .go()
        .expect(0)
        .json();
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    metadata["packages"].as_array().unwrap().iter().map(|p| (name(p), p.clone())).collect()
}

#[test]
fn crates_use_each_other_along_the_allowed_edges_only() {
    let packages = packages();
    let expected: BTreeSet<_> = EDGES.iter().map(|(name, _, _)| (*name).to_owned()).collect();
    assert_eq!(packages.keys().cloned().collect::<BTreeSet<_>>(), expected, "give it its edges");
    for (name, allowed, in_tests) in EDGES {
        for dependency in packages[name]["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            if !on.starts_with("pixmill") {
                continue;
            }
            let (table, what) = match dependency["kind"].as_str() {
                Some("dev") => (in_tests, "its tests"),
                Some(_) | None => (allowed, "it"),
            };
            assert!(table.contains(&on), "{name}: {what} may not use {on}");
        }
    }
}

#[test]
fn code_names_only_the_crates_that_its_own_may_use() {
    for (name, allowed, in_tests) in EDGES {
        let root = match name {
            "pixmill" => source_tree().join("src"),
            "pixmill-api" | "pixmill-console" | "pixmill-producer" | "pixmill-consumer"
            | "pixmill-controller" | "pixmill-fuzz" | "pixmill-sim" => {
                source_tree().join(&name[8..])
            }
            _ => source_tree().join("core").join(&name[8..]),
        };
        for file in sources(&root) {
            let text = fs::read_to_string(&file).unwrap();
            // A test module at the end of a file, and whatever is not under `src`, is a test's.
            let code = text.split("#[cfg(test)]").next().unwrap();
            let is_test = !file.strip_prefix(source_tree()).unwrap().iter().any(|c| c == "src")
                || file.ends_with("tests.rs");
            let mut named = crates_named(code);
            if is_test {
                named.retain(|other| !in_tests.contains(&other.as_str()));
            }
            named.retain(|other| other != name && !allowed.contains(&other.as_str()));
            assert!(named.is_empty(), "{} names {named:?}", file.display());
        }
    }
}

/// The crates of this workspace that a text names, as packages.
fn crates_named(text: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words = code.flat_map(|line| line.split(move |c| !is_word(c)));
    let words = words.filter(|word| word.starts_with("pixmill_"));
    let packages = words.map(|word| word.replace('_', "-"));
    packages.filter(|word| EDGES.iter().any(|(name, _, _)| name == word)).collect()
}

/// The Rust sources below a directory.
fn sources(root: &Path) -> Vec<PathBuf> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    tree(root).into_iter().filter(rust).collect()
}

/// The files below a directory that people or programs wrote, not those that were built or made.
fn tree(root: &Path) -> Vec<PathBuf> {
    let made = [".git", "target", "out", "node_modules"];
    let wanted = move |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !made.iter().any(|name| entry.file_name() == *name)
    };
    let entries = WalkDir::new(root).into_iter().filter_entry(wanted).map(Result::unwrap);
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

#[test]
fn every_source_opens_with_what_it_is() {
    let sources = sources(source_tree());
    assert!(sources.len() > 50);
    for file in sources {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not say what it is", file.display());
    }
}

#[test]
fn nothing_names_a_path_of_somebodys_machine() {
    // Spelled in parts, so that this file is none of those that it looks for.
    let traces = [["/ro", "ot/"], ["/ho", "me/"], ["/Us", "ers/"], ["/wo", "rk/"], ["/tm", "p/"]];
    for file in tree(source_tree()) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for trace in traces.map(|parts| parts.concat()) {
                let found = line.match_indices(&trace).any(|(at, _)| {
                    // What goes on before it is a relative path, and people's names are ASCII.
                    let inner = |c: char| c.is_ascii_alphanumeric() || "._}-".contains(c);
                    !line[..at].ends_with(inner)
                        && line[at + trace.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
                });
                let (file, number) = (file.display(), number + 1);
                assert!(!found, "{file}:{number} names a path of a machine: {line}");
            }
        }
    }
}

#[test]
fn the_readme_sets_everything_up_with_two_commands() {
    let readme = fs::read_to_string(source_tree().join("README.md")).unwrap();
    let (setup, _) = readme.split_once("## The tour").unwrap();
    let mut shown = BTreeSet::new();
    let mut in_code = false;
    for line in setup.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if in_code
            && let Some(verbs) = line.trim().trim_start_matches("$ ").strip_prefix("make ")
        {
            let verbs = verbs.split('#').next().unwrap();
            shown.extend(verbs.split_whitespace().map(str::to_owned));
        }
    }
    assert_eq!(shown, BTreeSet::from(["run".to_owned(), "test".to_owned()]));
    let makefile = fs::read_to_string(source_tree().join("Makefile")).unwrap();
    for verb in shown {
        assert!(makefile.lines().any(|line| line.starts_with(&format!("{verb}:"))), "{verb}");
    }
}

#[test]
fn files_are_one_idea_long() {
    let modules = tree(&source_tree().join("console/pages"));
    for file in sources(source_tree()).into_iter().chain(modules) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 420, "{} has {lines} lines", file.display());
    }
}
