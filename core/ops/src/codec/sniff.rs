//! Recognises a format by its first bytes. The content decides, never a name.

use pixmill_contract::{Format, RejectCode, Rejection};

use super::{truncated, unsupported};

const JPEG: &[u8] = b"\xff\xd8\xff";
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Formats that are read, by what they start with.
const SIGNATURES: &[(&[u8], Format)] = &[
    (JPEG, Format::Jpeg),
    (PNG, Format::Png),
    (b"GIF87a", Format::Gif),
    (b"GIF89a", Format::Gif),
    (b"II*\0", Format::Tiff),
    (b"MM\0*", Format::Tiff),
];

/// Formats that are no pictures to this program but to people, by what they start with.
const STRANGERS: &[(&[u8], &str)] = &[
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"IIU\0", "JPEG XR or a camera's raw format"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (b"8BPS", "Photoshop (PSD)"),
    (b"%PDF-", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\xd8\xff\xf7", "JPEG-LS"),
    (b"\0\0\x01\0", "ICO"),
    (b"\0\0\x02\0", "CUR"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"DDS ", "DDS"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"BPG\xfb", "BPG"),
    (b"gimp xcf", "GIMP (XCF)"),
    (b"farbfeld", "farbfeld"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile"),
];

/// Brands of the ISO base media container that hold still pictures.
const BRANDS: &[(&[u8], &str)] = &[
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"hevc", "HEIC"),
    (b"hevx", "HEIC"),
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"mif1", "HEIF"),
    (b"msf1", "HEIF"),
    (b"crx ", "Canon raw (CR3)"),
];

/// How far into a text the `<svg` of an SVG is looked for, in bytes.
const MARKUP_PROLOGUE: usize = 4096;

/// The format of `source`, or the rejection that says what it is instead. The first sixteen bytes
/// suffice for the formats that are read.
pub fn sniff(source: &[u8]) -> Result<Format, Rejection> {
    if let Some(stranger) = stranger(source) {
        return Err(unsupported(format!("{stranger} is not read")));
    }
    if let Some((_, format)) = SIGNATURES.iter().find(|(magic, _)| source.starts_with(magic)) {
        return Ok(*format);
    }
    if source.starts_with(b"RIFF") && source.get(8..12) == Some(b"WEBP") {
        return Ok(Format::Webp);
    }
    if is_bitmap(source) {
        return Ok(Format::Bmp);
    }
    let cut = |magic: &[u8]| magic.starts_with(source) && !source.is_empty();
    let is_cut = SIGNATURES.iter().any(|(magic, _)| cut(magic)) || cut(b"RIFF") || cut(b"BM");
    let is_short = |magic: &[u8], length| source.starts_with(magic) && source.len() < length;
    if is_cut || is_short(b"RIFF", 12) || (is_short(b"BM", 16) && has_bitmaps_zeros(source)) {
        return Err(truncated("the signature"));
    }
    Err(Rejection::new(RejectCode::NotAPicture, "no format's signature is at its start"))
}

/// The name of a known format that is not read here.
fn stranger(source: &[u8]) -> Option<&'static str> {
    let named = |table: &[(&[u8], &'static str)], at: &[u8]| {
        table.iter().find(|(magic, _)| at.starts_with(magic)).map(|(_, name)| *name)
    };
    if let Some(name) = named(STRANGERS, source) {
        return Some(name);
    }
    if source.get(4..8) == Some(b"ftyp") {
        return source.get(8..).and_then(|brand| named(BRANDS, brand));
    }
    if matches!(source.get(8..10), Some(b"CR")) && source.starts_with(b"II*\0") {
        return Some("Canon raw (CR2)");
    }
    if let [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] = source {
        return Some("PNM");
    }
    markup(source)
}

/// Whether it starts as a bitmap does. "BM" alone starts many a text; the four reserved bytes are
/// zero, and the length of the second header is one of a few.
fn is_bitmap(source: &[u8]) -> bool {
    let length = source.get(14..16).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    source.starts_with(b"BM")
        && has_bitmaps_zeros(source)
        && matches!(length, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// Whether a bitmap's four reserved bytes are zero, as far as they are there.
fn has_bitmaps_zeros(source: &[u8]) -> bool {
    source.iter().skip(6).take(4).all(|byte| *byte == 0)
}

/// SVG and other XML, after a byte order mark and white space.
fn markup(source: &[u8]) -> Option<&'static str> {
    let text = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source).trim_ascii_start();
    let text = &text[..text.len().min(MARKUP_PROLOGUE)];
    if !text.starts_with(b"<") {
        return None;
    }
    if text.windows(4).any(|tag| tag.eq_ignore_ascii_case(b"<svg")) {
        return Some("SVG");
    }
    text.starts_with(b"<?xml").then_some("XML")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &[u8]) -> RejectCode {
        sniff(source).unwrap_err().code
    }

    #[test]
    fn other_peoples_formats_are_refused_by_name() {
        for (magic, name) in STRANGERS {
            let rejection = sniff(magic).unwrap_err();
            assert_eq!(rejection.code, RejectCode::Unsupported);
            assert!(rejection.reason.contains(name), "{}", rejection.reason);
        }
        for (source, name) in [
            (&b"\0\0\0\x20ftypavif\0\0\0\0"[..], "AVIF"),
            (b"\0\0\0\x20ftypheic\0\0\0\0", "HEIC"),
            (b"II*\0\x10\0\0\0CR\x02\0", "Canon raw (CR2)"),
            (b"P6\n2 2\n255\n", "PNM"),
            (b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- a --><svg/>", "SVG"),
            (b"<?xml version='1.0'?><plist/>", "XML"),
        ] {
            let rejection = sniff(source).unwrap_err();
            assert_eq!(rejection.code, RejectCode::Unsupported, "{name}");
            assert!(rejection.reason.starts_with(name), "{}", rejection.reason);
        }
    }

    #[test]
    fn what_is_read_is_recognised_by_sixteen_bytes() {
        for (source, format) in [
            (&b"\xff\xd8\xff\xe0............"[..], Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n........", Format::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Format::Webp),
            (b"GIF89a..........", Format::Gif),
            (b"BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0\x28\0", Format::Bmp),
            (b"II*\0\x08\0\0\0........", Format::Tiff),
            (b"MM\0*\0\0\0\x08........", Format::Tiff),
        ] {
            assert_eq!(sniff(source), Ok(format));
        }
    }

    #[test]
    fn anything_else_is_no_picture() {
        assert_eq!(code(b"hello"), RejectCode::NotAPicture);
        assert_eq!(code(b"BMW makes cars"), RejectCode::NotAPicture);
        assert_eq!(code(b"\0\0\0\x20ftypisom\0\0\0\0"), RejectCode::NotAPicture);
        assert_eq!(code(&[0; 64]), RejectCode::NotAPicture);
    }

    #[test]
    fn a_signature_that_is_cut_off_is_truncated() {
        assert_eq!(code(b"\xff\xd8"), RejectCode::Truncated);
        assert_eq!(code(b"\x89PNG"), RejectCode::Truncated);
        assert_eq!(code(b"BM\x36\0\x0c\0\0\0\0"), RejectCode::Truncated);
    }
}
