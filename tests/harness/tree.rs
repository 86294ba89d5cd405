//! What is in an output directory, without the state that is kept there.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use walkdir::WalkDir;

/// Every file below `root` but the state's, by its relative path, with its bytes; without those that
/// go while it is looked.
pub(crate) fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |(name, path)| match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        bytes => Some((name, bytes.unwrap())),
    };
    walk(root).filter_map(read).collect()
}

/// The same with each file's inode, modification time in nanoseconds, and size.
pub(crate) fn stamps(root: &Path) -> BTreeMap<PathBuf, (u64, i64, u64)> {
    walk(root)
        .map(|(name, path)| {
            let meta = fs::metadata(path).unwrap();
            let modified = meta.mtime() * 1_000_000_000 + meta.mtime_nsec();
            (name, (meta.ino(), modified, meta.len()))
        })
        .collect()
}

fn walk(root: &Path) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    let state = root.join(".pixmill");
    let entries = WalkDir::new(root).into_iter().filter_entry(move |entry| entry.path() != state);
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(move |entry| {
        let relative = entry.path().strip_prefix(root).unwrap().to_owned();
        (relative, entry.into_path())
    })
}

/// Fails the test, with names and not with bytes, unless both hold the same files.
#[track_caller]
pub(crate) fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (files(one), files(other));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other), "not the same files");
    let differing: Vec<_> = one.iter().filter(|(name, bytes)| other[*name] != **bytes).collect();
    let differing: Vec<_> = differing.into_iter().map(|(name, _)| name).collect();
    assert!(differing.is_empty(), "other bytes in {differing:?}");
}
