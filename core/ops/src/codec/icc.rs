//! ICC profiles: whether one may be carried on, and how JPEG stores it.

use super::jpeg::header::{APP2, Segments};
use super::jpeg::push_segment;
use crate::shape::Layout;

/// The largest profile that is carried on, in bytes. Those of screens and cameras have 0.5–600 KiB;
/// those of printers may have several MiB, and count as none.
pub(crate) const MAX_PROFILE_BYTES: usize = 1024 * 1024;

/// The most that a profile of that size takes inside an encoded picture, in bytes.
pub(crate) const MAX_BYTES_IN_FILE: usize = MAX_PROFILE_BYTES + 64 * 1024;

/// What starts the payload of a JPEG APP2 segment that holds part of a profile.
pub(super) const TAG: &[u8] = b"ICC_PROFILE\0";
/// Most profile bytes of one segment: its 16-bit length counts itself, the tag and two numbers.
const CHUNK: usize = 65_535 - 2 - TAG.len() - 2;
/// Most parts of a profile: they are numbered by a byte, from one on.
const MAX_PARTS: usize = 255;

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
            if parts.len() == MAX_PARTS {
                return None;
            }
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

/// Appends the segments of a JPEG that hold a profile.
pub(crate) fn push_segments(segments: &mut Vec<u8>, profile: &[u8]) {
    let count = profile.len().div_ceil(CHUNK);
    let number = |n: usize| u8::try_from(n).expect("1 MiB has at most 17 parts");
    for (i, part) in profile.chunks(CHUNK).enumerate() {
        push_segment(segments, APP2, &[TAG, &[number(i + 1), number(count)], part]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::jpeg::with_segments;

    /// As small as an encoder's output can be to the code above: SOI, APP0, SOS, EOI.
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x02\xff\xd9";

    #[test]
    fn a_profile_of_any_length_comes_back_from_its_parts() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_PROFILE_BYTES] {
            let profile: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut segments = vec![];
            push_segments(&mut segments, &profile);
            assert!(segments.len() <= MAX_BYTES_IN_FILE);
            let spliced = with_segments(JPEG, &segments);
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
