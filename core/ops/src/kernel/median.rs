//! Median of a square, equal to `cv2.medianBlur`; edge pixels are repeated outside.
//!
//! Three by three by comparing whole rows; larger ones by histograms: one for each column of the
//! window, which moves down by a row at a time, and their sum, which moves right by a column, so
//! that the work for a pixel does not depend on the kernel.

use crate::shape::{Layout, Shape};

/// Levels of a histogram.
const LEVELS: usize = 256;
/// Levels that one coarse counter stands for.
const COARSE: usize = 16;

/// A histogram of 16-bit counters: a window of 255×255 fits. Behind the levels come sums of
/// [`COARSE`] of them.
type Histogram = [u16; LEVELS + LEVELS / COARSE];

/// Bytes that [`median`] allocates.
pub(crate) fn row_bytes(shape: Shape, kernel: u32) -> u64 {
    if kernel == 3 {
        return 6 * (shape.row() as u64 + 2 * shape.layout.channels() as u64);
    }
    (u64::from(shape.width) + 1) * size_of::<Histogram>() as u64
}

/// The median of each channel in a `kernel`×`kernel` square; alpha stays. `kernel` is odd, 3–255.
pub(crate) fn median(shape: Shape, pixels: &[u8], kernel: u32, made: &mut [u8]) {
    if kernel == 3 {
        of_nine(shape, pixels, made);
    } else {
        for channel in 0..shape.layout.channels().min(3) {
            of_many(shape, pixels, channel, kernel as usize / 2, made);
        }
    }
    if shape.layout == Layout::Rgba {
        let alphas = pixels.as_chunks::<4>().0;
        for (made, pixel) in made.as_chunks_mut::<4>().0.iter_mut().zip(alphas) {
            made[3] = pixel[3];
        }
    }
}

/// Sorts columns of three, then takes the median of the largest small one, the median middle one
/// and the smallest large one.
fn of_nine(shape: Shape, pixels: &[u8], made: &mut [u8]) {
    let (row, channels, last) = (shape.row(), shape.layout.channels(), shape.height as usize - 1);
    let mut sorted = [(); 3].map(|()| vec![0; row + 2 * channels]);
    for (y, out) in made.chunks_exact_mut(row).enumerate() {
        let [above, here, below] =
            [y.saturating_sub(1), y, (y + 1).min(last)].map(|y| &pixels[y * row..][..row]);
        let [low, middle, high] = &mut sorted;
        for i in 0..row {
            let (small, large) = (above[i].min(here[i]), above[i].max(here[i]));
            let rest = large.min(below[i]);
            low[channels + i] = small.min(below[i]);
            middle[channels + i] = small.max(rest);
            high[channels + i] = large.max(below[i]);
        }
        for side in &mut sorted {
            side.copy_within(channels..2 * channels, 0);
            side.copy_within(row..row + channels, row + channels);
        }
        let [low, middle, high] = &sorted;
        for (i, out) in out.iter_mut().enumerate() {
            let of = |side: &[u8]| [side[i], side[i + channels], side[i + 2 * channels]];
            let lowest = of(low).into_iter().fold(0, u8::max);
            let highest = of(high).into_iter().fold(255, u8::min);
            *out = of_three([lowest, of_three(of(middle)), highest]);
        }
    }
}

fn of_three([a, b, c]: [u8; 3]) -> u8 {
    a.min(b).max(a.max(b).min(c))
}

/// One channel, by histograms.
fn of_many(shape: Shape, pixels: &[u8], channel: usize, radius: usize, made: &mut [u8]) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let channels = shape.layout.channels();
    let sample = |x: usize, y: usize| usize::from(pixels[(y * width + x) * channels + channel]);
    let rank = (2 * radius + 1) * (2 * radius + 1) / 2;
    let mut columns = vec![[0; LEVELS + LEVELS / COARSE]; width];
    for (x, column) in columns.iter_mut().enumerate() {
        for distance in 0..=2 * radius {
            let y = distance.saturating_sub(radius).min(height - 1);
            count(column, sample(x, y), 1);
        }
    }
    for y in 0..height {
        if y > 0 {
            let (old, new) = ((y - 1).saturating_sub(radius), (y + radius).min(height - 1));
            for (x, column) in columns.iter_mut().enumerate() {
                count(column, sample(x, old), u16::MAX);
                count(column, sample(x, new), 1);
            }
        }
        let mut window: Histogram = [0; LEVELS + LEVELS / COARSE];
        for distance in 0..=2 * radius {
            let column = &columns[distance.saturating_sub(radius).min(width - 1)];
            slide(&mut window, column, &[0; LEVELS + LEVELS / COARSE]);
        }
        for x in 0..width {
            if x > 0 {
                let new = &columns[(x + radius).min(width - 1)];
                slide(&mut window, new, &columns[(x - 1).saturating_sub(radius)]);
            }
            made[(y * width + x) * channels + channel] = level_at(&window, rank);
        }
    }
}

/// Counts a sample once more, or with `u16::MAX`, which is −1, once less.
fn count(histogram: &mut Histogram, level: usize, by: u16) {
    for at in [level, LEVELS + level / COARSE] {
        histogram[at] = histogram[at].wrapping_add(by);
    }
}

/// Adds one column and takes another away.
fn slide(window: &mut Histogram, new: &Histogram, old: &Histogram) {
    for ((sum, new), old) in window.iter_mut().zip(new).zip(old) {
        *sum = sum.wrapping_add(*new).wrapping_sub(*old);
    }
}

/// The level of the sample that `rank` others come before.
fn level_at(window: &Histogram, rank: usize) -> u8 {
    let mut before = 0;
    let mut start = 0;
    for coarse in &window[LEVELS..] {
        if before + usize::from(*coarse) > rank {
            break;
        }
        before += usize::from(*coarse);
        start += COARSE;
    }
    for (level, count) in window[..LEVELS].iter().enumerate().skip(start) {
        before += usize::from(*count);
        if before > rank {
            return level as u8;
        }
    }
    unreachable!("a window holds more samples than its median's rank")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    fn reference(shape: Shape, pixels: &[u8], kernel: u32) -> Vec<u8> {
        let radius = kernel as isize / 2;
        let (width, height) = (shape.width as isize, shape.height as isize);
        let channels = shape.layout.channels();
        let mut made = pixels.to_vec();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            for c in 0..channels.min(3) {
                let mut window = vec![];
                for (j, i) in
                    (-radius..=radius).flat_map(|j| (-radius..=radius).map(move |i| (j, i)))
                {
                    let (x, y) = ((x + i).clamp(0, width - 1), (y + j).clamp(0, height - 1));
                    window.push(pixels[(y * width + x) as usize * channels + c]);
                }
                window.sort_unstable();
                made[(y * width + x) as usize * channels + c] = window[window.len() / 2];
            }
        }
        made
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            half in prop_oneof![3 => 1_u32..5, 1 => Just(11)],
        ) {
            let kernel = 2 * half + 1;
            let mut made = vec![7; pixels.len()];
            median(shape, &pixels, kernel, &mut made);
            prop_assert_eq!(made, reference(shape, &pixels, kernel));
        }
    }

    #[test]
    fn the_largest_window_does_not_overflow_its_counters() {
        let shape = Shape { width: 3, height: 2, layout: Layout::Gray };
        let mut made = [0; 6];
        median(shape, &[9; 6], 255, &mut made);
        assert_eq!(made, [9; 6]);
    }
}
