//! What the program is built of: where it comes from, under which licences, and what may never be
//! part of it, by the lists in `deny.toml`. Known vulnerabilities need a network and today's list:
//! `make audit`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{Invocation, source_tree};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What is quoted in a list of `deny.toml`, in lines that hold `of`.
fn listed(list: &str, of: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(source_tree().join("deny.toml")).unwrap();
    let (_, rest) = text.split_once(&format!("\n{list} = [\n")).unwrap();
    let lines = rest.split("\n]").next().unwrap().lines().filter(|line| line.contains(of));
    lines.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
}

fn metadata() -> Value {
    let cargo = Invocation::new(env!("CARGO").as_ref());
    let cargo = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::vars().find(|(known, _)| known == name)?.1)))
        .fold(cargo, |cargo, (name, value)| cargo.env(name, value));
    // Beside cargo, wherever that is.
    let rustc = std::path::Path::new(env!("CARGO")).with_file_name("rustc");
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    cargo
        .args(arguments)
        .args(["--filter-platform", &host])
        .env("RUSTC", rustc)
        .working_in(source_tree())
        .go()
        .expect(0)
        .json()
}

#[test]
fn everything_that_is_built_comes_from_the_registry_under_a_licence_that_allows_it() {
    let (allowed, banned) = (listed("allow", ""), listed("deny", "crate"));
    assert!(allowed.len() > 5 && banned.len() > 2, "{allowed:?} {banned:?}");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{name} is under {licence:?}");
        assert!(package["source"].is_null() || package["source"] == REGISTRY, "{name}");
        assert!(!banned.contains(name), "{name} may not be part of it");
    }
}

#[test]
fn the_lock_file_pins_every_package_by_its_content() {
    let lock = fs::read_to_string(source_tree().join("Cargo.lock")).unwrap();
    for package in lock.split("[[package]]").skip(1).filter(|package| package.contains("source")) {
        assert!(package.contains(&format!("source = \"{REGISTRY}\"")), "{package}");
        assert!(package.contains("checksum = \""), "{package}");
    }
}

/// Whether an expression of SPDX can be met: some alternative whose parts are all allowed. Old
/// packages write a slash for `OR`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = text.split_whitespace().collect();
    let mut at = 0;
    let meets = any_of(&words, &mut at, allowed);
    meets && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut meets = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        meets |= all_of(words, at, allowed);
    }
    meets
}

fn all_of(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut meets = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        meets &= one(words, at, allowed);
    }
    meets
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let meets = any_of(words, at, allowed);
        *at += 1;
        return meets;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn expressions_of_licences_are_read_as_they_are_meant() {
    let llvm = "Apache-2.0 WITH LLVM-exception";
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0", llvm].map(str::to_owned));
    for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR GPL-2.0) AND Unicode-3.0", llvm] {
        assert!(is_allowed(good, &allowed), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 WITH LLVM-exception", "MIT GPL-3.0"] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}
