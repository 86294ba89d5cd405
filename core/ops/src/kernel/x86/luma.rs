//! Luma of RGB pixels: two of three products with their sum at once.

use std::arch::x86_64::{
    __m512i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_or_si256, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set_m128i, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_srli_epi32, _mm512_add_epi32,
    _mm512_madd_epi16, _mm512_mask_permutexvar_epi8, _mm512_maskz_permutexvar_epi8,
    _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutexvar_epi32, _mm512_set1_epi32,
    _mm512_setr_epi32, _mm512_srli_epi32,
};

use super::vectors::{load_16, load_64, store_32, store_64};

/// Pixels that [`luma`] takes at a time.
pub(crate) const LUMA_PIXELS: usize = 32;

/// Luma of RGB pixels, as many as are whole blocks; returns how many that were.
///
/// Green and red are multiplied and added as one pair of 16-bit numbers, blue and the rounding as
/// another.
#[target_feature(enable = "avx2")]
pub(crate) fn luma(pixels: &[u8], gray: &mut [u8], [r, g, b]: [u32; 3]) -> usize {
    const ONE_IN_BLUE: i32 = 1 << 16;
    let red_green = _mm256_set1_epi32((g << 16 | r) as i32);
    let blue_half = _mm256_set1_epi32((1 << (14 + 16) | b) as i32);
    let ones = _mm256_set1_epi32(ONE_IN_BLUE);
    // Of four pixels in each half: red and green of each as two words; blue of each as a word.
    let take_red_green = _mm256_setr_epi8(
        0, -1, 1, -1, 3, -1, 4, -1, 6, -1, 7, -1, 9, -1, 10, -1, 0, -1, 1, -1, 3, -1, 4, -1, 6, -1,
        7, -1, 9, -1, 10, -1,
    );
    let take_blue = _mm256_setr_epi8(
        2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1, 2, -1, -1, -1, 5, -1, -1, -1,
        8, -1, -1, -1, 11, -1, -1, -1,
    );
    let in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let mut done = 0;
    // A load of sixteen bytes for twelve reads beyond its pixels, so the last block is left.
    while done + LUMA_PIXELS + 2 <= gray.len() {
        let sums = |eight: usize| {
            let at = 3 * (done + 8 * eight);
            let both = _mm256_set_m128i(load_16(pixels, at + 12), load_16(pixels, at));
            let red_green = _mm256_madd_epi16(_mm256_shuffle_epi8(both, take_red_green), red_green);
            let blue = _mm256_or_si256(_mm256_shuffle_epi8(both, take_blue), ones);
            let sum = _mm256_add_epi32(red_green, _mm256_madd_epi16(blue, blue_half));
            _mm256_srli_epi32::<15>(sum)
        };
        let first = _mm256_packs_epi32(sums(0), sums(1));
        let second = _mm256_packs_epi32(sums(2), sums(3));
        // Packing works in halves, which leaves groups of four out of order.
        let packed = _mm256_packus_epi16(first, second);
        store_32(gray, done, _mm256_permutevar8x32_epi32(packed, in_order));
        done += LUMA_PIXELS;
    }
    done
}

/// [`luma`] in AVX-512, where one permutation brings the bytes of sixteen pixels into place.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(crate) fn luma_widest(pixels: &[u8], gray: &mut [u8], [r, g, b]: [u32; 3]) -> usize {
    const PIXELS: usize = 64;
    let red_green = _mm512_set1_epi32((g << 16 | r) as i32);
    let blue_half = _mm512_set1_epi32((1 << (14 + 16) | b) as i32);
    let ones = _mm512_set1_epi32(1 << 16);
    // Of each pixel, as the bytes of a number: red and green with nothing between; blue.
    let each = |n: i32, byte: i32| 3 * n + byte;
    let red_and_green = numbered(|n| each(n, 0) | each(n, 1) << 16);
    let only_blue = numbered(|n| each(n, 2));
    let in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let mut done = 0;
    // A load of 64 bytes for 48 reads beyond its pixels, so the last block is left.
    while done + PIXELS + 6 <= gray.len() {
        let sums = |sixteen: usize| {
            let bytes = load_64(pixels, 3 * (done + 16 * sixteen));
            let both = _mm512_maskz_permutexvar_epi8(0x5555_5555_5555_5555, red_and_green, bytes);
            let blue = _mm512_mask_permutexvar_epi8(ones, 0x1111_1111_1111_1111, only_blue, bytes);
            let (both, blue) =
                (_mm512_madd_epi16(both, red_green), _mm512_madd_epi16(blue, blue_half));
            _mm512_srli_epi32::<15>(_mm512_add_epi32(both, blue))
        };
        let first = _mm512_packs_epi32(sums(0), sums(1));
        let second = _mm512_packs_epi32(sums(2), sums(3));
        // Packing works in quarters, which leaves groups of four out of order.
        let packed = _mm512_permutexvar_epi32(in_order, _mm512_packus_epi16(first, second));
        store_64(gray, done, packed);
        done += PIXELS;
    }
    done
}

/// A number for each of sixteen lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn numbered(number: impl Fn(i32) -> i32) -> __m512i {
    let numbers: [i32; 16] = std::array::from_fn(|n| number(n as i32));
    load_64(&numbers, 0)
}
