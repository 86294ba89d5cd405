//! What the program is built of: where it comes from, under which licences, and what may never be
//! part of it. Known vulnerabilities need a network and today's list: `make audit`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{Invocation, source_tree};

/// Licences that what we are built of may have, as SPDX writes them.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// What may not come in, and why.
const BANNED: [(&str, &str); 5] = [
    ("openssl-sys", "rustls is the one TLS stack"),
    ("native-tls", "rustls is the one TLS stack"),
    ("aws-lc-sys", "ring is the one provider of rustls"),
    ("axum", "hyper is the HTTP library, without a framework"),
    ("image", "codecs come one by one, behind limits of their own"),
];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn metadata() -> Value {
    let cargo = Invocation::new(env!("CARGO").as_ref());
    let cargo = ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::vars().find(|(known, _)| known == name)?.1)))
        .fold(cargo, |cargo, (name, value)| cargo.env(name, value));
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    cargo
        .args(arguments)
        .args(["--filter-platform", &host])
        .working_in(source_tree())
        .go()
        .expect(0)
        .json()
}

#[test]
fn everything_that_is_built_comes_from_the_registry_under_a_licence_that_allows_it() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100);
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence), "{name} is under {licence:?}");
        assert!(package["source"].is_null() || package["source"] == REGISTRY, "{name}");
        let banned = BANNED.iter().find(|(banned, _)| *banned == name);
        assert!(banned.is_none(), "{banned:?}");
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
fn is_allowed(expression: &str) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<_> = text.split_whitespace().collect();
    let mut at = 0;
    let allowed = any_of(&words, &mut at);
    allowed && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = all_of(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        allowed |= all_of(words, at);
    }
    allowed
}

fn all_of(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        allowed &= one(words, at);
    }
    allowed
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let allowed = any_of(words, at);
        *at += 1;
        return allowed;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    BTreeSet::from(ALLOWED).contains(licence.as_str())
}

#[test]
fn expressions_of_licences_are_read_as_they_are_meant() {
    for good in ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(good), "{good}");
    }
    let llvm = "Apache-2.0 WITH LLVM-exception";
    assert!(is_allowed(llvm));
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 WITH LLVM-exception", "MIT GPL-3.0"] {
        assert!(!is_allowed(bad), "{bad}");
    }
}
