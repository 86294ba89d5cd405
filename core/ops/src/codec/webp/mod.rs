//! WebP pixels, through libwebp, and its container, through own code.
//!
//! Of an animation the first frame is read, on its canvas, which is transparent around it.

mod ffi;
mod groups;
pub(crate) mod header;

use libwebp_sys::WebPEncodingError;
use pixmill_contract::{RejectCode, Rejection};

use self::header::{Chunk, Chunks, Still};
use super::carry::{Belongings, Carried, EXIF};
use super::icc::MAX_PROFILE_BYTES;
use super::{corrupt, place, unsupported};
use crate::shape::{Layout, Shape};

/// Longest side that WebP can hold, in pixels.
pub(crate) const MAX_SIDE: u32 = 16_383;

/// Bytes that a pixel takes at most, encoded; noise at the highest quality takes four.
const BYTES_A_PIXEL: usize = 5;

/// Most groups of Huffman codes of a lossless picture; encoders write at most 2,600.
const MAX_GROUPS: usize = 3000;

/// How a WebP is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// libwebp's quality.
    pub(crate) quality: u8,
    /// Whether visible pixels stay as they are.
    pub(crate) lossless: bool,
    /// libwebp's method.
    pub(crate) effort: u8,
}

/// Decodes into `pixels`, as stored, and returns the colour profile if there is one.
///
/// `shape` is what the header says.
pub(crate) fn decode(
    source: &[u8],
    shape: Shape,
    pixels: &mut [u8],
) -> Result<Option<Vec<u8>>, Rejection> {
    // Longer ones count as none; they are not copied to find that out.
    let profile = Chunks::of(source)?
        .map_while(Result::ok)
        .find(|chunk| chunk.kind == *b"ICCP" && chunk.payload.len() <= MAX_PROFILE_BYTES)
        .map(|chunk| chunk.payload.to_vec());
    let (still, frame) = header::first_picture(source)?;
    let Some(frame) = frame else {
        decode_still(&still, shape, pixels)?;
        return Ok(profile);
    };
    let part = Shape { width: frame.width, height: frame.height, ..shape };
    decode_still(&still, part, &mut pixels[..part.bytes()])?;
    place::on_canvas(pixels, shape, part, (frame.left, frame.top));
    Ok(profile)
}

fn decode_still(still: &Still<'_>, shape: Shape, pixels: &mut [u8]) -> Result<(), Rejection> {
    let size = (shape.width, shape.height);
    if let Some(stream) = still.stream() {
        let count = groups::count(stream, still.width, still.height);
        let count = count.ok_or_else(|| corrupt("a lossless stream that makes no sense"))?;
        if count > MAX_GROUPS {
            let reason = format!("WebP with {count} groups of Huffman codes is not read");
            return Err(unsupported(reason));
        }
    }
    // Never the source: libwebp reads on behind the end of a chunk, and takes for a picture what
    // was not looked at here.
    let file = still.file();
    // libwebp must agree with the header that was read, or parts would stay unwritten.
    if ffi::features(&file).map(|(width, height, _)| (width, height)) != Some(size) {
        return Err(corrupt("a picture of another size than its header says"));
    }
    if ffi::decode(&file, size, shape.layout == Layout::Rgba, pixels) {
        Ok(())
    } else {
        Err(corrupt("pixels that cannot be decoded"))
    }
}

/// What a source carries besides pixels.
pub(super) fn belongings(source: &[u8]) -> Belongings<'_> {
    let mut found = Belongings::default();
    for Chunk { kind, payload } in Chunks::of(source).into_iter().flatten().map_while(Result::ok) {
        match &kind {
            b"EXIF" if found.exif.is_none() => {
                found.exif = Some(payload.strip_prefix(EXIF).unwrap_or(payload));
            }
            b"XMP " if found.xmp.is_none() => found.xmp = Some(payload),
            _ => {}
        }
    }
    found
}

/// Encodes into `scratch`, and returns the whole file.
///
/// `scratch` is at least [`encoded_bound`] long.
pub(crate) fn encode(
    shape: Shape,
    pixels: &[u8],
    manner: Manner,
    carried: &Carried<'_>,
    scratch: &mut [u8],
) -> Result<Vec<u8>, Rejection> {
    let (size, alpha) = ((shape.width, shape.height), shape.layout == Layout::Rgba);
    let colours: Vec<u8>;
    let pixels = if shape.layout == Layout::Gray {
        // libwebp knows no gray.
        colours = pixels.iter().flat_map(|gray| [*gray; 3]).collect();
        &colours
    } else {
        pixels
    };
    let mut settings = ffi::Settings {
        quality: manner.quality,
        lossless: manner.lossless,
        method: manner.effort,
        coarse_modes: false,
    };
    let mut result = ffi::encode(size, alpha, pixels, settings, scratch);
    if result == Err(WebPEncodingError::VP8_ENC_ERROR_PARTITION0_OVERFLOW) {
        // Large and full of detail: the modes of its blocks need more than the 512 KiB they have.
        settings.coarse_modes = true;
        result = ffi::encode(size, alpha, pixels, settings, scratch);
    }
    let length = result.map_err(|error| {
        let reason = format!("libwebp cannot encode {}×{} pixels: {error:?}", size.0, size.1);
        Rejection::new(RejectCode::OverMemory, reason)
    })?;
    let file = &scratch[..length];
    Ok(if carried.is_nothing() { file.to_vec() } else { dressed(file, shape, carried) })
}

/// Most bytes that encoding a picture of this size can take, without what is carried on.
pub(crate) fn encoded_bound(shape: Shape) -> usize {
    BYTES_A_PIXEL * usize::try_from(shape.pixels()).expect("pixels fit memory") + 64 * 1024
}

/// What libwebp allocates to write a picture, in bytes; an upper bound on what was measured with
/// noise at every effort.
pub(crate) fn encoder_bytes(shape: Shape, manner: Manner) -> u64 {
    let pixels =
        u64::from(shape.width.next_multiple_of(16)) * u64::from(shape.height.next_multiple_of(16));
    let gray = if shape.layout == Layout::Gray { 3 * pixels } else { 0 };
    let alpha = if shape.layout == Layout::Rgba { ALPHA_BYTES_A_PIXEL * pixels } else { 0 };
    let work = if manner.lossless { LOSSLESS_BYTES_A_PIXEL } else { LOSSY_BYTES_A_PIXEL } * pixels;
    gray + alpha + work + ENCODER_BYTES
}

const ENCODER_BYTES: u64 = 4 * 1024 * 1024;
const LOSSY_BYTES_A_PIXEL: u64 = 16;
const LOSSLESS_BYTES_A_PIXEL: u64 = 64;
const ALPHA_BYTES_A_PIXEL: u64 = 32;

/// Flags of an extended header.
const HAS_ALPHA: u8 = 0x10;
const HAS_PROFILE: u8 = 0x20;
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;

/// A file of an extended header and chunks.
fn container(alpha: bool, (width, height): (u32, u32), chunks: &[Chunk<'_>]) -> Vec<u8> {
    let flags = chunks.iter().fold(if alpha { HAS_ALPHA } else { 0 }, |flags, chunk| {
        flags
            | match &chunk.kind {
                b"ICCP" => HAS_PROFILE,
                b"EXIF" => HAS_EXIF,
                b"XMP " => HAS_XMP,
                _ => 0,
            }
    });
    let sides = [width - 1, height - 1].map(u32::to_le_bytes);
    let extended = [&[flags, 0, 0, 0][..], &sides[0][..3], &sides[1][..3]].concat();
    let bytes = container_bytes(chunks);
    let mut file = Vec::with_capacity(bytes);
    file.extend_from_slice(b"RIFF");
    let length = u32::try_from(bytes - 8).expect("a file in memory that was bounded");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(b"WEBP");
    push(&mut file, Chunk { kind: *b"VP8X", payload: &extended });
    for chunk in chunks {
        push(&mut file, *chunk);
    }
    file
}

/// The length of [`container`]'s file.
fn container_bytes(chunks: &[Chunk<'_>]) -> usize {
    let chunk = |bytes: usize| 8 + bytes.next_multiple_of(2);
    12 + chunk(10) + chunks.iter().map(|part| chunk(part.payload.len())).sum::<usize>()
}

fn push(file: &mut Vec<u8>, Chunk { kind, payload }: Chunk<'_>) {
    let length = u32::try_from(payload.len()).expect("a chunk in memory that was bounded");
    file.extend_from_slice(&kind);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        file.push(0);
    }
}

/// What libwebp wrote, with what is carried on around its picture.
fn dressed(file: &[u8], shape: Shape, carried: &Carried<'_>) -> Vec<u8> {
    let chunk = |kind: [u8; 4], payload| Chunk { kind, payload };
    let mut chunks: Vec<_> = carried.profile.map(|p| chunk(*b"ICCP", p)).into_iter().collect();
    let mut alpha = false;
    for part in Chunks::of(file).into_iter().flatten().map_while(Result::ok) {
        match &part.kind {
            b"ALPH" => alpha = true,
            b"VP8L" => alpha |= part.payload.get(4).is_some_and(|byte| byte & 0x10 != 0),
            b"VP8 " => {}
            _ => continue,
        }
        chunks.push(part);
    }
    chunks.extend(carried.exif.as_deref().map(|exif| chunk(*b"EXIF", exif)));
    chunks.extend(carried.xmp.as_deref().map(|xmp| chunk(*b"XMP ", xmp)));
    container(alpha, (shape.width, shape.height), &chunks)
}
