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

impl Extreme {
    /// What never wins.
    fn neutral(self) -> u8 {
        match self {
            Self::Largest => 0,
            Self::Smallest => 255,
        }
    }
}

/// Bytes of a row that are worked on at a time.
const STRIP: usize = 128;

/// Neighbours of which the extreme is taken at once; those of `morphology` are.
const TAPS: usize = 9;

/// Bytes that [`extreme`] allocates.
pub(crate) fn row_bytes(shape: Shape, kernel: u32) -> u64 {
    let (row, kernel) = (shape.row() as u64, u64::from(kernel));
    let padded = row + kernel * shape.layout.channels() as u64 + 2 * STRIP as u64;
    padded + kernel * (2 * row + 5 * STRIP as u64)
}

/// The extreme samples of each channel under a `kernel`×`kernel` square; alpha stays.
pub(crate) fn extreme(shape: Shape, pixels: &[u8], extreme: Extreme, kernel: u32, made: &mut [u8]) {
    let task = Task { shape, pixels, kernel: kernel as usize, neutral: extreme.neutral() };
    match extreme {
        Extreme::Largest => level::run(BothWays { task, better: u8::max, made }),
        Extreme::Smallest => level::run(BothWays { task, better: u8::min, made }),
    }
    if shape.layout == Layout::Rgba {
        let alphas = pixels.as_chunks::<4>().0;
        for (made, [.., alpha]) in made.as_chunks_mut::<4>().0.iter_mut().zip(alphas) {
            made[3] = *alpha;
        }
    }
}

/// What is done to which picture.
#[derive(Clone, Copy)]
struct Task<'p> {
    shape: Shape,
    pixels: &'p [u8],
    kernel: usize,
    neutral: u8,
}

struct BothWays<'p, F> {
    task: Task<'p>,
    better: F,
    made: &'p mut [u8],
}

impl<F: Fn(u8, u8) -> u8 + Copy> Kernel for BothWays<'_, F> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        both_ways(&self.task, self.better, self.made);
    }
}

#[inline(always)]
fn both_ways(task: &Task<'_>, better: impl Fn(u8, u8) -> u8 + Copy, made: &mut [u8]) {
    let Task { shape, kernel, neutral, .. } = *task;
    let (row, height) = (shape.row(), shape.height as usize);
    let radius = kernel / 2;
    // Whole strips, and not a multiple of 4 KiB, at which rows would share one place in the cache.
    let strips = row.next_multiple_of(STRIP);
    let stride = strips + if strips.is_multiple_of(1024) { STRIP } else { 0 };
    let reach = (kernel - 1) * shape.layout.channels();
    let mut padded = vec![neutral; strips + reach + STRIP];
    // The rows of the block in work, and of the one that follows.
    let mut block = vec![neutral; kernel * stride];
    let mut next = block.clone();
    let mut ends = vec![[neutral; STRIP]; kernel];
    // Windows begin `radius` rows above the picture.
    let (first, last) = (-(radius as isize), height as isize - 1 - radius as isize);
    along(task, better, first, &mut padded, (&mut next, stride));
    for top in (first..=last).step_by(kernel) {
        std::mem::swap(&mut block, &mut next);
        along(task, better, top + kernel as isize, &mut padded, (&mut next, stride));
        let lines = (top + radius as isize) as usize;
        let out = &mut made[lines * row..height.min(lines + kernel) * row];
        for start in (0..strips).step_by(STRIP) {
            let columns = (start, stride, row);
            down(columns, (&block, &next), &mut ends, neutral, better, out);
        }
    }
}

/// Makes the extremes along the `kernel` rows from `top` on; those outside of the picture are neutral.
#[inline(always)]
fn along(
    task: &Task<'_>,
    better: impl Fn(u8, u8) -> u8 + Copy,
    top: isize,
    padded: &mut [u8],
    (rows, stride): (&mut [u8], usize),
) {
    let (row, channels) = (task.shape.row(), task.shape.layout.channels());
    let border = task.kernel / 2 * channels;
    for (y, into) in (top..).zip(rows.chunks_exact_mut(stride)) {
        let Some(y) = usize::try_from(y).ok().filter(|y| *y < task.shape.height as usize) else {
            into.fill(task.neutral);
            continue;
        };
        padded[..border].fill(task.neutral);
        padded[border..border + row].copy_from_slice(&task.pixels[y * row..][..row]);
        padded[border + row..].fill(task.neutral);
        let mut reach = 1;
        while reach * TAPS < task.kernel {
            // What is read lies ahead of what is written, so it can be the same row.
            let still = row + (task.kernel - reach * TAPS) * channels;
            for start in (0..still).step_by(STRIP) {
                let extremes = neighbours(padded, start, (reach, reach * TAPS), channels, better);
                *at_mut(padded, start) = extremes;
            }
            reach *= TAPS;
        }
        for start in (0..row).step_by(STRIP) {
            *at_mut(into, start) =
                neighbours(padded, start, (reach, task.kernel), channels, better);
        }
    }
}

/// From the extremes of `reach` neighbours those of `wanted`, at most [`TAPS`] times as many.
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
    use crate::kernel::testing::{layouts, pictures};

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
            let mut made = vec![7; pixels.len()];
            extreme(shape, &pixels, which, kernel, &mut made);
            prop_assert_eq!(made, reference(shape, &pixels, which, kernel));
        }

        #[test]
        fn opening_a_dilation_by_its_own_kernel_changes_nothing(
            (shape, pixels) in pictures(layouts()),
        ) {
            let step = |pixels: &[u8], which, kernel| {
                let mut made = vec![0; pixels.len()];
                extreme(shape, pixels, which, kernel, &mut made);
                made
            };
            let [up, down] = [Extreme::Largest, Extreme::Smallest];
            let long = [up, down, up, up, down]
                .iter()
                .fold(pixels.clone(), |pixels, which| step(&pixels, *which, 5));
            prop_assert_eq!(step(&step(&pixels, up, 9), down, 5), long);
        }
    }
}
