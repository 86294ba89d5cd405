//! Objects of the store, for whoever has a token or a link: pictures that were made, and pictures
//! that are put there to become jobs.

use std::num::NonZeroU64;
use std::sync::Arc;

use http_body_util::{BodyExt as _, StreamBody};
use hyper::StatusCode;
use hyper::body::{Bytes, Frame};
use hyper::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH,
};
use pixmill_contract::key::{DROP, INPUTS, OUTPUTS, OVERLAYS};
use pixmill_contract::port::{Condition, Object, Payload, Put};
use pixmill_contract::{ErrorKind, JobId, Key, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use crate::answer::{Body, empty, json, streamed, with, with_text};
use crate::asked::{Asked, encoded};
use crate::links::{Purpose, check, upload_link};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;
use crate::upload::{harmless, receive, too_large};

/// Bytes of an object that are read at a time.
const PIECE: usize = 64 * 1024;

/// What somebody wants to put into the store.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announced {
    /// What the picture is called.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// How many bytes it has. The link is good for exactly as many, and may lead straight to the
    /// store then.
    #[serde(default)]
    bytes: Option<NonZeroU64>,
}

/// Where it can be put.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// Its key, for `POST /v1/jobs`.
    key: Key,
    /// How it is put there: always `PUT`.
    method: &'static str,
    /// Where to, for a while: an address, or a path of this server.
    link: String,
    /// Until when.
    expires_at: Timestamp,
}

/// What was put there.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stored {
    /// Its key.
    key: Key,
    /// Its content, in a word.
    etag: String,
}

/// `POST /v1/uploads`.
pub(crate) async fn announce(state: Arc<State>, mut asked: Asked) -> Outcome {
    let Announced { name, bytes } = asked.document().await?;
    let limit = state.settings.limits.input_bytes;
    let bytes = bytes.map(NonZeroU64::get);
    if bytes.is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    let id = JobId::fresh(state.pipeline().clock.now());
    let key = Key::new(format!("{INPUTS}uploads/{id}/{}", harmless(&name)));
    let key = key.map_err(|error| Problem::new(Code::BadBody, error.to_string()))?;
    let (link, expires_at) = upload_link(&state, &key, bytes).await?;
    Ok(json(StatusCode::CREATED, &Place { key, method: "PUT", link, expires_at }))
}

/// `PUT /v1/objects/{key}`: below `inputs/`, by a link alone.
pub(crate) async fn put(state: Arc<State>, mut asked: Asked) -> Outcome {
    let key = asked.key()?;
    check(&state, Purpose::Write, &key, &asked)?;
    if asked.text("signature").is_none() {
        let why = "ask for a link by POST /v1/uploads, and put it there";
        return Err(Problem::new(Code::BadLink, why));
    }
    let uploaded = receive(&state, &mut asked, key.file_name()).await?;
    let Some(upload) = uploaded.pictures.into_iter().next() else {
        return Err(Problem::new(Code::NoPicture, "there is nothing in it"));
    };
    let put = Put {
        key: key.clone(),
        payload: Payload::Given(upload.path.to_path_buf()),
        media_type: "application/octet-stream",
        condition: Condition::Always,
        owner: None,
    };
    let etag = state.pipeline().store.put(put).await?;
    drop(upload);
    Ok(json(StatusCode::CREATED, &Stored { key, etag: etag.0 }))
}

/// `GET /v1/objects/{key}`.
pub(crate) async fn get(state: Arc<State>, asked: Asked) -> Outcome {
    let key = asked.key()?;
    check(&state, Purpose::Read, &key, &asked)?;
    // What else is in the store is told of in other ways, and is nobody's to read.
    if ![INPUTS, OUTPUTS, OVERLAYS, DROP].iter().any(|prefix| key.as_str().starts_with(prefix)) {
        return Err(Problem::new(Code::NotFound, "there is no such object"));
    }
    whole(&state, &asked, &key).await
}

/// An object as it is.
pub(crate) async fn whole(state: &State, asked: &Asked, key: &Key) -> Outcome {
    let object = match state.pipeline().store.get(key, None).await {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Problem::new(Code::NotFound, "there is no such object"));
        }
        Err(error) => return Err(error.into()),
    };
    let etag = format!("\"{}\"", object.meta.etag.0);
    if asked.head.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(with_text(empty(StatusCode::NOT_MODIFIED), ETAG, &etag));
    }
    let size = object.meta.size;
    let answer = streamed(StatusCode::OK, media_type(key), body_of(object));
    let answer = with(answer, CONTENT_LENGTH, HeaderValue::from(size));
    let answer = with_text(answer, ETAG, &etag);
    // Nothing in the store is a page of ours, whatever it claims to be.
    let sandbox = HeaderValue::from_static("default-src 'none'; sandbox");
    let answer = with(answer, CONTENT_SECURITY_POLICY, sandbox);
    let name = encoded(key.file_name());
    Ok(with_text(answer, CONTENT_DISPOSITION, &format!("inline; filename*=utf-8''{name}")))
}

/// The media type that a key's extension stands for.
fn media_type(key: &Key) -> &'static str {
    let extension = key.as_str().rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

/// The bytes of an object, piece by piece; one that breaks off breaks the connection off, so that
/// nobody takes a part for the whole.
fn body_of(object: Object) -> Body {
    let left = object.meta.size;
    let read = move |(mut body, left): (
        std::pin::Pin<Box<dyn tokio::io::AsyncRead + Send>>,
        u64,
    )| async move {
        if left == 0 {
            return None;
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        match body.read(&mut piece).await {
            Ok(0) => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), (body, 0))),
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(Frame::data(Bytes::from(piece))), (body, left - count as u64)))
            }
            Err(error) => Some((Err(error), (body, 0))),
        }
    };
    let pieces = futures_util::stream::unfold((object.body, left), read);
    StreamBody::new(pieces).boxed_unsync()
}
