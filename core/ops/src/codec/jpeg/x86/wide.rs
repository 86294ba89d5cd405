//! Vectors of AVX-512 from and to memory.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_loadu_si256, _mm512_loadu_si512, _mm512_storeu_si512,
};

/// What vectors are made of.
pub(crate) trait Plain: Copy {}
impl Plain for u8 {}
impl Plain for i8 {}
impl Plain for i16 {}
impl Plain for u16 {}
impl Plain for u64 {}

/// The 64 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load<N: Plain>(numbers: &[N], at: usize) -> __m512i {
    let numbers = &numbers[at..][..64 / size_of::<N>()];
    // SAFETY: they are 64 bytes, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// The 32 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn load_half<N: Plain>(numbers: &[N], at: usize) -> __m256i {
    let numbers = &numbers[at..][..32 / size_of::<N>()];
    // SAFETY: they are 32 bytes, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

/// Writes the 64 bytes from the `at`th number on.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn store<N: Plain>(numbers: &mut [N], at: usize, vector: __m512i) {
    let numbers = &mut numbers[at..][..64 / size_of::<N>()];
    // SAFETY: they are 64 bytes, and the store needs no alignment.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), vector) }
}
