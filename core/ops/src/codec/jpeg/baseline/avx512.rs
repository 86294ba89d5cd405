//! Colours where the machine has AVX-512, in which one permutation brings the samples of many pixels
//! into place. Tests compare them with the plain form.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_add_epi32, _mm512_cvtepu8_epi16, _mm512_madd_epi16,
    _mm512_mask_permutexvar_epi8, _mm512_mulhi_epi16, _mm512_packs_epi32, _mm512_packus_epi16,
    _mm512_permutex2var_epi8, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_srai_epi16,
    _mm512_srai_epi32, _mm512_sub_epi16, _mm512_unpackhi_epi16, _mm512_unpacklo_epi16,
};

use super::full::WEIGHTS;
use crate::kernel::x86::vectors::{load_32, load_64, store_64};

/// Pixels that are converted at a time.
const PIXELS: usize = 64;

/// As [`colours`](super::x86) of AVX2.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn colours(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) -> usize {
    let [of_red, less_red, less_blue, of_blue] = WEIGHTS;
    let of_red = _mm512_set1_epi16((of_red - (1 << 16)) as i16);
    let of_blue = _mm512_set1_epi16((of_blue - (2 << 16)) as i16);
    let of_both = _mm512_set1_epi32((less_red + (1 << 16)) << 16 | less_blue & 0xffff);
    let (centre, one) = (_mm512_set1_epi16(128), _mm512_set1_epi16(1));
    let half = _mm512_set1_epi32(1 << 15);
    // The product of a number, of which twice is given, rounded.
    let product =
        |twice, by| _mm512_srai_epi16::<1>(_mm512_add_epi16(_mm512_mulhi_epi16(twice, by), one));
    let mut done = 0;
    while done + PIXELS <= luma.len() {
        let thirty_two = |at: usize| {
            let [y, b, r] = [luma, blue, red].map(|row| _mm512_cvtepu8_epi16(load_32(row, at)));
            let (b, r) = (_mm512_sub_epi16(b, centre), _mm512_sub_epi16(r, centre));
            let (twice_b, twice_r) = (_mm512_add_epi16(b, b), _mm512_add_epi16(r, r));
            let of = |pairs| {
                let sum = _mm512_add_epi32(_mm512_madd_epi16(pairs, of_both), half);
                _mm512_srai_epi32::<16>(sum)
            };
            let both = _mm512_packs_epi32(
                of(_mm512_unpacklo_epi16(b, r)),
                of(_mm512_unpackhi_epi16(b, r)),
            );
            [
                _mm512_add_epi16(_mm512_add_epi16(y, r), product(twice_r, of_red)),
                _mm512_add_epi16(_mm512_sub_epi16(y, r), both),
                _mm512_add_epi16(_mm512_add_epi16(y, twice_b), product(twice_b, of_blue)),
            ]
        };
        let (first, second) = (thirty_two(done), thirty_two(done + 32));
        let [r, g, b]: [__m512i; 3] =
            std::array::from_fn(|n| _mm512_packus_epi16(first[n], second[n]));
        for (n, places) in PLACES.iter().enumerate() {
            let places = load_64(places, 0);
            let both = _mm512_permutex2var_epi8(r, places, g);
            let all = _mm512_mask_permutexvar_epi8(both, BLUE[n], places, b);
            store_64(out, 3 * done + 64 * n, all);
        }
        done += PIXELS;
    }
    done
}

/// Where the samples of 64 pixels come from in the order of their packing, for each 64 of their bytes:
/// red from the first 64 places, green from those that follow, and blue again from the first.
const PLACES: [[u8; 64]; 3] = {
    let mut places = [[0; 64]; 3];
    let mut byte = 0;
    while byte < 192 {
        let pixel = byte / 3;
        // Packing works in quarters: eight of the first 32 pixels, and eight of the others.
        let place = pixel % 32 / 8 * 16 + pixel / 32 * 8 + pixel % 8;
        places[byte / 64][byte % 64] = (place + if byte % 3 == 1 { 64 } else { 0 }) as u8;
        byte += 1;
    }
    places
};

/// Which of their bytes are blue.
const BLUE: [u64; 3] = {
    let mut blue = [0; 3];
    let mut byte = 2;
    while byte < 192 {
        blue[byte / 64] |= 1 << (byte % 64);
        byte += 3;
    }
    blue
};
