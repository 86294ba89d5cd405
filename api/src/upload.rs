//! Pictures as they are uploaded: written into files as they come, within limits that are checked
//! with every piece. A file is gone when nobody holds it any more, whoever has hung up.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use hyper::body::Body as _;
use hyper::header::CONTENT_TYPE;
use pixmill_contract::id::hex;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::asked::{Asked, BODY};
use crate::multipart::{Event, Form, FormError};
use crate::problem::{Code, Problem};
use crate::state::State;

/// Most pictures of one request.
pub(crate) const MAX_PICTURES: usize = 100;

/// Most bytes of one request, however many pictures it has.
const MAX_REQUEST_BYTES: u64 = 1 << 30;

/// Longest text in a form, in bytes: that of a recipe.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// Most fields of a form that are no pictures.
const MAX_TEXTS: usize = 16;

/// Longest name of a picture, in bytes. It becomes a part of a key, and of a file's name.
const MAX_NAME_BYTES: usize = 200;

/// What is written to a file at once, in bytes: a body comes in smaller pieces, and each write is a trip to
/// a thread that may block.
const WRITE_BYTES: usize = 256 * 1024;

/// A picture in a file.
#[derive(Debug)]
pub(crate) struct Upload {
    /// What it is called: the last component of what its sender called it, harmless.
    pub(crate) name: String,
    /// Where it is. The file goes with this.
    pub(crate) path: TempPath,
    /// Lower-case hexadecimal of its bytes' SHA-256.
    pub(crate) sha256: String,
}

/// What a request brought.
#[derive(Debug, Default)]
pub(crate) struct Uploaded {
    /// The pictures, in order, all of different names.
    pub(crate) pictures: Vec<Upload>,
    /// The fields of the form that are texts.
    pub(crate) texts: BTreeMap<String, String>,
}

/// Reads the body of a request: a form with pictures, or one as it is, which is called `name`.
pub(crate) async fn receive(
    state: &Arc<State>,
    asked: &mut Asked,
    name: &str,
) -> Result<Uploaded, Problem> {
    let busy = |_| Problem::new(Code::Busy, "too many are uploading; try again in a moment");
    let _permit = state.uploads.try_acquire().map_err(busy)?;
    let slow = |_| Problem::new(Code::TooSlow, "the body takes too long");
    tokio::time::timeout(BODY, read(state, asked, name)).await.map_err(slow)?
}

async fn read(state: &Arc<State>, asked: &mut Asked, name: &str) -> Result<Uploaded, Problem> {
    let limit = state.settings.limits.input_bytes;
    let form = match asked.media_type().as_deref() {
        Some("multipart/form-data") => true,
        Some("application/octet-stream") => false,
        Some(kind) if kind.starts_with("image/") => false,
        Some(_) | None => {
            let why =
                "send multipart/form-data, or a picture as image/… or application/octet-stream";
            return Err(Problem::new(Code::UnsupportedMediaType, why));
        }
    };
    // What is announced to be too large is refused before it comes.
    let most = if form { MAX_REQUEST_BYTES } else { limit };
    if asked.body.size_hint().lower() > most {
        return Err(too_large(most));
    }
    if form {
        return read_form(state, asked, limit).await;
    }
    let mut file = Growing::new(state, limit)?;
    while let Some(piece) = asked.piece().await? {
        file.add(&piece).await?;
    }
    let mut uploaded = Uploaded::default();
    if file.bytes > 0 {
        uploaded.add(state, file.end(harmless(name)).await?);
    }
    Ok(uploaded)
}

async fn read_form(state: &Arc<State>, asked: &mut Asked, limit: u64) -> Result<Uploaded, Problem> {
    let content_type = asked.head.get(CONTENT_TYPE).and_then(|field| field.to_str().ok());
    let mut form = Form::new(content_type.unwrap_or_default())?;
    let mut uploaded = Uploaded::default();
    let mut part = None;
    let mut total = 0;
    while let Some(piece) = asked.piece().await? {
        total += piece.len() as u64;
        if total > MAX_REQUEST_BYTES {
            return Err(too_large(MAX_REQUEST_BYTES));
        }
        for event in form.take(&piece)? {
            match (event, &mut part) {
                (Event::Part(begun), _) => {
                    let count = uploaded.pictures.len();
                    if begun.file_name.is_some() && count >= MAX_PICTURES {
                        let why = format!("more than {MAX_PICTURES} pictures in one request");
                        return Err(Problem::new(Code::TooLarge, why).and("limit", MAX_PICTURES));
                    }
                    if uploaded.texts.len() >= MAX_TEXTS {
                        let why = format!("more than {MAX_TEXTS} fields");
                        return Err(Problem::new(Code::TooLarge, why).and("limit", MAX_TEXTS));
                    }
                    part = Some(match begun.file_name {
                        Some(name) => {
                            Field::File(Box::new(Growing::new(state, limit)?), harmless(&name))
                        }
                        None => Field::Text(begun.name, vec![]),
                    });
                }
                (Event::Bytes(bytes), Some(Field::File(file, _))) => file.add(&bytes).await?,
                (Event::Bytes(bytes), Some(Field::Text(name, text))) => {
                    if text.len() + bytes.len() > MAX_TEXT_BYTES {
                        let why =
                            format!("the field `{name}` is longer than {MAX_TEXT_BYTES} bytes");
                        return Err(Problem::new(Code::TooLarge, why).and("limit", MAX_TEXT_BYTES));
                    }
                    text.extend_from_slice(&bytes);
                }
                (Event::End, ended) => match ended.take() {
                    Some(Field::File(file, name)) => {
                        uploaded.add(state, file.end(name).await?);
                    }
                    Some(Field::Text(name, text)) => {
                        let text = String::from_utf8(text).map_err(|_| {
                            Problem::new(Code::BadBody, format!("the field `{name}` is not UTF-8"))
                        })?;
                        if uploaded.texts.insert(name.clone(), text).is_some() {
                            let why = format!("the field `{name}` is there twice");
                            return Err(Problem::new(Code::BadBody, why));
                        }
                    }
                    None => {}
                },
                (Event::Bytes(_), None) => {}
            }
        }
    }
    form.end()?;
    Ok(uploaded)
}

/// A part of a form that is being read.
enum Field {
    File(Box<Growing>, String),
    Text(String, Vec<u8>),
}

/// A file that is being written.
struct Growing {
    path: TempPath,
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
    limit: u64,
}

impl Growing {
    fn new(state: &State, limit: u64) -> Result<Self, Problem> {
        let (file, path) = tempfile::Builder::new()
            .prefix("upload-")
            // It becomes an object, which those may read who may read what others write there.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&state.settings.spool)?
            .into_parts();
        let file = BufWriter::with_capacity(WRITE_BYTES, File::from_std(file));
        Ok(Self { path, file, hasher: Sha256::new(), bytes: 0, limit })
    }

    async fn add(&mut self, piece: &[u8]) -> Result<(), Problem> {
        self.bytes += piece.len() as u64;
        if self.bytes > self.limit {
            return Err(too_large(self.limit));
        }
        self.hasher.update(piece);
        Ok(self.file.write_all(piece).await?)
    }

    async fn end(mut self, name: String) -> Result<(Upload, u64), Problem> {
        self.file.flush().await?;
        let sha256 = hex(&self.hasher.finalize());
        Ok((Upload { name, path: self.path, sha256 }, self.bytes))
    }
}

impl Uploaded {
    fn add(&mut self, state: &State, (picture, bytes): (Upload, u64)) {
        state.counts.uploaded(bytes);
        let name = self.free_name(&picture.name);
        self.pictures.push(Upload { name, ..picture });
    }

    /// The name, or one like it if another picture has that: `a.jpg`, `a-2.jpg`.
    fn free_name(&self, name: &str) -> String {
        let taken = |name: &str| self.pictures.iter().any(|picture| picture.name == name);
        if !taken(name) {
            return name.to_owned();
        }
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            Some(_) | None => (name, String::new()),
        };
        let mut names = (2..).map(|n| format!("{stem}-{n}{extension}"));
        names.find(|name| !taken(name)).expect("there are more numbers than pictures")
    }
}

pub(crate) fn too_large(limit: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("more than {limit} bytes")).and("limit", limit)
}

/// The last component of a name, as a file and a key may be called so.
pub(crate) fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last: String = last.chars().filter(|c| !c.is_control()).collect();
    let mut name = last.trim().trim_start_matches('.').to_owned();
    // The end stays, as it tells what kind of file it is.
    while name.len() > MAX_NAME_BYTES {
        name.remove(0);
    }
    if name.is_empty() { "image".to_owned() } else { name }
}

impl From<FormError> for Problem {
    fn from(error: FormError) -> Self {
        Self::new(Code::BadBody, format!("the form: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_harmless() {
        for (name, wanted) in [
            ("a.jpg", "a.jpg"),
            ("../../etc/passwd", "passwd"),
            (r"C:\photos\a b.jpg", "a b.jpg"),
            ("..", "image"),
            ("", "image"),
            (".hidden.png", "hidden.png"),
            ("a\u{0}\nb", "ab"),
            ("ä/ö.png", "ö.png"),
        ] {
            assert_eq!(harmless(name), wanted, "{name:?}");
        }
        let long = format!("{}.jpg", "x".repeat(500));
        assert_eq!(harmless(&long).len(), MAX_NAME_BYTES);
        assert!(harmless(&long).ends_with("x.jpg"));
    }
}
