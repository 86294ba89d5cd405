//! A directory with objects in it: which file is which key, and the store's own corner of it.
//!
//! The store keeps its temporary files and its locks in `.pixmill` at the top of the directory
//! that they belong to, because a file can be renamed and linked only within a file system. No
//! key leads there and no listing shows it. (Temporary names beside the target would work across
//! file systems mounted further down, but every killed process would leave litter among the user's
//! pictures that only a walk over all of them could find.)

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind, Key};

use super::etag;
use super::mount::Access;
use crate::error;
use crate::hash::fnv;
use crate::path;
use crate::sqlite::busy;

/// The store's own corner of each tree.
const CORNER: &str = ".pixmill";

/// Age at which a temporary file belongs to nobody: nothing takes a day to write.
const LEFTOVER_AGE: Duration = Duration::from_hours(24);

/// Locks of a tree: keys share them by hash, so that their number stays small.
const LOCKS: u64 = 64;

/// A directory with objects in it.
#[derive(Debug)]
pub(super) struct Tree {
    /// What its keys start with; empty, or ending in `/`.
    pub(super) prefix: String,
    pub(super) directory: PathBuf,
    pub(super) access: Access,
    /// A user's directory: keys are paths written as text, and emptied directories stay.
    pub(super) is_mount: bool,
}

impl Tree {
    /// The file of a key of this tree.
    pub(super) fn file(&self, key: &Key) -> Result<PathBuf> {
        let invalid = |why: &str| {
            let attempt = format!("find the file of {:?}", key.as_str());
            Error::new(ErrorKind::Invalid, attempt, why)
        };
        let rest = key.as_str().strip_prefix(&self.prefix);
        let rest = rest.ok_or_else(|| invalid("it is of another directory"))?;
        if rest.split('/').next() == Some(CORNER) {
            return Err(invalid("the store keeps its own files there"));
        }
        let relative = if self.is_mount {
            let rest = Key::new(rest).map_err(|e| invalid(&e.to_string()))?;
            path::path_for_key(&rest)?
        } else {
            PathBuf::from(rest)
        };
        Ok(self.directory.join(relative))
    }

    /// The component of a key that a file name stands for, if one does.
    pub(super) fn component(&self, name: &std::ffi::OsStr, at_top: bool) -> Option<String> {
        if at_top && name == CORNER {
            return None;
        }
        if self.is_mount {
            Some(path::encode(std::os::unix::ffi::OsStrExt::as_bytes(name)))
        } else {
            name.to_str().map(str::to_owned)
        }
    }

    /// A new empty file of the store's own, for writing and reading.
    pub(super) fn temporary(&self) -> io::Result<Temporary> {
        let directory = self.corner("tmp");
        loop {
            let path = directory.join(format!("{:016x}", fastrand::u64(..)));
            match File::create_new(&path) {
                Ok(file) => return Ok(Temporary { file, path }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(&directory)?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The same of a file that is there, which keeps its own name as well. Only within its file system.
    pub(super) fn temporary_of(&self, given: &Path) -> io::Result<Temporary> {
        let directory = self.corner("tmp");
        let path = directory.join(format!("{:016x}", fastrand::u64(..)));
        match fs::hard_link(given, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&directory)?;
                fs::hard_link(given, &path)?;
            }
            linked => linked?,
        }
        // Gone again if it cannot be written to.
        let file = File::options().write(true).open(&path);
        file.map(|file| Temporary { file, path: path.clone() }).inspect_err(|_| {
            drop(fs::remove_file(&path));
        })
    }

    /// Locks a key against every other process until the file is dropped, or its process dies.
    /// Everything takes it that replaces or removes an object; what only adds one does not. It is
    /// held for moments, so one that is not to be had for long is an outage.
    pub(super) fn lock(&self, key: &Key) -> io::Result<File> {
        let directory = self.corner("locks");
        let path = directory.join(format!("{:02x}", fnv(key.as_str()) % LOCKS));
        let open = || File::options().create(true).append(true).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&directory)?;
                open()?
            }
            result => result?,
        };
        let mut tries = 0;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if busy(tries) => tries += 1,
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("somebody holds the key's lock"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Removes what killed processes left behind.
    pub(super) fn clean(&self) -> Result<()> {
        let attempt = || error::io(format!("clean up in {}", self.directory.display()));
        let entries = match fs::read_dir(self.corner("tmp")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(attempt()(error)),
        };
        let now = etag::precise_now();
        for entry in entries {
            let entry = entry.map_err(attempt())?;
            let Ok(modified) = entry.metadata().and_then(|meta| meta.modified()) else { continue };
            if now.duration_since(modified).is_ok_and(|age| age > LEFTOVER_AGE) {
                // Another process may be cleaning as well, and a leftover harms nobody.
                drop(fs::remove_file(entry.path()));
            }
        }
        Ok(())
    }

    /// Makes the directories above a file.
    pub(super) fn make_parents(file: &Path) -> io::Result<()> {
        file.parent().map_or(Ok(()), |parent| DirBuilder::new().recursive(true).create(parent))
    }

    /// Writes the directories above a file to the disk, up to the tree's own.
    pub(super) fn sync_parents(&self, file: &Path) -> io::Result<()> {
        for parent in file.ancestors().skip(1) {
            File::open(parent)?.sync_all()?;
            if parent == self.directory {
                break;
            }
        }
        Ok(())
    }

    /// Removes the directories above a removed file that it leaves empty; never the tree's own,
    /// and none of a user's.
    pub(super) fn prune_parents(&self, file: &Path) {
        if self.is_mount {
            return;
        }
        for parent in file.ancestors().skip(1).take_while(|parent| *parent != self.directory) {
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
    }

    fn corner(&self, what: &str) -> PathBuf {
        self.directory.join(CORNER).join(what)
    }
}

/// A file that is gone when this is dropped, unless it was renamed.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    pub(super) path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is not there any more if it was renamed, and is cleaned up later if this fails.
        drop(fs::remove_file(&self.path));
    }
}
