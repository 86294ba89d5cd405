//! Gaussian blur of bytes, equal to `OpenCV`'s bit-exact fixed-point path.
//!
//! The sum over both directions is an exact integer of 16 fractional bits, rounded once at the
//! end, so the order of the passes does not matter. In plain code the vertical pass comes first: it
//! reads bytes, and its sums fit 16 bits; in AVX2 ([`x86::blur`](super::x86::blur)) it is the second.
//! Borders are mirrored without repeating the edge (`REFLECT_101`), as often as the kernel needs.
//!
//! Compared byte by byte with `cv2.GaussianBlur` of opencv-python-headless 5.0.0, without a
//! difference: whole files through this crate, kernels 3–255 with and without sigma, one, three
//! and (opaque) four channels, up to 12 megapixels; and the arithmetic with the weights of
//! [`half_kernel`] in 1,830 combinations of kernels 1–1023, sigmas 0.01–1000 and pictures from
//! 1×1 to 41×37. RGBA is blurred on colours multiplied by alpha, which `OpenCV` does not do;
//! where alpha is 255 throughout the results are equal again.

#![allow(unsafe_code, reason = "calls what is compiled for AVX2")]

#[cfg(target_arch = "x86_64")]
mod pairs;

use super::alpha;
use super::gaussian::half_kernel;
use super::lanes::{at, at_mut};
use super::level::{self, Kernel};
#[cfg(target_arch = "x86_64")]
use super::{level::Level, x86};
use crate::shape::{Layout, Shape};

/// Samples that a pass keeps in registers at a time.
const LANES: usize = 64;

/// Rows that are kept from one blur to the next, so that nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One row of vertical sums with its mirrored borders, the high bytes.
    high: Vec<u16>,
    /// The low bytes of the same row.
    low: Vec<u16>,
    /// Premultiplied rows around the one in work, for RGBA.
    ring: Vec<u8>,
    /// For AVX2: two rows with their mirrored borders, and sums along pairs of rows.
    padded: [Vec<u8>; 2],
    pairs: Vec<i16>,
}

/// Bytes of the scratch rows that a blur needs.
pub(crate) fn scratch_bytes(shape: Shape, kernel: u32) -> u64 {
    let padded = (u64::from(shape.width) + u64::from(kernel)) * shape.layout.channels() as u64;
    let ring = match shape.layout {
        Layout::Gray | Layout::Rgb => 0,
        Layout::Rgba => u64::from(kernel.min(shape.height)) * shape.row() as u64,
    };
    let plain = 2 * 2 * (padded + 2 * LANES as u64) + ring + u64::from(kernel) * 32;
    let pairs = u64::from(kernel / 2 + 1) * 4 * (shape.row() as u64 + LANES as u64);
    plain.max(2 * (padded + LANES as u64) + pairs + u64::from(kernel) * 40)
}

/// Blurs `pixels` into `blurred`; both have the given shape, `kernel` is odd.
pub(crate) fn blur(
    shape: Shape,
    pixels: &[u8],
    (kernel, sigma): (u32, Option<f64>),
    scratch: &mut Scratch,
    blurred: &mut [u8],
) {
    let weights = half_kernel(kernel, sigma);
    #[cfg(target_arch = "x86_64")]
    if Level::current() > Level::Portable
        && let Some(weights) = x86::blur::Weights::new(&weights)
    {
        // SAFETY: the machine has AVX2, or it were not its level.
        return unsafe { pairs::by_pairs(shape, pixels, &weights, scratch, blurred) };
    }
    let radius = weights.len() - 1;
    let (row, height) = (shape.row(), shape.height as usize);
    let channels = shape.layout.channels();
    let border = radius * channels;
    let Scratch { high, low, ring, .. } = scratch;
    // Zeroed to its end once; after that only the length is set.
    high.resize(row + 2 * border, 0);
    low.resize(row + 2 * border, 0);
    let premultiplied = shape.layout == Layout::Rgba;
    let ring_rows = if premultiplied { height.min(2 * radius + 1) } else { 0 };
    ring.resize(ring_rows * row, 0);
    let mut multiplied_rows = 0;

    for (y, out) in blurred.chunks_exact_mut(row).enumerate() {
        while premultiplied && multiplied_rows < height.min(y + radius + 1) {
            let slot = multiplied_rows % ring_rows * row;
            let from = &pixels[multiplied_rows * row..][..row];
            alpha::premultiply(from, &mut ring[slot..slot + row]);
            multiplied_rows += 1;
        }
        let source_row = |distance: isize| {
            let at = mirrored(y as isize + distance, height);
            if premultiplied {
                &ring[at % ring_rows * row..][..row]
            } else {
                &pixels[at * row..][..row]
            }
        };
        let distances = (1..=radius as isize).rev();
        let pairs: Vec<_> = distances.map(|d| (source_row(-d), source_row(d))).collect();
        let inner = border..border + row;
        let (high_sums, low_sums) = (&mut high[inner.clone()], &mut low[inner]);
        let weights = &weights[..];
        let (centre, pairs) = (source_row(0), &pairs[..]);
        level::run_widest(Vertical { weights, centre, pairs, high: high_sums, low: low_sums });
        mirror_borders(high, shape.width as usize, radius, channels);
        mirror_borders(low, shape.width as usize, radius, channels);
        level::run_widest(Horizontal { weights, high, low, channels, out });
        if premultiplied {
            alpha::unpremultiply(out);
        }
    }
}

/// The weighted sum of rows, in 256ths, split into high and low bytes.
struct Vertical<'b> {
    weights: &'b [u16],
    /// The row in work.
    centre: &'b [u8],
    /// Those above and below it, the furthest first.
    pairs: &'b [(&'b [u8], &'b [u8])],
    high: &'b mut [u16],
    low: &'b mut [u16],
}

impl Kernel for Vertical<'_> {
    type Made = ();

    #[inline(always)]
    fn run(mut self) {
        let (bulk, length) = (self.high.len() / LANES * LANES, self.high.len());
        for start in (0..bulk).step_by(LANES) {
            self.sum_rows::<LANES>(start);
        }
        for start in bulk..length {
            self.sum_rows::<1>(start);
        }
    }
}

impl Vertical<'_> {
    /// Does the `N` samples from `start` on.
    ///
    /// The arithmetic wraps by name only: all weights together are 256, so that no sum over bytes
    /// passes 65,280. Checked arithmetic would keep the loops of test builds from being vectorised.
    #[inline(always)]
    fn sum_rows<const N: usize>(&mut self, start: usize) {
        let (centre, outer) = self.weights.split_last().expect("a kernel has a centre");
        let mut sums = [0_u16; N];
        let samples: &[u8; N] = at(self.centre, start);
        for i in 0..N {
            sums[i] = centre.wrapping_mul(u16::from(samples[i]));
        }
        for (weight, (above, below)) in outer.iter().zip(self.pairs) {
            let (above, below): (&[u8; N], &[u8; N]) = (at(above, start), at(below, start));
            for i in 0..N {
                let pair = u16::from(above[i]).wrapping_add(u16::from(below[i]));
                sums[i] = sums[i].wrapping_add(weight.wrapping_mul(pair));
            }
        }
        let high: &mut [u16; N] = at_mut(self.high, start);
        let low: &mut [u16; N] = at_mut(self.low, start);
        for i in 0..N {
            (high[i], low[i]) = (sums[i] >> 8, sums[i] & 0xff);
        }
    }
}

/// The weighted sum along a row, rounded to bytes.
struct Horizontal<'b> {
    weights: &'b [u16],
    high: &'b [u16],
    low: &'b [u16],
    channels: usize,
    out: &'b mut [u8],
}

impl Kernel for Horizontal<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { weights, high, low, channels, out } = self;
        let (bulk, length) = (out.len() / LANES * LANES, out.len());
        for start in (0..bulk).step_by(LANES) {
            sum_along::<LANES>(weights, (high, low), channels, start, out);
        }
        for start in bulk..length {
            sum_along::<1>(weights, (high, low), channels, start, out);
        }
    }
}

/// [`Horizontal`] for the `N` samples from `start` on.
///
/// The sum over high bytes and the sum over low bytes both fit 16 bits, as in [`Vertical`], and
/// together they are the sum over the 16-bit samples, at half the width of the arithmetic.
#[inline(always)]
fn sum_along<const N: usize>(
    weights: &[u16],
    (high, low): (&[u16], &[u16]),
    channels: usize,
    start: usize,
    out: &mut [u8],
) {
    let (centre, outer) = weights.split_last().expect("a kernel has a centre");
    let border = outer.len() * channels;
    // As long as the window, so that what is inside of it needs no more looking.
    let window = start..start + 2 * border + N;
    let (high, low) = (&high[window.clone()], &low[window]);
    let (mut highs, mut lows) = ([0_u16; N], [0_u16; N]);
    let (middle_high, middle_low): (&[u16; N], &[u16; N]) = (at(high, border), at(low, border));
    for i in 0..N {
        highs[i] = centre.wrapping_mul(middle_high[i]);
        lows[i] = centre.wrapping_mul(middle_low[i]);
    }
    let (mut left, mut right) = (0, 2 * border);
    for weight in outer {
        let (a, b): (&[u16; N], &[u16; N]) = (at(high, left), at(high, right));
        let (c, d): (&[u16; N], &[u16; N]) = (at(low, left), at(low, right));
        for i in 0..N {
            highs[i] = highs[i].wrapping_add(weight.wrapping_mul(a[i].wrapping_add(b[i])));
        }
        for i in 0..N {
            lows[i] = lows[i].wrapping_add(weight.wrapping_mul(c[i].wrapping_add(d[i])));
        }
        (left, right) = (left + channels, right - channels);
    }
    let out: &mut [u8; N] = at_mut(out, start);
    for i in 0..N {
        // What the low bytes carry over, with half of what is cut off: at most 255 and a bit.
        let carried = (u32::from(lows[i]) + (1 << 15)) >> 8;
        out[i] = ((u32::from(highs[i]) + carried) >> 8) as u8;
    }
}

/// Fills the `radius` pixels on both sides of a row from its inside.
fn mirror_borders<T: Copy>(row: &mut [T], width: usize, radius: usize, channels: usize) {
    let mut copy = |to: usize, from: isize| {
        let from = (radius + mirrored(from, width)) * channels;
        row.copy_within(from..from + channels, to * channels);
    };
    for i in 0..radius {
        copy(i, i as isize - radius as isize);
        copy(radius + width + i, (width + i) as isize);
    }
}

/// The index inside `0..length` that a mirror at both ends shows at `index`.
fn mirrored(index: isize, length: usize) -> usize {
    if let Ok(inside) = usize::try_from(index)
        && inside < length
    {
        return inside;
    }
    if length == 1 {
        return 0;
    }
    let last = length - 1;
    let folded = index.unsigned_abs() % (2 * last);
    folded.min(2 * last - folded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    /// Every output sample as one sum over the whole window.
    fn reference(shape: Shape, pixels: &[u8], kernel: u32, sigma: Option<f64>) -> Vec<u8> {
        let half = half_kernel(kernel, sigma);
        let weights: Vec<_> = half.iter().chain(half.iter().rev().skip(1)).collect();
        let radius = half.len() as isize - 1;
        let (width, height) = (shape.width as usize, shape.height as usize);
        let channels = shape.layout.channels();
        let mut source = pixels.to_vec();
        if shape.layout == Layout::Rgba {
            alpha::premultiply(pixels, &mut source);
        }
        let mut blurred = vec![];
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            for channel in 0..channels {
                let mut sum = 1 << 15;
                for (j, down) in (-radius..=radius).zip(&weights) {
                    for (i, across) in (-radius..=radius).zip(&weights) {
                        let y = mirrored(y as isize + j, height);
                        let x = mirrored(x as isize + i, width);
                        let sample = source[(y * width + x) * channels + channel];
                        sum += u32::from(**down) * u32::from(**across) * u32::from(sample);
                    }
                }
                blurred.push((sum >> 16) as u8);
            }
        }
        if shape.layout == Layout::Rgba {
            alpha::unpremultiply(&mut blurred);
        }
        blurred
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            half in prop_oneof![0_u32..12, Just(40)],
            sigma in prop::option::of(0.05_f64..30.0),
        ) {
            let kernel = 2 * half + 1;
            let expected = reference(shape, &pixels, kernel, sigma);
            at_every_level(|| {
                let mut blurred = vec![0; pixels.len()];
                // A scratch that held another picture before must not show.
                let (high, low, ring) = (vec![7; 9], vec![7; 999], vec![7; 99]);
                let (padded, pairs) = ([vec![7; 9], vec![7; 999]], vec![7; 99]);
                let mut scratch = Scratch { high, low, ring, padded, pairs };
                blur(shape, &pixels, (kernel, sigma), &mut scratch, &mut blurred);
                assert_eq!(blurred, expected);
            });
        }
    }

    /// Kernel, sigma, and what comes out.
    type Golden = (u32, Option<f64>, [u8; 20]);

    #[test]
    fn a_small_picture_is_blurred_as_opencv_does() {
        let shape = Shape { width: 5, height: 4, layout: Layout::Gray };
        let pixels: Vec<u8> = (0..20).map(|i| ((i * 37 + 11) % 256) as u8).collect();
        // Printed by cv2.GaussianBlur of opencv-python-headless 5.0.0.
        let golden: [Golden; 4] = [
            (
                3,
                None,
                [
                    122, 109, 82, 87, 105, 151, 137, 110, 99, 102, 144, 146, 151, 140, 127, 108,
                    127, 164, 169, 155,
                ],
            ),
            (
                7,
                None,
                [
                    127, 124, 116, 109, 108, 131, 128, 122, 117, 115, 136, 135, 134, 132, 130, 137,
                    138, 139, 139, 138,
                ],
            ),
            (
                15,
                None,
                [
                    128, 128, 127, 127, 125, 128, 129, 127, 127, 126, 129, 130, 128, 128, 127, 129,
                    130, 128, 128, 127,
                ],
            ),
            (
                9,
                Some(2.5),
                [
                    129, 129, 128, 127, 126, 130, 130, 128, 127, 126, 129, 130, 128, 127, 126, 128,
                    129, 127, 126, 125,
                ],
            ),
        ];
        for (kernel, sigma, expected) in golden {
            let mut blurred = [0; 20];
            blur(shape, &pixels, (kernel, sigma), &mut Scratch::default(), &mut blurred);
            assert_eq!(blurred, expected, "kernel {kernel}, sigma {sigma:?}");
        }
    }

    #[test]
    fn mirrors_do_not_repeat_the_edge() {
        let shown: Vec<_> = (-5..9).map(|i| mirrored(i, 3)).collect();
        assert_eq!(shown, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0]);
    }
}
