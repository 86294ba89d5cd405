//! Reads what a WebP says outside its pixels: walks the chunks of its container by their lengths.

use pixmill_contract::{Format, Rejection};

use crate::codec::{corrupt, exif, truncated};
use crate::header::{Header, Orientation};

/// Longest Exif chunk that is looked into, in bytes.
const MAX_EXIF_BYTES: usize = 1024 * 1024;
/// What the decoder allocates whatever the picture, in bytes.
const FIXED_BYTES: u64 = 2 * 1024 * 1024;
/// What each column costs the decoder in bytes: rows of macroblocks, their neighbours' samples and
/// modes, and sixteen rows of lossless pixels in two forms.
const COLUMN_BYTES: u64 = 192;
/// What one group of Huffman codes of a lossless picture takes, in bytes: five tables of four
/// bytes an entry, in the worst case, and an index to them.
const GROUP_BYTES: u64 = 21 * 1024;

/// A chunk of the container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) kind: [u8; 4],
    pub(super) payload: &'a [u8],
    /// With its head and padding.
    pub(super) whole: &'a [u8],
}

/// The chunks in a list of them; the last may be cut off.
pub(super) struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let chunk = self.chunk();
        if chunk.is_err() {
            self.rest = &[];
        }
        Some(chunk)
    }
}

impl<'a> Chunks<'a> {
    /// Of a source that starts as a WebP does; what follows its declared length is ignored.
    pub(super) fn of(source: &'a [u8]) -> Result<Self, Rejection> {
        let cut = || truncated("the container");
        let length = source.get(4..).and_then(<[u8]>::first_chunk::<4>).ok_or_else(cut)?;
        let length = u32::from_le_bytes(*length) as usize;
        let list = source.get(8..8 + length).ok_or_else(cut)?;
        let list = list.get(4..).ok_or_else(|| corrupt("a container without a picture"))?;
        Ok(Self { rest: list })
    }

    fn chunk(&mut self) -> Result<Chunk<'a>, Rejection> {
        let cut = || truncated("a chunk");
        let (kind, rest) = self.rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = u32::from_le_bytes(*length) as usize;
        let payload = rest.get(..length).ok_or_else(cut)?;
        // The last byte of padding may be missing at the very end.
        let end = (length + length % 2).min(rest.len());
        let whole = &self.rest[..8 + end];
        self.rest = &rest[end..];
        Ok(Chunk { kind: *kind, payload, whole })
    }
}

/// What VP8X says.
#[derive(Debug, Clone, Copy)]
struct Extended {
    alpha: bool,
    width: u32,
    height: u32,
}

/// The first frame of an animation, on its canvas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// The chunks of its picture.
    pub(super) chunks: &'a [u8],
}

/// A still picture inside a container.
#[derive(Debug, Clone, Copy)]
struct Still {
    width: u32,
    height: u32,
    alpha: bool,
    lossless: bool,
    /// Encoded bytes that Huffman codes may come from.
    coded_bytes: usize,
}

/// Reads the header of a source that starts as a WebP does.
///
/// Of an animation the first frame is read, on its canvas.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let mut extended = None;
    let mut orientation = Orientation::UPRIGHT;
    let mut profile = false;
    let mut still: Option<Still> = None;
    let mut frame: Option<Frame<'_>> = None;
    let mut alpha_bytes = None;
    for chunk in Chunks::of(source)? {
        let Chunk { kind, payload, .. } = chunk?;
        match &kind {
            b"VP8X" if extended.is_none() && still.is_none() => {
                extended = Some(Extended::read(payload)?);
            }
            b"ICCP" => profile = true,
            b"ALPH" if still.is_none() => alpha_bytes = Some(payload.len()),
            b"VP8 " | b"VP8L" if still.is_none() && frame.is_none() => {
                still = Some(Still::read(kind, payload, alpha_bytes)?);
            }
            b"ANMF" if still.is_none() && frame.is_none() => {
                let first = Frame::read(payload)?;
                still = Some(first.still()?);
                frame = Some(first);
            }
            b"EXIF" if payload.len() <= MAX_EXIF_BYTES => {
                let payload = payload.strip_prefix(b"Exif\0\0").unwrap_or(payload);
                orientation = exif::orientation(payload).unwrap_or(orientation);
            }
            _ => {}
        }
    }
    let still = still.ok_or_else(|| corrupt("a container without a picture"))?;
    let canvas = match (extended, frame) {
        (Some(extended), Some(frame)) => {
            let fits = frame.left + frame.width <= extended.width
                && frame.top + frame.height <= extended.height
                && (still.width, still.height) == (frame.width, frame.height);
            let whole = (frame.width, frame.height) == (extended.width, extended.height);
            let alpha = extended.alpha || still.alpha || !whole;
            fits.then_some((extended.width, extended.height, alpha))
        }
        (Some(extended), None) => {
            let fits = (still.width, still.height) == (extended.width, extended.height);
            fits.then_some((extended.width, extended.height, still.alpha))
        }
        (None, None) => Some((still.width, still.height, still.alpha)),
        (None, Some(_)) => None,
    };
    let canvas = canvas.ok_or_else(|| corrupt("a picture that does not fit its canvas"))?;
    Ok(Header { profile, ..header(canvas, still, orientation) })
}

fn header(
    (width, height, alpha): (u32, u32, bool),
    still: Still,
    orientation: Orientation,
) -> Header {
    let pixels = u64::from(still.width) * u64::from(still.height);
    let planes = match (still.lossless, still.alpha) {
        // Also the picture that assigns groups, while they are counted: four bytes
        // for every sixteenth pixel.
        (true, _) => 4 * pixels + pixels / 2,
        // The plane of alpha, and the pixels that it is unpacked from.
        (false, true) => 5 * pixels + pixels / 2,
        (false, false) => 0,
    };
    let groups =
        (pixels / 16 + 1).min(still.coded_bytes as u64 * 8 / 20 + 1).min(super::MAX_GROUPS as u64);
    let tables = if still.lossless || still.alpha { groups * GROUP_BYTES } else { 0 };
    let swapped = orientation.swaps_sides();
    Header {
        format: Format::Webp,
        width: if swapped { height } else { width },
        height: if swapped { width } else { height },
        channels: if alpha { 4 } else { 3 },
        orientation,
        profile: false,
        ink: false,
        decoder_bytes: FIXED_BYTES + u64::from(still.width) * COLUMN_BYTES + planes + tables,
    }
}

impl Extended {
    fn read(payload: &[u8]) -> Result<Self, Rejection> {
        let [flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = *payload else {
            return Err(corrupt("an extended header that is too short"));
        };
        let width = 1 + u32::from_le_bytes([w0, w1, w2, 0]);
        let height = 1 + u32::from_le_bytes([h0, h1, h2, 0]);
        Ok(Self { alpha: flags & 0x10 != 0, width, height })
    }
}

impl<'a> Frame<'a> {
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, Rejection> {
        let Some((head, chunks)) = payload.split_first_chunk::<16>() else {
            return Err(corrupt("a frame that is too short"));
        };
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
        Ok(Self {
            left: 2 * number(0),
            top: 2 * number(3),
            width: 1 + number(6),
            height: 1 + number(9),
            chunks,
        })
    }

    fn still(&self) -> Result<Still, Rejection> {
        let mut alpha_bytes = None;
        for chunk in (Chunks { rest: self.chunks }) {
            let Chunk { kind, payload, .. } = chunk?;
            match &kind {
                b"ALPH" => alpha_bytes = Some(payload.len()),
                b"VP8 " | b"VP8L" => return Still::read(kind, payload, alpha_bytes),
                _ => {}
            }
        }
        Err(corrupt("a frame without a picture"))
    }

    /// A file that holds the frame alone.
    pub(super) fn file(&self) -> Vec<u8> {
        let mut flags = 0;
        let mut parts = vec![];
        for chunk in (Chunks { rest: self.chunks }).map_while(Result::ok) {
            match &chunk.kind {
                b"ALPH" => flags = 0x10,
                b"VP8 " | b"VP8L" => {}
                _ => continue,
            }
            parts.extend_from_slice(chunk.whole);
        }
        let sides = [self.width - 1, self.height - 1].map(u32::to_le_bytes);
        let extended = [&[flags, 0, 0, 0][..], &sides[0][..3], &sides[1][..3]].concat();
        super::container(&[(*b"VP8X", &extended)], &parts)
    }
}

impl Still {
    fn read(kind: [u8; 4], payload: &[u8], alpha_bytes: Option<usize>) -> Result<Self, Rejection> {
        let lossless = kind == *b"VP8L";
        let (width, height, alpha, coded_bytes) = if lossless {
            let Some([0x2f, bits @ ..]) = payload.first_chunk::<5>() else {
                return Err(corrupt("a lossless picture that does not start as one"));
            };
            let bits = u32::from_le_bytes(*bits);
            if bits >> 29 != 0 {
                return Err(corrupt("a lossless picture of an unknown version"));
            }
            let (width, height) = (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff));
            (width, height, bits >> 28 & 1 == 1, payload.len())
        } else {
            let [t0, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *payload else {
                return Err(corrupt("a lossy picture that does not start as one"));
            };
            if t0 & 1 != 0 {
                return Err(corrupt("a lossy picture that is no key frame"));
            }
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            (side(w0, w1), side(h0, h1), alpha_bytes.is_some(), alpha_bytes.unwrap_or(0))
        };
        if width == 0 || height == 0 {
            return Err(corrupt(format!("a picture of {width}×{height} pixels")));
        }
        Ok(Self { width, height, alpha, lossless, coded_bytes })
    }
}
