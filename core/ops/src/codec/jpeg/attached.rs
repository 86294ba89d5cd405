//! What a JPEG carries besides pixels, in segments of its header: Exif, XMP and the colour profile.

use super::header::{APP0, APP1, APP2, PROFILE, Segments};
use crate::codec::carry::{Belongings, Carried, EXIF};
use crate::codec::icc::MAX_PROFILE_BYTES;

/// What starts the payload of a segment that holds XMP.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Most profile bytes of one segment: its 16-bit length counts itself, the tag and two numbers.
const CHUNK: usize = 65_535 - 2 - PROFILE.len() - 2;
/// Most parts of a profile: they are numbered by a byte, from one on.
const MAX_PARTS: usize = 255;

/// What a source has, unread.
pub(crate) fn belongings(source: &[u8]) -> Belongings<'_> {
    let mut found = Belongings::default();
    for segment in Segments::of(source).map_while(Result::ok) {
        if segment.marker == APP1 {
            found.exif = found.exif.or_else(|| segment.payload.strip_prefix(EXIF));
            found.xmp = found.xmp.or_else(|| segment.payload.strip_prefix(XMP));
        }
    }
    found
}

/// Puts the profile together; `None` where there is none, or parts are missing.
pub(crate) fn profile(source: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, u8, &[u8])> = vec![];
    for segment in Segments::of(source) {
        let Ok(segment) = segment else { break };
        if segment.marker == APP2
            && let Some([number, count, part @ ..]) = segment.payload.strip_prefix(PROFILE)
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

/// Appends the segments that hold a profile.
fn push_profile(segments: &mut Vec<u8>, profile: &[u8]) {
    let count = profile.len().div_ceil(CHUNK);
    let number = |n: usize| u8::try_from(n).expect("1 MiB has at most 17 parts");
    for (i, part) in profile.chunks(CHUNK).enumerate() {
        push_segment(segments, APP2, &[PROFILE, &[number(i + 1), number(count)], part]);
    }
}

/// A JPEG with what is carried on, in the order in which readers expect it.
///
/// `jpeg` is what the encoder wrote: it starts with SOI and APP0.
pub(crate) fn attach(jpeg: &[u8], carried: &Carried<'_>) -> Vec<u8> {
    if carried.is_nothing() {
        return jpeg.to_vec();
    }
    let mut segments = vec![];
    if let Some(exif) = &carried.exif {
        push_segment(&mut segments, APP1, &[EXIF, exif]);
    }
    if let Some(xmp) = &carried.xmp {
        push_segment(&mut segments, APP1, &[XMP, xmp]);
    }
    if let Some(profile) = carried.profile {
        push_profile(&mut segments, profile);
    }
    with_segments(jpeg, &segments)
}

/// Appends a segment whose payload is the given parts.
fn push_segment(segments: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u16::try_from(length).expect("a payload fits into a segment");
    segments.extend_from_slice(&[0xff, marker]);
    segments.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        segments.extend_from_slice(part);
    }
}

/// A JPEG with more segments behind its JFIF segment.
fn with_segments(jpeg: &[u8], segments: &[u8]) -> Vec<u8> {
    let after_jfif = match *jpeg {
        [0xff, 0xd8, 0xff, APP0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    let (head, tail) = jpeg.split_at(after_jfif);
    [head, segments, tail].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::icc::MAX_BYTES_IN_FILE;

    /// As small as an encoder's output can be to the code above: SOI, APP0, SOS, EOI.
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x04ab\xff\xda\0\x02\xff\xd9";

    #[test]
    fn a_profile_of_any_length_comes_back_from_its_parts() {
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, MAX_PROFILE_BYTES] {
            let whole: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut segments = vec![];
            push_profile(&mut segments, &whole);
            assert!(segments.len() <= MAX_BYTES_IN_FILE);
            let spliced = with_segments(JPEG, &segments);
            assert_eq!(profile(&spliced).as_deref(), Some(&whole[..]));
        }
    }

    #[test]
    fn parts_are_sorted_and_must_all_be_there() {
        let part = |number: u8, count: u8, byte: u8| {
            [&[0xff, APP2, 0, 17][..], PROFILE, &[number, count, byte]].concat()
        };
        let jpeg = |parts: &[Vec<u8>]| [&JPEG[..8], &parts.concat(), &JPEG[8..]].concat();
        let both = [part(2, 2, b'b'), part(1, 2, b'a')];
        assert_eq!(profile(&jpeg(&both)).as_deref(), Some(&b"ab"[..]));
        assert_eq!(profile(&jpeg(&both[..1])), None);
        assert_eq!(profile(&jpeg(&[part(1, 1, 0), part(1, 1, 0)])), None);
        assert_eq!(profile(JPEG), None);
    }
}
