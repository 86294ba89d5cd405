//! Contours, the same pixels as `cv2.findContours` (`RETR_TREE`) and `cv2.drawContours` of all of
//! them with thickness 2, without following a single one.
//!
//! Lines of thickness 2 between neighbouring border pixels are stamps: a cross on every border
//! pixel, and four more pixels on every diagonal step. Found by comparing, not by proof; the
//! comparison is `benches/parity`.

use super::luma;
use crate::shape::{Layout, Shape};

/// Bytes of `scratch` that [`draw`] needs.
pub(crate) fn scratch_bytes(shape: Shape) -> usize {
    shape.width as usize * shape.height as usize
}

/// Draws the contours of everything whose luma is above `value`, in `colour`, a pixel of the
/// picture. Alpha is not looked at.
pub(crate) fn draw(shape: Shape, pixels: &mut [u8], value: u8, scratch: &mut [u8], colour: &[u8]) {
    let mask = &mut scratch[..scratch_bytes(shape)];
    mark_lighter(shape.layout, pixels, value, mask);
    let mask = Mask { width: shape.width as isize, height: shape.height as isize, bits: mask };
    let mut put = |x: isize, y: isize| {
        if (0..mask.width).contains(&x) && (0..mask.height).contains(&y) {
            let at = y as usize * shape.row() + x as usize * colour.len();
            pixels[at..at + colour.len()].copy_from_slice(colour);
        }
    };
    for y in 0..mask.height {
        for x in 0..mask.width {
            let here = mask.is_set(x, y);
            if here && mask.is_border(x, y) {
                for (i, j) in CROSS {
                    put(x + i, y + j);
                }
            }
            // The 2×2 block with this pixel at its top left.
            let (right, below) = (mask.is_set(x + 1, y), mask.is_set(x, y + 1));
            let across = mask.is_set(x + 1, y + 1);
            if here && across && !(right && below) {
                for (i, j) in DIAGONAL {
                    put(x + i, y + j);
                }
            }
            if right && below && !(here && across) {
                for (i, j) in DIAGONAL {
                    put(x + 1 - i, y + j);
                }
            }
        }
    }
}

/// Writes 1 where luma is above `value` and 0 elsewhere, one byte a pixel.
pub(super) fn mark_lighter(layout: Layout, pixels: &[u8], value: u8, marks: &mut [u8]) {
    luma::plane(layout, pixels, marks);
    for sample in marks {
        *sample = u8::from(*sample > value);
    }
}

/// What a border pixel paints.
const CROSS: [(isize, isize); 5] = [(0, -1), (-1, 0), (0, 0), (1, 0), (0, 1)];

/// What a step down to the right paints besides, seen from its upper left pixel.
const DIAGONAL: [(isize, isize); 4] = [(-1, 1), (0, 2), (1, -1), (2, 0)];

/// What is above the value.
struct Mask<'m> {
    width: isize,
    height: isize,
    bits: &'m [u8],
}

impl Mask<'_> {
    fn is_set(&self, x: isize, y: isize) -> bool {
        (0..self.width).contains(&x)
            && (0..self.height).contains(&y)
            && self.bits[(y * self.width + x) as usize] != 0
    }

    fn is_border(&self, x: isize, y: isize) -> bool {
        [(0, -1), (-1, 0), (1, 0), (0, 1)].iter().any(|(i, j)| !self.is_set(x + i, y + j))
    }
}
