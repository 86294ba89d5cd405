//! The object store port on one bucket of S3.
//!
//! S3 is strongly consistent and has conditional writes, so each promise is one request. Owner tags
//! are metadata of their objects (`x-amz-meta-pixmill-owner`), and so there exactly when those are.

mod put;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_types::service_config::ServiceConfigKey;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Etag, Listed, Meta, Object, OwnerTag, Put};
use pixmill_contract::{Error, ErrorKind, Key, ObjectStore};

use crate::error::of_call;
use crate::sdk::RepeatConflicts;

/// The metadata that holds an owner tag, as JSON.
const OWNER: &str = "pixmill-owner";

/// Longest that S3 lets a link be valid.
const MAX_LINK: Duration = Duration::from_hours(7 * 24);

/// An object store in a bucket. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
}

impl S3Store {
    /// The store in a bucket, which is not looked for until something is asked of it.
    pub fn new(configuration: &SdkConfig, bucket: impl Into<String>) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(configuration);
        // A server that was named has that one name: only AWS has one for every bucket.
        config.set_force_path_style(has_endpoint(configuration).then_some(true));
        let config = config.retry_classifier(RepeatConflicts).build();
        Self { client: Client::from_conf(config), bucket: bucket.into() }
    }

    /// The store in another bucket, by the same credentials and connections.
    #[must_use]
    pub fn in_bucket(&self, bucket: &str) -> Self {
        Self { client: self.client.clone(), bucket: bucket.to_owned() }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// How a call about an object is called in errors.
    fn about(&self, what: &str, key: &Key) -> String {
        format!("{what} s3://{}/{key}", self.bucket)
    }
}

/// Whether an endpoint was named, for S3 or for everything.
fn has_endpoint(configuration: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_s3 = configuration.service_config().zip(key.ok());
    let of_s3 = of_s3.and_then(|(settings, key)| settings.load_config(key));
    of_s3.is_some() || configuration.endpoint_url().is_some()
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn head(&self, key: &Key) -> Result<Meta> {
        let call = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        let output = call.send().await.map_err(|e| of_call(self.about("look at", key), &e))?;
        meta(output.content_length(), output.e_tag(), output.metadata())
            .map_err(|why| Error::new(ErrorKind::Unavailable, self.about("look at", key), why))
    }

    async fn get(&self, key: &Key, only: Option<&Etag>) -> Result<Object> {
        let call = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let call = call.set_if_match(only.map(quoted));
        let output = call.send().await.map_err(|e| of_call(self.about("read", key), &e))?;
        let meta = meta(output.content_length(), output.e_tag(), output.metadata())
            .map_err(|why| Error::new(ErrorKind::Unavailable, self.about("read", key), why))?;
        Ok(Object { meta, body: Box::pin(output.body.into_async_read()) })
    }

    async fn put(&self, put: Put) -> Result<Etag> {
        self.write(put).await
    }

    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Listed>> {
        let attempt = || format!("list s3://{}/{prefix}", self.bucket);
        let mut from = after.map(|key| key.as_str().to_owned());
        loop {
            let call = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
            let call = call.set_start_after(from);
            let output = call.send().await.map_err(|e| of_call(attempt(), &e))?;
            // Names that are no keys, such as the folders that the AWS console makes.
            let page: Vec<_> = output.contents().iter().filter_map(listed).collect();
            if !page.is_empty() || output.is_truncated() != Some(true) {
                return Ok(page);
            }
            let Some(last) = output.contents().last().and_then(|object| object.key.clone()) else {
                let why = "a page that is empty says that it is not the last";
                return Err(Error::new(ErrorKind::Unavailable, attempt(), why));
            };
            from = Some(last);
        }
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let call = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
        match call.send().await.map_err(|e| of_call(self.about("delete", key), &e)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            answer => answer.map(drop),
        }
    }

    async fn link(&self, key: &Key, valid: Duration) -> Result<String> {
        let attempt = || self.about("make a link to", key);
        let config = self.presigning(key, valid)?;
        let call = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let request = call.presigned(config).await.map_err(|e| of_call(attempt(), &e))?;
        Ok(request.uri().to_owned())
    }
}

impl S3Store {
    /// A link by which whoever holds it can put an object of exactly so many bytes there, for so
    /// long: the length is signed, which is the only bound on an upload that S3 knows.
    pub async fn upload_link(&self, key: &Key, bytes: u64, valid: Duration) -> Result<String> {
        let attempt = || self.about("make a link for an upload to", key);
        let config = self.presigning(key, valid)?;
        let length = i64::try_from(bytes)
            .map_err(|error| Error::new(ErrorKind::Invalid, attempt(), error))?;
        let call = self.client.put_object().bucket(&self.bucket).key(key.as_str());
        let call = call.content_length(length);
        let request = call.presigned(config).await.map_err(|e| of_call(attempt(), &e))?;
        Ok(request.uri().to_owned())
    }

    fn presigning(&self, key: &Key, valid: Duration) -> Result<PresigningConfig> {
        let attempt = || self.about("make a link to", key);
        if valid > MAX_LINK {
            let why = "a link is valid for seven days at most";
            return Err(Error::new(ErrorKind::Invalid, attempt(), why));
        }
        PresigningConfig::expires_in(valid)
            .map_err(|e| Error::new(ErrorKind::Invalid, attempt(), e))
    }
}

fn meta(
    size: Option<i64>,
    etag: Option<&str>,
    more: Option<&HashMap<String, String>>,
) -> Result<Meta, &'static str> {
    let owner = more.and_then(|more| more.get(OWNER));
    let size = size.and_then(|size| u64::try_from(size).ok());
    Ok(Meta {
        size: size.ok_or("the answer names no size")?,
        etag: known(etag)?,
        owner: owner.and_then(|json| serde_json::from_str::<OwnerTag>(json).ok()),
    })
}

fn listed(object: &aws_sdk_s3::types::Object) -> Option<Listed> {
    let key = Key::new(object.key()?).ok()?;
    let size = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    Some(Listed { key, size })
}

/// An etag as S3 writes it. Ours have no quotes, as in the events that S3 sends.
fn quoted(etag: &Etag) -> String {
    format!("\"{}\"", etag.0.trim_matches('"'))
}

/// The etag that an answer names; S3 names one always, a proxy that answers for it does not.
fn known(etag: Option<&str>) -> Result<Etag, &'static str> {
    match etag.map(|etag| etag.trim_matches('"')) {
        Some(etag) if !etag.is_empty() => Ok(Etag(etag.to_owned())),
        Some(_) | None => Err("the answer names no etag: it is not one of S3"),
    }
}
