//! The formats: recognising them, reading their headers within bounds, decoding and encoding.
//!
//! Headers are read by own code, which looks at lengths before it looks at anything else. Pixels
//! of JPEG, PNG and WebP are left to libjpeg-turbo, the png crate and libwebp, which are told what
//! the header said; GIF, BMP and TIFF, which are only read, are small enough to be read here, on
//! top of other crates' LZW and deflate.

mod auto;
pub(crate) mod bmp;
pub(crate) mod carry;
pub(crate) mod color;
pub(crate) mod exif;
pub(crate) mod gif;
pub(crate) mod icc;
pub(crate) mod jpeg;
mod place;
pub(crate) mod png;
pub(crate) mod sniff;
pub(crate) mod tiff;
pub(crate) mod webp;
mod write;

use pixmill_contract::operation::Icc;
use pixmill_contract::{Format, Limits, RejectCode, Rejection};

use self::carry::Belongings;
use crate::geometry::Scale;
use crate::header::Header;
use crate::shape::Shape;

pub(crate) use auto::settle;
pub(crate) use write::{Finished, encoder_bytes};

/// Reads the header of `source` and refuses what cannot or may not be decoded: by its bytes, its
/// format and kind, its sides and its pixels.
///
/// What it accepts may still turn out to be truncated or corrupt when it is decoded.
pub fn inspect(source: &[u8], limits: &Limits) -> Result<Header, Rejection> {
    limits.check_input(source.len() as u64)?;
    let header = match sniff::sniff(source)? {
        Format::Jpeg => jpeg::header::read(source)?,
        Format::Png => png::header::read(source)?,
        Format::Webp => webp::header::read(source)?,
        Format::Gif => gif::read(source)?,
        Format::Bmp => bmp::read(source)?,
        Format::Tiff => tiff::read(source)?,
        Format::Json => unreachable!("JSON is never recognised as a picture"),
    };
    limits.check_frame("the picture", header.width, header.height)?;
    Ok(header)
}

/// What a source has besides pixels, unread.
pub(crate) fn belongings(format: Format, source: &[u8]) -> Belongings<'_> {
    match format {
        Format::Jpeg => jpeg::attached::belongings(source),
        Format::Png => png::belongings(source),
        Format::Webp => webp::belongings(source),
        Format::Tiff => tiff::belongings(source),
        // GIF and BMP have no place for Exif, JSON is no picture.
        Format::Gif | Format::Bmp | Format::Json => Belongings::default(),
    }
}

/// What is wanted of a decoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding {
    /// What becomes of the source's colour space.
    pub(crate) icc: Icc,
    /// The scale; only JPEG is decoded at any but the full one.
    pub(crate) scale: Scale,
    /// The pixels as the decoder delivers them, before orientation.
    pub(crate) stored: Shape,
}

/// Decodes into `buffer`, as stored, and settles the colour space: returns the profile that the
/// pixels have, `None` where they are sRGB.
pub(crate) fn decode(
    source: &[u8],
    header: &Header,
    wanted: Decoding,
    buffer: &mut [u8],
) -> Result<Option<Vec<u8>>, Rejection> {
    let shape = wanted.stored;
    let bytes = if header.ink { shape.bytes() / 3 * 4 } else { shape.bytes() };
    let pixels = &mut buffer[..bytes];
    let profile = match header.format {
        Format::Jpeg => {
            jpeg::decode(source, wanted.scale, (shape, header.ink), pixels)?;
            if header.ink && jpeg::ink_is_inverted(source) {
                for sample in &mut *pixels {
                    *sample = 255 - *sample;
                }
            }
            jpeg::attached::profile(source)
        }
        Format::Png => png::decode(source, shape, pixels)?,
        Format::Webp => webp::decode(source, shape, pixels)?,
        Format::Gif => {
            gif::decode(source, shape, pixels)?;
            None
        }
        Format::Bmp => {
            bmp::decode(source, shape, pixels)?;
            None
        }
        Format::Tiff => tiff::decode(source, (shape, header.ink), pixels)?,
        Format::Json => unreachable!("JSON is never recognised as a picture"),
    };
    // A profile that the header did not announce was not reckoned with.
    let profile = profile.filter(|_| header.profile);
    Ok(color::settle(profile, wanted.icc, header, shape, pixels))
}

/// A rejection because the source ends before `what` does.
fn truncated(what: &str) -> Rejection {
    Rejection::new(RejectCode::Truncated, format!("ends inside {what}"))
}

/// A rejection because the source contradicts its format.
fn corrupt(why: impl Into<String>) -> Rejection {
    Rejection::new(RejectCode::Corrupt, why)
}

/// A rejection because this kind of picture is not read.
fn unsupported(what: impl Into<String>) -> Rejection {
    Rejection::new(RejectCode::Unsupported, what)
}
