//! GIF: the first frame, on its canvas; the format is read, not written.
//!
//! The blocks up to the end of the first frame are walked by their lengths. What follows is not
//! looked at: an animation whose second frame is broken has a whole first one. The canvas is
//! transparent where the frame is not, as browsers show it, whatever the background colour says.

use pixmill_contract::{Format, Rejection};
use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::{corrupt, place, truncated};
use crate::header::{Header, Orientation};
use crate::shape::{Layout, Shape};

/// What the decoder allocates: the tables of LZW and a row of palette numbers.
const DECODER_BYTES: u64 = 256 * 1024;

/// Everything about the first frame.
struct First<'a> {
    canvas: (u32, u32),
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    interlaced: bool,
    /// Three bytes a colour.
    palette: &'a [u8],
    transparent: Option<u8>,
    /// From the size of the first code on.
    pixels: &'a [u8],
}

impl First<'_> {
    /// Whether some pixel of the canvas may be transparent.
    fn has_alpha(&self) -> bool {
        self.transparent.is_some() || (self.width, self.height) != self.canvas
    }
}

/// Reads the header of a source that starts as a GIF does.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let first = first(source)?;
    // The pixels' blocks must be there to their end, so that truncation is found out here.
    let mut rest = Reader { rest: first.pixels };
    rest.take(1)?;
    while !rest.sub_block()?.is_empty() {}
    let numbers = u64::from(first.width) * u64::from(first.height);
    Ok(Header {
        format: Format::Gif,
        width: first.canvas.0,
        height: first.canvas.1,
        channels: if first.has_alpha() { 4 } else { 3 },
        orientation: Orientation::UPRIGHT,
        profile: false,
        gray_alpha: false,
        ink: false,
        sampling: None,
        decoder_bytes: DECODER_BYTES + numbers,
    })
}

/// Decodes the first frame into `pixels`, which are the canvas.
///
/// `shape` is what the header says.
pub(crate) fn decode(source: &[u8], shape: Shape, pixels: &mut [u8]) -> Result<(), Rejection> {
    let first = first(source)?;
    let frame = Shape { width: first.width, height: first.height, ..shape };
    let numbers = unpack(&first)?;
    let channels = shape.layout.channels();
    let rows = numbers.chunks_exact(first.width as usize);
    for (row, y) in rows.zip(row_order(first.height, first.interlaced)) {
        let start = y * frame.row();
        let into = pixels[start..start + frame.row()].chunks_exact_mut(channels);
        for (number, pixel) in row.iter().zip(into) {
            colour(&first, *number, shape.layout, pixel)?;
        }
    }
    place::on_canvas(pixels, shape, frame, (first.left, first.top));
    Ok(())
}

/// The rows of a frame in the order in which they are stored.
fn row_order(height: u32, interlaced: bool) -> Vec<usize> {
    let height = height as usize;
    if !interlaced {
        return (0..height).collect();
    }
    let pass = |(start, step): (usize, usize)| (start..height).step_by(step);
    [(0, 8), (4, 8), (2, 4), (1, 2)].into_iter().flat_map(pass).collect()
}

fn colour(
    first: &First<'_>,
    number: u8,
    layout: Layout,
    pixel: &mut [u8],
) -> Result<(), Rejection> {
    if first.transparent == Some(number) {
        pixel.fill(0);
        return Ok(());
    }
    let at = usize::from(number) * 3;
    let colour = first.palette.get(at..at + 3);
    let colour = colour.ok_or_else(|| corrupt("a colour that its palette does not have"))?;
    pixel[..3].copy_from_slice(colour);
    if layout == Layout::Rgba {
        pixel[3] = 255;
    }
    Ok(())
}

/// The numbers of the frame's colours, in the order in which they are stored.
fn unpack(first: &First<'_>) -> Result<Vec<u8>, Rejection> {
    let mut blocks = Reader { rest: first.pixels };
    let &[code_size] = blocks.take(1)? else { unreachable!("one byte was asked for") };
    if !(1..=11).contains(&code_size) {
        return Err(corrupt(format!("codes of {code_size} bits")));
    }
    let mut numbers = vec![0; first.width as usize * first.height as usize];
    let mut filled = 0;
    let mut decoder = Decoder::new(BitOrder::Lsb, code_size);
    loop {
        let mut block = blocks.sub_block()?;
        if block.is_empty() {
            return Err(truncated("the pixels"));
        }
        // Until it asks for more: the decoder may hold back what it has already made.
        loop {
            let step = decoder.decode_bytes(block, &mut numbers[filled..]);
            block = &block[step.consumed_in..];
            filled += step.consumed_out;
            if filled == numbers.len() {
                return Ok(numbers);
            }
            match step.status {
                Ok(LzwStatus::Ok) => {}
                Ok(LzwStatus::NoProgress) => break,
                Ok(LzwStatus::Done) => return Err(truncated("the pixels")),
                Err(_) => return Err(corrupt("a code that does not exist")),
            }
        }
    }
}

/// Walks the blocks up to the first frame.
fn first(source: &[u8]) -> Result<First<'_>, Rejection> {
    let mut blocks = Reader { rest: source };
    blocks.take(6)?;
    let &[w0, w1, h0, h1, flags, _, _] = blocks.take(7)? else { unreachable!("seven bytes") };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]));
    let canvas = (side(w0, w1), side(h0, h1));
    let global = blocks.palette(flags)?;
    let mut transparent = None;
    loop {
        let &[kind] = blocks.take(1)? else { unreachable!("one byte") };
        match kind {
            0x2c => return blocks.image(canvas, global, transparent),
            0x21 => {
                let &[label] = blocks.take(1)? else { unreachable!("one byte") };
                let mut is_first = true;
                loop {
                    let block = blocks.sub_block()?;
                    if let (0xf9, true, &[flags, _, _, number, ..]) = (label, is_first, block) {
                        transparent = (flags & 1 != 0).then_some(number);
                    }
                    is_first = false;
                    if block.is_empty() {
                        break;
                    }
                }
            }
            0x3b => return Err(corrupt("an end before the first frame")),
            other => return Err(corrupt(format!("a block of the unknown kind {other:#04x}"))),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Rejection> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| truncated("a block"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A block of up to 255 bytes; an empty one ends a list of them.
    fn sub_block(&mut self) -> Result<&'a [u8], Rejection> {
        let &[length] = self.take(1)? else { unreachable!("one byte was asked for") };
        self.take(usize::from(length))
    }

    /// The palette that `flags` announce, or an empty one.
    fn palette(&mut self, flags: u8) -> Result<&'a [u8], Rejection> {
        if flags & 0x80 == 0 { Ok(&[]) } else { self.take(3 << ((flags & 7) + 1)) }
    }

    fn image(
        mut self,
        canvas: (u32, u32),
        global: &'a [u8],
        transparent: Option<u8>,
    ) -> Result<First<'a>, Rejection> {
        let &[l0, l1, t0, t1, w0, w1, h0, h1, flags] = self.take(9)? else {
            unreachable!("nine bytes were asked for")
        };
        let number = |low, high| u32::from(u16::from_le_bytes([low, high]));
        let (left, top) = (number(l0, l1), number(t0, t1));
        let (width, height) = (number(w0, w1), number(h0, h1));
        if width == 0 || height == 0 {
            return Err(corrupt(format!("a frame of {width}×{height} pixels")));
        }
        // Canvases that are too small for their first frame grow, as in browsers.
        let canvas = (canvas.0.max(left + width), canvas.1.max(top + height));
        let local = self.palette(flags)?;
        let palette = if local.is_empty() { global } else { local };
        let interlaced = flags & 0x40 != 0;
        let pixels = self.rest;
        Ok(First { canvas, left, top, width, height, interlaced, palette, transparent, pixels })
    }
}
