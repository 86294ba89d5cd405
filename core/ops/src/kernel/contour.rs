//! Contours, the same pixels as `cv2.findContours` (`RETR_TREE`) and `cv2.drawContours` of all of
//! them with thickness 2, without following a single one.
//!
//! Lines of thickness 2 between neighbouring border pixels are stamps: a cross on every border
//! pixel, and four more pixels on every diagonal step. Found by comparing, not by proof; the
//! comparison is `benches/parity`.

use super::lanes::{at, each_set};
use super::level::{self, Kernel};
use super::luma;
use crate::shape::{Layout, Shape};

/// Pixels that are worked on at a time.
const N: usize = 64;

/// Zeros before and after a row, so that what is beside it can be read; two are needed.
const BORDER: usize = 2;

/// Bytes that [`draw`] allocates: some rows.
pub(crate) fn row_bytes(shape: Shape) -> u64 {
    22 * (u64::from(shape.width) + (BORDER + 2 * N) as u64)
}

/// Draws the contours of everything whose luma is above `value`, in `colour`, a pixel of the
/// picture. Alpha is not looked at.
pub(crate) fn draw(shape: Shape, pixels: &mut [u8], value: u8, colour: &[u8]) {
    level::run(Draw { shape, pixels, value, colour });
}

struct Draw<'p> {
    shape: Shape,
    pixels: &'p mut [u8],
    value: u8,
    colour: &'p [u8],
}

impl Kernel for Draw<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        drawn(self);
    }
}

/// What is known of a row, a byte a pixel, 0 or 255, between zeros.
#[derive(Clone)]
struct Row {
    /// Above the value.
    light: Vec<u8>,
    /// Light with something dark above, below or beside it.
    border: Vec<u8>,
    /// The 2×2 block with this pixel at its top left has this diagonal, but is not full.
    down: Vec<u8>,
    /// The same of the other diagonal.
    up: Vec<u8>,
}

impl Row {
    fn new(width: usize) -> Self {
        let row = vec![0; BORDER + width.next_multiple_of(N) + N];
        Self { light: row.clone(), border: row.clone(), down: row.clone(), up: row }
    }

    fn clear(&mut self) {
        for row in [&mut self.light, &mut self.border, &mut self.down, &mut self.up] {
            row.fill(0);
        }
    }
}

#[inline(always)]
fn drawn(Draw { shape, pixels, value, colour }: Draw<'_>) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    // Rows y − 2 to y + 2, of which the last only knows what is light.
    let mut rows: [Row; 5] = std::array::from_fn(|_| Row::new(width));
    let mut stamp = vec![0; width.next_multiple_of(N)];
    for step in 0..height + 2 {
        rows.rotate_left(1);
        rows[4].clear();
        if step < height {
            let light = &mut rows[4].light[BORDER..BORDER + width];
            mark_lighter(shape.layout, &pixels[step * shape.row()..][..shape.row()], value, light);
        }
        let [.., above, here, below] = &mut rows;
        for start in (0..width).step_by(N) {
            classify(&above.light, here, &below.light, start);
        }
        let Some(y) = step.checked_sub(2) else { continue };
        let row = &mut pixels[y * shape.row()..][..shape.row()];
        for start in (0..width).step_by(N) {
            let stamps = stamps(&rows, start);
            stamp[start..start + N].copy_from_slice(&stamps);
        }
        each_set(&stamp[..width], |x| {
            row[x * colour.len()..][..colour.len()].copy_from_slice(colour);
        });
    }
}

/// Finds the borders and diagonals of some pixels.
#[inline(always)]
fn classify(above: &[u8], here: &mut Row, below: &[u8], start: usize) {
    let first = BORDER + start;
    let (north, south): (&[u8; N], &[u8; N]) = (at(above, first), at(below, first));
    let (west, middle, east) = (
        at::<N, _>(&here.light, first - 1),
        at::<N, _>(&here.light, first),
        at::<N, _>(&here.light, first + 1),
    );
    let across: &[u8; N] = at(below, first + 1);
    let (mut border, mut down, mut up) = ([0; N], [0; N], [0; N]);
    for i in 0..N {
        border[i] = middle[i] & !(north[i] & south[i] & west[i] & east[i]);
        let (diagonal, other) = (middle[i] & across[i], east[i] & south[i]);
        down[i] = diagonal & !other;
        up[i] = other & !diagonal;
    }
    here.border[first..first + N].copy_from_slice(&border);
    here.down[first..first + N].copy_from_slice(&down);
    here.up[first..first + N].copy_from_slice(&up);
}

/// Which of some pixels are painted, in the middle one of five rows.
///
/// A border pixel paints a cross. A step down to the right paints four pixels besides, seen from
/// its upper left pixel (−1, 1), (0, 2), (1, −1) and (2, 0), and one to the left their mirror.
#[inline(always)]
fn stamps(rows: &[Row; 5], start: usize) -> [u8; N] {
    let first = BORDER + start;
    let [second, above, here, below, _] = rows;
    let crosses: [&[u8; N]; 5] = [
        at(&above.border, first),
        at(&here.border, first - 1),
        at(&here.border, first),
        at(&here.border, first + 1),
        at(&below.border, first),
    ];
    let down: [&[u8; N]; 4] = [
        at(&above.down, first + 1),
        at(&second.down, first),
        at(&below.down, first - 1),
        at(&here.down, first - 2),
    ];
    let up: [&[u8; N]; 4] = [
        at(&above.up, first - 2),
        at(&second.up, first - 1),
        at(&below.up, first),
        at(&here.up, first + 1),
    ];
    let mut stamps = [0; N];
    for painted in crosses.into_iter().chain(down).chain(up) {
        for (stamp, painted) in stamps.iter_mut().zip(painted) {
            *stamp |= painted;
        }
    }
    stamps
}

/// Writes 255 where luma is above `value` and 0 elsewhere, one byte a pixel.
#[inline(always)]
pub(super) fn mark_lighter(layout: Layout, pixels: &[u8], value: u8, marks: &mut [u8]) {
    luma::plane(layout, pixels, marks);
    for sample in marks {
        *sample = if *sample > value { 255 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    /// Pixel by pixel.
    fn reference(shape: Shape, pixels: &mut [u8], value: u8, colour: &[u8]) {
        const CROSS: [(isize, isize); 5] = [(0, -1), (-1, 0), (0, 0), (1, 0), (0, 1)];
        const DIAGONAL: [(isize, isize); 4] = [(-1, 1), (0, 2), (1, -1), (2, 0)];
        let (width, height) = (shape.width as isize, shape.height as isize);
        let mut bits = vec![0; shape.pixels() as usize];
        mark_lighter(shape.layout, pixels, value, &mut bits);
        let inside = |x, y| (0..width).contains(&x) && (0..height).contains(&y);
        let light = |x, y| inside(x, y) && bits[(y * width + x) as usize] != 0;
        let mut put = |x: isize, y: isize| {
            if inside(x, y) {
                let at = (y * width + x) as usize * colour.len();
                pixels[at..at + colour.len()].copy_from_slice(colour);
            }
        };
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let here = light(x, y);
            let sides = [(0, -1), (-1, 0), (1, 0), (0, 1)];
            let mut stamp = |places: &[(isize, isize)], mirror: isize, x: isize| {
                for (i, j) in places {
                    put(x + mirror * i, y + j);
                }
            };
            if here && sides.iter().any(|(i, j)| !light(x + i, y + j)) {
                stamp(&CROSS, 1, x);
            }
            let (right, below, across) = (light(x + 1, y), light(x, y + 1), light(x + 1, y + 1));
            if here && across && !(right && below) {
                stamp(&DIAGONAL, 1, x);
            }
            if right && below && !(here && across) {
                stamp(&DIAGONAL, -1, x + 1);
            }
        }
    }

    proptest! {
        #[test]
        fn equals_its_reference((shape, pixels) in pictures(layouts()), value: u8) {
            let colour = &[1, 254, 3, 77][..shape.layout.channels()];
            let mut expected = pixels.clone();
            reference(shape, &mut expected, value, colour);
            at_every_level(|| {
                let mut made = pixels.clone();
                draw(shape, &mut made, value, colour);
                assert_eq!(made, expected);
            });
        }
    }
}
