//! Looking into the drop folder: which files are there, and which of them are complete.
//!
//! There is nothing by which to tell a file that is complete from one whose writer pauses, so it is
//! complete once it has not changed for long enough. What was renamed into place with an older time
//! is so at the first look. Age is told by the clock of the file system itself, as the server of a
//! network's may be ahead of ours.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pixmill_contract::Error;
use pixmill_contract::error::Result;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::fs::{futimens, openat, statat};
use tokio::time::Instant;

use super::{DROP, DropFolder, TAKEN};
use crate::error;

/// Folders in folders; deeper ones are left alone.
const MAX_DEPTH: usize = 64;

/// Files that one look takes note of. What there is beyond is seen when these have gone.
const MAX_SEEN: usize = 100_000;

/// What programs call a file that they have not finished, in lower case.
const PARTIAL: [&str; 12] = [
    "~",
    ".part",
    ".partial",
    ".tmp",
    ".temp",
    ".crdownload",
    ".download",
    ".filepart",
    ".!ut",
    ".aria2",
    ".swp",
    ".lock",
];

/// What desktops leave in every folder that they show, in lower case.
const DESKTOPS: [&str; 2] = ["thumbs.db", "desktop.ini"];

/// What lies beside a file that failed, and comes along when a folder is moved back.
pub(super) const REASON: &str = ".reason.txt";

/// A complete file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path below `drop`.
    pub path: PathBuf,
    content: Content,
}

impl Found {
    /// Whether this is the file that was found, unchanged.
    pub(super) fn is(&self, meta: &Metadata) -> bool {
        let modified = nanos(meta.mtime(), meta.mtime_nsec());
        let content = Content { inode: meta.ino(), size: meta.size(), modified };
        meta.is_file() && content == self.content
    }
}

/// What a look has seen.
#[derive(Debug, Default)]
pub struct Look {
    /// Files that are complete, in the order of their paths.
    pub ready: Vec<Found>,
    /// How many are not complete, or wait for one of their name.
    pub waiting: usize,
    /// What could not be looked into.
    pub troubles: Vec<Error>,
}

/// What a file was at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Content {
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
}

/// A file that was not complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    content: Content,
    since: Instant,
}

impl DropFolder {
    /// Looks for at most `room` complete files. Those of `busy`, which are in work under the same
    /// path, wait.
    pub fn look(&mut self, room: usize, busy: &HashSet<PathBuf>) -> Result<Look> {
        let attempt = || format!("look into {}", self.home.join(DROP).display());
        let mut walk = Walk { files: vec![], troubles: vec![] };
        let top = self.top(DROP).map_err(error::io(attempt()))?;
        walk.directory(&top.into(), Path::new(""), 0);
        let here = self.file_clock().map_err(error::io(attempt()))?;
        walk.files.sort_by(|(one, _), (other, _)| one.cmp(other));
        let (now, stable, was) = (Instant::now(), self.stable, std::mem::take(&mut self.seen));
        let mut look = Look { troubles: walk.troubles, ..Look::default() };
        for (path, content) in walk.files {
            let known = was.get(&path).filter(|seen| seen.content == content);
            let since = known.map_or(now, |seen| seen.since);
            let is_ready = is_complete(content.modified, here, now - since, stable);
            if is_ready && look.ready.len() < room && !busy.contains(&path) {
                look.ready.push(Found { path, content });
            } else {
                look.waiting += 1;
                self.seen.insert(path, Seen { content, since });
            }
        }
        Ok(look)
    }

    /// The time by the file system's own clock, in nanoseconds since 1970.
    fn file_clock(&self) -> io::Result<i128> {
        let path = self.home.join(TAKEN).join("clock");
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        futimens(&file, &Timestamps { last_access: now, last_modification: now })?;
        let meta = file.metadata()?;
        Ok(nanos(meta.mtime(), meta.mtime_nsec()))
    }
}

/// Whether a file is complete that was modified then, and has been seen as it is for so long.
fn is_complete(modified: i128, now: i128, seen_for: Duration, stable: Duration) -> bool {
    let age = u128::try_from(now - modified).unwrap_or(0);
    age >= stable.as_nanos() || seen_for >= stable
}

/// Whether a name is that of a file to work on.
fn is_wanted(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().to_ascii_lowercase();
    let is_hidden = name.starts_with(b".");
    let is_partial = PARTIAL.iter().any(|end| name.ends_with(end.as_bytes()));
    let is_desktops = DESKTOPS.iter().any(|known| name == known.as_bytes());
    !(is_hidden || is_partial || is_desktops || name.ends_with(REASON.as_bytes()))
}

fn nanos(seconds: i64, nanos: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
}

/// A walk through the drop folder, by handles of directories, so that no link leads out of it.
struct Walk {
    files: Vec<(PathBuf, Content)>,
    troubles: Vec<Error>,
}

impl Walk {
    fn directory(&mut self, directory: &OwnedFd, path: &Path, depth: usize) {
        if let Err(error) = self.entries(directory, path, depth)
            // It went away, or something else has taken its place.
            && !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
        {
            let attempt = format!("look into {}", Path::new(DROP).join(path).display());
            self.troubles.push(error::io(attempt)(error));
        }
    }

    fn entries(&mut self, directory: &OwnedFd, path: &Path, depth: usize) -> io::Result<()> {
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if self.files.len() >= MAX_SEEN || !is_wanted(&name) {
                continue;
            }
            let below = path.join(&name);
            let stat = match statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(rustix::io::Errno::NOENT) => continue,
                stat => stat?,
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => self.files.push((below, content(&stat))),
                FileType::Directory if depth < MAX_DEPTH => {
                    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    match openat(directory, &name, flags, Mode::empty()) {
                        Ok(inner) => self.directory(&inner, &below, depth + 1),
                        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
                        Err(error) => {
                            let attempt = format!("look into {DROP}/{}", below.display());
                            self.troubles.push(error::io(attempt)(error.into()));
                        }
                    }
                }
                // Links, pipes, sockets and devices are nobody's pictures; they are never opened.
                FileType::Directory
                | FileType::Symlink
                | FileType::Fifo
                | FileType::Socket
                | FileType::CharacterDevice
                | FileType::BlockDevice
                | FileType::Unknown => {}
            }
        }
        Ok(())
    }
}

#[allow(clippy::useless_conversion, reason = "the widths of these differ between systems")]
fn content(stat: &Stat) -> Content {
    let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Content {
        inode: stat.st_ino.into(),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: nanos(stat.st_mtime.into(), nanoseconds),
    }
}

/// The files below a directory of our own, by their paths in it, sorted.
pub(super) fn all_files(top: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut left) = (vec![], vec![PathBuf::new()]);
    while let Some(path) = left.pop() {
        for entry in std::fs::read_dir(top.join(&path))? {
            let entry = entry?;
            let below = path.join(entry.file_name());
            let to = if entry.file_type()?.is_dir() { &mut left } else { &mut files };
            to.push(below);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complete_once_nothing_has_changed_for_long_enough() {
        let (second, stable) = (1_000_000_000_i128, Duration::from_secs(2));
        let complete =
            |age: i128, seen| is_complete(100 * second, (100 + age) * second, seen, stable);
        assert!(complete(3, Duration::ZERO), "renamed into place");
        assert!(!complete(1, Duration::ZERO) && !complete(0, Duration::from_secs(1)));
        assert!(complete(0, stable), "its time says nothing, but it was watched");
        assert!(!complete(-50, Duration::ZERO) && complete(-50, stable), "from the future");
    }

    #[test]
    fn hidden_and_partial_files_are_passed_over() {
        for name in [".a.jpg", "a.jpg.part", "A.JPG.CRDOWNLOAD", "a.jpg~", "a.tmp", "Thumbs.db"] {
            assert!(!is_wanted(name.as_ref()), "{name}");
        }
        for name in ["a.jpg.reason.txt", ".pixmill", "b.filepart"] {
            assert!(!is_wanted(name.as_ref()), "{name}");
        }
        for name in ["a.jpg", "a", "part", "tmp", "a.part.jpg", "größe 写真.PNG", "-rf"] {
            assert!(is_wanted(name.as_ref()), "{name}");
        }
    }
}
