//! Paths as keys and back, one to one.
//!
//! A path is bytes and a key is text. In a key that stands for a path, bytes that are not UTF-8,
//! control characters and `%` itself are written `%XX`; everything else stands for itself. Each
//! path has one such key and each such key one path: what is spelled in another way is refused, so
//! no two keys ever name one file.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind, Key};

/// The key of a path: its components, without a leading `/`. `.` components and doubled slashes
/// name nothing and are dropped; `..` is refused, as is a key that would be too long.
pub fn key_for_path(path: &Path) -> Result<Key> {
    let refuse = |why: String| {
        Error::new(ErrorKind::Invalid, format!("make a key of the path {}", path.display()), why)
    };
    let mut text = String::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir => return Err(refuse("it goes up".to_owned())),
            Component::Normal(name) => {
                if !text.is_empty() {
                    text.push('/');
                }
                text.push_str(&encode(name.as_bytes()));
            }
        }
    }
    Key::new(text).map_err(|error| refuse(error.to_string()))
}

/// The path of a key that [`key_for_path`] could have made, relative; anything else is `Invalid`.
pub fn path_for_key(key: &Key) -> Result<PathBuf> {
    decode_path(key.as_str()).ok_or_else(|| {
        let why = "a path is written with %XX for %, control characters and bytes that are not \
                   UTF-8, and for nothing else";
        Error::new(ErrorKind::Invalid, format!("make a path of the key {:?}", key.as_str()), why)
    })
}

/// A whole path as text, slashes as they are.
pub(crate) fn encode_path(path: &Path) -> String {
    encode(path.as_os_str().as_bytes())
}

/// The path that [`encode_path`] wrote so, and no other text.
pub(crate) fn decode_path(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex_digit(rest.next()?)?, hex_digit(rest.next()?)?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    // Also refuses an escape of something that needs none, such as a slash.
    let canonical = !bytes.contains(&0) && encode(&bytes) == text;
    canonical.then(|| PathBuf::from(OsString::from_vec(bytes)))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The text of the bytes of a path or of one of its components.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() {
                let mut buffer = [0; 4];
                escape(&mut text, c.encode_utf8(&mut buffer).as_bytes());
            } else {
                text.push(c);
            }
        }
        escape(&mut text, chunk.invalid());
    }
    text
}

/// A `file://` URL of an absolute path.
pub(crate) fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            escape(&mut url, &[*byte]);
        }
    }
    url
}

fn escape(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        write!(text, "%{byte:02X}").expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(bytes: &[u8]) -> PathBuf {
        PathBuf::from(OsString::from_vec(bytes.to_vec()))
    }

    #[test]
    fn a_plain_path_is_its_own_key() {
        let key = key_for_path(Path::new("/home/ö b/./x-1.JPG")).unwrap();
        assert_eq!(key.as_str(), "home/ö b/x-1.JPG");
        assert_eq!(path_for_key(&key).unwrap(), Path::new("home/ö b/x-1.JPG"));
    }

    #[test]
    fn what_a_key_cannot_show_is_escaped() {
        let key = key_for_path(&path(b"50%/a\nb/\xff\xc3\xa4\xc2\x85")).unwrap();
        assert_eq!(key.as_str(), "50%25/a%0Ab/%FFä%C2%85");
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in ["%41", "a%2Fb", "%2E%2E/x", "%0a", "%", "%4", "%zz", "a%00b", "%C3%A4", "a\nb"]
        {
            let error = path_for_key(&Key::new(text).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text:?}");
        }
    }

    #[test]
    fn a_path_that_goes_up_or_nowhere_has_no_key() {
        for bad in ["a/../b", "..", "/", "", "."] {
            assert_eq!(key_for_path(Path::new(bad)).unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert!(key_for_path(Path::new(&"%".repeat(400))).is_err());
    }

    #[test]
    fn a_url_escapes_all_but_what_every_reader_takes() {
        assert_eq!(file_url(Path::new("/a b/ö#?.png")), "file:///a%20b/%C3%B6%23%3F.png");
    }

    proptest! {
        #[test]
        fn every_path_comes_back(parts in prop::collection::vec(
            prop::collection::vec(1..=255_u8, 1..12), 1..6,
        )) {
            let bytes = parts.join(&b'/');
            let relative: PathBuf = path(&bytes).components()
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect();
            if let Ok(key) = key_for_path(&path(&bytes)) {
                prop_assert_eq!(path_for_key(&key).unwrap(), relative);
            }
            prop_assert_eq!(decode_path(&encode_path(&path(&bytes))).unwrap(), path(&bytes));
        }

        #[test]
        fn every_key_that_has_a_path_is_the_key_of_that_path(
            text in "([a-c%./ä\n]|%25|%0A|%FF|%41){1,12}",
        ) {
            if let Ok(key) = Key::new(text)
                && let Ok(path) = path_for_key(&key)
            {
                prop_assert_eq!(key_for_path(&path).unwrap(), key);
            }
        }
    }
}
