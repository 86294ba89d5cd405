//! BMP of Windows and OS/2: every depth, bit fields, run lengths; the format is read, not written.
//!
//! Alpha is read where a mask announces it; the fourth byte of plain 32-bit pixels is padding. A
//! palette of grays makes a gray picture.

mod runs;

use pixmill_contract::{Format, Rejection};

use super::{corrupt, truncated, unsupported};
use crate::header::{Header, Orientation};
use crate::shape::{Layout, Shape};

/// Bytes of the file header.
const FILE_HEADER: usize = 14;
/// What decoding allocates: the palette.
const DECODER_BYTES: u64 = 64 * 1024;

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// Numbers of colours, of so many bits.
    Palette(u32),
    /// Numbers of colours of so many bits, in runs.
    Runs(u32),
    /// Blue, green, red, one byte each.
    Bgr,
    /// Bits of a number of so many bytes.
    Fields(usize),
}

/// Everything but the pixels.
struct Bitmap<'a> {
    width: u32,
    height: u32,
    top_down: bool,
    storage: Storage,
    /// Red, green, blue, alpha.
    masks: [u32; 4],
    palette: Vec<[u8; 3]>,
    pixels: &'a [u8],
}

/// Reads the header of a source that starts as a BMP does.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let bitmap = Bitmap::read(source)?;
    bitmap.check_length()?;
    let is_gray = |[r, g, b]: &[u8; 3]| r == g && g == b;
    let channels = match bitmap.storage {
        Storage::Palette(_) | Storage::Runs(_) if bitmap.palette.iter().all(is_gray) => 1,
        Storage::Fields(_) if bitmap.masks[3] != 0 => 4,
        Storage::Palette(_) | Storage::Runs(_) | Storage::Bgr | Storage::Fields(_) => 3,
    };
    Ok(Header {
        format: Format::Bmp,
        width: bitmap.width,
        height: bitmap.height,
        channels,
        orientation: Orientation::UPRIGHT,
        profile: false,
        gray_alpha: false,
        ink: false,
        sampling: None,
        decoder_bytes: DECODER_BYTES,
    })
}

/// Decodes into `pixels`; `shape` is what the header says.
pub(crate) fn decode(source: &[u8], shape: Shape, pixels: &mut [u8]) -> Result<(), Rejection> {
    let bitmap = Bitmap::read(source)?;
    bitmap.check_length()?;
    let row_bytes = shape.row();
    let stride = bitmap.stride();
    let height = bitmap.height as usize;
    if let Storage::Runs(bits) = bitmap.storage {
        return runs::decode(&bitmap, bits, shape, pixels);
    }
    for y in 0..height {
        let stored = if bitmap.top_down { y } else { height - 1 - y };
        let row = &bitmap.pixels[stored * stride..];
        let into = &mut pixels[y * row_bytes..(y + 1) * row_bytes];
        match bitmap.storage {
            Storage::Palette(bits) => bitmap.palette_row(bits, row, shape.layout, into)?,
            Storage::Bgr => {
                let from = row.as_chunks::<3>().0;
                for (pixel, &[b, g, r]) in into.as_chunks_mut::<3>().0.iter_mut().zip(from) {
                    *pixel = [r, g, b];
                }
            }
            Storage::Fields(bytes) => bitmap.fields_row(bytes, row, shape.layout, into),
            Storage::Runs(_) => unreachable!("runs are decoded above"),
        }
    }
    Ok(())
}

impl<'a> Bitmap<'a> {
    fn read(source: &'a [u8]) -> Result<Self, Rejection> {
        let bytes = Bytes(source);
        let pixels_at = bytes.long(10)? as usize;
        let size = bytes.long(FILE_HEADER)? as usize;
        let is_core = size == 12;
        if !matches!(size, 12 | 40 | 52 | 56 | 64 | 108 | 124) {
            return Err(unsupported(format!("BMP whose header has {size} bytes is not read")));
        }
        let (width, height, depth, compression, used) = if is_core {
            let (width, height) = (bytes.short(18)?, bytes.short(20)?);
            (i32::from(width), i32::from(height), bytes.short(24)?, 0, 0)
        } else {
            let side = |at| bytes.long(at).map(u32::cast_signed);
            let (compression, used) = (bytes.long(30)?, bytes.long(46)?);
            (side(18)?, side(22)?, bytes.short(28)?, compression, used)
        };
        if width <= 0 || height == 0 || height == i32::MIN {
            return Err(corrupt(format!("a picture of {width}×{height} pixels")));
        }
        let storage = match (compression, depth) {
            (0, 1 | 2 | 4 | 8) => Storage::Palette(u32::from(depth)),
            (1, 8) | (2, 4) => Storage::Runs(u32::from(depth)),
            (0, 24) => Storage::Bgr,
            (0, 16) => Storage::Fields(2),
            (0, 32) => Storage::Fields(4),
            (3 | 6, 16 | 32) if size != 64 => Storage::Fields(usize::from(depth / 8)),
            (0..=3 | 6, _) if size != 64 => {
                return Err(corrupt(format!("compression {compression} of {depth} bits")));
            }
            _ => return Err(unsupported(format!("BMP of compression {compression} is not read"))),
        };
        let after = FILE_HEADER + size;
        let (masks, mask_bytes) = bytes.masks(storage, compression, size)?;
        let palette = match storage {
            Storage::Palette(bits) | Storage::Runs(bits) => {
                bytes.palette(after + mask_bytes, pixels_at, (bits, used, is_core))?
            }
            Storage::Bgr | Storage::Fields(_) => vec![],
        };
        let pixels = source.get(pixels_at..).ok_or_else(|| truncated("the header"))?;
        let (top_down, height) = (height < 0, height.unsigned_abs());
        if pixels_at < after {
            return Err(corrupt("pixels that start inside the header"));
        }
        let width = width.unsigned_abs();
        Ok(Self { width, height, top_down, storage, masks, palette, pixels })
    }

    fn bits(&self) -> u64 {
        match self.storage {
            Storage::Palette(bits) | Storage::Runs(bits) => u64::from(bits),
            Storage::Bgr => 24,
            Storage::Fields(bytes) => 8 * bytes as u64,
        }
    }

    /// Bytes from one row to the next.
    fn stride(&self) -> usize {
        let bits = self.bits() * u64::from(self.width);
        usize::try_from(bits.div_ceil(32) * 4).unwrap_or(usize::MAX)
    }

    /// Refuses pixels that are not all there; the padding of the last row may be missing.
    fn check_length(&self) -> Result<(), Rejection> {
        if matches!(self.storage, Storage::Runs(_)) {
            return Ok(());
        }
        let last = (self.bits() * u64::from(self.width)).div_ceil(8);
        let needed = self.stride() as u64 * u64::from(self.height - 1) + last;
        if (self.pixels.len() as u64) < needed { Err(truncated("the pixels")) } else { Ok(()) }
    }

    /// The colour of a number, written as the layout wants it.
    fn paint(&self, number: u32, layout: Layout, pixel: &mut [u8]) -> Result<(), Rejection> {
        let colour = self.palette.get(number as usize);
        let colour = colour.ok_or_else(|| corrupt("a colour that its palette does not have"))?;
        match layout {
            Layout::Gray => pixel[0] = colour[0],
            Layout::Rgb | Layout::Rgba => pixel[..3].copy_from_slice(colour),
        }
        Ok(())
    }

    fn palette_row(
        &self,
        bits: u32,
        row: &[u8],
        layout: Layout,
        into: &mut [u8],
    ) -> Result<(), Rejection> {
        let per_byte = 8 / bits as usize;
        let mask = (1 << bits) - 1;
        for (x, pixel) in into.chunks_exact_mut(layout.channels()).enumerate() {
            let place = u32::try_from(per_byte - 1 - x % per_byte).expect("below eight");
            let number = u32::from(row[x / per_byte]) >> (place * bits) & mask;
            self.paint(number, layout, pixel)?;
        }
        Ok(())
    }

    fn fields_row(&self, bytes: usize, row: &[u8], layout: Layout, into: &mut [u8]) {
        for (stored, pixel) in row.chunks_exact(bytes).zip(into.chunks_exact_mut(layout.channels()))
        {
            let number = stored.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
            for (sample, mask) in pixel.iter_mut().zip(self.masks) {
                *sample = field(number, mask);
            }
        }
    }
}

/// The bits under a mask, spread over the whole range of a byte; zero without a mask.
fn field(number: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let largest = u64::from(mask >> mask.trailing_zeros());
    let value = u64::from((number & mask) >> mask.trailing_zeros());
    u8::try_from((value * 255 + largest / 2) / largest).unwrap_or(255)
}

/// The file as numbers.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn short(&self, at: usize) -> Result<u16, Rejection> {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk::<2>);
        bytes.map(|bytes| u16::from_le_bytes(*bytes)).ok_or_else(|| truncated("the header"))
    }

    fn long(&self, at: usize) -> Result<u32, Rejection> {
        let bytes = self.0.get(at..).and_then(<[u8]>::first_chunk::<4>);
        bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(|| truncated("the header"))
    }

    /// The masks of red, green, blue and alpha, and how many bytes they take behind the header.
    fn masks(
        &self,
        storage: Storage,
        compression: u32,
        size: usize,
    ) -> Result<([u32; 4], usize), Rejection> {
        match (storage, compression) {
            (Storage::Fields(2), 0) => Ok(([0x7c00, 0x03e0, 0x001f, 0], 0)),
            (Storage::Fields(_), 0) => Ok(([0xff_0000, 0xff00, 0xff, 0], 0)),
            (Storage::Fields(_), _) => {
                let at = FILE_HEADER + 40;
                let has_alpha = size >= 56 || compression == 6;
                let alpha = if has_alpha { self.long(at + 12)? } else { 0 };
                let masks = [self.long(at)?, self.long(at + 4)?, self.long(at + 8)?, alpha];
                if masks[..3].contains(&0) {
                    return Err(corrupt("a colour without a mask"));
                }
                let behind = if size > 40 {
                    0
                } else if compression == 6 {
                    16
                } else {
                    12
                };
                Ok((masks, behind))
            }
            (Storage::Palette(_) | Storage::Runs(_) | Storage::Bgr, _) => Ok(([0; 4], 0)),
        }
    }

    /// The colours between the header and the pixels, as many as there should be or are.
    fn palette(
        &self,
        at: usize,
        end: usize,
        (bits, used, is_core): (u32, u32, bool),
    ) -> Result<Vec<[u8; 3]>, Rejection> {
        let most = 1 << bits;
        let count = if used == 0 { most } else { used.min(most) } as usize;
        let entry = if is_core { 3 } else { 4 };
        let bytes = self.0.get(at..end).ok_or_else(|| truncated("the palette"))?;
        let colours = bytes.chunks_exact(entry).take(count).map(|c| [c[2], c[1], c[0]]);
        let colours: Vec<_> = colours.collect();
        if colours.is_empty() { Err(corrupt("an empty palette")) } else { Ok(colours) }
    }
}
