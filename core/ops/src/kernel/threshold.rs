//! Thresholds: fixed, Otsu's, and that of the neighbourhood.

use pixmill_contract::operation::{Adaptive, AdaptiveMethod};

use super::histogram::{of_luma, otsu};
use super::level::{self, Kernel};
use crate::shape::{Layout, Shape};

/// Makes every colour sample above `value` `max` and every other 0, in place; alpha stays.
pub(crate) fn binary(layout: Layout, pixels: &mut [u8], value: u8, max: u8) {
    level::run(Part { layout, pixels, value, max });
}

struct Part<'p> {
    layout: Layout,
    pixels: &'p mut [u8],
    value: u8,
    max: u8,
}

impl Kernel for Part<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let above = |sample: u8| if sample > self.value { self.max } else { 0 };
        match self.layout {
            Layout::Gray | Layout::Rgb => {
                for sample in self.pixels {
                    *sample = above(*sample);
                }
            }
            Layout::Rgba => {
                for [colours @ .., _] in self.pixels.as_chunks_mut::<4>().0 {
                    *colours = colours.map(above);
                }
            }
        }
    }
}

/// [`binary`] with the value that Otsu's method finds; colours are equal.
pub(crate) fn by_otsu(layout: Layout, pixels: &mut [u8], max: u8) {
    let value = otsu(&of_luma(layout, pixels));
    binary(layout, pixels, value, max);
}

/// Bytes that [`adaptive`] allocates.
pub(crate) fn row_bytes(shape: Shape, block: u32) -> u64 {
    (u64::from(shape.width) + u64::from(block)) * 8 + u64::from(block) * 8
}

/// Compares each gray sample with its neighbourhood; one byte a pixel in and out.
///
/// Edge pixels are repeated outside. A sample passes if it is above the neighbourhood's rounded
/// value − `c` rounded up.
pub(crate) fn adaptive(shape: Shape, gray: &[u8], adaptive: Adaptive, made: &mut [u8]) {
    let c = adaptive.c.ceil() as i32;
    let max = adaptive.max;
    let compare = |row: &[u8], mean: &mut dyn Iterator<Item = u8>, out: &mut [u8]| {
        for ((sample, out), mean) in row.iter().zip(out).zip(mean) {
            *out = if i32::from(*sample) - i32::from(mean) > -c { max } else { 0 };
        }
    };
    match adaptive.method {
        AdaptiveMethod::Mean => by_mean(shape, gray, adaptive.block as usize, compare, made),
        AdaptiveMethod::Gaussian => by_gaussian(shape, gray, adaptive.block, compare, made),
    }
}

fn by_mean(
    shape: Shape,
    gray: &[u8],
    block: usize,
    compare: impl Fn(&[u8], &mut dyn Iterator<Item = u8>, &mut [u8]),
    made: &mut [u8],
) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let radius = block / 2;
    let row = |y: isize| {
        let y = y.clamp(0, height as isize - 1) as usize;
        &gray[y * width..][..width]
    };
    // Sums of the window's columns.
    let mut columns = vec![0_u32; width];
    for distance in -(radius as isize)..=radius as isize {
        columns.iter_mut().zip(row(distance)).for_each(|(sum, s)| *sum += u32::from(*s));
    }
    let area = (block * block) as u32;
    for (y, out) in made.chunks_exact_mut(width).enumerate() {
        if y > 0 {
            let (old, new) = (row(y as isize - 1 - radius as isize), row((y + radius) as isize));
            for ((sum, old), new) in columns.iter_mut().zip(old).zip(new) {
                *sum = *sum + u32::from(*new) - u32::from(*old);
            }
        }
        let column = |x: isize| columns[x.clamp(0, width as isize - 1) as usize];
        let mut sum = (-(radius as isize) - 1..radius as isize).map(column).sum::<u32>();
        let mut means = (0..width as isize).map(|x| {
            sum = sum + column(x + radius as isize) - column(x - 1 - radius as isize);
            // The area is odd, so that no mean lies half-way.
            ((sum + area / 2) / area) as u8
        });
        compare(row(y as isize), &mut means, out);
    }
}

fn by_gaussian(
    shape: Shape,
    gray: &[u8],
    block: u32,
    compare: impl Fn(&[u8], &mut dyn Iterator<Item = u8>, &mut [u8]),
    made: &mut [u8],
) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let weights = super::gaussian::exact(block);
    let radius = weights.len() / 2;
    let row = |y: isize| {
        let y = y.clamp(0, height as isize - 1) as usize;
        &gray[y * width..][..width]
    };
    let mut sums = vec![0.0; width + 2 * radius];
    for (y, out) in made.chunks_exact_mut(width).enumerate() {
        let inner = &mut sums[radius..radius + width];
        inner.fill(0.0);
        for (weight, distance) in weights.iter().zip(-(radius as isize)..) {
            for (sum, sample) in inner.iter_mut().zip(row(y as isize + distance)) {
                *sum += weight * f64::from(*sample);
            }
        }
        let (first, last) = (sums[radius], sums[radius + width - 1]);
        sums[..radius].fill(first);
        sums[radius + width..].fill(last);
        let mut means = sums.windows(weights.len()).map(|window| {
            let sum: f64 = window.iter().zip(&weights).map(|(sum, weight)| sum * weight).sum();
            sum.round_ties_even() as u8
        });
        compare(row(y as isize), &mut means, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    /// Each neighbourhood summed by itself.
    fn reference(shape: Shape, gray: &[u8], adaptive: Adaptive) -> Vec<u8> {
        let (width, height) = (shape.width as isize, shape.height as isize);
        let radius = adaptive.block as isize / 2;
        let weights = match adaptive.method {
            AdaptiveMethod::Mean => {
                vec![1.0 / f64::from(adaptive.block); adaptive.block as usize]
            }
            AdaptiveMethod::Gaussian => crate::kernel::gaussian::exact(adaptive.block),
        };
        let at = |x: isize, y: isize| {
            gray[(y.clamp(0, height - 1) * width + x.clamp(0, width - 1)) as usize]
        };
        let mut made = vec![];
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let mut mean = 0.0;
            for (j, down) in (-radius..=radius).zip(&weights) {
                for (i, across) in (-radius..=radius).zip(&weights) {
                    mean += down * across * f64::from(at(x + i, y + j));
                }
            }
            let limit = mean.round_ties_even() - adaptive.c.ceil();
            made.push(if f64::from(at(x, y)) > limit { adaptive.max } else { 0 });
        }
        made
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn adaptive_equals_its_reference(
            (shape, gray) in pictures(Just(Layout::Gray)),
            half in 1_u32..10,
            c in -20.0_f64..20.0,
        ) {
            let block = 2 * half + 1;
            for method in [AdaptiveMethod::Mean, AdaptiveMethod::Gaussian] {
                let parameters = Adaptive { method, block, c, max: 200 };
                let mut made = vec![7; gray.len()];
                adaptive(shape, &gray, parameters, &mut made);
                let expected = reference(shape, &gray, parameters);
                // Sums in another order may part a mean that lies half-way, so very rarely.
                let differ = made.iter().zip(&expected).filter(|(a, b)| a != b).count();
                prop_assert!(differ <= usize::from(method == AdaptiveMethod::Gaussian));
            }
        }

        #[test]
        fn binary_keeps_alpha((shape, pixels) in pictures(layouts()), value: u8, max: u8) {
            at_every_level(|| {
                let mut made = pixels.clone();
                binary(shape.layout, &mut made, value, max);
                for (i, (made, sample)) in made.iter().zip(&pixels).enumerate() {
                    let is_alpha = shape.layout == Layout::Rgba && i % 4 == 3;
                    let above = if *sample > value { max } else { 0 };
                    assert_eq!(*made, if is_alpha { *sample } else { above });
                }
            });
        }
    }
}
