//! Pieces of rows as long as a few vectors, which is what kernels that the compiler turns into
//! vector code work on.

/// The `N` samples from `start` on.
#[inline(always)]
pub(crate) fn at<const N: usize, T>(samples: &[T], start: usize) -> &[T; N] {
    samples[start..].first_chunk().expect("the row is long enough")
}

/// The `N` samples from `start` on, to be written.
#[inline(always)]
pub(crate) fn at_mut<const N: usize, T>(samples: &mut [T], start: usize) -> &mut [T; N] {
    samples[start..].first_chunk_mut().expect("the row is long enough")
}

/// Calls `found` with the index of every byte that is not 0.
#[inline(always)]
pub(crate) fn each_set(bytes: &[u8], mut found: impl FnMut(usize)) {
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let mut word = u64::from_le_bytes(*word);
        while word != 0 {
            let byte = word.trailing_zeros() / 8;
            found(8 * n + byte as usize);
            word &= !(0xff << (8 * byte));
        }
    }
    let start = bytes.len() - rest.len();
    rest.iter().enumerate().filter(|(_, byte)| **byte != 0).for_each(|(i, _)| found(start + i));
}
