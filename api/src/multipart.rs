//! Forms (multipart/form-data, RFC 7578), read as they come: never more of one is in memory than a
//! piece of the body and a boundary.
//!
//! It is fed with pieces and says what they bring; it reads nothing itself.

use memchr::memmem::Finder;

/// Longest boundary: RFC 2046's.
const MAX_BOUNDARY_BYTES: usize = 70;

/// Longest head of a part. Ours have two fields.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// What a form brings, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins.
    Part(Part),
    /// Bytes of it.
    Bytes(Vec<u8>),
    /// The part ends.
    End,
}

/// What is said of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The name of its field.
    pub(crate) name: String,
    /// What its file is called, if it is one.
    pub(crate) file_name: Option<String>,
}

/// Why it is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// Its type does not say where its parts end.
    #[error("the type has no boundary")]
    Boundary,
    /// It begins with no boundary, or there is something behind one.
    #[error("a boundary is missing")]
    Shape,
    /// The head of a part.
    #[error("the head of a part is too long, or none")]
    Head,
    /// A part without a name.
    #[error("a part has no name")]
    Nameless,
    /// It ends before its last boundary.
    #[error("the form breaks off")]
    Truncated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first boundary.
    Preamble,
    /// Behind a boundary, where either a line or the form ends.
    Boundary,
    Head,
    Body,
    /// Behind the last one: nothing counts.
    Epilogue,
}

/// A form that is being read.
pub(crate) struct Form {
    /// What ends a part: CRLF, two dashes, the boundary.
    end: Finder<'static>,
    at: At,
    left: Vec<u8>,
}

impl Form {
    /// A form of this media type.
    pub(crate) fn new(content_type: &str) -> Result<Self, FormError> {
        let mut parameters = content_type.split(';').skip(1);
        let boundary = parameters.find_map(|parameter| {
            let (name, value) = parameter.trim().split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        });
        let fits = |text: &&str| (1..=MAX_BOUNDARY_BYTES).contains(&text.len());
        let boundary = boundary.filter(fits).ok_or(FormError::Boundary)?;
        let end = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // As if a line had just ended: the first boundary is then as all others.
        Ok(Self { end, at: At::Preamble, left: b"\r\n".to_vec() })
    }

    /// Takes a piece, and says what it brings.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<Vec<Event>, FormError> {
        self.left.extend_from_slice(piece);
        let mut events = vec![];
        while self.step(&mut events)? {}
        Ok(events)
    }

    /// Refuses a form that is not at its end.
    pub(crate) fn end(&self) -> Result<(), FormError> {
        if self.at == At::Epilogue { Ok(()) } else { Err(FormError::Truncated) }
    }

    /// Goes a step further, if there is enough to go by.
    fn step(&mut self, events: &mut Vec<Event>) -> Result<bool, FormError> {
        match self.at {
            At::Preamble => {
                let needle = self.end.needle().len();
                if self.left.len() < needle {
                    return Ok(false);
                }
                if self.end.find(&self.left[..needle]).is_none() {
                    return Err(FormError::Shape);
                }
                self.left.drain(..needle);
                self.at = At::Boundary;
            }
            At::Boundary => {
                let Some(two) = self.left.get(..2) else { return Ok(false) };
                self.at = match two {
                    b"\r\n" => At::Head,
                    b"--" => At::Epilogue,
                    _ => return Err(FormError::Shape),
                };
                self.left.drain(..2);
            }
            At::Head => {
                let Some(end) = memchr::memmem::find(&self.left, b"\r\n\r\n") else {
                    let too_long = self.left.len() > MAX_HEAD_BYTES;
                    return if too_long { Err(FormError::Head) } else { Ok(false) };
                };
                if end > MAX_HEAD_BYTES {
                    return Err(FormError::Head);
                }
                events.push(Event::Part(part(&self.left[..end])?));
                self.left.drain(..end + 4);
                self.at = At::Body;
            }
            At::Body => return Ok(self.body(events)),
            At::Epilogue => {
                self.left.clear();
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes on what can be no boundary.
    fn body(&mut self, events: &mut Vec<Event>) -> bool {
        if let Some(end) = self.end.find(&self.left) {
            if end > 0 {
                events.push(Event::Bytes(self.left[..end].to_vec()));
            }
            events.push(Event::End);
            self.left.drain(..end + self.end.needle().len());
            self.at = At::Boundary;
            return true;
        }
        // The last bytes may be the beginning of one.
        let sure = self.left.len().saturating_sub(self.end.needle().len() - 1);
        if sure > 0 {
            let rest = self.left.split_off(sure);
            events.push(Event::Bytes(std::mem::replace(&mut self.left, rest)));
        }
        false
    }
}

/// What the head of a part says.
fn part(head: &[u8]) -> Result<Part, FormError> {
    let text = std::str::from_utf8(head).map_err(|_| FormError::Head)?;
    for line in text.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(FormError::Head)?;
        if name.trim().eq_ignore_ascii_case("content-disposition") {
            let parameters = parameters(value);
            let find = |wanted: &str| {
                let found = parameters.iter().find(|(name, _)| name == wanted);
                found.map(|(_, value)| value.clone())
            };
            let encoded = find("filename*").and_then(|value| {
                let value = value
                    .get(..7)
                    .filter(|p| p.eq_ignore_ascii_case("utf-8''"))
                    .map(|_| &value[7..])?;
                crate::asked::decoded(value, false)
            });
            let name = find("name").ok_or(FormError::Nameless)?;
            return Ok(Part { name, file_name: encoded.or_else(|| find("filename")) });
        }
    }
    Err(FormError::Nameless)
}

/// The parameters of a field, as browsers write them: quotes inside are `%22` or behind a
/// backslash.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut left = value.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, rest)) = left.split_once('=') {
        let name = name.trim().trim_start_matches(';').trim().to_ascii_lowercase();
        let rest = rest.trim_start();
        let Some(quoted) = rest.strip_prefix('"') else {
            let (value, after) = rest.split_once(';').unwrap_or((rest, ""));
            found.push((name, value.trim().to_owned()));
            left = after;
            continue;
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        let mut end = quoted.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                // Windows' paths have them too, unescaped: only before what they escape they do so.
                '\\' if quoted[at + 1..].starts_with(['"', '\\']) => {
                    value.extend(characters.next().map(|(_, escaped)| escaped));
                }
                other => value.push(other),
            }
        }
        found.push((name, value.replace("%22", "\"")));
        left = quoted.get(end..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &[u8] = b"--x\r\nContent-Disposition: form-data; name=\"recipe\"\r\n\r\ninvert\r\n\
        --x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a;b=\\\"c\\\".jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\n\r\n--not\r\n-\r\n--x--\r\nepilogue";

    /// What a form holds, taken in pieces of this size.
    fn read(form: &[u8], piece: usize) -> Result<Vec<(Part, Vec<u8>)>, FormError> {
        let mut reader = Form::new("multipart/form-data; boundary=x")?;
        let mut parts: Vec<(Part, Vec<u8>)> = vec![];
        for piece in form.chunks(piece) {
            for event in reader.take(piece)? {
                match event {
                    Event::Part(part) => parts.push((part, vec![])),
                    Event::Bytes(bytes) => parts.last_mut().unwrap().1.extend(bytes),
                    Event::End => {}
                }
            }
            assert!(reader.left.len() <= MAX_HEAD_BYTES + piece.len(), "it keeps what it has read");
        }
        reader.end().map(|()| parts)
    }

    #[test]
    fn a_form_reads_the_same_in_whatever_pieces_it_comes() {
        let file = Part { name: "image".into(), file_name: Some("a;b=\"c\".jpg".into()) };
        let recipe = Part { name: "recipe".into(), file_name: None };
        let wanted = vec![(recipe, b"invert".to_vec()), (file, b"\r\n--not\r\n-".to_vec())];
        for piece in 1..FORM.len() {
            assert_eq!(read(FORM, piece).unwrap(), wanted, "{piece}");
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (form, error) in [
            (&b"hello, is anybody there?"[..], FormError::Shape),
            (b"--xy\r\n", FormError::Shape),
            (b"--x\r\n\r\n\r\n", FormError::Head),
            (b"--x\r\nContent-Type: a/b\r\n\r\n", FormError::Nameless),
            (b"--x\r\nContent-Disposition: form-data\r\n\r\n", FormError::Nameless),
            (&FORM[..FORM.len() - 14], FormError::Truncated),
            (b"", FormError::Truncated),
        ] {
            assert_eq!(read(form, 7).unwrap_err(), error, "{}", String::from_utf8_lossy(form));
        }
        let endless = [&b"--x\r\n"[..], &vec![b'a'; 2 * MAX_HEAD_BYTES]].concat();
        assert_eq!(read(&endless, 1000).unwrap_err(), FormError::Head);
        for bad in ["multipart/form-data", "multipart/form-data; boundary="] {
            assert_eq!(Form::new(bad).err(), Some(FormError::Boundary), "{bad}");
        }
    }

    #[test]
    fn names_are_read_as_browsers_and_others_write_them() {
        let name = |value: &str| {
            let head = format!("Content-Disposition: form-data; name=\"i\"; {value}");
            part(head.as_bytes()).unwrap().file_name.unwrap()
        };
        assert_eq!(name("filename=plain.jpg"), "plain.jpg");
        assert_eq!(name(r#"filename="C:\photos\a.jpg""#), r"C:\photos\a.jpg");
        assert_eq!(name("filename=\"%22a%22.jpg\""), "\"a\".jpg");
        assert_eq!(name("filename=\"x\"; filename*=utf-8''%c3%a4.jpg"), "ä.jpg");
        assert_eq!(name("filename=\"ä.jpg\""), "ä.jpg");
        assert_eq!(name("filename=\"open"), "open");
    }
}
