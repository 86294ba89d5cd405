//! Writing an object: in one request, or in parts if it is large; either way under its condition.
//!
//! A conditional write whose answer is lost is repeated, and then meets itself. So each carries a
//! mark of its own (`x-amz-meta-pixmill-write`), by which a write that seems to have lost finds out
//! that it had won.

use std::io;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use pixmill_contract::error::Result;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind};

use super::{OWNER, S3Store, known, quoted};
use crate::error::of_call;
use crate::sdk::longer;

/// The metadata that holds a write's mark.
const WRITE: &str = "pixmill-write";

/// Files above this are sent in parts, so that a broken connection repeats one part only.
const MULTIPART_ABOVE: u64 = 32 << 20;

/// The bytes of a part but the last: a 64 MB picture is four, and ten thousand, which are the most
/// that S3 takes, are 160 GB.
const PART_BYTES: u64 = 16 << 20;

/// A body that is sent slower than this has stalled, in bytes a second.
const SLOWEST: u64 = 32 << 10;

/// What all requests of one write have in common.
struct Write<'a> {
    store: &'a S3Store,
    put: &'a Put,
    mark: String,
}

impl S3Store {
    pub(super) async fn write(&self, mut put: Put) -> Result<Etag> {
        // Taken, since bytes may be many and their repetitions share them.
        let payload = std::mem::replace(&mut put.payload, Payload::Bytes(Vec::new()));
        let write = Write { store: self, put: &put, mark: format!("{:032x}", fastrand::u128(..)) };
        match payload {
            Payload::Bytes(bytes) => {
                let size = bytes.len() as u64;
                write.whole(ByteStream::from(bytes), size).await
            }
            Payload::File(path) | Payload::Given(path) => write.file(&path).await,
        }
    }
}

impl Write<'_> {
    async fn file(&self, path: &Path) -> Result<Etag> {
        let unreadable = |error: io::Error| self.unreadable(path, error);
        let size = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
        if size > MULTIPART_ABOVE {
            return self.in_parts(path, size).await;
        }
        self.whole(self.part(path, 0, size).await?, size).await
    }

    async fn whole(&self, body: ByteStream, size: u64) -> Result<Etag> {
        let Self { store, put, .. } = self;
        let call = store.client.put_object().bucket(&store.bucket).key(put.key.as_str());
        let call = call
            .body(body)
            .content_type(put.media_type)
            .set_if_none_match(self.if_none_match())
            .set_if_match(self.if_match())
            .set_metadata(Some(self.metadata()?))
            .customize()
            .config_override(self.slow(size));
        match call.send().await {
            Ok(output) => self.written(output.e_tag()),
            Err(error) => self.unless_won(of_call(self.attempt(), &error)).await,
        }
    }

    async fn in_parts(&self, path: &Path, size: u64) -> Result<Etag> {
        let Self { store, put, .. } = self;
        let call = store.client.create_multipart_upload();
        let call = call.bucket(&store.bucket).key(put.key.as_str()).content_type(put.media_type);
        let call = call.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let call = call.set_metadata(Some(self.metadata()?));
        let output = call.send().await.map_err(|e| of_call(self.attempt(), &e))?;
        let nameless = || Error::new(ErrorKind::Unavailable, self.attempt(), "it has no upload");
        let upload = output.upload_id().ok_or_else(nameless)?;

        let answer = match self.parts(path, size, upload).await {
            Ok(parts) => self.complete(upload, parts).await,
            Err(error) => Err(error),
        };
        if answer.is_err() {
            let call = store.client.abort_multipart_upload().bucket(&store.bucket);
            let aborted = call.key(put.key.as_str()).upload_id(upload).send().await;
            if let Err(error) = aborted.map_err(|e| of_call("drop an upload", &e)) {
                // The error to tell is the first one; a lifecycle rule of the bucket drops it.
                tracing::debug!(reason = error.chain(), "left an upload behind");
            }
        }
        answer
    }

    async fn parts(&self, path: &Path, size: u64, upload: &str) -> Result<Vec<CompletedPart>> {
        let Self { store, put, .. } = self;
        let mut parts = Vec::new();
        let starts = (0..size).step_by(usize::try_from(PART_BYTES).unwrap_or(usize::MAX));
        for (number, start) in (1..).zip(starts) {
            let length = PART_BYTES.min(size - start);
            let call = store.client.upload_part().bucket(&store.bucket).key(put.key.as_str());
            let call = call
                .upload_id(upload)
                .part_number(number)
                .body(self.part(path, start, length).await?)
                .customize()
                .config_override(self.slow(length));
            let output = call.send().await.map_err(|e| of_call(self.attempt(), &e))?;
            let part = CompletedPart::builder().part_number(number);
            let part = part.set_e_tag(output.e_tag).set_checksum_crc32(output.checksum_crc32);
            parts.push(part.build());
        }
        Ok(parts)
    }

    async fn complete(&self, upload: &str, parts: Vec<CompletedPart>) -> Result<Etag> {
        let Self { store, put, .. } = self;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = store.client.complete_multipart_upload().bucket(&store.bucket);
        let call = call
            .key(put.key.as_str())
            .upload_id(upload)
            .multipart_upload(parts)
            .set_if_none_match(self.if_none_match())
            .set_if_match(self.if_match());
        match call.send().await {
            Ok(output) => self.written(output.e_tag()),
            Err(error) => self.unless_won(of_call(self.attempt(), &error)).await,
        }
    }

    /// The etag of what was written. S3 always names it: an answer without is somebody else's.
    fn written(&self, etag: Option<&str>) -> Result<Etag> {
        known(etag).map_err(|why| Error::new(ErrorKind::Unavailable, self.attempt(), why))
    }

    /// Part of a file, which is read as it is sent.
    async fn part(&self, path: &Path, start: u64, length: u64) -> Result<ByteStream> {
        let part = ByteStream::read_from().path(path).offset(start);
        let part = part.length(Length::Exact(length)).build().await;
        part.map_err(|error| self.unreadable(path, io::Error::other(error)))
    }

    fn unreadable(&self, path: &Path, error: io::Error) -> Error {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else if error.kind() == io::ErrorKind::PermissionDenied {
            ErrorKind::Denied
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, format!("{} from {}", self.attempt(), path.display()), error)
    }

    fn attempt(&self) -> String {
        self.store.about("write", &self.put.key)
    }

    fn if_none_match(&self) -> Option<String> {
        (self.put.condition == Condition::IfAbsent).then(|| "*".to_owned())
    }

    fn if_match(&self) -> Option<String> {
        match &self.put.condition {
            Condition::IfMatch(etag) => Some(quoted(etag)),
            Condition::Always | Condition::IfAbsent => None,
        }
    }

    fn metadata(&self) -> Result<std::collections::HashMap<String, String>> {
        let mut metadata = std::collections::HashMap::new();
        if let Some(owner) = &self.put.owner {
            let json = serde_json::to_string(owner)
                .map_err(|e| Error::new(ErrorKind::Invalid, self.attempt(), e))?;
            metadata.insert(OWNER.to_owned(), json);
        }
        if self.is_conditional() {
            metadata.insert(WRITE.to_owned(), self.mark.clone());
        }
        Ok(metadata)
    }

    fn is_conditional(&self) -> bool {
        self.put.condition != Condition::Always
    }

    /// What a failed write comes to: its etag after all, if it seems to have lost and what is there
    /// is its own. S3 answers 404 to a replace of nothing, and to the completion of an upload that
    /// was completed already.
    async fn unless_won(&self, error: Error) -> Result<Etag> {
        let has_lost = matches!(error.kind(), ErrorKind::Changed | ErrorKind::NotFound);
        let may_be_done = error.kind() == ErrorKind::Unavailable;
        if !self.is_conditional() || !(has_lost || may_be_done) {
            return Err(error);
        }
        let Self { store, put, mark } = self;
        let call = store.client.head_object().bucket(&store.bucket).key(put.key.as_str());
        match call.send().await.map_err(|e| of_call(self.attempt(), &e)) {
            Ok(there) if there.metadata().and_then(|more| more.get(WRITE)) == Some(mark) => {
                return self.written(there.e_tag());
            }
            // It cannot be said who won.
            Err(unknown) if has_lost && unknown.kind().may_pass() => return Err(unknown),
            Ok(_) | Err(_) => {}
        }
        Err(match put.condition {
            _ if !has_lost => error,
            Condition::IfAbsent => error.with_kind(ErrorKind::AlreadyExists),
            Condition::IfMatch(_) => error.with_kind(ErrorKind::Changed),
            Condition::Always => error,
        })
    }

    /// With the deadline of a try that sends so many bytes.
    fn slow(&self, bytes: u64) -> aws_sdk_s3::config::Builder {
        let more = Duration::from_secs(bytes / SLOWEST);
        let timeouts = longer(self.store.client.config().timeout_config(), more);
        aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
    }
}
