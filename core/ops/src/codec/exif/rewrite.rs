//! Writes Exif anew from what may be carried on, so that nothing hides between its directories.
//!
//! Thumbnails are never carried on: they show what was cropped away. Nor are makers' notes, which
//! hold previews and whose offsets break when they are moved, nor sizes, offsets and tables, which
//! describe the source's file and not the result.

use super::{
    ARTIST, COPYRIGHT, EXIF_DIRECTORY, Entry, GPS_DIRECTORY, LONG, ORIENTATION, SHORT, Tiff,
};

/// Longest payload that is written, in bytes: it has to fit into one segment of a JPEG. What
/// would not fit any more is left out.
pub(crate) const MAX_BYTES: usize = 65_000;

/// What describes the picture in the first directory: names, programs, dates, resolution.
const DESCRIPTIVE: &[u16] = &[
    0x010d, 0x010e, 0x010f, 0x0110, 0x011a, 0x011b, 0x0128, 0x0131, 0x0132, ARTIST, 0x013c, 0x4746,
    0x4749, COPYRIGHT, 0x9c9b, 0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f,
];

/// What in the Exif directory is about the source's file: the maker's note, its sides, a pointer,
/// padding.
const ABOUT_THE_FILE: &[u16] = &[0x927c, 0xa002, 0xa003, 0xa005, 0xea1c];

/// Artist and copyright and nothing else; `None` if neither is there.
pub(crate) fn copyright(payload: &[u8]) -> Option<Vec<u8>> {
    let tiff = Tiff::of(payload)?;
    let mut writer = Writer::new(&tiff);
    let first = writer.copy(&tiff, tiff.first()?, |tag| tag == ARTIST || tag == COPYRIGHT);
    writer.finish(first)
}

/// What describes the picture, its exposure and its place; upright. `None` if nothing does.
pub(crate) fn all(payload: &[u8]) -> Option<Vec<u8>> {
    let tiff = Tiff::of(payload)?;
    let at = tiff.first()?;
    let mut writer = Writer::new(&tiff);
    let mut first = writer.copy(&tiff, at, |tag| DESCRIPTIVE.contains(&tag));
    for entry in tiff.entries(at) {
        let below = || tiff.long(entry.at + 8).and_then(|at| usize::try_from(at).ok());
        match entry.tag {
            ORIENTATION => first.push((entry, Value::Bytes(writer.short(1)))),
            EXIF_DIRECTORY | GPS_DIRECTORY => {
                let Some(below) = below().filter(|below| *below != at) else { continue };
                let copied = writer.copy(&tiff, below, |tag| {
                    entry.tag == GPS_DIRECTORY || !ABOUT_THE_FILE.contains(&tag)
                });
                first.push((entry, Value::Directory(copied)));
            }
            _ => {}
        }
    }
    writer.finish(first)
}

type Directory = Vec<(Entry, Value)>;

enum Value {
    Bytes(Vec<u8>),
    Directory(Directory),
}

/// What is written, in the byte order of what is read: values are copied as they are.
struct Writer {
    little: bool,
    bytes: Vec<u8>,
    /// How many bytes more may be copied.
    room: usize,
}

impl Writer {
    fn new(tiff: &Tiff<'_>) -> Self {
        let little = tiff.little;
        let mut writer = Self { little, bytes: vec![], room: MAX_BYTES - 64 };
        writer.bytes.extend_from_slice(if little { b"II" } else { b"MM" });
        writer.push_short(42);
        writer.push_long(8);
        writer
    }

    /// Copies the entries of a directory that are wanted, can be read and have room.
    fn copy(&mut self, tiff: &Tiff<'_>, at: usize, wanted: impl Fn(u16) -> bool) -> Directory {
        let mut copied: Directory = vec![];
        for entry in tiff.entries(at).filter(|entry| wanted(entry.tag)) {
            let Some(value) = tiff.value(entry) else { continue };
            // The entry, its value, and a byte that makes its length even.
            let room = self.room.checked_sub(12 + value.len() + 1);
            if let Some(room) = room
                && !value.is_empty()
            {
                self.room = room;
                copied.push((entry, Value::Bytes(value.to_vec())));
            }
        }
        copied
    }

    fn finish(mut self, first: Directory) -> Option<Vec<u8>> {
        if first.is_empty() {
            return None;
        }
        self.push_directory(first);
        Some(self.bytes)
    }

    /// Writes a directory and behind it what its entries point to.
    fn push_directory(&mut self, mut directory: Directory) {
        directory.sort_by_key(|(entry, _)| entry.tag);
        directory.dedup_by_key(|(entry, _)| entry.tag);
        let start = self.bytes.len() + 2;
        self.push_short(u16::try_from(directory.len()).unwrap_or(u16::MAX));
        self.bytes.resize(start + directory.len() * 12 + 4, 0);
        for (i, (entry, value)) in directory.into_iter().enumerate() {
            let is_directory = matches!(value, Value::Directory(_));
            let (kind, count) = match entry.tag {
                _ if is_directory => (LONG, 1),
                ORIENTATION => (SHORT, 1),
                _ => (entry.kind, entry.count),
            };
            let place = match value {
                Value::Bytes(bytes) if bytes.len() <= 4 => bytes,
                Value::Bytes(bytes) => {
                    let place = self.end();
                    self.bytes.extend_from_slice(&bytes);
                    if bytes.len() % 2 == 1 {
                        self.bytes.push(0);
                    }
                    place
                }
                Value::Directory(below) => {
                    let place = self.end();
                    self.push_directory(below);
                    place
                }
            };
            let head = [self.short(entry.tag), self.short(kind), self.long(count), place].concat();
            let at = start + i * 12;
            self.bytes[at..at + head.len()].copy_from_slice(&head);
        }
    }

    /// Where the next byte will be, as a value.
    fn end(&self) -> Vec<u8> {
        self.long(u32::try_from(self.bytes.len()).expect("a payload is short"))
    }

    fn push_short(&mut self, n: u16) {
        let bytes = self.short(n);
        self.bytes.extend(bytes);
    }

    fn push_long(&mut self, n: u32) {
        let bytes = self.long(n);
        self.bytes.extend(bytes);
    }

    fn short(&self, n: u16) -> Vec<u8> {
        if self.little { n.to_le_bytes().into() } else { n.to_be_bytes().into() }
    }

    fn long(&self, n: u32) -> Vec<u8> {
        if self.little { n.to_le_bytes().into() } else { n.to_be_bytes().into() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::exif::{facts, orientation};
    use crate::header::Orientation;

    /// Make, orientation 6, artist, copyright, a place, and a thumbnail's directory behind.
    fn payload(little: bool) -> Vec<u8> {
        let mut writer = Writer { little, bytes: vec![], room: 0 };
        writer.bytes.extend_from_slice(if little { b"II" } else { b"MM" });
        writer.push_short(42);
        writer.push_long(8);
        let text = |tag, text: &[u8]| {
            let count = u32::try_from(text.len()).unwrap();
            (Entry { tag, kind: 2, count, at: 0 }, Value::Bytes(text.to_vec()))
        };
        let pointer =
            |tag, below| (Entry { tag, kind: LONG, count: 1, at: 0 }, Value::Directory(below));
        let six = Value::Bytes(writer.short(6));
        let first = vec![
            text(0x010f, b"ACME cameras\0"),
            (Entry { tag: ORIENTATION, kind: SHORT, count: 1, at: 0 }, six),
            text(ARTIST, b"Ada\0"),
            text(COPYRIGHT, b"all rights reserved\0"),
            pointer(
                EXIF_DIRECTORY,
                vec![text(0x9003, b"2024:01:01 00:00:00\0"), text(0x927c, b"a preview\0")],
            ),
            pointer(GPS_DIRECTORY, vec![text(0x001d, b"52.5200 N\0")]),
        ];
        writer.push_directory(first);
        writer.bytes
    }

    fn holds(bytes: &[u8], text: &[u8]) -> bool {
        bytes.windows(text.len()).any(|window| window == text)
    }

    #[test]
    fn copyright_keeps_two_texts_and_nothing_else() {
        for little in [false, true] {
            let kept = copyright(&payload(little)).unwrap();
            assert!(holds(&kept, b"Ada") && holds(&kept, b"all rights reserved"));
            for private in [&b"ACME"[..], b"2024", b"52.5200"] {
                assert!(!holds(&kept, private));
            }
            let texts = facts(&kept).unwrap().texts;
            assert_eq!(texts.len(), 2);
            assert_eq!(texts[1], ("copyright", "all rights reserved".to_owned()));
        }
    }

    #[test]
    fn all_keeps_what_describes_and_stands_upright() {
        for little in [false, true] {
            let source = payload(little);
            assert_ne!(orientation(&source), Some(Orientation::UPRIGHT));
            let kept = all(&source).unwrap();
            assert_eq!(orientation(&kept), Some(Orientation::UPRIGHT));
            for text in [&b"ACME cameras"[..], b"Ada", b"2024:01:01", b"52.5200 N"] {
                assert!(holds(&kept, text));
            }
            assert!(facts(&kept).unwrap().has_place);
            assert!(!holds(&kept, b"a preview"));
            // Writing anew what was written anew changes nothing.
            assert_eq!(all(&kept), Some(kept));
        }
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let mut writer = Writer { little: true, bytes: vec![], room: 0 };
        writer.bytes.extend_from_slice(b"II*\0\x08\0\0\0");
        let text = |tag, length: u32| {
            let bytes = vec![b'x'; length as usize];
            (Entry { tag, kind: 2, count: length, at: 0 }, Value::Bytes(bytes))
        };
        writer.push_directory(vec![text(ARTIST, 100_000), text(COPYRIGHT, 60_000)]);
        let kept = copyright(&writer.bytes).unwrap();
        assert!(kept.len() > 60_000 && kept.len() <= MAX_BYTES);
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic_or_grow(
            little: bool,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = payload(little);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            for kept in [copyright(&bytes), all(&bytes)].into_iter().flatten() {
                prop_assert!(kept.len() <= MAX_BYTES);
            }
            facts(&bytes);
        }
    }
}
