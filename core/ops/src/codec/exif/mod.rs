//! Exif: the orientation that pixels depend on, and what is carried on where a recipe asks for it.
//!
//! A payload is a TIFF structure, without the `Exif\0\0` of JPEG; that of a TIFF file is the file.
//! One that makes no sense says nothing; it is never a reason to refuse a picture.

mod rewrite;

use crate::header::Orientation;

pub(crate) use rewrite::{MAX_BYTES, all, copyright};

/// The first directory.
const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
const SOFTWARE: u16 = 0x0131;
const DATE_TIME: u16 = 0x0132;
const ARTIST: u16 = 0x013b;
const COPYRIGHT: u16 = 0x8298;
/// Where further directories are.
const EXIF_DIRECTORY: u16 = 0x8769;
const GPS_DIRECTORY: u16 = 0x8825;

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// The type of a text.
const ASCII: u16 = 2;
/// The type of a 16-bit number.
const SHORT: u16 = 3;
/// The type of a 32-bit number, as directories are pointed to.
const LONG: u16 = 4;
/// Bytes of a directory's entry.
const ENTRY: usize = 12;

/// Most entries of a directory that are looked at; cameras write fifty.
const MAX_ENTRIES: u16 = 512;

/// Longest text that is told about, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// The orientation in an Exif payload.
pub(crate) fn orientation(payload: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::of(payload)?;
    let entry = tiff.entries(tiff.first()?).find(|entry| entry.tag == ORIENTATION)?;
    let is_one_short = entry.kind == SHORT && entry.count == 1;
    if is_one_short { Orientation::from_exif(tiff.short(entry.at + 8)?) } else { None }
}

/// What people ask about a picture, as far as Exif says it.
pub(crate) struct Facts {
    /// Names in results and what is said, line breaks and the like left out.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// Whether it says where the picture was taken.
    pub(crate) has_place: bool,
}

/// The facts in an Exif payload; `None` if it makes no sense.
pub(crate) fn facts(payload: &[u8]) -> Option<Facts> {
    let tiff = Tiff::of(payload)?;
    let mut facts = Facts { texts: vec![], has_place: false };
    for entry in tiff.entries(tiff.first()?) {
        let name = match entry.tag {
            MAKE => "make",
            MODEL => "model",
            SOFTWARE => "software",
            DATE_TIME => "date_time",
            ARTIST => "artist",
            COPYRIGHT => "copyright",
            GPS_DIRECTORY => {
                facts.has_place = true;
                continue;
            }
            _ => continue,
        };
        if entry.kind == ASCII
            && let Some(value) = tiff.value(entry)
        {
            let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT_BYTES)]);
            let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
            facts.texts.push((name, text));
        }
    }
    Some(facts)
}

/// An entry of a directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where it is.
    at: usize,
}

/// A TIFF structure and its byte order. Every read may be out of bounds.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let tiff = Self { bytes, little: bytes.starts_with(b"II") };
        ((tiff.little || bytes.starts_with(b"MM")) && tiff.short(2)? == 42).then_some(tiff)
    }

    /// Where the first directory is.
    fn first(&self) -> Option<usize> {
        usize::try_from(self.long(4)?).ok()
    }

    /// The entries of a directory, as far as they are there.
    fn entries(&self, directory: usize) -> impl Iterator<Item = Entry> {
        let count = self.short(directory).unwrap_or(0).min(MAX_ENTRIES);
        (0..usize::from(count)).map_while(move |i| {
            let at = directory.checked_add(2 + i * ENTRY)?;
            // The whole entry, or none of it.
            self.long(at.checked_add(8)?)?;
            let (tag, kind) = (self.short(at)?, self.short(at + 2)?);
            Some(Entry { tag, kind, count: self.long(at + 4)?, at })
        })
    }

    /// The bytes of an entry's value, in the structure's byte order.
    fn value(&self, entry: Entry) -> Option<&'a [u8]> {
        let size = match entry.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let length = usize::try_from(entry.count).ok()?.checked_mul(size)?;
        let at = if length <= 4 {
            entry.at + 8
        } else {
            usize::try_from(self.long(entry.at + 8)?).ok()?
        };
        self.bytes.get(at..at.checked_add(length)?)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload(little: bool, value: u16) -> Vec<u8> {
        let short = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let long = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = if little { b"II".to_vec() } else { b"MM".to_vec() };
        bytes.extend(short(42));
        bytes.extend(long(8));
        bytes.extend(short(1));
        bytes.extend([short(ORIENTATION), short(SHORT)].concat());
        bytes.extend(long(1));
        bytes.extend([short(value), short(0)].concat());
        bytes.extend(long(0));
        bytes
    }

    #[test]
    fn both_byte_orders_are_read() {
        for value in 0..10 {
            for little in [false, true] {
                let expected = Orientation::from_exif(value);
                assert_eq!(orientation(&payload(little, value)), expected);
            }
        }
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(
            value in any::<u16>(),
            cut in 0_usize..27,
            at in 0_usize..26,
            byte: u8,
        ) {
            let mut bytes = payload(true, value);
            bytes[at] = byte;
            bytes.truncate(cut);
            orientation(&bytes);
        }
    }
}
