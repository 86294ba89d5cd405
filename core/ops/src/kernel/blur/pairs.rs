//! A blur by the passes that are written in AVX2, which take two rows at a time.

use super::{Scratch, mirror_borders, mirrored};
use crate::kernel::alpha;
use crate::kernel::x86::blur as kernels;
use crate::shape::{Layout, Shape};

/// [`blur`](super::blur), two rows at a time: rows are summed along in pairs, those outside of the
/// picture too,
/// and every window of pairs makes two rows.
#[target_feature(enable = "avx2")]
pub(super) fn by_pairs(
    shape: Shape,
    pixels: &[u8],
    weights: &kernels::Weights,
    scratch: &mut Scratch,
    blurred: &mut [u8],
) {
    let (row, channels) = (shape.row(), shape.layout.channels());
    let (count, height) = (weights.pairs(), shape.height as usize);
    let radius = count - 1;
    let Scratch { padded, pairs, .. } = scratch;
    for padded in &mut *padded {
        padded.resize(row + 2 * radius * channels + kernels::LANES, 0);
    }
    let length = 2 * row.next_multiple_of(kernels::LANES);
    pairs.resize(count * length, 0);
    let mut out = blurred.chunks_mut(2 * row);
    for n in 0..radius + height.div_ceil(2) {
        for (i, padded) in padded.iter_mut().enumerate() {
            let y = mirrored((2 * n + i) as isize - radius as isize, height);
            let inner = &mut padded[radius * channels..][..row];
            let from = &pixels[y * row..][..row];
            match shape.layout {
                Layout::Gray | Layout::Rgb => inner.copy_from_slice(from),
                Layout::Rgba => alpha::premultiply(from, inner),
            }
            mirror_borders(padded, shape.width as usize, radius, channels);
        }
        let slot = n % count * length;
        let rows = padded.each_ref().map(|row| &row[..]);
        kernels::across(weights, rows, (row, channels), &mut pairs[slot..slot + length]);
        if n < radius {
            continue;
        }
        let window: Vec<_> =
            (n - radius..=n).map(|n| &pairs[n % count * length..][..length]).collect();
        let out = out.next().expect("as many pairs of rows as there are windows");
        let (first, second) = out.split_at_mut(row);
        kernels::down(weights, &window, first, second);
        if shape.layout == Layout::Rgba {
            alpha::unpremultiply(out);
        }
    }
}
