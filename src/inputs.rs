//! Finding the pictures that somebody named: files as they are, folders searched.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use pixmill_contract::operation::PICTURE_EXTENSIONS;
use pixmill_contract::{Format, RejectCode, Rejection};
use walkdir::WalkDir;

/// A file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Where it is, absolute.
    pub(crate) path: PathBuf,
    /// Its place below the argument that named it or its folder.
    pub(crate) relative: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its modification time, in nanoseconds since 1970.
    pub(crate) modified: i128,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The files to work on, in a stable order.
    pub(crate) inputs: Vec<Input>,
    /// Files in folders that neither are called nor begin like pictures, by extension.
    pub(crate) passed_over: BTreeMap<String, usize>,
    /// What could not be looked at, and why.
    pub(crate) unreadable: Vec<(PathBuf, Rejection)>,
}

/// Finds the files behind the arguments. `leave_out` is a folder that is not searched, by whatever
/// path it is reached, as it holds what was made of others.
pub(crate) fn find(arguments: &[PathBuf], leave_out: Option<&Path>) -> Found {
    let mut found = Found::default();
    let leave_out = leave_out.and_then(folder_id);
    for argument in arguments {
        let path = match resolve(argument) {
            Ok(path) => path,
            Err(error) => {
                found.unreadable.push((argument.clone(), why(&error)));
                continue;
            }
        };
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => search(&path, leave_out, &mut found),
            Ok(metadata) if metadata.is_file() => {
                let relative = path.file_name().map(PathBuf::from).unwrap_or_default();
                found.inputs.push(input(path, relative, &metadata));
            }
            Ok(_) => found.unreadable.push((path, denied("neither a file nor a folder"))),
            Err(error) => found.unreadable.push((path, why(&error))),
        }
    }
    // One file may be named twice, directly and by its folder; the first place it was given wins.
    let mut seen = std::collections::HashSet::new();
    found.inputs.retain(|input| seen.insert(input.path.clone()));
    found
}

/// The absolute path of an argument, without links and `..` in it; a file that is a link keeps its
/// own name.
fn resolve(argument: &Path) -> std::io::Result<PathBuf> {
    let path = std::path::absolute(argument)?;
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !path.is_dir() => Ok(parent.canonicalize()?.join(name)),
        _ => path.canonicalize(),
    }
}

/// Which folder it is, by whatever path.
fn folder_id(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn search(folder: &Path, leave_out: Option<(u64, u64)>, found: &mut Found) {
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    let left_out = |entry: &walkdir::DirEntry| {
        entry.file_type().is_dir() && leave_out.is_some() && folder_id(entry.path()) == leave_out
    };
    let wanted = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || (!hidden(entry.file_name()) && !left_out(entry))
    };
    for entry in walk.filter_entry(wanted) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                found.unreadable.push((path, why_not_walked(&error)));
                continue;
            }
        };
        // Pipes, sockets and devices in a folder are nobody's pictures; they are never opened.
        if entry.file_type().is_dir() {
            continue;
        }
        if !entry.file_type().is_file() {
            *found.passed_over.entry("no file".to_owned()).or_default() += 1;
            continue;
        }
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                found.unreadable.push((entry.path().to_owned(), why_not_walked(&error)));
                continue;
            }
        };
        let extension = extension(entry.path());
        if !PICTURE_EXTENSIONS.contains(&extension.as_str()) && sniff(entry.path()).is_none() {
            *found.passed_over.entry(extension).or_default() += 1;
            continue;
        }
        let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
        found.inputs.push(input(entry.into_path(), relative, &metadata));
    }
}

fn why_not_walked(error: &walkdir::Error) -> Rejection {
    if error.loop_ancestor().is_some() {
        return denied("a link leads back to a folder above it");
    }
    error.io_error().map_or_else(|| denied(error.to_string()), why)
}

fn why(error: &std::io::Error) -> Rejection {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        return Rejection::new(RejectCode::SourceMissing, error.to_string());
    }
    denied(error.to_string())
}

fn denied(reason: impl Into<String>) -> Rejection {
    Rejection::new(RejectCode::SourceDenied, reason)
}

fn input(path: PathBuf, relative: PathBuf, metadata: &Metadata) -> Input {
    use std::os::unix::fs::MetadataExt as _;
    let modified = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Input { path, relative, size: metadata.len(), modified }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// The format that a file's first bytes announce.
pub(crate) fn sniff(path: &Path) -> Option<Format> {
    let mut start = Vec::with_capacity(16);
    let mut options = File::options();
    // Never waits, whatever has taken the file's place by now.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
    let file = options.read(true).custom_flags(nonblocking).open(path).ok()?;
    file.take(16).read_to_end(&mut start).ok()?;
    pixmill_ops::sniff(&start).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_pictures_and_counts_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, bytes: &[u8]| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write("b/photo.JPG", b"not really");
        write("a.png", b"");
        write("scan", b"\x89PNG\r\n\x1a\n........");
        write("notes.txt", b"hello");
        write(".hidden/x.jpg", b"");
        write("out/a.jpg", b"");
        std::os::unix::fs::symlink(root, root.join("b/loop")).unwrap();
        let found = find(&[root.to_owned(), root.join("a.png")], Some(&root.join("out")));
        let names: Vec<_> = found.inputs.iter().map(|i| i.relative.to_str().unwrap()).collect();
        assert_eq!(names, ["a.png", "b/photo.JPG", "scan"]);
        assert_eq!(found.passed_over, BTreeMap::from([("txt".to_owned(), 1)]));
        assert_eq!(found.unreadable.len(), 1);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let found = find(&["/nowhere/at/all".into(), "/dev/null".into()], None);
        let codes: Vec<_> = found.unreadable.iter().map(|(_, why)| why.code).collect();
        assert_eq!(codes, [RejectCode::SourceMissing, RejectCode::SourceDenied]);
    }
}
