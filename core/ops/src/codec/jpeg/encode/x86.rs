//! Colours and the transform in the machine's own instructions, which does two blocks at once: one
//! in each half of a vector. Tests compare them with the plain forms.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi16, _mm256_add_epi16, _mm256_add_epi32, _mm256_broadcastsi128_si256,
    _mm256_castsi256_si128, _mm256_cmpeq_epi8, _mm256_cvtepu8_epi16, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_movemask_epi8, _mm256_mulhi_epu16, _mm256_or_si256,
    _mm256_packs_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_permutevar8x32_epi32,
    _mm256_set_m128i, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setr_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sign_epi16, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srai_epi16, _mm256_srai_epi32, _mm256_srli_epi32, _mm256_sub_epi16,
};

use super::forward::{BETWEEN, Block, CENTRE, HALF, Machine, Plain, Steps, WEIGHTS};
use super::huffman::Codes;
use super::queue::{self, Queue};
use super::tile::WIDE;
use crate::codec::jpeg::baseline::ZIGZAG;
use crate::codec::jpeg::x86::{Wide, products, transposed};
use crate::kernel::x86::vectors::{load_16, store_16, store_32};

/// With AVX2; it is chosen where the machine has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2;

impl Machine for Avx2 {
    #[inline(always)]
    fn colours(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        // SAFETY: the machine has AVX2, or this were not what is used.
        let done = unsafe { colours(pixels, [&mut *luma, &mut *blue, &mut *red]) };
        let rest = (&mut luma[done..], &mut blue[done..], &mut red[done..]);
        Plain.colours(&pixels[3 * done..], rest.0, rest.1, rest.2);
    }

    #[inline(always)]
    fn forward(
        self,
        rows: &[[u8; WIDE]; 8],
        x: usize,
        steps: &Steps,
        out: &mut [Block; 2],
    ) -> [u64; 2] {
        // SAFETY: the machine has AVX2, or this were not what is used.
        unsafe { forward::<true>(rows, x, steps, out) }
    }

    #[inline(always)]
    fn codes(self, queue: &Queue, codes: &Codes, pairs: &mut [u64]) {
        queue::codes(queue, codes, pairs);
    }
}

/// Pixels that are converted at a time.
const PIXELS: usize = 32;

/// Converts as many pixels as are whole blocks, and returns how many that were.
///
/// Products are of pairs: of red and green, and of blue and green. A half of blue or red is what is
/// left of moving it up a word and down a bit.
#[inline]
#[target_feature(enable = "avx2")]
fn colours(pixels: &[u8], [luma, blue, red]: [&mut [u8]; 3]) -> usize {
    const QUARTER: i32 = 1 << 14;
    let [[r, g, b], [blue_r, blue_g, _], [_, red_g, red_b]] = WEIGHTS;
    let pair = |low: i32, high: i32| _mm256_set1_epi32(high << 16 | low & 0xffff);
    // The weight of green in luma is more than a word with a sign holds.
    let (luma_rg, luma_bg) = (pair(r, g - QUARTER), pair(b, QUARTER));
    let (blue_rg, red_bg) = (pair(blue_r, blue_g), pair(red_b, red_g));
    let (half, centre) = (_mm256_set1_epi32(HALF), _mm256_set1_epi32(CENTRE));
    let take_rg = _mm256_setr_epi8(
        0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1, 0, -1, 1, -1, 3, -1, 4, -1, 6, -1,
        7, -1, 9, -1, 10, -1,
    );
    let take_bg = _mm256_setr_epi8(
        2, -1, 1, -1, 5, -1, 4, -1, 8, -1, 7, -1, 11, -1, 10, -1, 2, -1, 1, -1, 5, -1, 4, -1, 8,
        -1, 7, -1, 11, -1, 10, -1,
    );
    let halved = |pairs| _mm256_srli_epi32::<1>(_mm256_slli_epi32::<16>(pairs));
    let mut done = 0;
    // A load of sixteen bytes for twelve reads beyond its pixels.
    while done + PIXELS <= luma.len() && 3 * (done + PIXELS) + 4 <= pixels.len() {
        let eight = |eight: usize| {
            let at = 3 * (done + 8 * eight);
            let both = _mm256_set_m128i(load_16(pixels, at + 12), load_16(pixels, at));
            let (rg, bg) = (_mm256_shuffle_epi8(both, take_rg), _mm256_shuffle_epi8(both, take_bg));
            let sum = |products, other, more| {
                let sum = _mm256_add_epi32(_mm256_add_epi32(products, other), more);
                _mm256_srli_epi32::<16>(sum)
            };
            let (of_rg, of_bg) = (_mm256_madd_epi16(rg, luma_rg), _mm256_madd_epi16(bg, luma_bg));
            [
                sum(of_rg, of_bg, half),
                sum(_mm256_madd_epi16(rg, blue_rg), halved(bg), centre),
                sum(_mm256_madd_epi16(bg, red_bg), halved(rg), centre),
            ]
        };
        let sums = [eight(0), eight(1), eight(2), eight(3)];
        let all = |n: usize| packed([sums[0][n], sums[1][n], sums[2][n], sums[3][n]]);
        store_32(luma, done, all(0));
        store_32(blue, done, all(1));
        store_32(red, done, all(2));
        done += PIXELS;
    }
    done
}

/// Thirty-two numbers as bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn packed([a, b, c, d]: [__m256i; 4]) -> __m256i {
    // Packing works in halves, which leaves groups of four out of order.
    let in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    _mm256_permutevar8x32_epi32(bytes, in_order)
}

/// [`Machine::forward`]; what it returns only if it is asked for.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn forward<const CODED: bool>(
    rows: &[[u8; WIDE]; 8],
    x: usize,
    steps: &Steps,
    out: &mut [Block; 2],
) -> [u64; 2] {
    let centre = _mm256_set1_epi16(128);
    let samples = std::array::from_fn(|row| {
        _mm256_sub_epi16(_mm256_cvtepu8_epi16(load_16(&rows[row], x)), centre)
    });
    let rows = pass::<false>(transposed(pass::<true>(transposed(samples))));
    let numbers = std::array::from_fn(|row| divided(rows[row], steps, row));
    let [left, right] = out;
    for (row, both) in numbers.iter().enumerate() {
        store_16(&mut left.0, 8 * row, _mm256_castsi256_si128(*both));
        store_16(&mut right.0, 8 * row, _mm256_extracti128_si256::<1>(*both));
    }
    if CODED { coded(numbers) } else { [0; 2] }
}

/// Eight of eight in every lane, as [`super::forward`] has it in plain. What the first pass makes
/// is larger by two bits.
#[inline]
#[target_feature(enable = "avx2")]
fn pass<const FIRST: bool>(n: [__m256i; 8]) -> [__m256i; 8] {
    let sum = |a: usize| _mm256_add_epi16(n[a], n[7 - a]);
    let difference = |a: usize| _mm256_sub_epi16(n[a], n[7 - a]);
    let (outer, d0) = (_mm256_add_epi16(sum(0), sum(3)), _mm256_sub_epi16(sum(0), sum(3)));
    let (inner, d1) = (_mm256_add_epi16(sum(1), sum(2)), _mm256_sub_epi16(sum(1), sum(2)));
    let (n0, n4) = (_mm256_add_epi16(outer, inner), _mm256_sub_epi16(outer, inner));
    let half = _mm256_set1_epi16(1 << (BETWEEN - 1));
    let scaled = |n| {
        if FIRST {
            _mm256_slli_epi16::<{ BETWEEN as i32 }>(n)
        } else {
            _mm256_srai_epi16::<{ BETWEEN as i32 }>(_mm256_add_epi16(n, half))
        }
    };
    let [d4, d5, d6, d7] = [difference(3), difference(2), difference(1), difference(0)];
    let z = (_mm256_add_epi16(d4, d6), _mm256_add_epi16(d5, d7));
    let (z3, z4) = (products(z, [-6436, 9633]), products(z, [9633, 6437]));
    let none = (_mm256_setzero_si256(), _mm256_setzero_si256());
    [
        scaled(n0),
        rounded::<FIRST>(products((d4, d7), [-7373, 4926]), z4),
        rounded::<FIRST>(products((d0, d1), [10_703, 4433]), none),
        rounded::<FIRST>(products((d5, d6), [-20_995, 4177]), z3),
        scaled(n4),
        rounded::<FIRST>(products((d5, d6), [-4176, -20_995]), z4),
        rounded::<FIRST>(products((d0, d1), [4433, -10_704]), none),
        rounded::<FIRST>(products((d4, d7), [-4927, -7373]), z3),
    ]
}

/// The sum of both, without the bits behind the point.
#[inline]
#[target_feature(enable = "avx2")]
fn rounded<const FIRST: bool>(a: Wide, b: Wide) -> __m256i {
    const FRACTION: i32 = 13;
    const FEWER: i32 = FRACTION - BETWEEN as i32;
    const MORE: i32 = FRACTION + BETWEEN as i32;
    let half = _mm256_set1_epi32(1 << (if FIRST { FEWER } else { MORE } - 1));
    let of = |a, b| {
        let sum = _mm256_add_epi32(_mm256_add_epi32(a, b), half);
        if FIRST { _mm256_srai_epi32::<FEWER>(sum) } else { _mm256_srai_epi32::<MORE>(sum) }
    };
    _mm256_packs_epi32(of(a.0, b.0), of(a.1, b.1))
}

/// A row of both blocks, divided by its steps.
#[inline]
#[target_feature(enable = "avx2")]
fn divided(numbers: __m256i, steps: &Steps, row: usize) -> __m256i {
    let both = |of: &[u16; 64]| _mm256_broadcastsi128_si256(load_16(of, 8 * row));
    let sum = _mm256_add_epi16(_mm256_abs_epi16(numbers), both(&steps.halves));
    let quotient = _mm256_mulhi_epu16(sum, both(&steps.factors));
    _mm256_sign_epi16(_mm256_mulhi_epu16(quotient, both(&steps.scales)), numbers)
}

/// Where the byte of each number is among two rows of bytes, in the order in which numbers are
/// stored: for each sixteen of them, and each two rows. -1 is nowhere.
const PLACES: [[[i8; 16]; 4]; 4] = {
    let mut places = [[[-1; 16]; 4]; 4];
    let mut k = 0;
    while k < 64 {
        let place = ZIGZAG[k];
        places[k / 16][place as usize / 16][k % 16] = (place % 16) as i8;
        k += 1;
    }
    places
};

/// Which numbers of both blocks are not zero, in the order in which they are stored.
#[inline]
#[target_feature(enable = "avx2")]
fn coded(rows: [__m256i; 8]) -> [u64; 2] {
    // Bytes are zero where numbers are: what is too large for one becomes its limit.
    let bytes: [__m256i; 4] =
        std::array::from_fn(|pair| _mm256_packs_epi16(rows[2 * pair], rows[2 * pair + 1]));
    let mut coded = [0; 2];
    for (n, places) in PLACES.iter().enumerate() {
        let mut sixteen = _mm256_setzero_si256();
        for (places, bytes) in places.iter().zip(bytes) {
            if places.iter().any(|place| *place >= 0) {
                let places = _mm256_broadcastsi128_si256(load_16(places, 0));
                let moved = _mm256_shuffle_epi8(bytes, places);
                sixteen = _mm256_or_si256(sixteen, moved);
            }
        }
        let zeros = _mm256_cmpeq_epi8(sixteen, _mm256_setzero_si256());
        let found = !_mm256_movemask_epi8(zeros) as u32;
        coded[0] |= u64::from(found & 0xffff) << (16 * n);
        coded[1] |= u64::from(found >> 16) << (16 * n);
    }
    coded
}
