//! What both directions share, where the machine has AVX2: transforms of two blocks at once, one in
//! each half of a vector.

#![allow(unsafe_code, reason = "loads and stores of whole vectors")]
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi16, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi16,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
};

pub(super) mod wide;

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

/// The sixteen bytes from `at` on.
#[inline(always)]
pub(super) fn load(bytes: &[u8], at: usize) -> __m128i {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().expect("sixteen bytes");
    // SAFETY: there are sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Sixteen small numbers.
#[inline(always)]
pub(super) fn load_places(places: &[i8; 16]) -> __m128i {
    // SAFETY: there are sixteen bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(places.as_ptr().cast()) }
}

/// The `row`th eight of a block's numbers.
#[inline(always)]
pub(super) fn load_row<N: Word>(numbers: &[N; 64], row: usize) -> __m128i {
    let eight: &[N; 8] = numbers[8 * row..].first_chunk().expect("a row of eight");
    // SAFETY: there are eight numbers of two bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(eight.as_ptr().cast()) }
}

/// A number of two bytes.
pub(super) trait Word {}
impl Word for i16 {}
impl Word for u16 {}

/// Writes the 32 bytes from `at` on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(bytes: &mut [u8], at: usize, vector: __m256i) {
    let bytes: &mut [u8; 32] = bytes[at..].first_chunk_mut().expect("room for a vector");
    // SAFETY: there are 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
}
