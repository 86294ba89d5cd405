//! The inverse transforms that make fewer samples of a block than it has: what `jpeg_idct_4x4`,
//! `_2x2` and `_1x1` of libjpeg-turbo compute, as their vector forms do it.
//!
//! Products with the steps wrap in 16 bits, sums in 32, and what is between the two passes saturates
//! in 16: so broken files come out the same too.

use super::Coded;

/// The coefficients of a block, row by row.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Block(pub(super) [i16; 64]);

impl Block {
    /// Without anything.
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// A transform to so many samples.
pub(super) trait Inverse: Copy {
    /// Rows and columns of what it makes.
    const SIDE: usize;

    /// Multiplies a block by the steps and writes its samples: rows of [`Self::SIDE`], `stride`
    /// apart.
    fn make(self, block: &Block, coded: Coded, steps: &[i16; 64], into: (&mut [u8], usize));
}

/// Four by four.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half;

/// Two by two.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarter;

/// One.
#[derive(Debug, Clone, Copy)]
pub(super) struct Eighth;

/// Bits behind the point of the numbers that samples are multiplied by.
const FRACTION: u32 = 13;
/// Bits behind the point that the first pass leaves.
const BETWEEN: u32 = 2;
/// Bits by which the sum of a block's 64 products is too large.
const BLOCK: u32 = 3;

impl Inverse for Half {
    const SIDE: usize = 4;

    #[inline(always)]
    fn make(self, block: &Block, coded: Coded, steps: &[i16; 64], into: (&mut [u8], usize)) {
        if coded == Coded::First {
            return flat::<4>(first(block, steps), into);
        }
        let mut between = [[0; 8]; 4];
        for column in [0, 1, 2, 3, 5, 6, 7] {
            let at = |row: usize| multiplied(block, steps, 8 * row + column);
            let made = four([0, 1, 2, 3, 5, 6, 7].map(at), FRACTION - BETWEEN + 1);
            for (row, made) in between.iter_mut().zip(made) {
                row[column] = i32::from(saturated(made));
            }
        }
        for (row, out) in between.iter().zip(into.0.chunks_mut(into.1)) {
            let made = four([0, 1, 2, 3, 5, 6, 7].map(|n| row[n]), FRACTION + BETWEEN + BLOCK + 1);
            out[..4].copy_from_slice(&made.map(sample));
        }
    }
}

/// Four of eight, of numbers 0, 1, 2, 3, 5, 6, 7; the fourth would count for nothing.
#[inline(always)]
fn four([n0, n1, n2, n3, n5, n6, n7]: [i32; 7], shift: u32) -> [i32; 4] {
    let middle = n0 << (FRACTION + 1);
    let even = sum([(n2, 15_137), (n6, -6270)]);
    let inner = sum([(n7, -1730), (n5, 11_893), (n3, -17_799), (n1, 8697)]);
    let outer = sum([(n7, -4176), (n5, -4926), (n3, 7373), (n1, 20_995)]);
    let (high, low) = (middle.wrapping_add(even), middle.wrapping_sub(even));
    [
        high.wrapping_add(outer),
        low.wrapping_add(inner),
        low.wrapping_sub(inner),
        high.wrapping_sub(outer),
    ]
    .map(|sum| rounded(sum, shift))
}

impl Inverse for Quarter {
    const SIDE: usize = 2;

    #[inline(always)]
    fn make(self, block: &Block, coded: Coded, steps: &[i16; 64], into: (&mut [u8], usize)) {
        if coded == Coded::First {
            return flat::<2>(first(block, steps), into);
        }
        let row =
            |n: usize| -> [i32; 8] { std::array::from_fn(|i| multiplied(block, steps, 8 * n + i)) };
        let (first, rows) = (row(0), [1, 3, 5, 7].map(row));
        let (mut upper, mut lower) = ([0; 8], [0; 8]);
        for i in 0..8 {
            let made = two(first[i], rows.map(|row| row[i]), FRACTION - BETWEEN + 2);
            (upper[i], lower[i]) = (made[0], made[1]);
        }
        for (row, out) in [upper, lower].iter().zip(into.0.chunks_mut(into.1)) {
            let others = [1, 3, 5, 7].map(|n: usize| i32::from(saturated(row[n])));
            let made = two(row[0], others, FRACTION + BETWEEN + BLOCK + 2);
            out[..2].copy_from_slice(&made.map(sample));
        }
    }
}

/// Two of eight, of number 0 and the odd ones.
#[inline(always)]
fn two(n0: i32, [n1, n3, n5, n7]: [i32; 4], shift: u32) -> [i32; 2] {
    let middle = n0 << (FRACTION + 2);
    let odd = sum([(n7, -5906), (n5, 6967), (n3, -10_426), (n1, 29_692)]);
    [middle.wrapping_add(odd), middle.wrapping_sub(odd)].map(|sum| rounded(sum, shift))
}

impl Inverse for Eighth {
    const SIDE: usize = 1;

    #[inline(always)]
    fn make(self, block: &Block, _: Coded, steps: &[i16; 64], into: (&mut [u8], usize)) {
        flat::<1>(first(block, steps), into);
    }
}

/// The only sample of a block in which nothing but the first coefficient counts.
#[inline(always)]
pub(super) fn first(block: &Block, steps: &[i16; 64]) -> u8 {
    sample(rounded(multiplied(block, steps, 0), BLOCK))
}

/// Writes a block of equal samples.
#[inline(always)]
pub(super) fn flat<const SIDE: usize>(sample: u8, (out, stride): (&mut [u8], usize)) {
    for row in out.chunks_mut(stride).take(SIDE) {
        row[..SIDE].copy_from_slice(&[sample; SIDE]);
    }
}

#[inline(always)]
fn multiplied(block: &Block, steps: &[i16; 64], at: usize) -> i32 {
    i32::from(block.0[at].wrapping_mul(steps[at]))
}

#[inline(always)]
fn sum<const N: usize>(products: [(i32, i32); N]) -> i32 {
    products.iter().fold(0, |sum: i32, (a, b)| sum.wrapping_add(a.wrapping_mul(*b)))
}

#[inline(always)]
fn rounded(sum: i32, shift: u32) -> i32 {
    sum.wrapping_add(1 << (shift - 1)) >> shift
}

#[inline(always)]
fn saturated(n: i32) -> i16 {
    n.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[inline(always)]
fn sample(n: i32) -> u8 {
    (n.clamp(-128, 127) + 128) as u8
}
