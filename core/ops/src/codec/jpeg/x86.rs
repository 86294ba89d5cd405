//! What both directions share, where the machine has AVX2: transforms of two blocks at once, one in
//! each half of a vector.

use std::arch::x86_64::{
    __m256i, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_unpackhi_epi16, _mm256_unpackhi_epi32,
    _mm256_unpackhi_epi64, _mm256_unpacklo_epi16, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

/// What is in the lower lanes of each half, and what is in the upper ones, in twice the bits.
pub(super) type Wide = (__m256i, __m256i);

/// The sums of two products each.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn products((a, b): (__m256i, __m256i), [by_a, by_b]: [i16; 2]) -> Wide {
    let by = _mm256_set1_epi32(i32::from(by_b) << 16 | i32::from(by_a.cast_unsigned()));
    let of = |pairs| _mm256_madd_epi16(pairs, by);
    (of(_mm256_unpacklo_epi16(a, b)), of(_mm256_unpackhi_epi16(a, b)))
}

/// Rows become columns, in each half.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transposed(n: [__m256i; 8]) -> [__m256i; 8] {
    // Pairs of rows, of which these are columns 0 to 3 or 4 to 7.
    let low = [0, 2, 4, 6].map(|a: usize| _mm256_unpacklo_epi16(n[a], n[a + 1]));
    let high = [0, 2, 4, 6].map(|a: usize| _mm256_unpackhi_epi16(n[a], n[a + 1]));
    // Four columns of all rows.
    let four = |[a, b, c, d]: [__m256i; 4]| {
        let (upper, lower) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (upper_right, lower_right) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(upper, lower),
            _mm256_unpackhi_epi64(upper, lower),
            _mm256_unpacklo_epi64(upper_right, lower_right),
            _mm256_unpackhi_epi64(upper_right, lower_right),
        ]
    };
    let (left, right) = (four(low), four(high));
    std::array::from_fn(|column| if column < 4 { left[column] } else { right[column - 4] })
}
