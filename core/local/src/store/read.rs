//! Reading an object: its headers from the open file, its body from memory or as it is read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pixmill_contract::error::Result;
use pixmill_contract::port::{Etag, Meta, Object};
use pixmill_contract::{Error, ErrorKind, Key};
use tokio::io::{AsyncRead, ReadBuf};

use super::DirStoreInner;
use super::etag;
use super::mount::Access;
use super::tree::Tree;
use crate::error;

/// Bodies up to this size are read together with their headers: a second trip to a blocking thread
/// costs more than the copy. Of larger ones tokio keeps as much at a time.
const READ_WHOLE_BYTES: u64 = 2 * 1024 * 1024;

pub(super) fn head(store: &DirStoreInner, key: &Key) -> Result<Meta> {
    let tree = store.tree(key);
    let attempt = || format!("read the headers of {}", key.as_str());
    let found = fs::metadata(tree.file(key)?).map_err(|e| failed(attempt(), e))?;
    meta(store, tree, key, &found, attempt())
}

pub(super) fn get(store: &DirStoreInner, key: &Key, only: Option<&Etag>) -> Result<Object> {
    let tree = store.tree(key);
    let attempt = || format!("get {}", key.as_str());
    let file = open(&tree.file(key)?, &attempt)?;
    let found = file.metadata().map_err(|e| failed(attempt(), e))?;
    let meta = meta(store, tree, key, &found, attempt())?;
    if only.is_some_and(|only| *only != meta.etag) {
        return Err(Error::new(ErrorKind::Changed, attempt(), "it has another etag"));
    }
    let body: Pin<Box<dyn AsyncRead + Send>> = if meta.size <= READ_WHOLE_BYTES {
        let mut bytes = Vec::with_capacity(usize::try_from(meta.size).unwrap_or(0) + 1);
        // One byte more than announced shows that somebody is writing to it.
        (&file).take(meta.size + 1).read_to_end(&mut bytes).map_err(|e| failed(attempt(), e))?;
        check_unwritten(&file, &meta.etag).map_err(error::io(attempt()))?;
        Box::pin(Cursor::new(bytes))
    } else {
        let opened = file.try_clone().map_err(|e| failed(attempt(), e))?;
        let body = tokio::fs::File::from_std(file);
        Box::pin(Unwritten { body, opened, etag: meta.etag.clone() })
    };
    Ok(Object { meta, body })
}

/// The bytes of a file. Its end is an error if somebody has written to it since it was opened: what was
/// read would be of two contents, a picture that there never was.
struct Unwritten {
    body: tokio::fs::File,
    opened: File,
    etag: Etag,
}

impl AsyncRead for Unwritten {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.body).poll_read(context, buffer))?;
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(if is_end { check_unwritten(&self.opened, &self.etag) } else { Ok(()) })
    }
}

/// Fails if a file is not as it was. Files of the store's own are never written to, only replaced.
fn check_unwritten(file: &File, etag: &Etag) -> io::Result<()> {
    if etag::of(&file.metadata()?) == *etag {
        return Ok(());
    }
    Err(io::Error::other("somebody wrote to it while it was read"))
}

/// Opens a regular file and nothing else: looking first keeps devices from being opened at all,
/// and `O_NONBLOCK` keeps a pipe that took its place since from making us wait for its writer.
fn open(path: &Path, attempt: &dyn Fn() -> String) -> Result<File> {
    let found = fs::metadata(path).map_err(|e| failed(attempt(), e))?;
    check_type(&found, attempt())?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path).map_err(|e| failed(attempt(), e))
}

fn meta(
    store: &DirStoreInner,
    tree: &Tree,
    key: &Key,
    found: &fs::Metadata,
    attempt: String,
) -> Result<Meta> {
    check_type(found, attempt)?;
    let etag = etag::of(found);
    // Nothing in a directory that is only read from was put there by the store.
    let owner = match tree.access {
        Access::Read => None,
        Access::Write => store.owners.of(key, &etag)?,
    };
    Ok(Meta { size: found.len(), etag, owner })
}

/// A directory is no object at all; pipes, sockets and devices are things to refuse.
fn check_type(found: &fs::Metadata, attempt: String) -> Result<()> {
    if found.is_dir() {
        Err(Error::new(ErrorKind::NotFound, attempt, "there is a directory of that name"))
    } else if found.is_file() {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Invalid, attempt, "not a regular file"))
    }
}

fn failed(attempt: String, error: io::Error) -> Error {
    if is_missing(&error) {
        Error::new(ErrorKind::NotFound, attempt, error)
    } else {
        error::io(attempt)(error)
    }
}

/// Below a file there is nothing, as there is nothing below a name that is not there.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}
