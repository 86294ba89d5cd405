//! The one fact of Exif that pixels depend on: the orientation.
//!
//! This reads the first directory of a TIFF structure and no further. A payload that makes no
//! sense has no orientation; it is never a reason to refuse a picture.

use crate::header::Orientation;

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;
/// The type of a 16-bit number.
const SHORT: u16 = 3;
/// Bytes of a directory's entry.
const ENTRY: usize = 12;

/// The orientation in an Exif payload (a TIFF structure, without the `Exif\0\0` of JPEG).
pub(super) fn orientation(payload: &[u8]) -> Option<Orientation> {
    let tiff = Tiff { bytes: payload, little: payload.starts_with(b"II") };
    if !tiff.little && !payload.starts_with(b"MM") || tiff.short(2)? != 42 {
        return None;
    }
    let directory = usize::try_from(tiff.long(4)?).ok()?;
    let entries = directory.checked_add(2)?;
    for i in 0..usize::from(tiff.short(directory)?) {
        let entry = entries.checked_add(i * ENTRY)?;
        if tiff.short(entry)? == ORIENTATION {
            let is_one_short = tiff.short(entry + 2)? == SHORT && tiff.long(entry + 4)? == 1;
            let value = tiff.short(entry + 8)?;
            return if is_one_short { Orientation::from_exif(value) } else { None };
        }
    }
    None
}

/// A TIFF structure and its byte order. Every read may be out of bounds.
struct Tiff<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Tiff<'_> {
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
