//! Numbers and their codes, where the machine has AVX-512: what is stored of a block moves together
//! in one instruction, and sixteen codes are found at once. Tests compare it with the plain form.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions, and looks codes up")]

use std::arch::x86_64::{
    __m512i, _mm512_abs_epi32, _mm512_add_epi8, _mm512_add_epi16, _mm512_add_epi32,
    _mm512_add_epi64, _mm512_and_si512, _mm512_andnot_si512, _mm512_castsi512_si256,
    _mm512_cvtepi16_epi32, _mm512_cvtepu8_epi16, _mm512_cvtepu16_epi32, _mm512_dpwssd_epi32,
    _mm512_extracti64x4_epi64, _mm512_i32gather_epi32, _mm512_inserti64x4, _mm512_lzcnt_epi32,
    _mm512_mask_permutexvar_epi8, _mm512_mask_set1_epi16, _mm512_maskz_compress_epi8,
    _mm512_maskz_compress_epi16, _mm512_maskz_permutexvar_epi8, _mm512_or_si512,
    _mm512_permutex2var_epi8, _mm512_permutex2var_epi16, _mm512_set1_epi8, _mm512_set1_epi16,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_slli_epi16, _mm512_slli_epi64, _mm512_sllv_epi32,
    _mm512_sllv_epi64, _mm512_srai_epi32, _mm512_srli_epi32, _mm512_srli_epi64, _mm512_sub_epi8,
    _mm512_sub_epi32, _mm512_test_epi16_mask, _mm512_xor_si512,
};

use super::forward::{Block, CENTRE, HALF, Machine, Steps, WEIGHTS};
use super::huffman::{CODES, Codes, PAIR_BITS};
use super::queue::{Kind, Queue, taken};
use super::tile::WIDE;
use super::x86::{Avx2, forward};
use crate::codec::jpeg::baseline::ZIGZAG;
use crate::kernel::x86::vectors::{load_32, load_64, store_64};

/// With AVX-512; it is chosen where the machine has it. What needs no wider vectors is that of AVX2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512;

impl Machine for Avx512 {
    #[inline(always)]
    fn colours(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        // SAFETY: the machine has AVX-512, or this were not what is used.
        let done = unsafe { colours(pixels, [&mut *luma, &mut *blue, &mut *red]) };
        let rest = (&mut luma[done..], &mut blue[done..], &mut red[done..]);
        Avx2.colours(&pixels[3 * done..], rest.0, rest.1, rest.2);
    }

    #[inline(always)]
    fn forward(
        self,
        rows: &[[u8; WIDE]; 8],
        x: usize,
        steps: &Steps,
        out: &mut [Block; 2],
    ) -> [u64; 2] {
        // SAFETY: the machine has AVX2 too, or this were not what is used. Which of them are not zero
        // is found out when they are queued.
        unsafe { forward::<false>(rows, x, steps, out) }
    }

    #[inline(always)]
    fn queue(self, (block, _): (&Block, u64), first: i16, (kind, queue): (Kind, &mut Queue)) {
        // SAFETY: the machine has AVX-512, or this were not what is used.
        unsafe { add(block, first, (kind, queue)) }
    }

    #[inline(always)]
    fn codes(self, queue: &Queue, codes: &Codes, pairs: &mut [u64]) {
        // SAFETY: the machine has AVX-512, or this were not what is used.
        unsafe { self::codes(queue, codes, pairs) }
    }
}

/// Pixels that are converted at a time.
const PIXELS: usize = 64;

/// Converts as many pixels as are whole blocks, and returns how many that were.
///
/// Products are of pairs: of red and green, and of blue and green. A half is more than a word with a
/// sign holds, but not less: so both differences are made upside down.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn colours(pixels: &[u8], [luma, blue, red]: [&mut [u8]; 3]) -> usize {
    const QUARTER: i32 = 1 << 14;
    let [[r, g, b], [blue_r, blue_g, blue_b], [red_r, red_g, red_b]] = WEIGHTS;
    let pair = |low: i32, high: i32| _mm512_set1_epi32(high << 16 | low & 0xffff);
    let of_luma = [pair(r, g - QUARTER), pair(b, QUARTER)];
    let of_blue = [pair(-blue_r, -blue_g), pair(-blue_b, 0)];
    let of_red = [pair(-red_r, -red_g), pair(-red_b, 0)];
    let (half, upside_down) = (_mm512_set1_epi32(HALF), _mm512_set1_epi32(!CENTRE));
    let (take_rg, take_bg) = (load_64(&PAIRS[0], 0), load_64(&PAIRS[1], 0));
    let ones = _mm512_set1_epi8(-1);
    let mut done = 0;
    // A load of 64 bytes for 48 reads beyond its pixels.
    while done + PIXELS <= luma.len() && 3 * (done + PIXELS) + 16 <= pixels.len() {
        let sixteen = |sixteen: usize| {
            let bytes = load_64(pixels, 3 * (done + 16 * sixteen));
            let rg = _mm512_maskz_permutexvar_epi8(LOWER_BYTES, take_rg, bytes);
            let bg = _mm512_maskz_permutexvar_epi8(LOWER_BYTES, take_bg, bytes);
            let sum = |more, [of_rg, of_bg]: [__m512i; 2]| {
                _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(more, rg, of_rg), bg, of_bg)
            };
            [sum(half, of_luma), sum(upside_down, of_blue), sum(upside_down, of_red)]
        };
        let sums = [sixteen(0), sixteen(1), sixteen(2), sixteen(3)];
        let all = |n: usize| {
            let third = |a, b| _mm512_permutex2var_epi8(a, load_64(&THIRD, 0), b);
            let upper = _mm512_castsi512_si256(third(sums[2][n], sums[3][n]));
            _mm512_inserti64x4::<1>(third(sums[0][n], sums[1][n]), upper)
        };
        store_64(luma, done, all(0));
        store_64(blue, done, _mm512_xor_si512(all(1), ones));
        store_64(red, done, _mm512_xor_si512(all(2), ones));
        done += PIXELS;
    }
    done
}

/// The lower byte of each word.
const LOWER_BYTES: u64 = 0x5555_5555_5555_5555;

/// Where the words of red and green, and those of blue and green, of sixteen pixels come from.
const PAIRS: [[i8; 64]; 2] = {
    let mut pairs = [[0; 64]; 2];
    let mut n = 0;
    while n < 16 {
        (pairs[0][4 * n], pairs[0][4 * n + 2]) = (3 * n as i8, 3 * n as i8 + 1);
        (pairs[1][4 * n], pairs[1][4 * n + 2]) = (3 * n as i8 + 2, 3 * n as i8 + 1);
        n += 1;
    }
    pairs
};

/// The third byte of each of 32 numbers.
const THIRD: [i8; 64] = {
    let mut third = [0; 64];
    let mut n = 0;
    while n < 32 {
        third[n] = 4 * n as i8 + 2;
        n += 1;
    }
    third
};

/// Where the numbers of a block are, in the order in which they are stored.
const ORDER: [u16; 64] = {
    let mut order = [0; 64];
    let mut n = 0;
    while n < 64 {
        order[n] = ZIGZAG[n] as u16;
        n += 1;
    }
    order
};

/// 0 to 63, and the one before each.
const PLACES: [[i8; 64]; 2] = {
    let mut places = [[0; 64]; 2];
    let mut n = 0;
    while n < 64 {
        places[0][n] = n as i8;
        places[1][n] = n as i8 - 1;
        n += 1;
    }
    places
};

/// [`Queue::add`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt")]
fn add(Block(numbers): &Block, first: i16, (kind, queue): (Kind, &mut Queue)) {
    let numbers = [load_64(numbers, 0), load_64(numbers, 32)];
    let half =
        |n: usize| _mm512_permutex2var_epi16(numbers[0], load_64(&ORDER, 32 * n), numbers[1]);
    let (lower, upper) = (half(0), half(1));
    let coded = |half| u64::from(_mm512_test_epi16_mask(half, half));
    let taken = taken(coded(lower) | coded(upper) << 32);
    let lower = _mm512_mask_set1_epi16(lower, 1, first);
    let (in_lower, in_upper) = (taken as u32, (taken >> 32) as u32);
    let into = &mut queue.numbers[queue.count..];
    store_64(into, 0, _mm512_maskz_compress_epi16(in_lower, lower));
    let behind = in_lower.count_ones() as usize;
    store_64(into, behind, _mm512_maskz_compress_epi16(in_upper, upper));
    // How many zeros there are before each: from its place that of the one before is taken, and one.
    let places = _mm512_maskz_compress_epi8(taken, load_64(&PLACES[0], 0));
    let none = _mm512_set1_epi8(-1);
    let before = _mm512_mask_permutexvar_epi8(none, !1, load_64(&PLACES[1], 0), places);
    let zeros = _mm512_add_epi8(_mm512_sub_epi8(places, before), none);
    let others = _mm512_set1_epi16(kind[1] as i16);
    let shifted = |zeros| _mm512_slli_epi16::<4>(_mm512_cvtepu8_epi16(zeros));
    let into = &mut queue.places[queue.count..];
    let lower = _mm512_add_epi16(shifted(_mm512_castsi512_si256(zeros)), others);
    store_64(into, 0, _mm512_mask_set1_epi16(lower, 1, kind[0] as i16));
    store_64(into, 32, _mm512_add_epi16(shifted(_mm512_extracti64x4_epi64::<1>(zeros)), others));
    queue.count += behind + in_upper.count_ones() as usize;
}

/// [`codes`](super::queue::codes); `pairs` are a whole number of vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512cd")]
fn codes(queue: &Queue, Codes(codes): &Codes, pairs: &mut [u64]) {
    let numbers = queue.numbers.as_chunks::<16>().0.iter().zip(queue.places.as_chunks::<16>().0);
    let (mask, lower) = (_mm512_set1_epi32(CODES as i32 - 1), _mm512_set1_epi64(u32::MAX.into()));
    for (pairs, (numbers, places)) in pairs.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        let numbers = _mm512_cvtepi16_epi32(load_32(numbers, 0));
        let places = _mm512_cvtepu16_epi32(load_32(places, 0));
        let zeros = _mm512_lzcnt_epi32(_mm512_abs_epi32(numbers));
        let sizes = _mm512_sub_epi32(_mm512_set1_epi32(32), zeros);
        let indices = _mm512_and_si512(_mm512_add_epi32(places, sizes), mask);
        // SAFETY: there are as many codes as masked indices.
        let entries = unsafe { _mm512_i32gather_epi32::<4>(indices, codes.as_ptr().cast()) };
        // Of a negative number the bits of the one below it.
        let bits = _mm512_add_epi32(numbers, _mm512_srai_epi32::<31>(numbers));
        let bits = _mm512_andnot_si512(_mm512_sllv_epi32(_mm512_set1_epi32(-1), sizes), bits);
        let bits = _mm512_or_si512(_mm512_srli_epi32::<5>(entries), bits);
        let lengths = _mm512_and_si512(entries, _mm512_set1_epi32(31));
        let second = (_mm512_srli_epi64::<32>(bits), _mm512_srli_epi64::<32>(lengths));
        let first = (_mm512_and_si512(bits, lower), _mm512_and_si512(lengths, lower));
        let both = _mm512_or_si512(_mm512_sllv_epi64(first.0, second.1), second.0);
        let length = _mm512_add_epi64(first.1, second.1);
        let made = _mm512_or_si512(_mm512_slli_epi64::<PAIR_BITS>(both), length);
        store_64(pairs, 0, made);
    }
}
