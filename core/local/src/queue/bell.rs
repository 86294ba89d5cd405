//! Bells, by which the processes at a queue file hear of each other's messages at once: a waiting receive
//! would see them at its next look anyway, some tens of milliseconds later.
//!
//! A bell is a file beside the queue file, and ringing it is writing a byte to it: whoever waits has the
//! kernel watch it (inotify). Queues share a few bells by hash, so that a reply does not wake those who
//! wait for jobs. Nobody relies on a bell: where there are none (another system, no watches left, a file
//! that cannot be written) there are still looks.
//!
//! Called by the queue file.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hash::fnv;

/// So many bells a queue file has: enough that few queues that are busy at once share one.
const BELLS: usize = 16;

/// All bells of a queue file.
#[derive(Debug)]
pub(super) struct Bells {
    directory: PathBuf,
    all: [Bell; BELLS],
    watch: watch::Watch,
}

#[derive(Debug, Default)]
struct Bell {
    /// Open to be rung; only once somebody has ever listened to it.
    rope: OnceLock<File>,
    is_watched: AtomicBool,
}

impl Bells {
    /// Those of the queue file at `path`; an error if nobody here can listen to any.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push("-bells");
        let watch = watch::Watch::open()?;
        Ok(Self { directory: path.with_file_name(name), all: Default::default(), watch })
    }

    /// From now on nothing that is rung for this queue is missed.
    pub(super) fn listen(&self, queue: &str) {
        let (number, bell) = self.of(queue);
        if bell.is_watched.swap(true, Ordering::Relaxed) {
            // Once is enough: what failed then fails again.
            return;
        }
        let path = self.path(number);
        let watched = fs::create_dir_all(&self.directory)
            .and_then(|()| File::options().create(true).append(true).open(&path))
            .and_then(|_| self.watch.add(&path));
        if let Err(error) = watched {
            tracing::debug!(%error, "failed to listen to a bell; it is looked instead");
        }
    }

    /// Tells whoever waits at this queue.
    pub(super) fn ring(&self, queue: &str) {
        let (number, bell) = self.of(queue);
        let rope = match bell.rope.get() {
            Some(rope) => rope,
            // Not there as long as nobody has listened.
            None => match File::options().write(true).open(self.path(number)) {
                Ok(file) => bell.rope.get_or_init(|| file),
                Err(_) => return,
            },
        };
        // On a full disk they look.
        drop(rope.write_all_at(b"!", 0));
    }

    /// Returns once some bell has been rung since the last time; may return without.
    pub(super) async fn rung(&self) {
        self.watch.changed().await;
    }

    fn of(&self, queue: &str) -> (usize, &Bell) {
        let number = usize::try_from(fnv(queue) % BELLS as u64).unwrap_or(0);
        (number, &self.all[number])
    }

    fn path(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{number:x}"))
    }
}

#[cfg(target_os = "linux")]
mod watch {
    use std::io;
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::net::unix::pipe::Receiver;

    /// Files that the kernel watches for us. What it says is read as from a pipe.
    #[derive(Debug)]
    pub(super) struct Watch(Receiver);

    impl Watch {
        pub(super) fn open() -> io::Result<Self> {
            let kernel = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            Receiver::from_owned_fd_unchecked(kernel).map(Self)
        }

        pub(super) fn add(&self, path: &Path) -> io::Result<()> {
            Ok(inotify::add_watch(&self.0, path, WatchFlags::MODIFY).map(drop)?)
        }

        /// Returns once one of the files was written to. What happened until then is forgotten.
        pub(super) async fn changed(&self) {
            let (mut events, mut heard) = ([0; 4096], false);
            while !heard {
                if self.0.readable().await.is_err() {
                    return std::future::pending().await;
                }
                while self.0.try_read(&mut events).is_ok() {
                    heard = true;
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod watch {
    use std::io;
    use std::path::Path;

    /// Nothing is watched here.
    #[derive(Debug)]
    pub(super) struct Watch;

    impl Watch {
        pub(super) fn open() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn add(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn changed(&self) {
            std::future::pending().await
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Those of two processes at one file.
    fn two() -> (tempfile::TempDir, Bells, Bells) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("queue.sqlite");
        let (one, other) = (Bells::open(&path).unwrap(), Bells::open(&path).unwrap());
        (directory, one, other)
    }

    async fn hears(bells: &Bells, patience: Duration) -> bool {
        tokio::time::timeout(patience, bells.rung()).await.is_ok()
    }

    const LONG: Duration = Duration::from_secs(30);
    const MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_listens_hears_what_was_rung_since() {
        let (_directory, one, other) = two();
        one.listen("jobs");
        for _ in 0..3 {
            other.ring("jobs");
            assert!(hears(&one, LONG).await);
        }
        assert!(!hears(&one, MOMENT).await, "all was heard");
        other.ring("jobs");
        other.ring("jobs");
        assert!(hears(&one, LONG).await);
        assert!(!hears(&one, MOMENT).await, "two rings before a look are one");
    }

    #[tokio::test]
    async fn who_waits_for_jobs_does_not_hear_replies() {
        let (_directory, one, other) = two();
        one.listen("jobs");
        other.listen("replies-run");
        one.ring("replies-run");
        assert!(!hears(&one, MOMENT).await);
        assert!(hears(&other, LONG).await);
    }

    #[tokio::test]
    async fn without_listeners_there_is_nothing_to_ring() {
        let (directory, one, _other) = two();
        one.ring("jobs");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
