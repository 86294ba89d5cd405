//! The two passes of a blur in AVX2: bytes along a row first, then pairs of rows down the columns.
//!
//! Two samples are multiplied and added by one instruction in both passes. Along a row they are
//! those at the same distance on both sides. Down the columns they are two rows that follow each
//! other, and lie interleaved in memory for that; two rows of the result share what is read, the
//! second with its weights moved on by one.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_srai_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8, _mm256_unpacklo_epi16,
    _mm256_xor_si256,
};

/// Samples that are worked on at a time.
pub(crate) const LANES: usize = 32;

/// Sums of 16 bits without sign as ones with it, which is what is multiplied: they are less by this.
const SIGN: i16 = i16::MIN;
/// What that takes from the sum of all weights, 256, and a half of what is cut off.
const START: i32 = (1 << 23) + (1 << 15);

/// The weights of a blur, arranged for both passes.
#[derive(Debug)]
pub(crate) struct Weights {
    /// From the furthest to the centre, as two bytes; the centre's with nothing beside it.
    across: Vec<i16>,
    /// Of each pair of rows, for the first and for the second row of the result.
    down: Vec<[i32; 2]>,
}

impl Weights {
    /// Of a kernel's half with its centre last; `None` if they are too large for signed bytes or
    /// their products, as those of the smallest kernels are.
    pub(crate) fn new(half: &[u16]) -> Option<Self> {
        let (centre, outer) = half.split_last()?;
        // Twice 255 times 64 still fits a sum of two products.
        if *centre > 127 || outer.iter().any(|weight| *weight > 64) {
            return None;
        }
        let twice = outer.iter().map(|weight| weight << 8 | weight);
        let across = twice.chain([*centre]).map(u16::cast_signed).collect();
        let whole: Vec<u16> = half.iter().chain(outer.iter().rev()).copied().collect();
        let pair = |first: u16, second: u16| i32::from(second) << 16 | i32::from(first);
        let at = |i: usize| whole.get(i).copied().unwrap_or(0);
        let down = (0..half.len()).map(|n| {
            let before = if n == 0 { 0 } else { at(2 * n - 1) };
            [pair(at(2 * n), at(2 * n + 1)), pair(before, at(2 * n))]
        });
        Some(Self { across, down: down.collect() })
    }

    /// Pairs of rows that two rows of the result are made of.
    pub(crate) fn pairs(&self) -> usize {
        self.down.len()
    }
}

/// Sums along two rows of `row` samples, `padded` on both sides by what the kernel reaches and
/// behind that by [`LANES`]; interleaved, as many as are whole lanes.
#[target_feature(enable = "avx2")]
pub(crate) fn across(
    weights: &Weights,
    padded: [&[u8]; 2],
    (row, channels): (usize, usize),
    sums: &mut [i16],
) {
    let (centre, outer) = weights.across.split_last().expect("a kernel has a centre");
    let border = outer.len() * channels;
    assert!(padded.iter().all(|row_| row_.len() >= 2 * border + row + LANES), "rows are padded");
    let sums = &mut sums[..2 * row.next_multiple_of(LANES)];
    let sign = _mm256_set1_epi16(SIGN);
    for (n, sums) in sums.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut().enumerate() {
        // SAFETY: what is read ends at most a border and a vector behind sample `start`, which is
        // before the end of the row: so far it was asserted to be padded.
        let load = |row: usize, at: usize| unsafe {
            _mm256_loadu_si256(padded[row].as_ptr().add(at).cast())
        };
        let (zero, weight) = (_mm256_setzero_si256(), _mm256_set1_epi16(*centre));
        let (mut left, mut right) = (n * LANES, n * LANES + 2 * border);
        let (even, odd) = (load(0, left + border), load(1, left + border));
        let mut even_low = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(even, zero), weight);
        let mut even_high = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(even, zero), weight);
        let mut odd_low = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(odd, zero), weight);
        let mut odd_high = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(odd, zero), weight);
        for weight in outer {
            let weight = _mm256_set1_epi16(*weight);
            let times = |pair| _mm256_maddubs_epi16(pair, weight);
            let (a, b) = (load(0, left), load(0, right));
            even_low = _mm256_add_epi16(even_low, times(_mm256_unpacklo_epi8(a, b)));
            even_high = _mm256_add_epi16(even_high, times(_mm256_unpackhi_epi8(a, b)));
            let (a, b) = (load(1, left), load(1, right));
            odd_low = _mm256_add_epi16(odd_low, times(_mm256_unpacklo_epi8(a, b)));
            odd_high = _mm256_add_epi16(odd_high, times(_mm256_unpackhi_epi8(a, b)));
            (left, right) = (left + channels, right - channels);
        }
        let (even_low, odd_low) =
            (_mm256_xor_si256(even_low, sign), _mm256_xor_si256(odd_low, sign));
        let (even_high, odd_high) =
            (_mm256_xor_si256(even_high, sign), _mm256_xor_si256(odd_high, sign));
        let mixed = [
            _mm256_unpacklo_epi16(even_low, odd_low),
            _mm256_unpackhi_epi16(even_low, odd_low),
            _mm256_unpacklo_epi16(even_high, odd_high),
            _mm256_unpackhi_epi16(even_high, odd_high),
        ];
        for (sums, mixed) in sums.as_chunks_mut::<16>().0.iter_mut().zip(mixed) {
            // SAFETY: there is room for sixteen sums, and the store needs no alignment.
            unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), mixed) };
        }
    }
}

/// Two rows of the result, from as many pairs of rows as the kernel has; `pairs` begin with the first.
#[target_feature(enable = "avx2")]
pub(crate) fn down(weights: &Weights, pairs: &[&[i16]], first: &mut [u8], second: &mut [u8]) {
    let length = 2 * first.len().next_multiple_of(LANES);
    assert!(pairs.iter().all(|pair| pair.len() >= length), "sums of whole lanes");
    for start in (0..first.len()).step_by(LANES) {
        let mut sums = [[_mm256_set1_epi32(START); 4]; 2];
        for (pair, by) in pairs.iter().zip(&weights.down) {
            let by = by.map(|by| _mm256_set1_epi32(by));
            for part in 0..4 {
                // SAFETY: the last of these lanes ends where the sums of whole lanes do, and so far
                // the rows were asserted to reach.
                let both = unsafe {
                    let at = pair.as_ptr().add(2 * start + 16 * part);
                    _mm256_loadu_si256(at.cast())
                };
                for (sums, by) in sums.iter_mut().zip(by) {
                    sums[part] = _mm256_add_epi32(sums[part], _mm256_madd_epi16(both, by));
                }
            }
        }
        store(first, start, bytes(sums[0]));
        store(second, start, bytes(sums[1]));
    }
}

/// The upper halves of four vectors of sums, in the order in which they were interleaved.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes(sums: [__m256i; 4]) -> __m256i {
    let [a, b, c, d] = sums.map(|sum| _mm256_srai_epi32::<16>(sum));
    _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
}

/// Writes from `at` on, up to the end of the row, which may be empty.
#[inline]
#[target_feature(enable = "avx2")]
fn store(row: &mut [u8], at: usize, vector: __m256i) {
    let Some(row) = row.get_mut(at..) else { return };
    let mut bytes = [0; LANES];
    let whole = row.len() >= LANES;
    let into = if whole { row.as_mut_ptr() } else { bytes.as_mut_ptr() };
    // SAFETY: there is room for 32 bytes in either, and the store needs no alignment.
    unsafe { _mm256_storeu_si256(into.cast(), vector) };
    if !whole {
        row.copy_from_slice(&bytes[..row.len()]);
    }
}
