//! Numbers on their way to codes and bits.
//!
//! Which numbers of a block are stored is known block by block; what their codes are is found out for
//! a thousand numbers at a time, and so is where in the file these begin. How many numbers a block has
//! nobody can foretell: so each loop would end in a surprise for the processor, and begin anew.

use super::forward::{Block, Machine};
use super::huffman::{Bits, CODES, Codes, PAIR_BITS};
use crate::codec::jpeg::baseline::ZIGZAG;

/// Numbers that wait for their codes.
const LENGTH: usize = 1024;
/// Room for what is queued of a block: 64 numbers at the most, in whole vectors.
const BLOCK: usize = 96;

/// What is stored of blocks, in its order.
#[derive(Debug)]
pub(super) struct Queue {
    /// Numbers that are not zero, the first of each block, and zeros that stand for sixteen of them
    /// or for all that follow.
    pub(super) numbers: [i16; LENGTH + BLOCK],
    /// Where in [`Codes`] those of a number's sizes begin.
    pub(super) places: [u16; LENGTH + BLOCK],
    pub(super) count: usize,
}

/// Where the codes of a block begin: those of its first number, those of the others.
pub(super) type Kind = [u16; 2];

/// Of luma, and of the differences of colour.
pub(super) const KINDS: [Kind; 2] = [[0, 256], [512, 768]];
/// A place of no code.
const NOWHERE: u16 = 0x20;

impl Queue {
    pub(super) const fn new() -> Self {
        Self { numbers: [0; LENGTH + BLOCK], places: [0; LENGTH + BLOCK], count: 0 }
    }

    /// Adds what is stored of a block, without the instructions that not every machine has.
    #[inline(always)]
    pub(super) fn add(&mut self, (Block(numbers), coded): (&Block, u64), first: i16, kind: Kind) {
        let into = self.numbers[self.count..].first_chunk_mut::<BLOCK>().expect("room for a block");
        let places = self.places[self.count..].first_chunk_mut::<BLOCK>().expect("and its places");
        (into[0], places[0]) = (first, kind[0]);
        let (mut left, mut before, mut count) = (taken(coded) & !1, 0, 1);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            into[count] = numbers[usize::from(ZIGZAG[place & 63] & 63)];
            places[count] = kind[1] + ((place - before - 1) << 4) as u16;
            before = place;
            count += 1;
        }
        self.count += count;
    }
}

/// The numbers to store of a block: those that are not zero, the first, the last of sixteen zeros
/// before another number, and the zero that follows the last number. `coded` tells the first of these,
/// in the order in which they are stored.
#[inline(always)]
pub(super) fn taken(coded: u64) -> u64 {
    let mut taken = coded | 1;
    let last = 1_u64 << taken.ilog2();
    loop {
        // Each number and the fifteen places behind it.
        let reached = [1, 2, 4, 8].iter().fold(taken, |reached, by| reached | reached << by);
        let missing = !reached & (last - 1);
        if missing == 0 {
            return taken | last << 1;
        }
        taken |= missing & missing.wrapping_neg();
    }
}

/// The way of blocks into a file.
pub(super) struct Writer<'f> {
    queue: Queue,
    codes: Codes,
    bits: Bits<'f>,
}

impl<'f> Writer<'f> {
    pub(super) fn new(bits: Bits<'f>) -> Self {
        Self { queue: Queue::new(), codes: Codes::standard(), bits }
    }

    /// Writes a block, of whose first number the difference is given. `None` if there may be no room
    /// for it.
    #[inline(always)]
    pub(super) fn block<M: Machine>(
        &mut self,
        machine: M,
        block: (&Block, u64),
        difference: i16,
        kind: Kind,
    ) -> Option<()> {
        if self.queue.count > LENGTH - BLOCK {
            self.send(machine)?;
        }
        machine.queue(block, difference, (kind, &mut self.queue));
        Some(())
    }

    /// Writes what waits.
    #[inline(always)]
    fn send<M: Machine>(&mut self, machine: M) -> Option<()> {
        let Self { queue, codes, bits } = self;
        let count = std::mem::take(&mut queue.count);
        // What follows the last number has no code.
        queue.numbers[count..count + BLOCK / 2].fill(0);
        queue.places[count..count + BLOCK / 2].fill(NOWHERE);
        let mut pairs = [0; LENGTH / 2];
        machine.codes(queue, codes, &mut pairs[..count.div_ceil(2).next_multiple_of(8)]);
        bits.write(&pairs[..count.div_ceil(2)])
    }

    /// Writes what waits, and ends the file; returns how long it is.
    #[inline(always)]
    pub(super) fn finish<M: Machine>(mut self, machine: M) -> Option<usize> {
        self.send(machine)?;
        self.bits.finish()
    }
}

/// The codes and bits of two numbers each, as many as `pairs` has room for; without the instructions
/// that not every machine has.
#[inline(always)]
pub(super) fn codes(queue: &Queue, Codes(codes): &Codes, pairs: &mut [u64]) {
    let numbers = queue.numbers.as_chunks::<2>().0.iter().zip(queue.places.as_chunks::<2>().0);
    for (pair, (numbers, places)) in pairs.iter_mut().zip(numbers) {
        let [first, second] = [0, 1].map(|n| {
            let number = i32::from(numbers[n]);
            let size = u32::BITS - number.unsigned_abs().leading_zeros();
            let entry = codes[(usize::from(places[n]) + size as usize) % CODES];
            // Of a negative number the bits of the one below it.
            let bits = (number + (number >> 31)) as u32 & !(u32::MAX << size);
            (u64::from(entry >> 5 | bits), u64::from(entry & 31))
        });
        *pair = (first.0 << second.1 | second.0) << PAIR_BITS | (first.1 + second.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_taken_sixteen_at_a_time_and_where_the_rest_begins() {
        assert_eq!(taken(0), 0b11, "the first, and the end");
        assert_eq!(taken(1 << 63), 1 << 63 | 1 << 48 | 1 << 32 | 1 << 16 | 1, "no end");
        assert_eq!(taken(1 << 16), 1 << 17 | 1 << 16 | 1, "fifteen zeros");
        assert_eq!(taken(1 << 17), 1 << 18 | 1 << 17 | 1 << 16 | 1, "sixteen");
        assert_eq!(taken(u64::MAX), u64::MAX);
    }
}
