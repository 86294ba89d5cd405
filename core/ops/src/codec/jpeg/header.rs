//! Reads what a JPEG says before its first scan, within bounds, without libjpeg.

use pixmill_contract::{Format, Rejection};

use super::planes::Sampling;
use crate::codec::{corrupt, exif, truncated, unsupported};
use crate::header::{Header, Orientation};

const SOI: u8 = 0xd8;
pub(super) const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
pub(super) const APP0: u8 = 0xe0;
pub(crate) const APP1: u8 = 0xe1;
pub(crate) const APP2: u8 = 0xe2;
/// What starts the payload of an APP2 that holds part of a colour profile.
pub(super) const PROFILE: &[u8] = b"ICC_PROFILE\0";

pub(super) const APP14: u8 = 0xee;
/// What starts the payload of the segment by which Adobe's programs say how they store colours, and
/// how long it is at the least; its last byte is 1 for luma and two differences.
pub(super) const ADOBE: &[u8] = b"Adobe";
const ADOBE_BYTES: usize = 12;
/// What starts the payload of a JFIF segment, and how long it is at the least.
const JFIF: &[u8] = b"JFIF\0";
const JFIF_BYTES: usize = 14;

/// What libjpeg allocates besides coefficients: its structures, tables, and some rows of samples.
const FIXED_BYTES: u64 = 512 * 1024;
/// Rows of 4-byte samples that bound libjpeg's row buffers, with every sampling factor at 4.
const ROWS: u64 = 96;

/// A segment of a JPEG's header.
pub(crate) struct Segment<'a> {
    /// The byte after 0xff.
    pub(crate) marker: u8,
    /// What follows the length.
    pub(crate) payload: &'a [u8],
}

/// The segments from SOI up to and including the first SOS.
pub(crate) struct Segments<'a> {
    rest: &'a [u8],
    done: bool,
}

impl<'a> Segments<'a> {
    /// Of a source that starts with SOI.
    pub(crate) fn of(source: &'a [u8]) -> Self {
        Self { rest: source.get(2..).unwrap_or_default(), done: false }
    }

    /// What follows the segments that were read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn segment(&mut self) -> Result<Segment<'a>, Rejection> {
        let [0xff, after @ ..] = self.rest else {
            return Err(match self.rest {
                [] => truncated("the header"),
                [byte, ..] => corrupt(format!("byte {byte:#04x} where a marker should be")),
            });
        };
        // Any number of 0xff may fill the space before a marker.
        let fill = after.iter().take_while(|byte| **byte == 0xff).count();
        let [marker, high, low, after @ ..] = &after[fill..] else {
            return Err(truncated("the header"));
        };
        if matches!(marker, 0x00..=0x01 | 0xd0..=SOI) {
            return Err(corrupt(format!("marker {marker:#04x} in the header")));
        }
        if *marker == EOI {
            return Err(corrupt("no picture before the end marker"));
        }
        let Some(length) = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2) else {
            return Err(corrupt("a segment shorter than its own length"));
        };
        let payload = after.get(..length).ok_or_else(|| truncated("the header"))?;
        self.rest = &after[length..];
        self.done = *marker == SOS;
        Ok(Segment { marker: *marker, payload })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let segment = self.segment();
        self.done |= segment.is_err();
        Some(segment)
    }
}

/// What segments say about colours.
#[derive(Debug, Default)]
pub(super) struct Colours {
    is_jfif: bool,
    adobe: Option<u8>,
}

impl Colours {
    /// Takes in what a segment says.
    pub(super) fn note(&mut self, segment: &Segment<'_>) {
        let payload = segment.payload;
        match segment.marker {
            APP0 => self.is_jfif |= payload.len() >= JFIF_BYTES && payload.starts_with(JFIF),
            APP14 if payload.starts_with(ADOBE) => {
                self.adobe = payload.get(ADOBE_BYTES - 1).copied().or(self.adobe);
            }
            _ => {}
        }
    }

    /// Whether three components, which may be called 1, 2 and 3 in order, are luma and two
    /// differences, as libjpeg tells luma from red: JFIF has nothing else, then Adobe's word counts.
    pub(super) fn are_apart(&self, in_order: bool) -> bool {
        self.is_jfif || self.adobe.map_or(in_order, |transform| transform == 1)
    }
}

/// Reads the header of a source that starts as a JPEG does.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let mut frame = None;
    let mut orientation = Orientation::UPRIGHT;
    let (mut profile, mut colours) = (false, Colours::default());
    for segment in Segments::of(source) {
        let segment = segment?;
        colours.note(&segment);
        let Segment { marker, payload } = segment;
        match marker {
            APP1 => {
                let exif = payload.strip_prefix(b"Exif\0\0").and_then(exif::orientation);
                orientation = exif.unwrap_or(orientation);
            }
            APP2 => profile |= payload.starts_with(PROFILE),
            // DHT, JPG and DAC lie among the frame markers.
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf if frame.is_some() => return Err(corrupt("two frame headers")),
            0xc0..=0xcf => frame = Some(Frame::read(marker, payload)?),
            SOS => {
                let frame = frame.ok_or_else(|| corrupt("a scan before the frame header"))?;
                let scanned = payload.first().ok_or_else(|| corrupt("an empty scan header"))?;
                let sampling = frame.sampling.filter(|_| colours.are_apart(frame.in_order));
                return Ok(Header { profile, sampling, ..frame.header(orientation, *scanned) });
            }
            _ => {}
        }
    }
    Err(truncated("the header"))
}

/// What a frame header (SOF) says.
struct Frame {
    progressive: bool,
    width: u32,
    height: u32,
    components: u8,
    /// Bytes of all coefficients, should libjpeg have to keep them.
    coefficient_bytes: u64,
    /// Of three components, of which the others have one sample where the first has up to two.
    sampling: Option<Sampling>,
    /// Whether they are called 1, 2 and 3, as luma and its differences are where nothing is said.
    in_order: bool,
}

impl Frame {
    fn read(marker: u8, payload: &[u8]) -> Result<Self, Rejection> {
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return Err(unsupported("lossless JPEG is not read")),
            0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(unsupported("arithmetic-coded JPEG is not read"));
            }
            _ => return Err(unsupported("hierarchical JPEG is not read")),
        }
        let [precision, h1, h0, w1, w0, components, described @ ..] = payload else {
            return Err(corrupt("a frame header that is too short"));
        };
        if *precision != 8 {
            return Err(unsupported(format!("JPEG of {precision} bits a sample is not read")));
        }
        let (width, height) = (u16::from_be_bytes([*w1, *w0]), u16::from_be_bytes([*h1, *h0]));
        if height == 0 {
            return Err(unsupported("JPEG whose height follows its pixels is not read"));
        }
        if width == 0 {
            return Err(corrupt("a frame without width"));
        }
        if described.len() != usize::from(*components) * 3 {
            return Err(corrupt("a frame header of the wrong length"));
        }
        match components {
            1 | 3 | 4 => {}
            n => return Err(unsupported(format!("JPEG of {n} components is not read"))),
        }
        let (width, height) = (u32::from(width), u32::from(height));
        let (sampling, in_order) = match *described {
            [a, factors, _, b, 0x11, _, c, 0x11, _] => {
                let (across, down) = (u32::from(factors >> 4), u32::from(factors & 15));
                let usual = (1..=2).contains(&across) && (1..=2).contains(&down);
                (usual.then_some(Sampling { across, down }), [a, b, c] == [1, 2, 3])
            }
            _ => (None, false),
        };
        Ok(Self {
            progressive: marker == 0xc2,
            width,
            height,
            components: *components,
            coefficient_bytes: coefficient_bytes(width, height, described)?,
            sampling,
            in_order,
        })
    }

    /// The header, given how many components the first scan has.
    fn header(&self, orientation: Orientation, scanned: u8) -> Header {
        let (width, height) = if orientation.swaps_sides() {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        let rows = FIXED_BYTES + ROWS * 4 * u64::from(self.width.next_multiple_of(64));
        // With more than one scan libjpeg keeps the coefficients of the whole picture.
        let several_scans = self.progressive || scanned < self.components;
        let coefficients = if several_scans { self.coefficient_bytes } else { 0 };
        Header {
            format: Format::Jpeg,
            width,
            height,
            channels: self.components.min(3),
            orientation,
            profile: false,
            gray_alpha: false,
            ink: self.components == 4,
            sampling: None,
            decoder_bytes: rows + coefficients,
        }
    }
}

/// Two bytes for every coefficient of every block, blocks rounded up to whole MCUs.
fn coefficient_bytes(width: u32, height: u32, described: &[u8]) -> Result<u64, Rejection> {
    let factors =
        || described.chunks_exact(3).map(|c| (u32::from(c[1] >> 4), u32::from(c[1] & 15)));
    if factors().any(|(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
        return Err(corrupt("a sampling factor outside 1 to 4"));
    }
    let across = width.div_ceil(8 * factors().map(|(h, _)| h).max().unwrap_or(1));
    let down = height.div_ceil(8 * factors().map(|(_, v)| v).max().unwrap_or(1));
    let blocks: u64 = factors().map(|(h, v)| u64::from(across * h) * u64::from(down * v)).sum();
    Ok(blocks * 64 * 2)
}
