//! Moves: renames that overwrite nothing and follow no links below the folders that they go to.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::fs::{linkat, mkdirat, openat, renameat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::Taken;
use super::look::REASON;

/// Numbers that are tried for a name that is taken.
const MAX_NUMBERS: u32 = 100_000;

/// Longest name of a file, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Opens the directory that a path's file is in, component by component, and returns it with the
/// file's name. A link among them is refused.
pub(super) fn parent(top: &File, path: &Path) -> io::Result<(OwnedFd, OsString)> {
    descend(top, path, false)
}

fn descend(top: &File, path: &Path, make: bool) -> io::Result<(OwnedFd, OsString)> {
    let mut directory = top.as_fd().try_clone_to_owned()?;
    let mut components = path.components();
    let Some(Component::Normal(name)) = components.next_back() else {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    };
    for component in components {
        let Component::Normal(component) = component else {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        };
        if make {
            match mkdirat(&directory, component, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        directory = openat(&directory, component, flags, Mode::empty())?;
    }
    Ok((directory, name.to_owned()))
}

/// Renames a file of a directory to a path that nobody else knows.
pub(super) fn rename_to(parent: &OwnedFd, name: &OsStr, to: &Path) -> io::Result<()> {
    Ok(renameat(parent, name, CWD, to)?)
}

/// Moves a file to its path below a folder of the home, with a number if that is taken. Returns
/// where it is, below the home.
pub(super) fn aside(home: &Path, folder: &str, from: &Path, taken: &Taken) -> io::Result<PathBuf> {
    place(home, folder, taken, 0, |directory, name| rename_new(from, directory, name))
}

/// The same, with a reason beside it. The reason is written first: a crash in between leaves a
/// reason for nothing, which the next one replaces.
pub(super) fn aside_with_reason(
    home: &Path,
    folder: &str,
    from: &Path,
    taken: &Taken,
    reason: &str,
) -> io::Result<PathBuf> {
    place(home, folder, taken, REASON.len(), |directory, name| {
        if statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
            && !is_same(from, directory, name)
        {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let beside = [name.as_bytes(), REASON.as_bytes()].concat();
        let beside = OsStr::from_bytes(&beside);
        write_at(directory, beside, reason)?;
        let moved = rename_new(from, directory, name);
        if moved.is_err() {
            // Only tidiness: a reason for nothing is replaced.
            unlinkat(directory, beside, AtFlags::empty()).unwrap_or_default();
        }
        moved
    })
}

/// Puts a file under the first name that is free; `room` bytes more have to fit behind it.
fn place(
    home: &Path,
    folder: &str,
    taken: &Taken,
    room: usize,
    put: impl Fn(&OwnedFd, &OsStr) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let top = File::open(home.join(folder))?;
    let (directory, name) = descend(&top, &taken.path, true)?;
    for number in 1..=MAX_NUMBERS {
        let name = numbered(&name, number, MAX_NAME_BYTES - room);
        match put(&directory, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(Path::new(folder).join(taken.path.with_file_name(name))),
        }
    }
    Err(io::Error::from_raw_os_error(libc::EEXIST))
}

/// Renames a file to a name that must be free, or have been given to this very file by a process
/// that was killed before it removed the old name.
fn rename_new(from: &Path, directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match rename_or_link(from, directory, name) {
        Err(error)
            if error.kind() == io::ErrorKind::AlreadyExists && is_same(from, directory, name) =>
        {
            fs::remove_file(from)
        }
        renamed => renamed,
    }
}

fn rename_or_link(from: &Path, directory: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match renameat_with(CWD, from, directory, name, RenameFlags::NOREPLACE) {
        // A file system, often of a network, that cannot look and rename in one step.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        renamed => return Ok(renamed?),
    }
    match linkat(CWD, from, directory, name, AtFlags::empty()) {
        // One that cannot link either: nobody but us moves files here.
        Err(Errno::PERM | Errno::NOSYS | Errno::NOTSUP | Errno::MLINK) => {}
        linked => {
            linked?;
            return fs::remove_file(from);
        }
    }
    match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EEXIST)),
        Err(Errno::NOENT) => Ok(renameat(CWD, from, directory, name)?),
        Err(error) => Err(error.into()),
    }
}

/// Whether a name of a directory is another one of this file.
fn is_same(from: &Path, directory: &OwnedFd, name: &OsStr) -> bool {
    let ours = statat(CWD, from, AtFlags::SYMLINK_NOFOLLOW);
    let theirs = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    matches!((ours, theirs), (Ok(a), Ok(b)) if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

/// Writes a small file so that nobody ever reads half of it.
fn write_at(directory: &OwnedFd, name: &OsStr, text: &str) -> io::Result<()> {
    let aside = format!(".reason.{:016x}", fastrand::u64(..));
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut file = File::from(openat(directory, &aside, flags, Mode::from_raw_mode(0o666))?);
    let written = file.write_all(text.as_bytes());
    let written = written.and_then(|()| Ok(renameat(directory, &aside, directory, name)?));
    if written.is_err() {
        // The error to tell is the first one.
        unlinkat(directory, &aside, AtFlags::empty()).unwrap_or_default();
    }
    written
}

/// A name with a number before its extension, from the second one on; of at most so many bytes.
fn numbered(name: &OsStr, number: u32, most: usize) -> OsString {
    let bytes = name.as_bytes();
    let dot = bytes.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0);
    let (stem, extension) = bytes.split_at(dot.unwrap_or(bytes.len()));
    let number = if number == 1 { String::new() } else { format!("-{number}") };
    let room = most.saturating_sub(extension.len() + number.len());
    let mut length = stem.len().min(room);
    // Not in the middle of a letter, where the name is text; a letter has four bytes at most.
    let is_inside = |at: usize| at < stem.len() && stem[at] & 0xc0 == 0x80;
    let start = (length.saturating_sub(3)..=length).rev().find(|at| !is_inside(*at));
    length = start.unwrap_or(length);
    let stem = &stem[..length];
    let mut whole = [stem, number.as_bytes(), extension].concat();
    whole.truncate(most);
    OsString::from_vec(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_a_number_before_its_extension() {
        for (name, number, expected) in [
            ("a.jpg", 1, "a.jpg"),
            ("a.jpg", 2, "a-2.jpg"),
            ("a.tar.gz", 12, "a.tar-12.gz"),
            (".hidden", 2, ".hidden-2"),
            ("none", 3, "none-3"),
        ] {
            assert_eq!(numbered(name.as_ref(), number, 255), expected, "{name}");
        }
    }

    #[test]
    fn a_name_that_gets_too_long_is_cut_between_letters() {
        let long = format!("{}.jpg", "ö".repeat(125));
        let cut = numbered(long.as_ref(), 2, 244);
        let text = cut.to_str().unwrap();
        assert!(text.ends_with("ö-2.jpg") && text.len() <= 244 && text.len() >= 242, "{text}");
        let bytes = OsString::from_vec(vec![0x80; 255]);
        assert!(numbered(&bytes, 1, 244).len() <= 244);
    }
}
