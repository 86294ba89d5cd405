//! Vectors from and to memory: the place of each is checked, its alignment does not matter.

use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _mm_loadu_si128, _mm_storeu_si128, _mm256_loadu_si256,
    _mm256_storeu_si256, _mm512_loadu_si512, _mm512_storeu_si512,
};

/// What vectors are made of: numbers of a byte or more, any bits of which are one.
pub(crate) trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for i8 {}
impl Plain for u16 {}
impl Plain for i16 {}
impl Plain for i32 {}
impl Plain for u64 {}

/// The 16 bytes from the `at`th number on.
#[inline(always)]
pub(crate) fn load_16<N: Plain>(numbers: &[N], at: usize) -> __m128i {
    let numbers = &numbers[at..][..16 / size_of::<N>()];
    // SAFETY: they are 16 bytes, and the load needs no alignment.
    unsafe { _mm_loadu_si128(numbers.as_ptr().cast()) }
}

/// The 32 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn load_32<N: Plain>(numbers: &[N], at: usize) -> __m256i {
    let numbers = &numbers[at..][..32 / size_of::<N>()];
    // SAFETY: they are 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

/// The 64 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_64<N: Plain>(numbers: &[N], at: usize) -> __m512i {
    let numbers = &numbers[at..][..64 / size_of::<N>()];
    // SAFETY: they are 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// Writes the 16 bytes from the `at`th number on.
#[inline(always)]
pub(crate) fn store_16<N: Plain>(numbers: &mut [N], at: usize, vector: __m128i) {
    let numbers = &mut numbers[at..][..16 / size_of::<N>()];
    // SAFETY: they are 16 bytes, and the store needs no alignment.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), vector) }
}

/// Writes the 32 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn store_32<N: Plain>(numbers: &mut [N], at: usize, vector: __m256i) {
    let numbers = &mut numbers[at..][..32 / size_of::<N>()];
    // SAFETY: they are 32 bytes, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), vector) }
}

/// Writes the 64 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store_64<N: Plain>(numbers: &mut [N], at: usize, vector: __m512i) {
    let numbers = &mut numbers[at..][..64 / size_of::<N>()];
    // SAFETY: they are 64 bytes, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), vector) }
}
