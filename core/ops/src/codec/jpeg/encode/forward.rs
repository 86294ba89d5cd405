//! From samples to the numbers that are stored: `jpeg_fdct_islow` of libjpeg-turbo, and its division
//! by the steps.

use super::huffman::Codes;
use super::queue::{self, Kind, Queue};
use super::tile::WIDE;
use crate::codec::jpeg::baseline::ZIGZAG;

/// Coefficients, or what is left of them, row by row.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Block(pub(super) [i16; 64]);

/// What encoding does with many samples at a time, in the machine's own instructions or without.
pub(super) trait Machine: Copy {
    /// Luma and the two differences of colour of the first pixels, as many as `luma` has room for.
    ///
    /// What follows the pixels may be read.
    fn colours(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]);

    /// Transforms and divides the two blocks whose first samples are at `x`, and returns which of
    /// their numbers are not zero, in the order in which they are stored, if [`Machine::queue`] asks.
    fn forward(
        self,
        rows: &[[u8; WIDE]; 8],
        x: usize,
        steps: &Steps,
        out: &mut [Block; 2],
    ) -> [u64; 2];

    /// Adds what is stored of a block to a queue; its first number is given.
    #[inline(always)]
    fn queue(self, (block, coded): (&Block, u64), first: i16, (kind, queue): (Kind, &mut Queue)) {
        queue.add((block, coded), first, kind);
    }

    /// Finds the codes of what is queued, two in each of `pairs`, as [`queue::codes`] does.
    fn codes(self, queue: &Queue, codes: &Codes, pairs: &mut [u64]);
}

/// Division by steps, as products.
///
/// A number n is divided with rounding as (n + `half`) · `factor` · `scale` / 2³², the magnitude
/// alone; what is dropped after each product makes no difference.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) factors: [u16; 64],
    pub(super) halves: [u16; 64],
    pub(super) scales: [u16; 64],
}

impl Steps {
    /// For steps row by row, of 1 to 255. Coefficients are eight times as large as steps assume.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let mut made = Self { factors: [0; 64], halves: [0; 64], scales: [0; 64] };
        for (n, step) in steps.iter().enumerate() {
            let step = 8 * u32::from(*step);
            let bits = step.ilog2();
            let (whole, rest) = ((1 << (16 + bits)) / step, (1 << (16 + bits)) % step);
            // A power of two would need one bit more, others are rounded to the nearest.
            let (factor, half, shift) = match rest {
                0 => (whole / 2, step / 2, bits - 1),
                1.. if rest <= step / 2 => (whole, step / 2 + 1, bits),
                1.. => (whole + 1, step / 2, bits),
            };
            (made.factors[n], made.halves[n]) = (factor as u16, half as u16);
            made.scales[n] = 1 << (16 - shift);
        }
        made
    }

    #[inline(always)]
    pub(super) fn divided(&self, number: i32, n: usize) -> i16 {
        let high = |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16;
        let sum = (number.unsigned_abs() as u16).wrapping_add(self.halves[n]);
        let quotient = high(high(sum, self.factors[n]), self.scales[n]) as i16;
        if number < 0 { -quotient } else { quotient }
    }
}

/// Without instructions that not every machine has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Machine for Plain {
    #[inline(always)]
    fn colours(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        let colours = blue.iter_mut().zip(red);
        for ((pixel, luma), (blue, red)) in pixels.as_chunks::<3>().0.iter().zip(luma).zip(colours)
        {
            [*luma, *blue, *red] = colour(*pixel);
        }
    }

    #[inline(always)]
    fn forward(
        self,
        rows: &[[u8; WIDE]; 8],
        x: usize,
        steps: &Steps,
        out: &mut [Block; 2],
    ) -> [u64; 2] {
        let mut coded = [0; 2];
        for (n, (block, coded)) in out.iter_mut().zip(&mut coded).enumerate() {
            *block = transformed(rows, x + 8 * n, steps);
            for (k, place) in ZIGZAG.iter().enumerate() {
                *coded |= u64::from(block.0[usize::from(*place)] != 0) << k;
            }
        }
        coded
    }

    #[inline(always)]
    fn codes(self, queue: &Queue, codes: &Codes, pairs: &mut [u64]) {
        queue::codes(queue, codes, pairs);
    }
}

/// Weights of red, green and blue in 65,536ths: luma, blue less luma, red less luma.
pub(super) const WEIGHTS: [[i32; 3]; 3] =
    [[19_595, 38_470, 7471], [-11_059, -21_709, 32_768], [32_768, -27_439, -5329]];
/// A half, which luma is rounded by.
pub(super) const HALF: i32 = 1 << 15;
/// Differences are around 128, and rounded by a little less than a half, so that none becomes 256.
pub(super) const CENTRE: i32 = (128 << 16) + HALF - 1;

/// Luma and differences of one pixel.
#[inline(always)]
fn colour([r, g, b]: [u8; 3]) -> [u8; 3] {
    let sum = |[of_r, of_g, of_b]: [i32; 3], more: i32| {
        ((i32::from(r) * of_r + i32::from(g) * of_g + i32::from(b) * of_b + more) >> 16) as u8
    };
    [sum(WEIGHTS[0], HALF), sum(WEIGHTS[1], CENTRE), sum(WEIGHTS[2], CENTRE)]
}

/// Bits behind the point of the numbers that samples are multiplied by.
const FRACTION: u32 = 13;
/// Bits behind the point that the first pass leaves.
pub(super) const BETWEEN: u32 = 2;

#[inline(always)]
fn transformed(rows: &[[u8; WIDE]; 8], x: usize, steps: &Steps) -> Block {
    let mut between = [[0; 8]; 8];
    for (row, between) in rows.iter().zip(&mut between) {
        let samples: [i32; 8] = std::array::from_fn(|i| i32::from(row[x + i]) - 128);
        let (even, others) = eight(samples);
        *between = together(even.map(|n| n << BETWEEN), others, FRACTION - BETWEEN);
    }
    let mut block = Block([0; 64]);
    for column in 0..8 {
        let (even, others) = eight(between.map(|row| row[column]));
        let even = even.map(|n| rounded(n, BETWEEN));
        let made = together(even, others, FRACTION + BETWEEN);
        for (row, made) in made.into_iter().enumerate() {
            block.0[8 * row + column] = steps.divided(made, 8 * row + column);
        }
    }
    block
}

/// Eight of eight: numbers 0 and 4, which need no product; and the others, of 13 bits more.
#[inline(always)]
fn eight(n: [i32; 8]) -> ([i32; 2], [i32; 6]) {
    let (sum, difference) = (|i: usize| n[i] + n[7 - i], |i: usize| n[i] - n[7 - i]);
    let (outer, inner) = ((sum(0) + sum(3), sum(0) - sum(3)), (sum(1) + sum(2), sum(1) - sum(2)));
    let [d4, d5, d6, d7] = [difference(3), difference(2), difference(1), difference(0)];
    let (z3, z4) = (d4 + d6, d5 + d7);
    let (z3, z4) = (-6436 * z3 + 9633 * z4, 9633 * z3 + 6437 * z4);
    let others = [
        -7373 * d4 + 4926 * d7 + z4,
        10_703 * outer.1 + 4433 * inner.1,
        4177 * d6 - 20_995 * d5 + z3,
        -4176 * d5 - 20_995 * d6 + z4,
        4433 * outer.1 - 10_704 * inner.1,
        -4927 * d4 - 7373 * d7 + z3,
    ];
    ([outer.0 + inner.0, outer.0 - inner.0], others)
}

#[inline(always)]
fn together([n0, n4]: [i32; 2], others: [i32; 6], shift: u32) -> [i32; 8] {
    let [n1, n2, n3, n5, n6, n7] = others.map(|n| rounded(n, shift));
    [n0, n1, n2, n3, n4, n5, n6, n7]
}

#[inline(always)]
fn rounded(n: i32, shift: u32) -> i32 {
    (n + (1 << (shift - 1))) >> shift
}
