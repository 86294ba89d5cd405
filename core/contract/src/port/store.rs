//! The object store port. Its semantics are those of S3 with conditional writes.
//!
//! * **S1** No reader ever sees part of an object: a write is there whole, or not at all.
//! * **S2** What is missing is `NotFound`, never `Denied` or empty.
//! * **S3** Of any number of racing creates of one key, one wins and all others get
//!   `AlreadyExists`; of racing replaces of one etag, one wins and all others get `Changed`.
//! * **S4** An object's owner tag is there exactly when the object is.
//! * **S5** Every write gives the object a new etag, unless it writes the same bytes.
//! * **S6** `list` is in byte order of the keys and holds every object that was there before the
//!   call and is there after it.
//! * **S7** Deleting what is not there is `Ok`.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::error::{Error, ErrorKind, Result};
use crate::id::{BatchId, JobId};
use crate::key::Key;

/// The identity of an object's content, opaque; equal etags of one key mean the same bytes. It is
/// held without the quotes that HTTP writes it with, wherever it comes from, so that those of
/// stores, jobs and events can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Etag(pub String);

impl Etag {
    /// An etag as HTTP and S3's events write it, with quotes or without.
    pub fn unquoted(text: &str) -> Self {
        Self(text.trim_matches('"').to_owned())
    }
}

/// Who made an output, kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerTag {
    /// The batch of the job that made it.
    pub batch: BatchId,
    /// The job that made it.
    pub id: JobId,
    /// The job's digest.
    pub digest: String,
    /// The fingerprint of the source that it was made of.
    pub source: String,
    /// Lower-case hexadecimal SHA-256 of the object's bytes.
    pub sha256: String,
    /// Width of the picture in pixels.
    pub width: u32,
    /// Height of the picture in pixels.
    pub height: u32,
}

/// What is known of an object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its size in bytes.
    pub size: u64,
    /// The identity of its content.
    pub etag: Etag,
    /// Who made it, for an object that was put with a tag.
    pub owner: Option<OwnerTag>,
}

/// An object that is being read: its headers are known, its body is still to come.
pub struct Object {
    /// What is known of it.
    pub meta: Meta,
    /// Its bytes.
    pub body: Pin<Box<dyn AsyncRead + Send>>,
}

impl Object {
    /// Reads the body whole. A body that is shorter or longer than announced is `Unavailable`: it
    /// was cut off, or is being written to by someone who does not keep the rules.
    pub async fn bytes(self) -> Result<Vec<u8>> {
        let size = usize::try_from(self.meta.size)
            .map_err(|e| Error::new(ErrorKind::Invalid, "read an object", e))?;
        let mut bytes = Vec::with_capacity(size);
        // One byte more than announced is enough to know.
        let mut body = self.body.take(self.meta.size + 1);
        body.read_to_end(&mut bytes)
            .await
            .map_err(|e| Error::new(ErrorKind::Unavailable, "read an object's body", e))?;
        if bytes.len() != size {
            let why = format!("{} bytes instead of {size}", bytes.len());
            return Err(Error::new(ErrorKind::Unavailable, "read an object's whole body", why));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("meta", &self.meta).finish_non_exhaustive()
    }
}

/// The bytes of an object to write.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In memory.
    Bytes(Vec<u8>),
    /// The content of a file, which is never read whole into memory.
    File(PathBuf),
    /// The same of a file that nobody writes to any more and that the store may make its own: the file's
    /// name stays until whoever gave it removes it.
    Given(PathBuf),
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: what is there is replaced.
    Always,
    /// Nothing may be there, else `AlreadyExists`.
    IfAbsent,
    /// Exactly this content must be there, else `Changed`.
    IfMatch(Etag),
}

/// An object to write.
#[derive(Debug, Clone)]
pub struct Put {
    /// Its key.
    pub key: Key,
    /// Its bytes.
    pub payload: Payload,
    /// Its media type, for those who fetch it by link.
    pub media_type: &'static str,
    /// When it may be written.
    pub condition: Condition,
    /// Who made it.
    pub owner: Option<OwnerTag>,
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The object's key.
    pub key: Key,
    /// Its size in bytes.
    pub size: u64,
}

/// An object store. See the module for its promises.
#[async_trait]
pub trait ObjectStore: Send + Sync + fmt::Debug {
    /// What is known of an object without its bytes.
    async fn head(&self, key: &Key) -> Result<Meta>;

    /// Opens an object: its headers are there when this returns, its body follows. With an etag,
    /// only that very content: `Changed` if it is another.
    async fn get(&self, key: &Key, only: Option<&Etag>) -> Result<Object>;

    /// Writes an object whole, under a condition, and returns its etag (S1, S3–S5).
    async fn put(&self, put: Put) -> Result<Etag>;

    /// Up to a page of the objects whose keys start with `prefix` and come after `after` (S6). An
    /// empty page is the end.
    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Listed>>;

    /// Deletes an object (S7).
    async fn delete(&self, key: &Key) -> Result<()>;

    /// A link by which whoever holds it can read the object, at least for so long.
    async fn link(&self, key: &Key, valid: Duration) -> Result<String>;
}
