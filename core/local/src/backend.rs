//! The layout of a data directory, and everything in it opened at once.
//!
//! ```text
//! DATA/queue.sqlite   the job queue, its dead-letter queue, and the reply queues
//! DATA/store.sqlite   owner tags
//! DATA/objects/…      objects of ordinary keys
//! DATA/mounts.json    which prefixes are directories of the user's; absent if none are
//! ```
//!
//! A directory that objects are written to has a corner of the store's own at its top, `.pixmill`,
//! with temporary files and locks. A data directory of that name, at the top of the directory that
//! outputs are written to, keeps all of it in one place.
//!
//! Called by the program that composes roles with this machine's adapters.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::{Buckets, Clock, Error, ErrorKind, JobId, Pipeline, Queue, ReplyQueues};
use serde::{Deserialize, Serialize};

use crate::error;
use crate::path::{decode_path, encode_path};
use crate::queue::{QueueFile, QueueSettings, SqliteQueue};
use crate::sqlite::Durability;
use crate::store::{Access, DirStore, DirStoreOptions, Mount};

/// How often a job's message is received before the queue gives it up: far above the attempts
/// that a job has, so that only bodies which are no jobs get there.
pub const MAX_RECEIVE_COUNT: u32 = 20;

/// How long a reply waits for its reader, who may be gone for good.
const REPLY_RETENTION: Duration = Duration::from_hours(24);

const JOBS: &str = "jobs";
pub(crate) const DEAD_LETTERS: &str = "jobs-dead";
const REPLIES: &str = "replies-";
const MAX_REPLIES_BYTES: usize = REPLIES.len() + 48;

/// A data directory, opened. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct LocalBackend {
    /// The object store.
    pub store: DirStore,
    /// The job queue. Jobs are kept until somebody deletes them: nothing that was accepted is
    /// dropped because a machine was switched off for a week.
    pub jobs: SqliteQueue,
    /// The dead-letter queue of the job queue.
    pub dead_letters: SqliteQueue,
    file: Arc<QueueFile>,
    clock: Arc<dyn Clock>,
}

impl LocalBackend {
    /// Opens a data directory, and makes it if it is missing. Any number of processes may do so
    /// at once. Blocks, so it is for a program's start.
    pub fn open(data: &Path, clock: Arc<dyn Clock>, durability: Durability) -> Result<Self> {
        fs::create_dir_all(data)
            .map_err(error::io(format!("make the data directory {}", data.display())))?;
        let mounts = read_mounts(data)?;
        let (queue, tags) = (data.join("queue.sqlite"), data.join("store.sqlite"));
        // The queue is made first, so one that is missing beside a store was there and is no more.
        if tags.exists() && fs::metadata(&queue).map_or(true, |file| file.len() == 0) {
            let queue = queue.display();
            tracing::error!(%queue, "the queue is gone, and what had not ended with it; made anew");
        }
        let file = QueueFile::open(&queue, Arc::clone(&clock), durability)?;
        let root = data.join("objects");
        let store = DirStore::open(DirStoreOptions { root, tags, mounts, durability })?;
        let jobs = QueueSettings {
            max_receive_count: MAX_RECEIVE_COUNT,
            dead_letter: Some(DEAD_LETTERS.to_owned()),
            ..QueueSettings::default()
        };
        let jobs = file.queue(JOBS, jobs)?;
        let dead_letters = file.queue(DEAD_LETTERS, QueueSettings::default())?;
        Ok(Self { store, jobs, dead_letters, file, clock })
    }

    /// From now on processes that do the same hear of each other's messages at once, where the system
    /// can do that; see [`QueueFile::use_bells`].
    pub fn use_bells(&self) {
        self.file.use_bells();
    }

    /// The ports of this directory's pipeline.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline {
            store: Arc::new(self.store.clone()),
            jobs: Arc::new(self.jobs.clone()),
            dead_letters: Arc::new(self.dead_letters.clone()),
            replies: Arc::new(self.clone()),
            buckets: Buckets::default(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// The reply queue of this name: `replies-` and 1–48 of A–Z a–z 0–9 `_` `-`. Replies that
    /// nobody fetches are dropped after a day.
    pub fn replies(&self, name: &str) -> Result<SqliteQueue> {
        let lengths = REPLIES.len() + 1..=MAX_REPLIES_BYTES;
        if !name.starts_with(REPLIES) || !lengths.contains(&name.len()) {
            let why = format!("{name:?} is not {REPLIES} and 1 to 48 of A-Z a-z 0-9 _ -");
            return Err(Error::new(ErrorKind::Invalid, "open a reply queue", why));
        }
        let retention = Some(REPLY_RETENTION);
        // The result is there before its reply is sent.
        let unhurried = true;
        self.file.queue(name, QueueSettings { retention, unhurried, ..QueueSettings::default() })
    }
}

/// A reply queue is there as soon as it is used, and gone when it is empty (R4: after a day).
#[async_trait]
impl ReplyQueues for LocalBackend {
    async fn create(&self) -> Result<(String, Arc<dyn Queue>)> {
        let name = format!("{REPLIES}{}", JobId::fresh(self.clock.now()));
        let queue = Arc::new(self.replies(&name)?);
        Ok((name, queue))
    }

    async fn open(&self, name: &str) -> Option<Arc<dyn Queue>> {
        Some(Arc::new(self.replies(name).ok()?))
    }

    async fn remove(&self, name: &str) -> Result<()> {
        self.replies(name)?.purge().await.map(drop)
    }
}

/// The content of `mounts.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountsDocument {
    pixmill: u32,
    mounts: Vec<MountLine>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountLine {
    prefix: String,
    /// Written as in a key, so that a name which is not UTF-8 survives.
    directory: String,
    writable: bool,
}

const MOUNTS_VERSION: u32 = 1;

/// Says which prefixes are directories of the user's, for every process that opens this data
/// directory from now on. Atomic, and survives a power cut. Blocks.
pub fn write_mounts(data: &Path, mounts: &[Mount]) -> Result<()> {
    write_mounts_that_survive(data, mounts, Durability::Power)
}

/// As [`write_mounts`], for whoever writes them anew whenever it starts: after a power cut there is
/// nothing to lose that is not written again, unless `durability` says so.
pub fn write_mounts_that_survive(
    data: &Path,
    mounts: &[Mount],
    durability: Durability,
) -> Result<()> {
    let attempt = || format!("write the mounts of {}", data.display());
    let line = |mount: &Mount| -> Result<MountLine> {
        let directory = std::path::absolute(&mount.directory).map_err(error::io(attempt()))?;
        Ok(MountLine {
            prefix: mount.prefix.clone(),
            directory: encode_path(&directory),
            writable: mount.access == Access::Write,
        })
    };
    let mounts = mounts.iter().map(line).collect::<Result<_>>()?;
    let document = MountsDocument { pixmill: MOUNTS_VERSION, mounts };
    let text = serde_json::to_vec_pretty(&document)
        .map_err(|e| Error::new(ErrorKind::Invalid, attempt(), e))?;

    fs::create_dir_all(data).map_err(error::io(attempt()))?;
    let temporary = data.join(format!("mounts.json.{:016x}", fastrand::u64(..)));
    let write = || -> io::Result<()> {
        let mut file = File::create_new(&temporary)?;
        file.write_all(&text)?;
        if durability == Durability::Power {
            file.sync_all()?;
        }
        fs::rename(&temporary, data.join("mounts.json"))
    };
    write().map_err(|error| {
        // The error to tell is the first one.
        drop(fs::remove_file(&temporary));
        error::io(attempt())(error)
    })
}

/// The mounts of a data directory; none if nobody has written any. Blocks.
pub fn read_mounts(data: &Path) -> Result<Vec<Mount>> {
    let attempt = || format!("read the mounts of {}", data.display());
    let invalid = |why: String| Error::new(ErrorKind::Invalid, attempt(), why);
    let text = match fs::read(data.join("mounts.json")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error::io(attempt())(error)),
    };
    let document: MountsDocument =
        serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
    if document.pixmill != MOUNTS_VERSION {
        return Err(invalid(format!("version {} is not known here", document.pixmill)));
    }
    let mount = |line: MountLine| {
        let directory = decode_path(&line.directory)
            .ok_or_else(|| invalid(format!("{:?} is no path", line.directory)))?;
        let access = if line.writable { Access::Write } else { Access::Read };
        Ok(Mount { prefix: line.prefix, directory, access })
    };
    document.mounts.into_iter().map(mount).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use pixmill_contract::SystemClock;

    use super::*;

    fn open(data: &Path) -> Result<LocalBackend> {
        LocalBackend::open(data, Arc::new(SystemClock), Durability::Process)
    }

    #[test]
    fn mounts_survive_writing_also_with_names_that_are_not_text() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(read_mounts(data.path()).unwrap(), []);
        let odd = Path::new("/pictures").join(OsStr::from_bytes(b"50%\n\xff"));
        let mounts = [
            Mount { prefix: "inputs/".into(), directory: "/".into(), access: Access::Read },
            Mount { prefix: "outputs/".into(), directory: odd, access: Access::Write },
        ];
        write_mounts(data.path(), &mounts).unwrap();
        assert_eq!(read_mounts(data.path()).unwrap(), mounts);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn mounts_that_make_no_sense_are_refused() {
        let data = tempfile::tempdir().unwrap();
        for text in ["", "[]", r#"{"pixmill": 2, "mounts": []}"#] {
            fs::write(data.path().join("mounts.json"), text).unwrap();
            assert_eq!(open(data.path()).unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        }
    }

    #[test]
    fn many_can_open_a_fresh_directory_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("not/there/yet");
        std::thread::scope(|scope| {
            let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&data))).collect();
            for opener in openers {
                opener.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn reply_queues_have_names_of_their_own() {
        let data = tempfile::tempdir().unwrap();
        let backend = open(data.path()).unwrap();
        assert!(backend.replies("replies-0198-a_B").is_ok());
        let long = format!("replies-{}", "x".repeat(49));
        for bad in ["jobs", "replies-", "replies-a/b", "replies-ä", long.as_str()] {
            assert_eq!(backend.replies(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
    }
}
