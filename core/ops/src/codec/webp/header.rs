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
        self.rest = &rest[(length + length % 2).min(rest.len())..];
        Ok(Chunk { kind: *kind, payload })
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
    chunks: &'a [u8],
}

/// A still picture inside a container: all that libwebp is given of a source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Still<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    alpha: bool,
    lossless: bool,
    /// The payload of the picture's chunk.
    coded: &'a [u8],
    /// The payload of `ALPH`, which belongs to a lossy picture.
    plane: Option<&'a [u8]>,
}

/// Reads the header of a source that starts as a WebP does.
///
/// Of an animation the first frame is read, on its canvas.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let mut extended = None;
    let mut orientation = Orientation::UPRIGHT;
    let mut profile = false;
    for chunk in Chunks::of(source)? {
        let Chunk { kind, payload } = chunk?;
        match &kind {
            b"VP8X" if extended.is_none() => extended = Some(Extended::read(payload)?),
            b"ICCP" => profile = true,
            b"EXIF" if payload.len() <= MAX_EXIF_BYTES => {
                let payload = payload.strip_prefix(b"Exif\0\0").unwrap_or(payload);
                orientation = exif::orientation(payload).unwrap_or(orientation);
            }
            _ => {}
        }
    }
    let (still, frame) = first_picture(source)?;
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

/// The picture that is read, and the frame that it is in.
pub(super) fn first_picture(source: &[u8]) -> Result<(Still<'_>, Option<Frame<'_>>), Rejection> {
    let chunks = Chunks::of(source)?;
    let first_frame = Chunks { ..chunks }
        .map_while(Result::ok)
        .find(|chunk| matches!(&chunk.kind, b"VP8 " | b"VP8L" | b"ANMF"))
        .filter(|chunk| chunk.kind == *b"ANMF");
    let Some(Chunk { payload, .. }) = first_frame else {
        return Ok((Still::of(chunks)?, None));
    };
    let frame = Frame::read(payload)?;
    Ok((Still::of(Chunks { rest: frame.chunks })?, Some(frame)))
}

fn header(
    (width, height, alpha): (u32, u32, bool),
    still: Still<'_>,
    orientation: Orientation,
) -> Header {
    let pixels = u64::from(still.width) * u64::from(still.height);
    let planes = match (still.lossless, still.alpha) {
        // Also the pictures of two transforms and of the groups: each has four bytes for every
        // sixteenth pixel.
        (true, _) => 4 * pixels + pixels,
        // The plane of alpha, and the pixels that it is unpacked from.
        (false, true) => 5 * pixels + pixels,
        (false, false) => 0,
    };
    let huffman = if still.lossless { still.coded } else { still.plane.unwrap_or_default() };
    let groups =
        (pixels / 16 + 1).min(huffman.len() as u64 * 8 / 20 + 1).min(super::MAX_GROUPS as u64);
    let tables = if still.lossless || still.alpha { groups * GROUP_BYTES } else { 0 };
    let decoding = FIXED_BYTES + u64::from(still.width) * COLUMN_BYTES + planes + tables;
    let swapped = orientation.swaps_sides();
    Header {
        format: Format::Webp,
        width: if swapped { height } else { width },
        height: if swapped { width } else { height },
        channels: if alpha { 4 } else { 3 },
        orientation,
        profile: false,
        gray_alpha: false,
        ink: false,
        sampling: None,
        decoder_bytes: decoding + super::container_bytes(&still.chunks()) as u64,
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
}

impl<'a> Still<'a> {
    /// The first picture in a list of chunks.
    fn of(chunks: Chunks<'a>) -> Result<Self, Rejection> {
        let mut plane = None;
        for chunk in chunks {
            let Chunk { kind, payload } = chunk?;
            match &kind {
                // Of several libwebp takes the last.
                b"ALPH" => plane = Some(payload),
                b"VP8L" => return Self::lossless(payload),
                b"VP8 " => return Self::lossy(payload, plane),
                _ => {}
            }
        }
        Err(corrupt("a container without a picture"))
    }

    fn lossless(coded: &'a [u8]) -> Result<Self, Rejection> {
        let Some([0x2f, bits @ ..]) = coded.first_chunk::<5>() else {
            return Err(corrupt("a lossless picture that does not start as one"));
        };
        let bits = u32::from_le_bytes(*bits);
        if bits >> 29 != 0 {
            return Err(corrupt("a lossless picture of an unknown version"));
        }
        let (width, height) = (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff));
        let alpha = bits >> 28 & 1 == 1;
        Ok(Self { width, height, alpha, lossless: true, coded, plane: None })
    }

    fn lossy(coded: &'a [u8], plane: Option<&'a [u8]>) -> Result<Self, Rejection> {
        let [t0, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = *coded else {
            return Err(corrupt("a lossy picture that does not start as one"));
        };
        if t0 & 1 != 0 {
            return Err(corrupt("a lossy picture that is no key frame"));
        }
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        let (width, height) = (side(w0, w1), side(h0, h1));
        if width == 0 || height == 0 {
            return Err(corrupt(format!("a picture of {width}×{height} pixels")));
        }
        Ok(Self { width, height, alpha: plane.is_some(), lossless: false, coded, plane })
    }

    /// The lossless stream of the picture or of its alpha.
    pub(super) fn stream(&self) -> Option<&'a [u8]> {
        match self.plane {
            _ if self.lossless => self.coded.get(5..),
            // The lowest two bits say whether it is packed.
            Some([head, stream @ ..]) if head & 3 == 1 => Some(stream),
            _ => None,
        }
    }

    /// A file that holds the picture alone, byte for byte what was looked at here.
    pub(super) fn file(&self) -> Vec<u8> {
        super::container(self.alpha, (self.width, self.height), &self.chunks())
    }

    fn chunks(&self) -> Vec<Chunk<'a>> {
        let kind = if self.lossless { *b"VP8L" } else { *b"VP8 " };
        let plane = self.plane.map(|payload| Chunk { kind: *b"ALPH", payload });
        plane.into_iter().chain([Chunk { kind, payload: self.coded }]).collect()
    }
}
