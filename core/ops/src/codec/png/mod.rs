//! PNG pixels, through the png crate, which is told to keep next to nothing but pixels.

mod encode;
pub(crate) mod header;

use std::io::{Cursor, ErrorKind};

use pixmill_contract::{RejectCode, Rejection};
use png::{BitDepth, ColorType, DecodingError, Transformations};

pub(crate) use encode::{SMALL_BYTES, encode, encoded_bound};

use self::encode::XMP;
use super::carry::Belongings;
use super::icc::MAX_PROFILE_BYTES;
use super::{corrupt, truncated};
use crate::kernel::alpha;
use crate::shape::{Layout, Shape};

/// Most bytes of metadata that the decoder may hold: a profile, once packed and once unpacked,
/// and some room for the small chunks.
pub(super) const METADATA_BYTES: usize = 3 * MAX_PROFILE_BYTES;

/// Decodes into `pixels`, as stored, and returns the ICC profile if there is one.
///
/// `shape` is what the header says. Samples of 16 bits lose their low byte; palettes, fewer bits
/// and transparency are expanded; gray with alpha becomes RGBA.
pub(crate) fn decode(
    source: &[u8],
    shape: Shape,
    pixels: &mut [u8],
) -> Result<Option<Vec<u8>>, Rejection> {
    let row = shape.width as usize * 8;
    let limits = png::Limits { bytes: METADATA_BYTES + row };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(source), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|e| judge(&e))?;
    let info = reader.info();
    let palette = info.palette.as_deref().unwrap_or_default();
    // The png crate takes it as it is, and panics over the odd byte.
    if info.color_type == ColorType::Indexed && palette.len() % 3 != 0 {
        return Err(corrupt("a palette that ends within a colour"));
    }
    let gray_alpha = match (reader.output_color_type(), shape.layout) {
        ((ColorType::Grayscale, BitDepth::Eight), Layout::Gray)
        | ((ColorType::Rgb, BitDepth::Eight), Layout::Rgb)
        | ((ColorType::Rgba, BitDepth::Eight), Layout::Rgba) => false,
        ((ColorType::GrayscaleAlpha, BitDepth::Eight), Layout::Rgba) => true,
        _ => return Err(corrupt("a transparency chunk that cannot be used")),
    };
    let frame = reader.output_buffer_size().ok_or_else(|| corrupt("a frame of no size"))?;
    let pixels = pixels.get_mut(..frame.max(shape.bytes()));
    let pixels = pixels.ok_or_else(|| corrupt("a frame that is larger than its header says"))?;
    reader.next_frame(&mut pixels[..frame]).map_err(|e| judge(&e))?;
    reader.finish().map_err(|e| judge(&e))?;
    if gray_alpha {
        alpha::expand_gray_alpha(&mut pixels[..shape.bytes()]);
    }
    Ok(reader.info().icc_profile.as_deref().map(<[u8]>::to_vec))
}

/// What an error of the png crate means for the picture.
fn judge(error: &DecodingError) -> Rejection {
    match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            truncated("the pixels")
        }
        DecodingError::LimitsExceeded => {
            let reason = format!("metadata needs more than {METADATA_BYTES} bytes");
            Rejection::new(RejectCode::OverMemory, reason)
        }
        DecodingError::IoError(_) | DecodingError::Format(_) | DecodingError::Parameter(_) => {
            corrupt(error.to_string())
        }
    }
}

/// What a source has besides pixels, unread.
pub(crate) fn belongings(source: &[u8]) -> Belongings<'_> {
    let mut found = Belongings::default();
    let mut chunks = header::Chunks::of(source);
    while let Ok((kind, payload)) = chunks.next() {
        match &kind {
            b"eXIf" => found.exif = found.exif.or(Some(payload)),
            // Packed XMP is left alone: nothing that inflates is read for metadata's sake.
            b"iTXt" => found.xmp = found.xmp.or_else(|| payload.strip_prefix(XMP)),
            b"IEND" => break,
            _ => {}
        }
    }
    found
}
