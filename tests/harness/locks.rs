//! Who holds the queue, as the kernel tells it, and stopping a worker right then.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::{eventually, freeze, kill};

/// The byte of the log's index that is locked by whoever writes to a database: a part of SQLite's
/// file format.
const WRITERS_BYTE: u64 = 120;

/// Whether a process is in the middle of a write to the queue in this directory.
pub(crate) fn is_writing(process: u32, data: &Path) -> bool {
    let Ok(index) = fs::metadata(data.join("queue.sqlite-shm")) else { return false };
    let (process, inode) = (process.to_string(), format!(":{}", index.ino()));
    fs::read_to_string("/proc/locks").unwrap().lines().any(|line| {
        // 7: POSIX  ADVISORY  WRITE 4711 fe:00:10011682 120 120
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, "POSIX", _, "WRITE", holder, file, first, last] = words[..] else { return false };
        let first: u64 = first.parse().unwrap();
        let last = last.parse().unwrap_or(u64::MAX);
        holder == process && file.ends_with(&inode) && (first..=last).contains(&WRITERS_BYTE)
    })
}

/// Stops one of these workers while it holds the lock that all others write under, and returns it.
/// They have to be at work for as long as that takes.
pub(crate) fn freeze_in_a_write(
    mut workers: impl FnMut() -> Vec<u32>,
    data: &Path,
    bound: Duration,
) -> u32 {
    eventually("a worker in the middle of a write", bound, || {
        workers().into_iter().find(|worker| {
            freeze(*worker);
            let caught = is_writing(*worker, data);
            if !caught {
                kill(*worker, Signal::CONT);
            }
            caught
        })
    })
}
