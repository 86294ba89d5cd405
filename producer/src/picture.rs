//! Pictures as they are submitted: bytes, files, or what is in a store already.

use std::path::PathBuf;

use pixmill_contract::document::Source;
use pixmill_contract::key::INPUTS;
use pixmill_contract::port::Payload;
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Key};

/// A picture to submit. Bytes and files are copied into the store under a name, which is the
/// picture's identity in its batch: the same name in another process is the same job.
#[derive(Debug, Clone)]
pub struct Picture(Place);

#[derive(Debug, Clone)]
enum Place {
    /// To be uploaded under a name.
    Here(String, Payload),
    /// In a store: the pipeline's own where no bucket is given.
    There(Option<String>, Key),
}

impl Picture {
    /// A picture in memory. Its name is text such as `cats/tom.jpg`.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self(Place::Here(name.into(), Payload::Bytes(bytes.into())))
    }

    /// A file, under the last component of its path; refused when it is submitted if that is not
    /// text.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        Self::file(name, path)
    }

    /// A file, under a name of its own. It is never read whole into memory.
    pub fn file(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self(Place::Here(name.into(), Payload::File(path.into())))
    }

    /// The same of a file that nobody writes to any more and that the store may make its own; its name
    /// stays until whoever gave it removes it.
    pub fn given(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self(Place::Here(name.into(), Payload::Given(path.into())))
    }

    /// An object of the pipeline's store, which stays where it is.
    pub fn key(key: Key) -> Self {
        Self(Place::There(None, key))
    }

    /// An object of another bucket, which workers must be allowed to read.
    pub fn in_bucket(bucket: impl Into<String>, key: Key) -> Self {
        Self(Place::There(Some(bucket.into()), key))
    }

    /// The job that it is in a batch: the same for everyone who submits it.
    pub fn job(&self, batch: &BatchId) -> Result<JobId, Error> {
        let (source, _) = self.clone().placed(batch)?;
        Ok(job_of(source.bucket.as_deref(), &source.key))
    }

    /// What people call it.
    pub(crate) fn name(&self) -> String {
        match &self.0 {
            Place::Here(name, _) => name.clone(),
            Place::There(None, key) => key.to_string(),
            Place::There(Some(bucket), key) => format!("{bucket}/{key}"),
        }
    }

    /// Where its job finds it, and what has to be put there first.
    pub(crate) fn placed(self, batch: &BatchId) -> Result<(Source, Option<Payload>), Error> {
        let (bucket, key, payload) = match self.0 {
            Place::There(bucket, key) => (bucket, key, None),
            Place::Here(name, payload) => {
                let key = Key::new(format!("{INPUTS}{batch}/{name}"));
                let refused = |e| Error::new(ErrorKind::Invalid, format!("submit {name:?}"), e);
                (None, key.map_err(refused)?, Some(payload))
            }
        };
        Ok((Source { bucket, key, etag: None }, payload))
    }
}

/// The job of a picture in its batch: the same for everyone who submits it.
pub(crate) fn job_of(bucket: Option<&str>, key: &Key) -> JobId {
    match bucket {
        None => JobId::derived(&[key.as_str().as_bytes()]),
        Some(bucket) => JobId::derived(&[bucket.as_bytes(), key.as_str().as_bytes()]),
    }
}
