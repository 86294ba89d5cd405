//! Canny's edges, equal to `cv2.Canny` with aperture 3 and the L1 norm.
//!
//! Sobel gradients with repeated borders; of several channels the one with the largest gradient
//! counts, pixel by pixel, and of equal ones the first in `OpenCV`'s order (blue, green, red).
//! A pixel that is a maximum across its edge is an edge if its gradient is above `high`, or above
//! `low` and connected to one that is, over eight neighbours.

#![allow(
    clippy::needless_bitwise_bool,
    reason = "a branch would keep loops over pixels from becoming vector code"
)]

use super::gradient::{self, Gradients, N, Rows};
use super::lanes::{at, each_set};
use super::level::{self, Kernel};
use crate::shape::Shape;

/// tan 22.5° in 15 fractional bits; that of 67.5° is two more.
const TAN: u32 = 13_573;

/// Connected to nothing so far, but strong enough to continue an edge.
const WEAK: u8 = 0;
/// No edge.
const NONE: u8 = 1;
/// An edge.
const EDGE: u8 = 2;

/// Bytes of `scratch` that [`edges`] needs.
pub(crate) fn scratch_bytes(shape: Shape) -> usize {
    map_bytes(shape) + 4 * shape.width as usize * shape.height as usize
}

/// Bytes that [`edges`] allocates: a few rows of numbers.
pub(crate) fn row_bytes(shape: Shape) -> u64 {
    gradient::row_bytes(shape) + u64::from(shape.width) + N as u64
}

/// A row of the map begins with a mark for the pixel that is not there, and its last block of
/// pixels may reach beyond the picture.
fn map_row(shape: Shape) -> usize {
    (shape.width as usize).next_multiple_of(N) + N
}

fn map_bytes(shape: Shape) -> usize {
    map_row(shape) * (shape.height as usize + 2)
}

/// Writes 255 where `pixels` have an edge and 0 elsewhere, one byte a pixel. Alpha is ignored.
pub(crate) fn edges(
    shape: Shape,
    pixels: &[u8],
    thresholds: (u32, u32),
    scratch: &mut [u8],
    edges: &mut [u8],
) {
    level::run(Find { shape, pixels, thresholds, scratch, edges });
}

struct Find<'p> {
    shape: Shape,
    pixels: &'p [u8],
    thresholds: (u32, u32),
    scratch: &'p mut [u8],
    edges: &'p mut [u8],
}

impl Kernel for Find<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        find(self);
    }
}

#[inline(always)]
fn find(Find { shape, pixels, thresholds, scratch, edges }: Find<'_>) {
    let (map, rest) = scratch.split_at_mut(map_bytes(shape));
    let row = map_row(shape);
    let mut stack = Stack { items: rest.as_chunks_mut::<4>().0, length: 0 };
    mark(shape, pixels, thresholds, map);
    seed(shape, map, &mut stack);
    follow(row, map, &mut stack);
    let rows = map.chunks_exact(row).skip(1);
    for (row, out) in rows.zip(edges.chunks_exact_mut(shape.width as usize)) {
        for (mark, out) in row[1..].iter().zip(out) {
            *out = if *mark == EDGE { 255 } else { 0 };
        }
    }
}

/// Places in the map whose neighbours have not been looked at; each place comes in once.
struct Stack<'s> {
    items: &'s mut [[u8; 4]],
    length: usize,
}

impl Stack<'_> {
    fn push(&mut self, at: usize) {
        self.items[self.length] = (at as u32).to_le_bytes();
        self.length += 1;
    }

    fn pop(&mut self) -> Option<usize> {
        self.length = self.length.checked_sub(1)?;
        Some(u32::from_le_bytes(self.items[self.length]) as usize)
    }
}

/// Marks every pixel that is a maximum across its edge, by how strong it is.
#[inline(always)]
fn mark(shape: Shape, pixels: &[u8], (low, high): (u32, u32), map: &mut [u8]) {
    let row = map_row(shape);
    let width = shape.width as usize;
    // No gradient is larger than 2,040.
    let limits = [low, high].map(|limit| limit.min(i16::MAX as u32) as i16);
    let mut rows = Rows::new(shape, pixels);
    let (before, marks) = map.split_at_mut(row);
    before.fill(NONE);
    let (marks, after) = marks.split_at_mut(row * shape.height as usize);
    after.fill(NONE);
    for (y, marks) in marks.chunks_exact_mut(row).enumerate() {
        let gradients = rows.advance(pixels, y);
        marks[0] = NONE;
        for start in (0..width).step_by(N) {
            marks[start + 1..][..N].copy_from_slice(&maxima(gradients, start, limits));
        }
        marks[width + 1..].fill(NONE);
    }
}

/// Marks some pixels of the row in the middle.
///
/// A pixel is a maximum if its gradient is larger than its two neighbours in its own direction, of
/// four. Comparing the slope with the tangent is exact in 16 bits: of |across| · tangent the part
/// below one never decides, as |down| is whole, and it is zero for an upright gradient only.
#[inline(always)]
#[expect(clippy::many_single_char_names, reason = "the neighbours are named by their directions")]
fn maxima([above, here, below]: &[Gradients; 3], start: usize, [low, high]: [i16; 2]) -> [u8; N] {
    let (across, down): (&[i16; N], &[i16; N]) = (at(&here.across, start), at(&here.down, start));
    let three = |row: &'_ Gradients| -> [[i16; N]; 3] {
        [*at(&row.magnitude, start), *at(&row.magnitude, start + 1), *at(&row.magnitude, start + 2)]
    };
    let ([nw, n, ne], [w, m, e], [sw, s, se]) = (three(above), three(here), three(below));
    let mut marks = [0; N];
    for i in 0..N {
        let (x, y) = (across[i].unsigned_abs(), down[i].unsigned_abs());
        let gentle = ((u32::from(2 * x) * TAN) >> 16) as u16;
        let horizontal = (m[i] > w[i]) & (m[i] >= e[i]);
        let vertical = (m[i] > n[i]) & (m[i] >= s[i]);
        // Down to the right where the signs agree.
        let falling = (m[i] > nw[i]) & (m[i] > se[i]);
        let rising = (m[i] > ne[i]) & (m[i] > sw[i]);
        let is_rising = (across[i] ^ down[i]) < 0;
        let diagonal = (is_rising & rising) | (!is_rising & falling);
        let (is_flat, is_steep) = (y <= gentle, y > gentle + 2 * x);
        let is_maximum =
            (is_flat & horizontal) | (is_steep & vertical) | (!is_flat & !is_steep & diagonal);
        let strength = if m[i] > high { EDGE } else { WEAK };
        marks[i] = if is_maximum & (m[i] > low) { strength } else { NONE };
    }
    marks
}

/// Puts the edges on the stack that have something weak beside them.
#[inline(always)]
fn seed(shape: Shape, map: &[u8], stack: &mut Stack<'_>) {
    let row = map_row(shape);
    let mut seeds = vec![0; row - N];
    for y in 1..=shape.height as usize {
        let three = |row: &[u8], start: usize| -> [u8; N] {
            let [left, middle, right]: [&[u8; N]; 3] =
                [at(row, start), at(row, start + 1), at(row, start + 2)];
            std::array::from_fn(|i| left[i].min(middle[i]).min(right[i]))
        };
        let rows = [y - 1, y, y + 1].map(|y| &map[y * row..][..row]);
        for start in (0..seeds.len()).step_by(N) {
            let [above, here, below] = rows.map(|row| three(row, start));
            let middle: &[u8; N] = at(rows[1], start + 1);
            for (i, seed) in seeds[start..start + N].iter_mut().enumerate() {
                let weakest = above[i].min(here[i]).min(below[i]);
                *seed = u8::from((weakest == WEAK) & (middle[i] == EDGE));
            }
        }
        each_set(&seeds, |x| stack.push(y * row + x + 1));
    }
}

/// Turns what is weak and connected to an edge into edges.
fn follow(row: usize, map: &mut [u8], stack: &mut Stack<'_>) {
    while let Some(at) = stack.pop() {
        for row in [at - row, at, at + row] {
            for neighbour in [row - 1, row, row + 1] {
                if map[neighbour] == WEAK {
                    map[neighbour] = EDGE;
                    stack.push(neighbour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    /// Everything by its definition: angles as angles, connection by repetition.
    fn reference(shape: Shape, pixels: &[u8], low: i32, high: i32) -> Vec<u8> {
        let (width, height) = (shape.width as i32, shape.height as i32);
        let channels = shape.layout.channels();
        let colours: &[usize] = if channels == 1 { &[0] } else { &[2, 1, 0] };
        let sample = |x: i32, y: i32, channel: usize| {
            let (x, y) = (x.clamp(0, width - 1), y.clamp(0, height - 1));
            i32::from(pixels[(y * width + x) as usize * channels + channel])
        };
        let gradient = |x: i32, y: i32| {
            if x < 0 || y < 0 || x >= width || y >= height {
                return (0, 0, 0);
            }
            let mut best = (0, 0, 0);
            for &c in colours {
                let s = |i: i32, j: i32| sample(x + i, y + j, c);
                let dx = s(1, -1) + 2 * s(1, 0) + s(1, 1) - s(-1, -1) - 2 * s(-1, 0) - s(-1, 1);
                let dy = s(-1, 1) + 2 * s(0, 1) + s(1, 1) - s(-1, -1) - 2 * s(0, -1) - s(1, -1);
                if dx.abs() + dy.abs() > best.2 {
                    best = (dx, dy, dx.abs() + dy.abs());
                }
            }
            best
        };
        let is_peak = |x: i32, y: i32| {
            let (dx, dy, magnitude) = gradient(x, y);
            let slope = f64::from(dy.abs()) / f64::from(dx.abs());
            let (before, after, strictly) = if slope < f64::from(TAN) / 32_768.0 {
                ((-1, 0), (1, 0), false)
            } else if slope > f64::from(TAN) / 32_768.0 + 2.0 {
                ((0, -1), (0, 1), false)
            } else if (dx < 0) == (dy < 0) {
                ((-1, -1), (1, 1), true)
            } else {
                ((1, -1), (-1, 1), true)
            };
            let other = |(i, j): (i32, i32)| gradient(x + i, y + j).2;
            magnitude > other(before)
                && (magnitude > other(after) || !strictly && magnitude == other(after))
        };
        let all = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let peaks: Vec<_> = all().map(|(x, y)| is_peak(x, y)).collect();
        let at = |x: i32, y: i32| (y * width + x) as usize;
        let mut edges: Vec<_> =
            all().map(|(x, y)| peaks[at(x, y)] && gradient(x, y).2 > high).collect();
        loop {
            let mut changed = false;
            for (x, y) in all() {
                let near =
                    all().any(|(i, j)| (i - x).abs() <= 1 && (j - y).abs() <= 1 && edges[at(i, j)]);
                if !edges[at(x, y)] && peaks[at(x, y)] && gradient(x, y).2 > low && near {
                    edges[at(x, y)] = true;
                    changed = true;
                }
            }
            if !changed {
                return edges.into_iter().map(|edge| if edge { 255 } else { 0 }).collect();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            thresholds in prop::array::uniform2(0_u32..1200),
        ) {
            let shape = Shape { width: shape.width.min(13), height: shape.height.min(11), ..shape };
            let pixels = &pixels[..shape.bytes().min(pixels.len())];
            prop_assume!(pixels.len() == shape.bytes());
            let (low, high) = (thresholds[0].min(thresholds[1]), thresholds[0].max(thresholds[1]));
            let expected = reference(shape, pixels, low as i32, high as i32);
            at_every_level(|| {
                let mut scratch = vec![9; scratch_bytes(shape)];
                let mut found = vec![7; shape.pixels() as usize];
                edges(shape, pixels, (low, high), &mut scratch, &mut found);
                assert_eq!(found, expected);
            });
        }
    }
}
