//! Run lengths of BMP, of 4 and of 8 bits.

use pixmill_contract::Rejection;

use super::Bitmap;
use crate::codec::{corrupt, truncated};
use crate::shape::Shape;

/// Where the next pixel goes; rows count from the first stored one.
struct Pen<'a, 'b> {
    bitmap: &'a Bitmap<'b>,
    shape: Shape,
    pixels: &'a mut [u8],
    x: usize,
    row: usize,
}

/// Decodes runs. What they pass over has the palette's first colour.
pub(super) fn decode(
    bitmap: &Bitmap<'_>,
    bits: u32,
    shape: Shape,
    pixels: &mut [u8],
) -> Result<(), Rejection> {
    for pixel in pixels.chunks_exact_mut(shape.layout.channels()) {
        bitmap.paint(0, shape.layout, pixel)?;
    }
    let mut rest = bitmap.pixels;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count).ok_or_else(|| truncated("the pixels"))?;
        rest = after;
        Ok::<_, Rejection>(taken)
    };
    let mut pen = Pen { bitmap, shape, pixels, x: 0, row: 0 };
    loop {
        let &[count, value] = take(2)? else { unreachable!("two bytes were asked for") };
        match (count, value) {
            (0, 0) => (pen.x, pen.row) = (0, pen.row + 1),
            (0, 1) => return Ok(()),
            (0, 2) => {
                let &[right, down] = take(2)? else { unreachable!("two bytes were asked for") };
                (pen.x, pen.row) = (pen.x + usize::from(right), pen.row + usize::from(down));
            }
            (0, literal) => {
                let bytes = (usize::from(literal) * bits as usize).div_ceil(8);
                let stored = take(bytes.next_multiple_of(2))?;
                pen.write(usize::from(literal), bits, |i| stored[i])?;
            }
            (count, value) => pen.write(usize::from(count), bits, |_| value)?,
        }
        if pen.row > shape.height as usize || pen.x > shape.width as usize {
            return Err(corrupt("a run outside the picture"));
        }
    }
}

impl Pen<'_, '_> {
    /// Writes so many pixels, whose numbers are in the bytes that `byte` gives.
    fn write(
        &mut self,
        count: usize,
        bits: u32,
        byte: impl Fn(usize) -> u8,
    ) -> Result<(), Rejection> {
        for i in 0..count {
            let number = match bits {
                4 if i % 2 == 0 => byte(i / 2) >> 4,
                4 => byte(i / 2) & 15,
                _ => byte(i),
            };
            // Encoders pad runs: what stands over at the end of a row is left out.
            if self.x < self.shape.width as usize && self.row < self.shape.height as usize {
                let height = self.shape.height as usize;
                let y = if self.bitmap.top_down { self.row } else { height - 1 - self.row };
                let channels = self.shape.layout.channels();
                let at = y * self.shape.row() + self.x * channels;
                let pixel = &mut self.pixels[at..at + channels];
                self.bitmap.paint(u32::from(number), self.shape.layout, pixel)?;
                self.x += 1;
            }
        }
        Ok(())
    }
}
