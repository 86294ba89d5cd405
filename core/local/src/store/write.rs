//! Writing an object: a whole temporary file first, then one step of the file system that either
//! happens or does not (S1, S3).
//!
//! * a create is a rename that fails if the name is there, or `link(2)` where there is none;
//! * a replace is `rename(2)`, under the key's lock, so that of racing conditional replaces one
//!   sees the etag that it was told to expect.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use pixmill_contract::error::Result;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key};

use super::DirStoreInner;
use super::etag;
use super::mount::Access;
use super::tree::{Temporary, Tree};
use crate::error;
use crate::sqlite::Durability;

/// Times that missing directories are made again when deletes keep removing them as empty.
const PARENT_TRIES: usize = 100;

pub(super) fn put(store: &DirStoreInner, put: &Put) -> Result<Etag> {
    let tree = store.tree(&put.key);
    let file = tree.file(&put.key)?;
    let attempt = || format!("put {}", put.key.as_str());
    if tree.access == Access::Read {
        return Err(Error::new(ErrorKind::Denied, attempt(), "its directory is only read from"));
    }
    let current = current_etag(&file).map_err(error::io(attempt()))?;
    // Whoever loses anyway need not write anything first.
    check(&put.condition, current.as_ref(), attempt)?;

    let temporary = filled(tree, &put.payload).map_err(error::io(attempt()))?;
    let etag = etag::stamp(&temporary.file).map_err(error::io(attempt()))?;
    if store.durability == Durability::Power {
        temporary.file.sync_all().map_err(error::io(attempt()))?;
    }
    // Before the object is there: a crash in between leaves a row for nothing, and the old object
    // with its old row.
    if let Some(owner) = &put.owner {
        store.owners.announce(&put.key, &etag, owner, current.as_ref())?;
    }
    let placed = place(tree, put, &temporary, &file);
    if placed.is_err() && put.owner.is_some() {
        // Only tidiness: a row for nothing is never read.
        drop(store.owners.forget(&put.key, &etag));
    }
    placed?;
    if store.durability == Durability::Power {
        tree.sync_parents(&file).map_err(error::io(attempt()))?;
    }
    Ok(etag)
}

/// Makes the temporary file the object's, under the put's condition.
fn place(tree: &Tree, put: &Put, temporary: &Temporary, file: &Path) -> Result<()> {
    let attempt = || format!("put {}", put.key.as_str());
    if put.condition == Condition::IfAbsent {
        match with_parents(file, || create(&temporary.path, file)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(in_the_way(file, error, attempt));
            }
            // This file system cannot link; everyone finds that out and takes the lock instead.
            Err(error) if cannot_link(&error) => {}
            Err(error) => return Err(error::io(attempt())(error)),
        }
    }
    rename_locked(tree, put, temporary, file)
}

/// Looks and renames while nobody else can do the same.
fn rename_locked(tree: &Tree, put: &Put, temporary: &Temporary, file: &Path) -> Result<()> {
    let attempt = || format!("put {}", put.key.as_str());
    let _lock = tree.lock(&put.key).map_err(error::io(attempt()))?;
    let current = current_etag(file).map_err(error::io(attempt()))?;
    check(&put.condition, current.as_ref(), attempt)?;
    with_parents(file, || fs::rename(&temporary.path, file)).map_err(error::io(attempt()))
}

/// Whether the condition holds for what is there.
fn check(
    condition: &Condition,
    current: Option<&Etag>,
    attempt: impl Fn() -> String,
) -> Result<()> {
    match condition {
        Condition::IfAbsent if current.is_some() => {
            Err(Error::new(ErrorKind::AlreadyExists, attempt(), "it is there already"))
        }
        Condition::IfMatch(expected) if current != Some(expected) => {
            Err(Error::new(ErrorKind::Changed, attempt(), "it has another etag, or is gone"))
        }
        Condition::Always | Condition::IfAbsent | Condition::IfMatch(_) => Ok(()),
    }
}

/// A directory of that name is no object, and will not go away either.
fn in_the_way(file: &Path, error: io::Error, attempt: impl Fn() -> String) -> Error {
    if file.is_dir() {
        Error::new(ErrorKind::Invalid, attempt(), "there is a directory of that name")
    } else {
        Error::new(ErrorKind::AlreadyExists, attempt(), error)
    }
}

/// Gives a file another name, unless that is there.
#[cfg(target_os = "linux")]
fn create(temporary: &Path, file: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, temporary, CWD, file, RenameFlags::NOREPLACE) {
        // Not every file system can do that; most of those can link.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::hard_link(temporary, file),
        renamed => Ok(renamed?),
    }
}

/// Gives a file another name, unless that is there.
#[cfg(not(target_os = "linux"))]
fn create(temporary: &Path, file: &Path) -> io::Result<()> {
    fs::hard_link(temporary, file)
}

fn cannot_link(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [libc::EPERM, libc::EOPNOTSUPP, libc::ENOSYS, libc::EMLINK].map(Some).contains(&code)
}

/// Does it, making the directories above the file if they are missing.
fn with_parents(file: &Path, step: impl Fn() -> io::Result<()>) -> io::Result<()> {
    for _ in 0..PARENT_TRIES {
        match step() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match Tree::make_parents(file)
            {
                Ok(()) => {}
                // A delete has just removed one of them; again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // What is there under the name of a directory is none.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
                }
                Err(error) => return Err(error),
            },
            result => return result,
        }
    }
    step()
}

/// A temporary file with the whole content. One that was given is only given another name, if that can
/// be; others are copied by the kernel, which shares their blocks where the file system can.
fn filled(tree: &Tree, payload: &Payload) -> io::Result<Temporary> {
    if let Payload::Given(path) = payload
        && let Ok(linked) = tree.temporary_of(path)
    {
        return Ok(linked);
    }
    let mut temporary = tree.temporary()?;
    match payload {
        Payload::Bytes(bytes) => temporary.file.write_all(bytes)?,
        Payload::File(path) | Payload::Given(path) => {
            io::copy(&mut File::open(path)?, &mut temporary.file).map(drop)?;
        }
    }
    Ok(temporary)
}

/// The etag of the object that is there, if one is.
fn current_etag(file: &Path) -> io::Result<Option<Etag>> {
    match fs::metadata(file) {
        Ok(meta) if meta.is_file() => Ok(Some(etag::of(&meta))),
        Ok(meta) if meta.is_dir() => Err(io::Error::from_raw_os_error(libc::EISDIR)),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes an object, and the directories that it leaves empty (S7).
pub(super) fn delete(store: &DirStoreInner, key: &Key) -> Result<()> {
    let tree = store.tree(key);
    let file = tree.file(key)?;
    let attempt = || format!("delete {}", key.as_str());
    if tree.access == Access::Read {
        return Err(Error::new(ErrorKind::Denied, attempt(), "its directory is only read from"));
    }
    let lock = tree.lock(key).map_err(error::io(attempt()))?;
    let current = match fs::metadata(&file) {
        Ok(meta) if meta.is_dir() => return Ok(()),
        Ok(meta) => etag::of(&meta),
        Err(error) if super::read::is_missing(&error) => return Ok(()),
        Err(error) => return Err(error::io(attempt())(error)),
    };
    match fs::remove_file(&file) {
        Err(error) if !super::read::is_missing(&error) => {
            return Err(error::io(attempt())(error));
        }
        Ok(()) | Err(_) => {}
    }
    drop(lock);
    tree.prune_parents(&file);
    if store.durability == Durability::Power {
        // A parent may just have been pruned, by us or by others; then its own parent matters.
        drop(tree.sync_parents(&file));
    }
    store.owners.forget(key, &current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_create_wins_also_where_files_cannot_be_linked() {
        const RACERS: usize = 16;
        let directory = tempfile::tempdir().unwrap();
        let tree = Tree {
            prefix: String::new(),
            directory: directory.path().to_owned(),
            access: Access::Write,
            is_mount: false,
        };
        let put = Put {
            key: Key::new("results/a.json").unwrap(),
            payload: Payload::Bytes(Vec::new()),
            media_type: "application/json",
            condition: Condition::IfAbsent,
            owner: None,
        };
        let file = tree.file(&put.key).unwrap();
        let race = || rename_locked(&tree, &put, &tree.temporary().unwrap(), &file);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(race)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let lost = answers.iter().filter_map(|answer| answer.as_ref().err());
        let kinds: Vec<_> = lost.map(Error::kind).collect();
        assert_eq!(kinds, [ErrorKind::AlreadyExists; RACERS - 1]);
    }
}
