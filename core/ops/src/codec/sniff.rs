//! Recognises a format by its first bytes. The content decides, never a name.

use pixmill_contract::{Format, RejectCode, Rejection};

use super::{truncated, unsupported};

const JPEG: &[u8] = b"\xff\xd8\xff";
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Formats that are no pictures to this program but to people, by what they start with.
const STRANGERS: &[(&[u8], &str)] = &[
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF or a camera's raw format"),
    (b"MM\0*", "TIFF or a camera's raw format"),
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
    if source.starts_with(JPEG) {
        return Ok(Format::Jpeg);
    }
    if source.starts_with(PNG) {
        return Ok(Format::Png);
    }
    if !source.is_empty() && (JPEG.starts_with(source) || PNG.starts_with(source)) {
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
    if source.starts_with(b"RIFF") && source.get(8..12) == Some(b"WEBP") {
        return Some("WebP");
    }
    if source.get(4..8) == Some(b"ftyp") {
        return source.get(8..).and_then(|brand| named(BRANDS, brand));
    }
    // "BM" alone starts many a text; the four reserved bytes of a bitmap are zero.
    if source.starts_with(b"BM") && source.get(6..10) == Some(&[0; 4]) {
        return Some("BMP");
    }
    if let [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] = source {
        return Some("PNM");
    }
    markup(source)
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
            (&b"RIFF\x10\0\0\0WEBPVP8 "[..], "WebP"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x20ftypheic\0\0\0\0", "HEIC"),
            (b"BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0", "BMP"),
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
    }
}
