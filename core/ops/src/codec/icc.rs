//! ICC profiles: whether one may be carried on, and how JPEG stores it.

use super::jpeg_header::Segments;
use crate::shape::Layout;

/// The largest profile that is carried on, in bytes; real ones have 0.5–600 KiB.
pub(crate) const MAX_PROFILE_BYTES: usize = 1024 * 1024;

/// The most that a profile of that size takes inside an encoded picture, in bytes.
pub(crate) const MAX_BYTES_IN_FILE: usize = MAX_PROFILE_BYTES + 64 * 1024;

/// What starts the payload of a JPEG APP2 segment that holds part of a profile.
const TAG: &[u8] = b"ICC_PROFILE\0";
/// Most profile bytes of one segment: its 16-bit length counts itself, the tag and two numbers.
const CHUNK: usize = 65_535 - 2 - TAG.len() - 2;

const APP0: u8 = 0xe0;
const APP2: u8 = 0xe2;

/// Whether `profile` looks like a profile that describes colours of this layout.
pub(crate) fn describes(profile: &[u8], layout: Layout) -> bool {
    let family: &[u8] = match layout {
        Layout::Gray => b"GRAY",
        Layout::Rgb | Layout::Rgba => b"RGB ",
    };
    profile.len() <= MAX_PROFILE_BYTES
        && profile.get(16..20) == Some(family)
        && profile.get(36..40) == Some(b"acsp")
}

/// Puts the profile of a JPEG together; `None` where there is none, or parts are missing.
pub(crate) fn from_jpeg(source: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, u8, &[u8])> = vec![];
    for segment in Segments::of(source) {
        let Ok(segment) = segment else { break };
        if segment.marker == APP2
            && let Some([number, count, part @ ..]) = segment.payload.strip_prefix(TAG)
        {
            parts.push((*number, *count, part));
        }
    }
    parts.sort_by_key(|(number, _, _)| *number);
    let whole = parts.iter().enumerate().all(|(i, (number, count, _))| {
        usize::from(*number) == i + 1 && usize::from(*count) == parts.len()
    });
    let bytes: usize = parts.iter().map(|(_, _, part)| part.len()).sum();
    (whole && bytes > 0 && bytes <= MAX_PROFILE_BYTES)
        .then(|| parts.iter().flat_map(|(_, _, part)| *part).copied().collect())
}

/// A JPEG with `profile` behind its JFIF segment.
///
/// `jpeg` is what the encoder wrote: it starts with SOI and APP0.
pub(crate) fn into_jpeg(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let after_jfif = match *jpeg {
        [0xff, 0xd8, 0xff, APP0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    let (head, tail) = jpeg.split_at(after_jfif);
    let mut spliced = Vec::with_capacity(jpeg.len() + bytes_in_jpeg(profile));
    spliced.extend_from_slice(head);
    let count = profile.len().div_ceil(CHUNK);
    for (i, part) in profile.chunks(CHUNK).enumerate() {
        let length = u16::try_from(2 + TAG.len() + 2 + part.len());
        let length = length.expect("a part fits into a segment");
        let number = |n: usize| u8::try_from(n).expect("1 MiB has at most 17 parts");
        spliced.extend_from_slice(&[0xff, APP2]);
        spliced.extend_from_slice(&length.to_be_bytes());
        spliced.extend_from_slice(TAG);
        spliced.extend_from_slice(&[number(i + 1), number(count)]);
        spliced.extend_from_slice(part);
    }
    spliced.extend_from_slice(tail);
    spliced
}

/// Bytes that a profile takes inside a JPEG.
fn bytes_in_jpeg(profile: &[u8]) -> usize {
    profile.len() + profile.len().div_ceil(CHUNK) * (4 + TAG.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As small as an encoder's output can be to the code above: SOI, APP0, SOS, EOI.
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x02\xff\xd9";

    #[test]
    fn a_profile_of_any_length_comes_back_from_its_parts() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_PROFILE_BYTES] {
            let profile: Vec<u8> = (0..=255).cycle().take(length).collect();
            let spliced = into_jpeg(JPEG, &profile);
            assert_eq!(spliced.len(), JPEG.len() + bytes_in_jpeg(&profile));
            assert_eq!(from_jpeg(&spliced).as_deref(), Some(&profile[..]));
        }
    }

    #[test]
    fn parts_are_sorted_and_must_all_be_there() {
        let part = |number: u8, count: u8, byte: u8| {
            [&[0xff, APP2, 0, 17][..], TAG, &[number, count, byte]].concat()
        };
        let jpeg = |parts: &[Vec<u8>]| [&JPEG[..8], &parts.concat(), &JPEG[8..]].concat();
        let both = [part(2, 2, b'b'), part(1, 2, b'a')];
        assert_eq!(from_jpeg(&jpeg(&both)).as_deref(), Some(&b"ab"[..]));
        assert_eq!(from_jpeg(&jpeg(&both[..1])), None);
        assert_eq!(from_jpeg(&jpeg(&[part(1, 1, 0), part(1, 1, 0)])), None);
        assert_eq!(from_jpeg(JPEG), None);
    }
}
