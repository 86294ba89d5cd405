//! Reads what a PNG says outside its pixels: walks all chunks by their lengths.

use pixmill_contract::{Format, Rejection};

use crate::codec::{corrupt, exif, sniff, truncated};
use crate::header::{Header, Orientation};

/// Longest `eXIf` chunk that is looked into, in bytes; cameras write a tenth.
const MAX_EXIF_BYTES: usize = 1024 * 1024;

/// What the png crate allocates whatever the picture: its window, its chunk buffer, and the
/// metadata that it is allowed to keep.
const FIXED_BYTES: u64 = 512 * 1024 + super::METADATA_BYTES as u64;

/// Reads the header of a source that starts as a PNG does.
///
/// Chunks are walked up to `IEND`, so a source that is cut off anywhere is found out here; what
/// follows `IEND` is ignored.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let mut chunks = Chunks::of(source);
    let (kind, ihdr) = chunks.next()?;
    if kind != *b"IHDR" {
        return Err(corrupt("a PNG that does not start with its header"));
    }
    let ihdr = Ihdr::read(ihdr)?;
    let mut has_pixels = false;
    let mut transparent = false;
    let mut profile = false;
    let mut orientation = Orientation::UPRIGHT;
    loop {
        let (kind, payload) = chunks.next()?;
        match &kind {
            b"IHDR" => return Err(corrupt("two headers")),
            b"tRNS" if !has_pixels => transparent = true,
            b"iCCP" if !has_pixels => profile = true,
            b"IDAT" => has_pixels = true,
            b"eXIf" if payload.len() <= MAX_EXIF_BYTES => {
                orientation = exif::orientation(payload).unwrap_or(orientation);
            }
            b"IEND" if has_pixels => {
                return Ok(Header { profile, ..ihdr.header(orientation, transparent) });
            }
            b"IEND" => return Err(corrupt("a PNG without pixels")),
            _ => {}
        }
    }
}

/// The chunks of a PNG.
pub(crate) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    /// Of a source that starts with the signature.
    pub(crate) fn of(source: &'a [u8]) -> Self {
        Self { rest: source.get(sniff::PNG.len()..).unwrap_or_default() }
    }

    /// The type and the payload of the next one.
    pub(crate) fn next(&mut self) -> Result<([u8; 4], &'a [u8]), Rejection> {
        let cut = || truncated("a chunk");
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let (kind, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(corrupt("a chunk whose type is not four letters"));
        }
        let length = u32::from_be_bytes(*length);
        if length > i32::MAX.cast_unsigned() {
            return Err(corrupt(format!("a chunk of {length} bytes")));
        }
        let (payload, rest) = rest.split_at_checked(length as usize).ok_or_else(cut)?;
        let (_crc, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        self.rest = rest;
        Ok((*kind, payload))
    }
}

/// The header chunk.
struct Ihdr {
    width: u32,
    height: u32,
    depth: u8,
    color: u8,
}

impl Ihdr {
    fn read(payload: &[u8]) -> Result<Self, Rejection> {
        let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, color, compression, filter, interlace] =
            payload
        else {
            return Err(corrupt("a header of the wrong length"));
        };
        let width = u32::from_be_bytes([w3, w2, w1, w0]);
        let height = u32::from_be_bytes([h3, h2, h1, h0]);
        if width == 0 || height == 0 {
            return Err(corrupt(format!("a picture of {width}×{height} pixels")));
        }
        let defined = match color {
            0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
            3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(depth, 8 | 16),
            _ => false,
        };
        if !defined {
            return Err(corrupt(format!("colour type {color} of {depth} bits")));
        }
        if compression != 0 || filter != 0 || interlace > 1 {
            return Err(corrupt("a compression, filter or interlace method that does not exist"));
        }
        Ok(Self { width, height, depth, color })
    }

    fn header(&self, orientation: Orientation, transparent: bool) -> Header {
        let channels = match self.color {
            0 if !transparent => 1,
            2 | 3 if !transparent => 3,
            _ => 4,
        };
        let (width, height) = if orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let row = u64::from(self.width) * 4 * u64::from(self.depth.div_ceil(8));
        Header {
            format: Format::Png,
            width,
            height,
            channels,
            orientation,
            profile: false,
            gray_alpha: self.color == 4 || (self.color == 0 && transparent),
            ink: false,
            sampling: None,
            decoder_bytes: FIXED_BYTES + 8 * row,
        }
    }
}
