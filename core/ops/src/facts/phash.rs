//! A perceptual hash: the signs of a small picture's lowest frequencies.
//!
//! Luma at 32×32, a two-dimensional DCT, and of its lowest 8×8 frequencies, row by row from the
//! highest bit on, whether each is above their median. Pictures that look alike have hashes of
//! which few bits differ; what makes them small differs from other programs, so hashes of theirs
//! are near ours, not equal.

use std::f64::consts::PI;

use super::reduce::Small;

/// The side of the picture that is hashed.
pub(super) const SIDE: usize = 32;
/// The side of the square of frequencies.
const LOW: usize = 8;
/// Fractional bits of the cosines: whole numbers, so that hashes are equal on every machine.
const SCALE: f64 = 65_536.0;

pub(super) fn hash(small: &Small) -> u64 {
    let mut gray = vec![0; small.pixels.len()];
    crate::kernel::luma::from_rgb(small.pixels.as_flattened(), &mut gray);
    let cosine = |frequency: usize, at: usize| {
        let angle = PI * frequency as f64 * (2 * at + 1) as f64 / (2 * SIDE) as f64;
        (angle.cos() * SCALE).round() as i64
    };
    // Columns first, then rows; 2^16 twice, 2^8 of gray and 2^5 twice of sums stay below 2^63.
    let mut frequencies = [[0_i64; LOW]; LOW];
    for (v, row) in frequencies.iter_mut().enumerate() {
        let column = |x: usize| -> i64 {
            (0..SIDE).map(|y| cosine(v, y) * i64::from(gray[y * SIDE + x])).sum()
        };
        let columns: Vec<i64> = (0..SIDE).map(column).collect();
        for (u, frequency) in row.iter_mut().enumerate() {
            *frequency = columns.iter().enumerate().map(|(x, sum)| cosine(u, x) * sum).sum();
        }
    }
    let mut sorted: Vec<i64> = frequencies.as_flattened().to_vec();
    sorted.sort_unstable();
    let median = i64::midpoint(sorted[LOW * LOW / 2 - 1], sorted[LOW * LOW / 2]);
    frequencies.as_flattened().iter().fold(0, |hash, f| hash << 1 | u64::from(*f > median))
}
