//! The console's files, in front of the table of routes: they are no part of the API, and anybody may
//! have them, as they say nothing of the pipeline.

use std::borrow::Cow;

use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
};
use hyper::{HeaderMap, Method, StatusCode};
use pixmill_console::{FIELDS, Page, page};

use crate::answer::{Answer, empty, whole, with, with_text};

/// The answer to whoever asks for a file; none, if there is no such file.
pub(crate) fn answer(method: &Method, path: &str, head: &HeaderMap) -> Option<Answer> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    let page = page(path)?;
    let is_packed = takes_gzip(head);
    let Page { media_type, bytes, etag, .. } = if is_packed { page.packed() } else { page };
    let is_known = head.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let answer = if is_known {
        with(empty(StatusCode::NOT_MODIFIED), CONTENT_TYPE, HeaderValue::from_static(media_type))
    } else {
        let bytes = match bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let answer = whole(StatusCode::OK, media_type, bytes);
        let gzip = HeaderValue::from_static("gzip");
        if is_packed { with(answer, CONTENT_ENCODING, gzip) } else { answer }
    };
    let field = |answer, (name, value)| {
        with(answer, HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let answer = FIELDS.into_iter().fold(answer, field);
    Some(with_text(answer, ETAG, &etag))
}

/// Whether gzip is among what is taken, as every browser says.
fn takes_gzip(head: &HeaderMap) -> bool {
    let taken = head.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    taken.split(',').any(|one| one.trim() == "gzip")
}
