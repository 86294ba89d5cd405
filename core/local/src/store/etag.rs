//! Etags of files: inode, size, and modification time in nanoseconds.
//!
//! A file that somebody edits in place changes its etag as well, and no file needs a row in a
//! database. But inodes are used again as soon as they are free, and the kernel stamps a file with
//! the time of its last timer tick, some milliseconds ago: two files of one size, written to one key
//! one after the other, could look the same. So the store stamps what it writes with the precise
//! time itself, before anyone can see the file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use pixmill_contract::port::Etag;

/// The etag of a file.
pub(crate) fn of(meta: &Metadata) -> Etag {
    let (inode, size) = (meta.ino(), meta.size());
    let (seconds, nanos) = (meta.mtime(), meta.mtime_nsec());
    Etag(format!("{inode:x}-{size:x}-{seconds:x}.{nanos:x}"))
}

/// Stamps a file that was just written, and returns the etag that it keeps.
pub(super) fn stamp(file: &File) -> io::Result<Etag> {
    file.set_modified(precise_now())?;
    // What the file system has made of it: some round.
    Ok(of(&file.metadata()?))
}

/// The time by which files are stamped and their age is told. It must be real and differ from
/// call to call, which an injected clock need not.
#[allow(clippy::disallowed_methods, reason = "file times are the file system's, not a test's")]
pub(super) fn precise_now() -> SystemTime {
    SystemTime::now()
}
