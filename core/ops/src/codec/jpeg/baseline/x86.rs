//! Transforms and colours in the machine's own instructions: of the plain forms the compiler makes
//! too little. Tests compare them.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi8, _mm_add_epi32, _mm_cvtsi128_si32, _mm_hadd_epi32,
    _mm_madd_epi16, _mm_mullo_epi16, _mm_packs_epi16, _mm_packs_epi32, _mm_set1_epi8,
    _mm_set1_epi32, _mm_setr_epi16, _mm_setzero_si128, _mm_slli_epi32, _mm_srai_epi32,
    _mm_sub_epi32, _mm_unpackhi_epi16, _mm_unpackhi_epi32, _mm_unpackhi_epi64, _mm_unpacklo_epi16,
    _mm_unpacklo_epi32, _mm256_add_epi8, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_broadcastsi128_si256, _mm256_cvtepu8_epi16, _mm256_madd_epi16, _mm256_mulhi_epi16,
    _mm256_mullo_epi16, _mm256_or_si256, _mm256_packs_epi16, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permute2x128_si256, _mm256_permute4x64_epi64, _mm256_set_m128i,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_srai_epi16, _mm256_srai_epi32, _mm256_sub_epi16, _mm256_sub_epi32,
    _mm256_testz_si256, _mm256_unpackhi_epi16, _mm256_unpacklo_epi16,
};

use super::full::{LARGEST_ABOVE, Plain, WEIGHTS, Whole};
use super::inverse::{Block, Inverse, first, flat};
use super::{Coded, avx512};
use crate::codec::jpeg::x86::{Wide, products, transposed};
use crate::kernel::level::Level;
use crate::kernel::x86::vectors::{load_16, store_16, store_32};

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

/// Two by two, where the machine has AVX2; it is chosen by that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quarter;

impl Inverse for Quarter {
    const SIDE: usize = 2;

    #[inline(always)]
    fn make(self, block: &Block, coded: Coded, steps: &[i16; 64], into: (&mut [u8], usize)) {
        if coded == Coded::First {
            return flat::<2>(first(block, steps), into);
        }
        // SAFETY: the machine has AVX2, or this were not what is used.
        let [a, b, c, d] = unsafe { quarter(&block.0, steps) }.to_le_bytes();
        let (out, stride) = into;
        out[..2].copy_from_slice(&[a, b]);
        out[stride..stride + 2].copy_from_slice(&[c, d]);
    }
}

/// Multiplies and transforms a block into two rows of two samples, from the lowest byte on.
#[inline]
#[target_feature(enable = "avx2")]
fn quarter(block: &[i16; 64], steps: &[i16; 64]) -> u32 {
    let row = |n: usize| _mm_mullo_epi16(load_16(block, 8 * n), load_16(steps, 8 * n));
    let [n0, n1, n3, n5, n7] = [row(0), row(1), row(3), row(5), row(7)];
    let factors =
        |a: i16, b: i16| _mm_set1_epi32(i32::from(b) << 16 | i32::from(a.cast_unsigned()));
    let (by13, by57) = (factors(29_692, -10_426), factors(6967, -5906));
    let half = _mm_set1_epi32(1 << 12);
    // The sum and the difference of what is even and what is odd, of four columns.
    let both = |even, n13, n57| {
        let middle = _mm_add_epi32(_mm_srai_epi32::<1>(even), half);
        let odd = _mm_add_epi32(_mm_madd_epi16(n13, by13), _mm_madd_epi16(n57, by57));
        let (sum, difference) = (_mm_add_epi32(middle, odd), _mm_sub_epi32(middle, odd));
        (_mm_srai_epi32::<13>(sum), _mm_srai_epi32::<13>(difference))
    };
    let zero = _mm_setzero_si128();
    let low =
        (_mm_unpacklo_epi16(zero, n0), _mm_unpacklo_epi16(n1, n3), _mm_unpacklo_epi16(n5, n7));
    let high =
        (_mm_unpackhi_epi16(zero, n0), _mm_unpackhi_epi16(n1, n3), _mm_unpackhi_epi16(n5, n7));
    let (low, high) = (both(low.0, low.1, low.2), both(high.0, high.1, high.2));
    // Of the columns those that count: the odd ones, of both rows.
    let odd = _mm_setr_epi16(0, 29_692, 0, -10_426, 0, 6967, 0, -5906);
    let upper = _mm_madd_epi16(_mm_packs_epi32(low.0, high.0), odd);
    let lower = _mm_madd_epi16(_mm_packs_epi32(low.1, high.1), odd);
    let sums = _mm_hadd_epi32(_mm_hadd_epi32(upper, lower), zero);
    // And the first, which is not made to fit a word.
    let middle = _mm_slli_epi32::<15>(_mm_unpacklo_epi32(low.0, low.1));
    let middle = _mm_add_epi32(middle, _mm_set1_epi32(1 << 19));
    let made = _mm_unpacklo_epi32(_mm_add_epi32(middle, sums), _mm_sub_epi32(middle, sums));
    let made = _mm_packs_epi32(_mm_srai_epi32::<20>(made), zero);
    let made = _mm_add_epi8(_mm_packs_epi16(made, zero), _mm_set1_epi8(-128));
    _mm_cvtsi128_si32(made).cast_unsigned()
}

/// Multiplies and transforms a block into four rows of four samples.
#[inline]
#[target_feature(enable = "avx2")]
fn half(block: &[i16; 64], steps: &[i16; 64], samples: &mut [u8; 16]) {
    let row = |n: usize| _mm_mullo_epi16(load_16(block, 8 * n), load_16(steps, 8 * n));
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
    store_16(samples, 0, made);
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

impl Whole for Avx2 {
    #[inline(always)]
    fn pair(self, blocks: [&Block; 2], steps: [&[i16; 64]; 2]) -> Option<[[u8; 16]; 8]> {
        // SAFETY: the machine has AVX2, or this were not what is used.
        unsafe { pair(blocks, steps) }
    }

    #[inline(always)]
    fn colours(self, luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
        let mut done = 0;
        if Level::current() == Level::Avx512 {
            // SAFETY: the machine has AVX-512, or it were not its level.
            done = unsafe { avx512::colours(luma, blue, red, out) };
        }
        // SAFETY: the machine has AVX2, or this were not what is used.
        done +=
            unsafe { colours(&luma[done..], &blue[done..], &red[done..], &mut out[3 * done..]) };
        Plain.colours(&luma[done..], &blue[done..], &red[done..], &mut out[3 * done..]);
    }
}

/// All samples of blocks, where the machine has AVX2; it is chosen by that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2;

#[inline]
#[target_feature(enable = "avx2")]
fn pair(blocks: [&Block; 2], steps: [&[i16; 64]; 2]) -> Option<[[u8; 16]; 8]> {
    let both = |[left, right]: [&[i16; 64]; 2], row| {
        _mm256_set_m128i(load_16(right, 8 * row), load_16(left, 8 * row))
    };
    let blocks = blocks.map(|block| &block.0);
    let rows: [__m256i; 8] =
        std::array::from_fn(|row| _mm256_mullo_epi16(both(blocks, row), both(steps, row)));
    let above = _mm256_add_epi16(rows[0], _mm256_set1_epi16(LARGEST_ABOVE + 1));
    if _mm256_testz_si256(above, _mm256_set1_epi16(!(2 * LARGEST_ABOVE + 1))) == 0 {
        return None;
    }
    let rows = transposed(pass::<18>(transposed(pass::<11>(rows))));
    let mut made = [[0; 16]; 8];
    for (two, made) in rows.as_chunks::<2>().0.iter().zip(made.as_chunks_mut::<2>().0) {
        let bytes = _mm256_add_epi8(_mm256_packs_epi16(two[0], two[1]), _mm256_set1_epi8(-128));
        // Both rows of the left block, then both of the right one: the middle two change places.
        store_32(made.as_flattened_mut(), 0, _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes));
    }
    Some(made)
}

/// Eight of eight in every lane, without so many bits behind the point.
#[inline]
#[target_feature(enable = "avx2")]
fn pass<const SHIFT: i32>(n: [__m256i; 8]) -> [__m256i; 8] {
    let sum = |a: Wide, b: Wide| (_mm256_add_epi32(a.0, b.0), _mm256_add_epi32(a.1, b.1));
    let difference = |a: Wide, b: Wide| (_mm256_sub_epi32(a.0, b.0), _mm256_sub_epi32(a.1, b.1));
    let zero = _mm256_setzero_si256();
    let half = _mm256_set1_epi32(1 << (SHIFT - 1));
    // With thirteen bits behind the point, and what rounds the result.
    let wide = |n| {
        let of = |n| _mm256_add_epi32(_mm256_srai_epi32::<3>(n), half);
        (of(_mm256_unpacklo_epi16(zero, n)), of(_mm256_unpackhi_epi16(zero, n)))
    };
    let (outer, inner) = (wide(_mm256_add_epi16(n[0], n[4])), wide(_mm256_sub_epi16(n[0], n[4])));
    let more = products((n[2], n[6]), [10_703, 4433]);
    let less = products((n[2], n[6]), [4433, -10_704]);
    let even =
        [sum(outer, more), sum(inner, less), difference(inner, less), difference(outer, more)];
    let z = (_mm256_add_epi16(n[7], n[3]), _mm256_add_epi16(n[5], n[1]));
    let (z3, z4) = (products(z, [-6436, 9633]), products(z, [9633, 6437]));
    let odd = [
        sum(products((n[7], n[1]), [-7373, 4926]), z4),
        sum(products((n[5], n[3]), [-20_995, 4177]), z3),
        sum(products((n[5], n[3]), [-4176, -20_995]), z4),
        sum(products((n[7], n[1]), [-4927, -7373]), z3),
    ];
    let packed = |n: Wide| {
        _mm256_packs_epi32(_mm256_srai_epi32::<SHIFT>(n.0), _mm256_srai_epi32::<SHIFT>(n.1))
    };
    std::array::from_fn(|i| match i {
        0..4 => packed(sum(even[i], odd[i])),
        _ => packed(difference(even[7 - i], odd[7 - i])),
    })
}

/// Pixels that are converted at a time.
const PIXELS: usize = 32;

/// Where the samples of sixteen pixels go among their 48 bytes: for each sixteen of them, red, green
/// and blue. -1 is nowhere.
const PLACES: [[[i8; 16]; 3]; 3] = {
    let mut places = [[[-1; 16]; 3]; 3];
    let mut byte = 0;
    while byte < 48 {
        places[byte / 16][byte % 3][byte % 16] = (byte / 3) as i8;
        byte += 1;
    }
    places
};

/// Converts as many pixels as are whole blocks, and returns how many that were.
///
/// 1.402 is 1 and 0.402, 1.772 is 2 less 0.228, and -0.714 is 0.286 less 1.
#[inline]
#[target_feature(enable = "avx2")]
fn colours(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) -> usize {
    let [of_red, less_red, less_blue, of_blue] = WEIGHTS;
    let of_red = _mm256_set1_epi16((of_red - (1 << 16)) as i16);
    let of_blue = _mm256_set1_epi16((of_blue - (2 << 16)) as i16);
    let of_both = _mm256_set1_epi32((less_red + (1 << 16)) << 16 | less_blue & 0xffff);
    let (centre, one) = (_mm256_set1_epi16(128), _mm256_set1_epi16(1));
    let half = _mm256_set1_epi32(1 << 15);
    // The product of a number, of which twice is given, rounded.
    let product =
        |twice, by| _mm256_srai_epi16::<1>(_mm256_add_epi16(_mm256_mulhi_epi16(twice, by), one));
    let mut done = 0;
    while done + PIXELS <= luma.len() {
        let sixteen = |at: usize| {
            let [y, b, r] = [luma, blue, red].map(|row| _mm256_cvtepu8_epi16(load_16(row, at)));
            let (b, r) = (_mm256_sub_epi16(b, centre), _mm256_sub_epi16(r, centre));
            let (twice_b, twice_r) = (_mm256_add_epi16(b, b), _mm256_add_epi16(r, r));
            let of = |pairs| {
                let sum = _mm256_add_epi32(_mm256_madd_epi16(pairs, of_both), half);
                _mm256_srai_epi32::<16>(sum)
            };
            let both = _mm256_packs_epi32(
                of(_mm256_unpacklo_epi16(b, r)),
                of(_mm256_unpackhi_epi16(b, r)),
            );
            [
                _mm256_add_epi16(_mm256_add_epi16(y, r), product(twice_r, of_red)),
                _mm256_add_epi16(_mm256_sub_epi16(y, r), both),
                _mm256_add_epi16(_mm256_add_epi16(y, twice_b), product(twice_b, of_blue)),
            ]
        };
        let (first, second) = (sixteen(done), sixteen(done + 16));
        let samples: [__m256i; 3] = std::array::from_fn(|n| {
            _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi16(first[n], second[n]))
        });
        let [a, b, c] = PLACES.each_ref().map(|places| {
            let moved: [__m256i; 3] = std::array::from_fn(|n| {
                let places = _mm256_broadcastsi128_si256(load_16(&places[n], 0));
                _mm256_shuffle_epi8(samples[n], places)
            });
            _mm256_or_si256(_mm256_or_si256(moved[0], moved[1]), moved[2])
        });
        // All of the first sixteen pixels, then all of the others.
        store_32(out, 3 * done, _mm256_permute2x128_si256::<0x20>(a, b));
        store_32(out, 3 * done + 32, _mm256_permute2x128_si256::<0x30>(c, a));
        store_32(out, 3 * done + 64, _mm256_permute2x128_si256::<0x31>(b, c));
        done += PIXELS;
    }
    done
}
