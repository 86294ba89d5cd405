//! The bits of a scan, without what is stuffed between them.

/// The bits of entropy-coded data up to the next marker; behind it there are zeros without end.
///
/// It is copied, not borrowed, by what is not inlined: so it stays in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The bits that come next, the first of them on top.
    window: u64,
    /// How many of them count.
    count: u32,
    /// How many were made up, because the data have ended.
    missing: u32,
}

/// Bits that there are at least after [`Bits::refill`].
pub(super) const REFILLED: u32 = 56;

impl<'a> Bits<'a> {
    /// Of data that begin here.
    pub(super) fn of(data: &'a [u8]) -> Self {
        Self { data, at: 0, window: 0, count: 0, missing: 0 }
    }

    /// Makes at least [`REFILLED`] bits ready.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        const ONES: u64 = 0x0101_0101_0101_0101;
        if let Some(eight) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let next = u64::from_be_bytes(*eight);
            // Whether none of the bytes is 0xff, by the trick that finds zeros.
            if (!next).wrapping_sub(ONES) & next & (ONES << 7) == 0 {
                self.window |= next >> self.count;
                self.at += (63 - self.count) as usize / 8;
                self.count |= REFILLED;
                return;
            }
        }
        *self = self.refilled_by_bytes();
    }

    #[inline(never)]
    fn refilled_by_bytes(mut self) -> Self {
        // Behind what counts there may be bits of a byte that is not taken yet.
        self.window &= !(u64::MAX >> self.count);
        while self.count < REFILLED {
            let byte = match self.data.get(self.at..).unwrap_or_default() {
                [0xff, 0, ..] => {
                    self.at += 2;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.missing += 8;
                    0
                }
                [byte, ..] => {
                    self.at += 1;
                    *byte
                }
            };
            self.window |= u64::from(byte) << (REFILLED - self.count);
            self.count += 8;
        }
        self
    }

    /// The next `n` bits, of 1 to 16, which stay.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.window >> (64 - n)) as usize
    }

    /// Takes `n` bits, no more than there are.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) {
        self.window <<= n & 63;
        self.count = self.count.wrapping_sub(n);
    }

    /// Whether no bit was taken that is not there.
    #[inline(always)]
    pub(super) fn is_whole(&self) -> bool {
        self.missing <= self.count
    }

    /// What follows the data: a marker, if the data end where they should. `None` if more bits were
    /// taken than there are, or a whole byte was left.
    pub(super) fn end(&self) -> Option<&'a [u8]> {
        let left = self.count.checked_sub(self.missing)?;
        let rest = self.data.get(self.at..)?;
        (left < 8 && matches!(rest, [0xff, marker, ..] if *marker != 0)).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_come_as_they_were_before_stuffing(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..60),
            sizes in prop::collection::vec(1_u32..=16, 0..60),
        ) {
            let stuff = |byte: &u8| if *byte == 0xff { vec![0xff, 0] } else { vec![*byte] };
            let mut data: Vec<u8> = bytes.iter().flat_map(stuff).collect();
            data.extend([0xff, 0xd9]);
            let mut bits = Bits::of(&data);
            let expected: Vec<u8> =
                bytes.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1)).collect();
            let mut taken = 0;
            for size in sizes {
                bits.refill();
                let bit = |i: usize| usize::from(expected.get(i).copied().unwrap_or(0));
                let value = (0..size as usize).fold(0, |sum, i| 2 * sum + bit(taken + i));
                prop_assert_eq!(bits.peek(size), value);
                bits.take(size);
                taken += size as usize;
            }
            let ends_there = expected.len().checked_sub(taken).is_some_and(|left| left < 8);
            prop_assert_eq!(bits.end().is_some(), ends_there);
        }
    }
}
