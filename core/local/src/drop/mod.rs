//! The drop folder: files that people and programs put into a directory, taken from there one by
//! one, each exactly once, and put aside when they are done with.
//!
//! ```text
//! HOME/drop/RECIPE/…          what is to be worked on; directly in `drop`, by the default recipe
//! HOME/taken/HAUL/RECIPE/…    what is being worked on
//! HOME/taken/HAUL.planned     the jobs of a haul, as they are about to be sent
//! HOME/taken/HAUL.sent        the same, once all of them are in the queue
//! HOME/out/RECIPE/…           outputs; a mount of the store
//! HOME/done/RECIPE/…          originals that are done
//! HOME/failed/RECIPE/…        originals that are not, each with NAME.reason.txt beside it
//! ```
//!
//! **Where a file is says how far it has got,** and it gets further by renames, which either happen
//! or do not. A kill between any two steps is made good by whoever opens the folder next:
//!
//! * before the rename into `taken`: the file is still in `drop` and is found again;
//! * after it, with no document of its haul: no job of it was sent; jobs are made and sent;
//! * with `HAUL.planned`: some may have been sent. All are sent again as they stand there, with the
//!   same ids and digests, so that the queue's workers fold them together;
//! * with `HAUL.sent`: every job is in the queue or has ended. Nothing is sent; ends are looked for;
//! * after a job's result, before its file was put aside: the result is found and the file moved;
//! * after a reason was written, before its file came to lie beside it: it is written again;
//! * after a haul's last file was put aside: its documents name nothing, and are removed.
//!
//! **Nothing is overwritten:** what would meet another file of its name gets a number. **Nothing
//! outside is touched:** below `drop`, `done` and `failed` no link is followed, neither in a walk nor
//! in a move, and only regular files are taken. Names are bytes and may be anything.
//!
//! A network file system will do, as nothing waits for events of it; all folders are on one, as
//! files are renamed between them. This is no queue and knows no jobs: what is in a haul's documents
//! is the caller's. Called by the program that composes it with a producer. All of it blocks.

mod haul;
mod look;
mod moves;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pixmill_contract::error::Result;
use pixmill_contract::port::Etag;
use pixmill_contract::{Error, ErrorKind};

pub use self::haul::{Document, Haul};
use self::look::Seen;
pub use self::look::{Found, Look};
use crate::error;

/// The folders below a home, by what is in them.
pub const DROP: &str = "drop";
/// What is being worked on.
pub const TAKEN: &str = "taken";
/// Outputs.
pub const OUT: &str = "out";
/// Originals that are done.
pub const DONE: &str = "done";
/// Originals that are not.
pub const FAILED: &str = "failed";

/// A drop folder, taken from by this process alone.
#[derive(Debug)]
pub struct DropFolder {
    home: PathBuf,
    /// A file that has not changed for so long is complete.
    stable: Duration,
    /// What was not complete at the last look.
    seen: HashMap<PathBuf, Seen>,
    /// Gone with this process, however that ends.
    _lock: File,
}

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its path below `drop`.
    pub path: PathBuf,
    /// What it was when it was taken.
    pub etag: Etag,
}

/// Where a file of a haul has come to lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// Here, below the home.
    At(PathBuf),
    /// Back in `drop`, as it is not what it was when it was taken.
    Back,
    /// Nowhere: somebody has removed it.
    Gone,
}

impl DropFolder {
    /// Opens the folders of a home, and makes them if they are missing. `None` if another process
    /// takes from them.
    pub fn open(home: &Path, stable: Duration) -> Result<Option<Self>> {
        let attempt = || format!("open the drop folder in {}", home.display());
        for name in [DROP, TAKEN, OUT, DONE, FAILED] {
            fs::create_dir_all(home.join(name)).map_err(error::io(attempt()))?;
        }
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(home.join(TAKEN).join("lock"))
            .map_err(error::io(attempt()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error::io(attempt())(error)),
        }
        let home = home.to_owned();
        Ok(Some(Self { home, stable, seen: HashMap::new(), _lock: lock }))
    }

    /// Where its folders are.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Makes the folder of a recipe, so that people see where to put what.
    pub fn make(&self, recipe: &str) -> Result<()> {
        match fs::create_dir(self.home.join(DROP).join(recipe)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(error::io(format!("make {DROP}/{recipe}"))(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Takes these files into a haul, which must be new or be there already. What cannot be taken
    /// stays where it is; what has changed since it was found goes back to be found anew.
    pub fn take(&self, haul: &str, found: &[Found]) -> (Vec<Taken>, Vec<Error>) {
        let (mut taken, mut troubles) = (Vec::with_capacity(found.len()), vec![]);
        for one in found {
            match self.take_one(haul, one) {
                Ok(Some(etag)) => taken.push(Taken { path: one.path.clone(), etag }),
                Ok(None) => {}
                Err(error) => troubles.push(failed(format!("take {}", one.path.display()), error)),
            }
        }
        (taken, troubles)
    }

    fn take_one(&self, haul: &str, found: &Found) -> io::Result<Option<Etag>> {
        let (parent, name) = match moves::parent(&self.top(DROP)?, &found.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let to = self.in_haul(haul, &found.path);
        fs::create_dir_all(to.parent().unwrap_or(&self.home))?;
        if let Err(error) = moves::rename_to(&parent, &name, &to) {
            self.prune(haul, &found.path);
            // Somebody else may have taken it away, which is their right.
            return if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) };
        }
        let is = fs::symlink_metadata(&to)?;
        if found.is(&is) {
            return Ok(Some(crate::store::etag::of(&is)));
        }
        self.put_back(haul, &found.path)?;
        Ok(None)
    }

    /// Puts a file of a haul aside as done.
    pub fn done(&self, haul: &str, taken: &Taken) -> Result<Aside> {
        let aside = || {
            if let Some(other) = self.is_no_more(haul, taken)? {
                return Ok(other);
            }
            let path = moves::aside(&self.home, DONE, &self.in_haul(haul, &taken.path), taken)?;
            self.prune(haul, &taken.path);
            Ok(Aside::At(path))
        };
        aside().map_err(|error| failed(format!("move {} to {DONE}", taken.path.display()), error))
    }

    /// Puts a file of a haul aside as failed, with the reason beside it.
    pub fn failed(&self, haul: &str, taken: &Taken, reason: &str) -> Result<Aside> {
        let aside = || {
            if let Some(other) = self.is_no_more(haul, taken)? {
                return Ok(other);
            }
            let from = self.in_haul(haul, &taken.path);
            let path = moves::aside_with_reason(&self.home, FAILED, &from, taken, reason)?;
            self.prune(haul, &taken.path);
            Ok(Aside::At(path))
        };
        aside().map_err(|error| failed(format!("move {} to {FAILED}", taken.path.display()), error))
    }

    /// Whether a file of a haul is not what was taken; then it goes back.
    fn is_no_more(&self, haul: &str, taken: &Taken) -> io::Result<Option<Aside>> {
        let is = match fs::symlink_metadata(self.in_haul(haul, &taken.path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.prune(haul, &taken.path);
                return Ok(Some(Aside::Gone));
            }
            is => is?,
        };
        if is.is_file() && crate::store::etag::of(&is) == taken.etag {
            return Ok(None);
        }
        self.put_back(haul, &taken.path)?;
        Ok(Some(Aside::Back))
    }

    /// Puts a file of a haul back into `drop`, beside what may be there under its name by now.
    pub fn give_back(&self, haul: &str, path: &Path) -> Result<()> {
        let attempt = format!("move {} back to {DROP}", path.display());
        self.put_back(haul, path).map_err(|error| failed(attempt, error))
    }

    fn put_back(&self, haul: &str, path: &Path) -> io::Result<()> {
        let etag = Etag(String::new());
        let taken = Taken { path: path.to_owned(), etag };
        moves::aside(&self.home, DROP, &self.in_haul(haul, path), &taken)?;
        self.prune(haul, path);
        Ok(())
    }

    fn top(&self, folder: &str) -> io::Result<File> {
        File::open(self.home.join(folder))
    }

    fn in_haul(&self, haul: &str, path: &Path) -> PathBuf {
        self.home.join(TAKEN).join(haul).join(path)
    }
}

/// The error of a move.
fn failed(attempt: String, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::CrossesDevices {
        let why = "drop, taken, done and failed have to be on one file system, with all below them";
        return Error::new(ErrorKind::Unavailable, attempt, why);
    }
    error::io(attempt)(error)
}
