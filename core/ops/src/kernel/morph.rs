//! Dilation and erosion by a square, equal to `cv2.dilate` and `cv2.erode`: the largest or
//! smallest sample under the kernel. Pixels outside of the picture do not count.
//!
//! Along a row the extremes of several neighbours are taken at once, and then of several of those.
//! Down the columns rows are taken in blocks as high as the kernel: every window is the end of one
//! block and the beginning of the next.

use super::lanes::{at, at_mut};
use super::level::{self, Kernel};
use crate::shape::{Layout, Shape};

/// Which of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extreme {
    /// Dilates.
    Largest,
    /// Erodes.
    Smallest,
}

/// Bytes of a row that are worked on at a time.
const STRIP: usize = 128;

/// Neighbours of which the extreme is taken at once; where all are few enough, all of them.
const TAPS: usize = 3;
/// How many are few enough: the row between the passes is to be written and read again.
const FEW: usize = 6;

/// One extreme of a `kernel`×`kernel` square, and what is made of it at once: another extreme, or
/// nothing more.
pub(crate) type Extremes = [Option<(Extreme, u32)>; 2];

/// Bytes that [`extremes`] allocates.
pub(crate) fn row_bytes(shape: Shape, extremes: Extremes) -> u64 {
    let row = shape.row() as u64 + 3 * STRIP as u64;
    let of = |(_, kernel): (Extreme, u32)| {
        let (kernel, channels) = (u64::from(kernel), shape.layout.channels() as u64);
        row + kernel * channels + kernel * (3 * row + STRIP as u64)
    };
    extremes.into_iter().flatten().map(of).sum()
}

/// The extreme samples of each channel under a square, one after the other; alpha stays.
///
/// The second follows the first row by row, so that the picture between them is never in memory,
/// which is what takes longest.
pub(crate) fn extremes(shape: Shape, pixels: &[u8], extremes: Extremes, made: &mut [u8]) {
    use Extreme::{Largest, Smallest};
    let kernel = |(_, kernel): (Extreme, u32)| kernel as usize;
    match extremes.map(|one| one.map(|one| (one.0, kernel(one)))) {
        [Some((Largest, a)), Some((Smallest, b))] => {
            level::run(Both { shape, pixels, kernels: [a, b], betters: (u8::max, u8::min), made });
        }
        [Some((Smallest, a)), Some((Largest, b))] => {
            level::run(Both { shape, pixels, kernels: [a, b], betters: (u8::min, u8::max), made });
        }
        [Some((Largest, a)), Some((Largest, b))] => {
            level::run(Both { shape, pixels, kernels: [a, b], betters: (u8::max, u8::max), made });
        }
        [Some((Smallest, a)), Some((Smallest, b))] => {
            level::run(Both { shape, pixels, kernels: [a, b], betters: (u8::min, u8::min), made });
        }
        [Some((Largest, kernel)), None] | [None, Some((Largest, kernel))] => {
            level::run(One { shape, pixels, kernel, better: u8::max, made });
        }
        [Some((Smallest, kernel)), None] | [None, Some((Smallest, kernel))] => {
            level::run(One { shape, pixels, kernel, better: u8::min, made });
        }
        [None, None] => made.copy_from_slice(pixels),
    }
    if shape.layout == Layout::Rgba {
        let alphas = pixels.as_chunks::<4>().0;
        for (made, [.., alpha]) in made.as_chunks_mut::<4>().0.iter_mut().zip(alphas) {
            made[3] = *alpha;
        }
    }
}

struct One<'p, F> {
    shape: Shape,
    pixels: &'p [u8],
    kernel: usize,
    better: F,
    made: &'p mut [u8],
}

impl<F: Fn(u8, u8) -> u8 + Copy> Kernel for One<'_, F> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { shape, pixels, kernel, better, made } = self;
        let mut sweep = Sweep::new(shape, kernel, better);
        let mut out = made.chunks_mut(kernel * shape.row());
        for y in sweep.inputs() {
            if sweep.feed(row_of(shape, pixels, y)) {
                sweep.down(out.next().expect("as many blocks as there are rows for"));
            }
        }
    }
}

struct Both<'p, F, G> {
    shape: Shape,
    pixels: &'p [u8],
    kernels: [usize; 2],
    betters: (F, G),
    made: &'p mut [u8],
}

impl<F: Fn(u8, u8) -> u8 + Copy, G: Fn(u8, u8) -> u8 + Copy> Kernel for Both<'_, F, G> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { shape, pixels, kernels, betters, made } = self;
        let row = shape.row();
        let mut first = Sweep::new(shape, kernels[0], betters.0);
        let mut second = Sweep::new(shape, kernels[1], betters.1);
        let mut between = vec![0; kernels[0] * row];
        let mut ready = between[..0].chunks_exact(row);
        let (mut inputs, mut left) = (first.inputs(), shape.height as usize);
        let mut out = made.chunks_mut(kernels[1] * row);
        for y in second.inputs() {
            let inside = (0..shape.height as isize).contains(&y);
            while inside && ready.len() == 0 {
                let y = inputs.next().expect("the first is ahead of the second");
                if first.feed(row_of(shape, pixels, y)) {
                    let rows = kernels[0].min(left);
                    left -= rows;
                    first.down(&mut between[..rows * row]);
                    ready = between[..rows * row].chunks_exact(row);
                }
            }
            if second.feed(if inside { ready.next() } else { None }) {
                second.down(out.next().expect("as many blocks as there are rows for"));
            }
        }
    }
}

/// Row `y`, if it is inside of the picture.
fn row_of(shape: Shape, pixels: &[u8], y: isize) -> Option<&[u8]> {
    let y = usize::try_from(y).ok().filter(|y| *y < shape.height as usize)?;
    Some(&pixels[y * shape.row()..][..shape.row()])
}

/// Goes down a picture with a square, a block of rows as high as that at a time.
struct Sweep<F> {
    shape: Shape,
    kernel: usize,
    better: F,
    neutral: u8,
    /// Bytes from row to row in the blocks.
    stride: usize,
    padded: Vec<u8>,
    /// The extremes along the rows of the block in work, and of the one that follows.
    block: Vec<u8>,
    next: Vec<u8>,
    /// Rows of the next block that are there.
    filled: usize,
    /// Extremes down some columns, from each row of the block to its end.
    ends: Vec<[u8; STRIP]>,
    begun: bool,
}

impl<F: Fn(u8, u8) -> u8 + Copy> Sweep<F> {
    fn new(shape: Shape, kernel: usize, better: F) -> Self {
        // What never wins is what loses against both ends.
        let neutral = if better(0, 255) == 255 { 0 } else { 255 };
        // Whole strips, and no multiple of 1 KiB, at which rows share few places in the cache.
        let strips = shape.row().next_multiple_of(STRIP);
        let stride = strips + if strips.is_multiple_of(1024) { STRIP } else { 0 };
        let padded = vec![neutral; strips + (kernel - 1) * shape.layout.channels() + STRIP];
        let block = vec![neutral; kernel * stride];
        let ends = vec![[neutral; STRIP]; kernel];
        let next = block.clone();
        let (filled, begun) = (0, false);
        Self { shape, kernel, better, neutral, stride, padded, block, next, filled, ends, begun }
    }

    /// The rows that are to be fed, in order; some are outside of the picture.
    fn inputs(&self) -> std::ops::Range<isize> {
        let blocks = (self.shape.height as usize).div_ceil(self.kernel) + 1;
        let first = -(self.kernel as isize / 2);
        first..first + (blocks * self.kernel) as isize
    }

    /// Takes in the next row, or one that is outside; returns whether a block is complete.
    #[inline(always)]
    fn feed(&mut self, row: Option<&[u8]>) -> bool {
        if self.filled == self.kernel {
            std::mem::swap(&mut self.block, &mut self.next);
            (self.filled, self.begun) = (0, true);
        }
        let into = &mut self.next[self.filled * self.stride..][..self.stride];
        self.filled += 1;
        match row {
            Some(row) => {
                let (kernel, channels) = (self.kernel, self.shape.layout.channels());
                along(row, (kernel, channels), self.better, self.neutral, &mut self.padded, into);
            }
            None => into.fill(self.neutral),
        }
        self.begun && self.filled == self.kernel
    }

    /// Makes the rows in the middle of the windows that begin in the block in work.
    #[inline(always)]
    fn down(&mut self, out: &mut [u8]) {
        let row = self.shape.row();
        for start in (0..row).step_by(STRIP) {
            let (blocks, columns) = ((&self.block[..], &self.next[..]), (start, self.stride, row));
            down(columns, blocks, &mut self.ends, self.neutral, self.better, out);
        }
    }
}

/// Makes the extremes along a row.
#[inline(always)]
fn along(
    row: &[u8],
    (kernel, channels): (usize, usize),
    better: impl Fn(u8, u8) -> u8 + Copy,
    neutral: u8,
    padded: &mut [u8],
    into: &mut [u8],
) {
    let border = kernel / 2 * channels;
    padded[..border].fill(neutral);
    padded[border..border + row.len()].copy_from_slice(row);
    padded[border + row.len()..].fill(neutral);
    let mut reach = 1;
    while reach * FEW < kernel {
        // What is read lies ahead of what is written, so it can be the same row.
        let still = row.len() + (kernel - reach * TAPS) * channels;
        for start in (0..still).step_by(STRIP) {
            let extremes = neighbours(padded, start, (reach, reach * TAPS), channels, better);
            *at_mut(padded, start) = extremes;
        }
        reach *= TAPS;
    }
    for start in (0..row.len()).step_by(STRIP) {
        *at_mut(into, start) = neighbours(padded, start, (reach, kernel), channels, better);
    }
}

/// From the extremes of `reach` neighbours those of `wanted`.
#[inline(always)]
fn neighbours(
    row: &[u8],
    start: usize,
    (reach, wanted): (usize, usize),
    channels: usize,
    better: impl Fn(u8, u8) -> u8 + Copy,
) -> [u8; STRIP] {
    let mut extremes = *at(row, start);
    let mut shift = 0;
    while shift + reach < wanted {
        // The last ones may overlap.
        shift = (shift + reach).min(wanted - reach);
        combine(&mut extremes, at(row, start + shift * channels), better);
    }
    extremes
}

/// Makes the extremes down one strip of columns of a block of windows; `out` is the picture's rows
/// in which they are centred.
#[inline(always)]
fn down(
    (start, stride, row): (usize, usize, usize),
    (block, next): (&[u8], &[u8]),
    ends: &mut [[u8; STRIP]],
    neutral: u8,
    better: impl Fn(u8, u8) -> u8 + Copy,
    out: &mut [u8],
) {
    let mut extremes = [neutral; STRIP];
    for (n, end) in ends.iter_mut().enumerate().rev() {
        combine(&mut extremes, at(block, n * stride + start), better);
        *end = extremes;
    }
    let mut beginning = [neutral; STRIP];
    for (n, out) in out.chunks_exact_mut(row).enumerate() {
        if n > 0 {
            combine(&mut beginning, at(next, (n - 1) * stride + start), better);
        }
        let mut extremes = ends[n];
        combine(&mut extremes, &beginning, better);
        let out = &mut out[start..];
        match out.first_chunk_mut() {
            Some(out) => *out = extremes,
            None => out.copy_from_slice(&extremes[..out.len()]),
        }
    }
}

#[inline(always)]
fn combine(into: &mut [u8; STRIP], other: &[u8; STRIP], better: impl Fn(u8, u8) -> u8) {
    for (into, other) in into.iter_mut().zip(other) {
        *into = better(*into, *other);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    fn reference(shape: Shape, pixels: &[u8], which: Extreme, kernel: u32) -> Vec<u8> {
        let radius = kernel as isize / 2;
        let (width, height) = (shape.width as isize, shape.height as isize);
        let channels = shape.layout.channels();
        let mut made = pixels.to_vec();
        for y in 0..height {
            for x in 0..width {
                for c in 0..channels.min(3) {
                    let rows = (y - radius).max(0)..=(y + radius).min(height - 1);
                    let columns = (x - radius).max(0)..=(x + radius).min(width - 1);
                    let at = |x, y| (y * width + x) as usize * channels + c;
                    let window = rows.flat_map(|j| columns.clone().map(move |i| pixels[at(i, j)]));
                    made[at(x, y)] = match which {
                        Extreme::Largest => window.max().unwrap(),
                        Extreme::Smallest => window.min().unwrap(),
                    };
                }
            }
        }
        made
    }

    fn one(shape: Shape, pixels: &[u8], which: Extreme, kernel: u32) -> Vec<u8> {
        let mut made = vec![7; pixels.len()];
        extremes(shape, pixels, [Some((which, kernel)), None], &mut made);
        made
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            half in prop_oneof![0_u32..6, Just(45)],
            largest: bool,
        ) {
            let kernel = 2 * half + 1;
            let which = if largest { Extreme::Largest } else { Extreme::Smallest };
            let expected = reference(shape, &pixels, which, kernel);
            at_every_level(|| assert_eq!(one(shape, &pixels, which, kernel), expected));
        }

        #[test]
        fn two_at_once_equal_one_after_the_other(
            (shape, pixels) in pictures(layouts()),
            halves in prop::array::uniform2(0_u32..6),
            largest: [bool; 2],
        ) {
            let which = |n: usize| {
                let extreme = if largest[n] { Extreme::Largest } else { Extreme::Smallest };
                (extreme, 2 * halves[n] + 1)
            };
            let (first, second) = (which(0), which(1));
            let expected = one(shape, &one(shape, &pixels, first.0, first.1), second.0, second.1);
            at_every_level(|| {
                let mut made = vec![7; pixels.len()];
                extremes(shape, &pixels, [Some(first), Some(second)], &mut made);
                assert_eq!(made, expected);
            });
        }

        #[test]
        fn opening_a_dilation_by_its_own_kernel_changes_nothing(
            (shape, pixels) in pictures(layouts()),
        ) {
            let [up, down] = [Extreme::Largest, Extreme::Smallest];
            let long = [up, down, up, up, down]
                .iter()
                .fold(pixels.clone(), |pixels, which| one(shape, &pixels, *which, 5));
            prop_assert_eq!(one(shape, &one(shape, &pixels, up, 9), down, 5), long);
        }
    }
}
