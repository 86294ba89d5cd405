//! Dilation and erosion by a square, equal to `cv2.dilate` and `cv2.erode`: the largest or
//! smallest sample under the kernel. Pixels outside of the picture do not count.
//!
//! Rows are widened by doubling: the extremes of 2, 4, 8 … neighbours. Columns are taken in blocks
//! as high as the kernel: every window is the end of one block and the beginning of the next.

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

/// Bytes that [`extreme`] allocates.
pub(crate) fn row_bytes(shape: Shape, kernel: u32) -> u64 {
    let padded = shape.row() as u64 + u64::from(kernel) * shape.layout.channels() as u64;
    padded + (u64::from(kernel) + 2) * shape.row() as u64
}

/// The extreme samples of each channel under a `kernel`×`kernel` square; alpha stays.
pub(crate) fn extreme(shape: Shape, pixels: &[u8], extreme: Extreme, kernel: u32, made: &mut [u8]) {
    match extreme {
        Extreme::Largest => both_ways(shape, pixels, (extreme, kernel), u8::max, made),
        Extreme::Smallest => both_ways(shape, pixels, (extreme, kernel), u8::min, made),
    }
    if shape.layout == Layout::Rgba {
        let alphas = pixels.as_chunks::<4>().0;
        for (made, [.., alpha]) in made.as_chunks_mut::<4>().0.iter_mut().zip(alphas) {
            made[3] = *alpha;
        }
    }
}

fn both_ways(
    shape: Shape,
    pixels: &[u8],
    (extreme, kernel): (Extreme, u32),
    better: impl Fn(u8, u8) -> u8 + Copy,
    made: &mut [u8],
) {
    let (row, height) = (shape.row(), shape.height as usize);
    let channels = shape.layout.channels();
    let kernel = kernel as usize;
    let radius = kernel / 2;
    let mut padded = vec![extreme.neutral(); row + (kernel - 1) * channels];
    // Along a row, into a row.
    let mut along = |y: usize, into: &mut [u8]| {
        padded.fill(extreme.neutral());
        padded[radius * channels..][..row].copy_from_slice(&pixels[y * row..][..row]);
        widen(&mut padded, kernel, channels, better);
        into.copy_from_slice(&padded[..row]);
    };
    // Extremes from each row of a block to the block's end, and from its beginning on.
    let mut ends = vec![extreme.neutral(); kernel * row];
    let mut beginning = vec![extreme.neutral(); row];
    let mut line = vec![extreme.neutral(); row];
    // Windows begin `radius` rows above the picture.
    let (first, last) = (-(radius as isize), height as isize - 1 - radius as isize);
    let inside = |y: isize| usize::try_from(y).ok().filter(|y| *y < height);
    for block in (first..=last).step_by(kernel) {
        for i in (0..kernel).rev() {
            let (here, below) = ends[i * row..].split_at_mut(row);
            match inside(block + i as isize) {
                Some(y) => along(y, here),
                None => here.fill(extreme.neutral()),
            }
            if i + 1 < kernel {
                combine(here, &below[..row], better);
            }
        }
        beginning.fill(extreme.neutral());
        for i in 0..kernel {
            if i > 0
                && let Some(y) = inside(block + (kernel + i - 1) as isize)
            {
                along(y, &mut line);
                combine(&mut beginning, &line, better);
            }
            let Some(y) = inside(block + (i + radius) as isize) else { continue };
            let out = &mut made[y * row..][..row];
            out.copy_from_slice(&ends[i * row..][..row]);
            combine(out, &beginning, better);
        }
    }
}

/// Makes each sample the extreme of itself and the `kernel` − 1 that follow in its channel.
fn widen(row: &mut [u8], kernel: usize, channels: usize, better: impl Fn(u8, u8) -> u8 + Copy) {
    let mut reach = 1;
    while reach < kernel {
        let step = reach.min(kernel - reach);
        let shift = step * channels;
        // What is read lies ahead of what is written, so nothing is read twice.
        for i in 0..row.len() - shift {
            row[i] = better(row[i], row[i + shift]);
        }
        reach += step;
    }
}

fn combine(into: &mut [u8], other: &[u8], better: impl Fn(u8, u8) -> u8) {
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
