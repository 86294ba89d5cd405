//! Answers: whole ones, and those whose bodies come piece by piece.

use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// An answer.
pub(crate) type Answer = Response<Body>;

/// The media type of documents.
pub(crate) const JSON: &str = "application/json";

/// A document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Answer {
    let text = serde_json::to_string(document).expect("a document of ours has only text for keys");
    whole(status, JSON, text + "\n")
}

/// A body that is there.
pub(crate) fn whole(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
) -> Answer {
    streamed(
        status,
        media_type,
        Full::new(body.into()).map_err(|never| match never {}).boxed_unsync(),
    )
}

/// A body that comes.
pub(crate) fn streamed(status: StatusCode, media_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, HeaderValue::from_static(media_type));
    let answer = with(answer, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    with(answer, X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// No body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    with(answer, CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// The answer with a field more.
pub(crate) fn with(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}

/// The answer with a field more, whose value is text of ours.
pub(crate) fn with_text(answer: Answer, name: HeaderName, value: &str) -> Answer {
    match HeaderValue::from_str(value) {
        Ok(value) => with(answer, name, value),
        // What cannot stand in a field is left out of it.
        Err(_) => answer,
    }
}

/// The answer with a hint when to ask again.
pub(crate) fn with_patience(answer: Answer, seconds: u64) -> Answer {
    with(answer, RETRY_AFTER, HeaderValue::from(seconds))
}
