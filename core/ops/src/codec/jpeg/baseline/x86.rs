//! The transform to four by four samples in the machine's own instructions: of the plain form the
//! compiler makes too little. Tests compare the two.

#![allow(unsafe_code, reason = "loads and stores of whole vectors")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi8, _mm_add_epi32, _mm_loadu_si128, _mm_madd_epi16, _mm_mullo_epi16,
    _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi8, _mm_set1_epi32, _mm_setzero_si128,
    _mm_srai_epi32, _mm_storeu_si128, _mm_sub_epi32, _mm_unpackhi_epi16, _mm_unpackhi_epi32,
    _mm_unpackhi_epi64, _mm_unpacklo_epi16, _mm_unpacklo_epi32,
};

use super::Coded;
use super::inverse::{Block, Inverse, first, flat};

/// Four by four, where the machine has AVX2; it is chosen by that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half;

impl Inverse for Half {
    const SIDE: usize = 4;

    #[inline(always)]
    fn make(self, block: &Block, coded: Coded, steps: &[i16; 64], into: (&mut [u8], usize)) {
        if coded == Coded::First {
            return flat::<4>(first(block, steps), into);
        }
        let mut rows = [0; 16];
        // SAFETY: the machine has AVX2, or this were not what is used.
        unsafe { half(&block.0, steps, &mut rows) };
        let (out, stride) = into;
        for (row, made) in out.chunks_mut(stride).zip(rows.as_chunks::<4>().0) {
            row[..4].copy_from_slice(made);
        }
    }
}

/// Multiplies and transforms a block into four rows of four samples.
#[inline]
#[target_feature(enable = "avx2")]
fn half(block: &[i16; 64], steps: &[i16; 64], samples: &mut [u8; 16]) {
    let row = |n: usize| _mm_mullo_epi16(load(block, n), load(steps, n));
    let rows = [row(0), row(1), row(2), row(3), row(5), row(6), row(7)];
    let low = four::<12, false>(rows);
    let high = four::<12, true>(rows);
    let [a, b, c, d] = std::array::from_fn(|n| _mm_packs_epi32(low[n], high[n]));
    // Four rows of eight become eight columns of four, two in a vector.
    let (ab, cd) = (_mm_unpacklo_epi16(a, b), _mm_unpacklo_epi16(c, d));
    let (c01, c23) = (_mm_unpacklo_epi32(ab, cd), _mm_unpackhi_epi32(ab, cd));
    let (ab, cd) = (_mm_unpackhi_epi16(a, b), _mm_unpackhi_epi16(c, d));
    let (c45, c67) = (_mm_unpacklo_epi32(ab, cd), _mm_unpackhi_epi32(ab, cd));
    let second = |both| _mm_unpackhi_epi64(both, both);
    let columns = [c01, second(c01), c23, second(c23), second(c45), c67, second(c67)];
    let [a, b, c, d] = four::<19, false>(columns);
    // And the columns of four become rows again.
    let (ac, bd) = (_mm_packs_epi32(a, c), _mm_packs_epi32(b, d));
    let (left, right) = (_mm_unpacklo_epi16(ac, bd), _mm_unpackhi_epi16(ac, bd));
    let (upper, lower) = (_mm_unpacklo_epi32(left, right), _mm_unpackhi_epi32(left, right));
    let made = _mm_add_epi8(_mm_packs_epi16(upper, lower), _mm_set1_epi8(-128));
    // SAFETY: there are sixteen bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(samples.as_mut_ptr().cast(), made) };
}

/// Four of eight numbers, of numbers 0, 1, 2, 3, 5, 6, 7, in four lanes at once: the
/// upper or the lower ones.
#[inline]
#[target_feature(enable = "avx2")]
fn four<const SHIFT: i32, const UPPER: bool>(
    [n0, n1, n2, n3, n5, n6, n7]: [__m128i; 7],
) -> [__m128i; 4] {
    let interleave = |a, b| if UPPER { _mm_unpackhi_epi16(a, b) } else { _mm_unpacklo_epi16(a, b) };
    let products = |a, b, [by_a, by_b]: [i16; 2]| {
        let factors = i32::from(by_b) << 16 | i32::from(by_a.cast_unsigned());
        _mm_madd_epi16(interleave(a, b), _mm_set1_epi32(factors))
    };
    let middle = _mm_srai_epi32::<2>(interleave(_mm_setzero_si128(), n0));
    let even = products(n2, n6, [15_137, -6270]);
    let inner = _mm_add_epi32(products(n1, n3, [8697, -17_799]), products(n5, n7, [11_893, -1730]));
    let outer = _mm_add_epi32(products(n1, n3, [20_995, 7373]), products(n5, n7, [-4926, -4176]));
    let middle = _mm_add_epi32(middle, _mm_set1_epi32(1 << (SHIFT - 1)));
    let (high, low) = (_mm_add_epi32(middle, even), _mm_sub_epi32(middle, even));
    [
        _mm_srai_epi32::<SHIFT>(_mm_add_epi32(high, outer)),
        _mm_srai_epi32::<SHIFT>(_mm_add_epi32(low, inner)),
        _mm_srai_epi32::<SHIFT>(_mm_sub_epi32(low, inner)),
        _mm_srai_epi32::<SHIFT>(_mm_sub_epi32(high, outer)),
    ]
}

/// The `n`th row of eight.
#[inline]
#[target_feature(enable = "avx2")]
fn load(numbers: &[i16; 64], n: usize) -> __m128i {
    let row: &[i16; 8] = numbers[8 * n..].first_chunk().expect("a row of eight");
    // SAFETY: there are eight numbers of two bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(row.as_ptr().cast()) }
}
