//! Numbers as bits: the codes of the standard, and the writing of a block.

use crate::codec::jpeg::baseline::ZIGZAG;
use crate::codec::jpeg::header::EOI;

/// How many codes of each length there are, and what they stand for.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) counts: &'static [u8; 16],
    pub(super) symbols: &'static [u8],
}

/// Differences of first coefficients, of luma and of colour: the bits of the number.
pub(super) const DC: [Coding; 2] = [
    Coding {
        counts: &[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    },
    Coding {
        counts: &[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    },
];

/// Other coefficients, of luma and of colour: the zeros before it, and the bits of the number.
pub(super) const AC: [Coding; 2] = [
    Coding {
        counts: &[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
        #[rustfmt::skip]
        symbols: &[
            0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51,
            0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1,
            0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18,
            0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39,
            0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57,
            0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75,
            0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92,
            0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
            0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
            0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8,
            0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2,
            0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
        ],
    },
    Coding {
        counts: &[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
        #[rustfmt::skip]
        symbols: &[
            0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07,
            0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09,
            0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25,
            0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38,
            0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56,
            0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74,
            0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
            0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
            0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
            0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
            0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2,
            0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
        ],
    },
];

/// Sixteen zeros, none of them the last.
const ZEROS: usize = 0xf0;
/// Nothing but zeros from here on.
const END: usize = 0;

/// Of every symbol the code, and below it in eight bits its length.
type Table = [u32; 256];

/// The codes of luma, and those of colour: of first coefficients, of others.
#[derive(Debug)]
pub(super) struct Codes([(Table, Table); 2]);

impl Codes {
    pub(super) fn standard() -> Self {
        Self([0, 1].map(|kind| (DC[kind].table(), AC[kind].table())))
    }

    /// Those of a component.
    #[inline(always)]
    pub(super) fn of(&self, component: usize) -> &(Table, Table) {
        &self.0[usize::from(component > 0)]
    }
}

impl Coding {
    fn table(&self) -> Table {
        let mut table = [0; 256];
        let (mut code, mut symbols) = (0_u32, self.symbols.iter());
        for (length, count) in (1_u32..).zip(self.counts) {
            for symbol in symbols.by_ref().take(usize::from(*count)) {
                table[usize::from(*symbol)] = code << 8 | length;
                code += 1;
            }
            code <<= 1;
        }
        table
    }
}

/// Most bytes of a block: 64 codes of 16 bits with numbers of 11.
const MOST_BYTES: usize = 64 * 27 / 8;

/// Bytes that wait before it is looked for those that are followed by a zero.
const WAITING: usize = 4096;

/// Bits on their way into a file.
///
/// They are first written as if there were no zeros behind bytes of ones: whether there is such a byte
/// is a branch that nobody can foretell, and so is whether a byte is full.
#[derive(Debug)]
pub(super) struct Bits<'f> {
    file: &'f mut [u8],
    at: usize,
    waiting: [u8; WAITING],
    tail: Tail,
}

/// The end of what waits.
#[derive(Debug, Clone, Copy)]
struct Tail {
    /// Whole bytes.
    at: usize,
    /// The bits behind them, the last at the bottom; above them may be anything.
    window: u64,
    /// How many these are, less than a byte.
    count: u32,
}

/// What waits, while a block is written.
struct Writer<'w> {
    waiting: &'w mut [u8; WAITING],
    tail: Tail,
}

impl<'f> Bits<'f> {
    /// Into a file, from a place on.
    pub(super) fn new(file: &'f mut [u8], at: usize) -> Self {
        Self { file, at, waiting: [0; WAITING], tail: Tail { at: 0, window: 0, count: 0 } }
    }

    /// Writes a block, of whose first coefficient the difference is given; `coded` tells which of
    /// its numbers are not zero. `None` if there may be no room for it.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        numbers: &[i16; 64],
        coded: u64,
        difference: i32,
        (dc, ac): &(Table, Table),
    ) -> Option<()> {
        if self.tail.at + MOST_BYTES + 2 * size_of::<u64>() > WAITING {
            self.send()?;
        }
        let mut writer = Writer { waiting: &mut self.waiting, tail: self.tail };
        writer.number(dc, 0, difference);
        let (mut left, mut before) = (coded & !1, 0);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            let mut zeros = place - before - 1;
            before = place;
            while zeros >= 16 {
                writer.put(u64::from(ac[ZEROS] >> 8), ac[ZEROS] & 0xff);
                zeros -= 16;
            }
            let number = numbers[usize::from(ZIGZAG[place & 63] & 63)];
            writer.number(ac, zeros << 4, i32::from(number));
        }
        if before < 63 {
            writer.put(u64::from(ac[END] >> 8), ac[END] & 0xff);
        }
        self.tail = writer.tail;
        Some(())
    }

    /// Moves whole bytes into the file; `None` if there may be no room for them.
    #[inline(never)]
    fn send(&mut self) -> Option<()> {
        let Self { file, at, waiting, tail } = self;
        let into = file.get_mut(*at..*at + 2 * tail.at)?;
        *at += stuffed(&waiting[..tail.at], into);
        // The byte that is not whole is written anew with the next bits.
        tail.at = 0;
        Some(())
    }

    /// Fills the last byte with ones, and ends the file; returns how long it is.
    pub(super) fn finish(mut self) -> Option<usize> {
        let Tail { at, window, count } = self.tail;
        if count > 0 {
            self.waiting[at] = (window << (8 - count)) as u8 | 0xff >> count;
            self.tail.at += 1;
        }
        self.send()?;
        self.file.get_mut(self.at..self.at + 2)?.copy_from_slice(&[0xff, EOI]);
        Some(self.at + 2)
    }
}

impl Writer<'_> {
    /// A code that says how many zeros there are before a number and how many bits it has, and these.
    #[inline(always)]
    fn number(&mut self, table: &Table, zeros: usize, number: i32) {
        let size = u32::BITS - number.unsigned_abs().leading_zeros();
        let entry = table[(zeros | size as usize) & 0xff];
        // Of a negative number those of the one below it.
        let bits = (number + (number >> 31)) as u32 & !(u32::MAX << size);
        self.put(u64::from(entry >> 8) << size | u64::from(bits), (entry & 0xff) + size);
    }

    /// Appends 1 to 27 bits.
    #[inline(always)]
    fn put(&mut self, bits: u64, length: u32) {
        let Tail { at, window, count } = self.tail;
        let (window, count) = (window << (length & 63) | bits, count + length);
        let word = window << (u64::BITS.wrapping_sub(count) & 63);
        self.waiting[at..at + 8].copy_from_slice(&word.to_be_bytes());
        self.tail = Tail { at: at + (count / 8) as usize, window, count: count % 8 };
    }
}

/// Copies bytes, with zeros behind those of ones; returns how many it became. There is room for twice
/// as many.
fn stuffed(bytes: &[u8], into: &mut [u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    let one_by_one = |bytes: &[u8], mut at: usize, into: &mut [u8]| {
        for byte in bytes {
            into[at] = *byte;
            at += 1;
            if *byte == 0xff {
                into[at] = 0;
                at += 1;
            }
        }
        at
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for bytes in words {
        let word = u64::from_ne_bytes(*bytes);
        // Whether one of the bytes is 0xff, by the trick that finds zeros.
        if (!word).wrapping_sub(ONES) & word & (ONES << 7) == 0 {
            into[at..at + 8].copy_from_slice(bytes);
            at += 8;
        } else {
            at = one_by_one(bytes, at, into);
        }
    }
    one_by_one(rest, at, into)
}
