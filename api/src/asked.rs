//! A request as the handlers see it: its parameters decoded and checked by the table, its body
//! still to come.

use std::collections::BTreeMap;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use pixmill_contract::{BatchId, JobId, Key};
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};
use crate::route::Route;

/// How long the next piece of a body may take.
pub(crate) const PIECE: Duration = Duration::from_secs(30);

/// How long a whole body may take: that of the largest request at a megabyte a second.
pub(crate) const BODY: Duration = Duration::from_mins(20);

/// Largest document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// Parameters by their names.
pub(crate) type Parameters = BTreeMap<&'static str, String>;

/// A request.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: HeaderMap,
    pub(crate) path: Parameters,
    pub(crate) query: Parameters,
    pub(crate) fields: Parameters,
    /// By what name whoever asks is known.
    pub(crate) who: String,
    pub(crate) body: Incoming,
}

/// The parameters of a query or a form, decoded; refuses what the table does not know, what comes
/// twice and what is not what it has to be.
pub(crate) fn read_query(route: &Route, query: Option<&str>) -> Result<Parameters, Problem> {
    let mut given = Parameters::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let bad = |why: &str| Problem::new(Code::BadParameter, format!("query: {why}"));
        let (Some(name), Some(value)) = (decoded(name, true), decoded(value, true)) else {
            return Err(bad("it is not percent-encoded UTF-8"));
        };
        let Some(parameter) = route.query.iter().find(|known| known.name == name) else {
            let known: Vec<_> = route.query.iter().map(|known| known.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let why = format!("there is no parameter `{name}`; there is {known}");
            return Err(bad(&why).and("parameter", name));
        };
        if let Err(allowed) = parameter.kind.check(&value) {
            let why = format!("`{name}` is {allowed}");
            return Err(bad(&why).and("parameter", name));
        }
        if given.insert(parameter.name, value).is_some() {
            return Err(bad(&format!("`{name}` is given twice")).and("parameter", name));
        }
    }
    match route.query.iter().find(|known| known.required && !given.contains_key(known.name)) {
        Some(missing) => {
            let why = format!("query: `{}` is missing", missing.name);
            Err(Problem::new(Code::BadParameter, why).and("parameter", missing.name))
        }
        None => Ok(given),
    }
}

/// The fields of a head that the table knows.
pub(crate) fn read_fields(route: &Route, head: &HeaderMap) -> Result<Parameters, Problem> {
    let mut given = Parameters::new();
    for field in route.fields {
        let Some(value) = head.get(field.name) else { continue };
        let text = value.to_str().map_err(|_| "ASCII".to_owned());
        match text.and_then(|text| field.kind.check(text).map(|()| text)) {
            Ok(text) => given.insert(field.name, text.to_owned()),
            Err(allowed) => {
                let why = format!("the field {} is {allowed}", field.name);
                return Err(Problem::new(Code::BadParameter, why).and("parameter", field.name));
            }
        };
    }
    Ok(given)
}

/// Percent-encoding undone; nothing for what is none, or no text.
pub(crate) fn decoded(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
                left = &rest[2..];
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Percent-encoding of what stands in a path; slashes stay.
pub(crate) fn encoded(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

impl Asked {
    /// A number of the query, which the table has checked.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.query.get(name)?.parse().ok()
    }

    /// A text of the query.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A part of the path; the table has it.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// The batch that the path names.
    pub(crate) fn batch(&self) -> Result<BatchId, Problem> {
        BatchId::new(self.part("batch"))
            .map_err(|e| Problem::new(Code::BadParameter, e.to_string()))
    }

    /// The job that the path names.
    pub(crate) fn job(&self) -> Result<JobId, Problem> {
        JobId::new(self.part("id")).map_err(|e| Problem::new(Code::BadParameter, e.to_string()))
    }

    /// The key that the path names.
    pub(crate) fn key(&self) -> Result<Key, Problem> {
        Key::new(self.part("key")).map_err(|e| Problem::new(Code::BadParameter, e.to_string()))
    }

    /// The media type of the body, without its parameters, in small letters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let field = self.head.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(field.split(';').next()?.trim().to_ascii_lowercase())
    }

    /// The next piece of the body; nothing at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, Problem> {
        piece(&mut self.body).await
    }

    /// The whole body, which is short.
    pub(crate) async fn whole(&mut self, most: usize) -> Result<Vec<u8>, Problem> {
        let too_large =
            || Problem::new(Code::TooLarge, format!("more than {most} bytes")).and("limit", most);
        if self.body.size_hint().lower() > most as u64 {
            return Err(too_large());
        }
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() + piece.len() > most {
                return Err(too_large());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The body as a document.
    pub(crate) async fn document<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        self.media_type_is(&["application/json"])?;
        let bytes = self.whole(MAX_DOCUMENT_BYTES).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Problem::new(Code::BadBody, format!("the document: {error}")))
    }

    /// Refuses a body of another type.
    pub(crate) fn media_type_is(&self, allowed: &[&str]) -> Result<(), Problem> {
        match self.media_type() {
            Some(given) if allowed.contains(&given.as_str()) => Ok(()),
            Some(_) | None => {
                let why = format!("send {}", allowed.join(" or "));
                Err(Problem::new(Code::UnsupportedMediaType, why))
            }
        }
    }
}

/// The next piece of a body; nothing at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = tokio::time::timeout(PIECE, body.frame()).await;
        let slow = |_| Problem::new(Code::TooSlow, "the body does not come");
        match frame.map_err(slow)? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Problem::new(Code::BadBody, "the body breaks off")),
            // Trailers are nothing to us.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_or_refused() {
        assert_eq!(decoded("a%20b+c%C3%A4", true).unwrap(), "a b cä");
        assert_eq!(decoded("a+b", false).unwrap(), "a+b");
        for bad in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(decoded(bad, true), None, "{bad}");
        }
        let odd = "a b/ä+%?#.png";
        assert_eq!(decoded(&encoded(odd), false).unwrap(), odd);
    }
}
