//! Gaussian blur of bytes, equal to `OpenCV`'s bit-exact fixed-point path.
//!
//! The sum over both directions is an exact integer of 16 fractional bits, rounded once at the
//! end, so the order of the passes does not matter. Here the vertical pass comes first: it reads
//! bytes, and its sums fit 16 bits. Borders are mirrored without repeating the edge
//! (`REFLECT_101`), as often as the kernel needs.
//!
//! Compared with `cv2.GaussianBlur` (5.0.0, one, three and four channels) byte by byte; see
//! [`half_kernel`] for the weights. RGBA is blurred on colours multiplied by alpha, which
//! `OpenCV` does not do; where alpha is 255 throughout the results are equal again.

use super::alpha;
use super::gaussian::half_kernel;
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
}

/// Bytes of the scratch rows that a blur needs.
pub(crate) fn scratch_bytes(shape: Shape, kernel: u32) -> u64 {
    let padded = (u64::from(shape.width) + u64::from(kernel)) * shape.layout.channels() as u64;
    let ring = match shape.layout {
        Layout::Gray | Layout::Rgb => 0,
        Layout::Rgba => u64::from(kernel.min(shape.height)) * shape.row() as u64,
    };
    2 * 2 * (padded + 2 * LANES as u64) + ring + u64::from(kernel) * 32
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
    let radius = weights.len() - 1;
    let (row, height) = (shape.row(), shape.height as usize);
    let channels = shape.layout.channels();
    let border = radius * channels;
    let Scratch { high, low, ring } = scratch;
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
        let inner = border..border + row;
        vertical(&weights, source_row, &mut high[inner.clone()], &mut low[inner]);
        mirror_borders(high, shape.width as usize, radius, channels);
        mirror_borders(low, shape.width as usize, radius, channels);
        horizontal(&weights, high, low, channels, out);
        if premultiplied {
            alpha::unpremultiply(out);
        }
    }
}

/// The weighted sum of rows, in 256ths, split into high and low bytes.
fn vertical<'p>(
    weights: &[u16],
    row: impl Fn(isize) -> &'p [u8],
    high: &mut [u16],
    low: &mut [u16],
) {
    let (centre, outer) = weights.split_last().expect("a kernel has a centre");
    let radius = outer.len() as isize;
    let mut sums = [0_u16; LANES];
    for start in (0..high.len()).step_by(LANES) {
        let lanes = start..high.len().min(start + LANES);
        let sums = &mut sums[..lanes.len()];
        for (sum, sample) in sums.iter_mut().zip(&row(0)[lanes.clone()]) {
            *sum = centre * u16::from(*sample);
        }
        for (weight, distance) in outer.iter().zip((1..=radius).rev()) {
            let (above, below) = (&row(-distance)[lanes.clone()], &row(distance)[lanes.clone()]);
            for ((sum, a), b) in sums.iter_mut().zip(above).zip(below) {
                *sum += weight * (u16::from(*a) + u16::from(*b));
            }
        }
        for ((sum, high), low) in sums.iter().zip(&mut high[lanes.clone()]).zip(&mut low[lanes]) {
            (*high, *low) = (sum >> 8, sum & 0xff);
        }
    }
}

/// The weighted sum along a row, rounded to bytes.
///
/// The sum over high bytes and the sum over low bytes both fit 16 bits, and together they are the
/// sum over the 16-bit samples, at half the width of the arithmetic.
fn horizontal(weights: &[u16], high: &[u16], low: &[u16], channels: usize, out: &mut [u8]) {
    let (centre, outer) = weights.split_last().expect("a kernel has a centre");
    let border = outer.len() * channels;
    let (mut highs, mut lows) = ([0_u16; LANES], [0_u16; LANES]);
    for start in (0..out.len()).step_by(LANES) {
        let count = LANES.min(out.len() - start);
        let (highs, lows) = (&mut highs[..count], &mut lows[..count]);
        weigh_centre(*centre, &high[start + border..], highs);
        weigh_centre(*centre, &low[start + border..], lows);
        for (i, weight) in outer.iter().enumerate() {
            let (left, right) = (start + i * channels, start + 2 * border - i * channels);
            weigh_pair(*weight, &high[left..], &high[right..], highs);
            weigh_pair(*weight, &low[left..], &low[right..], lows);
        }
        for ((out, high), low) in out[start..].iter_mut().zip(highs).zip(lows) {
            *out = ((u32::from(*high) * 256 + u32::from(*low) + (1 << 15)) >> 16) as u8;
        }
    }
}

#[inline]
fn weigh_centre(weight: u16, samples: &[u16], sums: &mut [u16]) {
    for (sum, sample) in sums.iter_mut().zip(samples) {
        *sum = weight * sample;
    }
}

#[inline]
fn weigh_pair(weight: u16, left: &[u16], right: &[u16], sums: &mut [u16]) {
    for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
        *sum += weight * (a + b);
    }
}

/// Fills the `radius` pixels on both sides of a row from its inside.
fn mirror_borders(row: &mut [u16], width: usize, radius: usize, channels: usize) {
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
    use crate::kernel::testing::{layouts, pictures};

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
            let mut blurred = vec![0; pixels.len()];
            // A scratch that held another picture before must not show.
            let mut scratch = Scratch { high: vec![7; 9], low: vec![7; 999], ring: vec![7; 99] };
            blur(shape, &pixels, (kernel, sigma), &mut scratch, &mut blurred);
            prop_assert_eq!(blurred, reference(shape, &pixels, kernel, sigma));
        }
    }

    #[test]
    fn mirrors_do_not_repeat_the_edge() {
        let shown: Vec<_> = (-5..9).map(|i| mirrored(i, 3)).collect();
        assert_eq!(shown, [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0]);
    }
}
