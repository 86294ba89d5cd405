//! Numbers as bits: the codes of the standard, and the writing of a block.

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

/// How many codes there may be: two tables of luma and two of colour.
pub(super) const CODES: usize = 4 * 256;

/// Of every symbol its code, moved up by as many bits as its number has, and below it in five bits the
/// length of both. First numbers of luma come first, then others, then those of colour.
#[derive(Debug)]
pub(super) struct Codes(pub(super) [u32; CODES]);

impl Codes {
    pub(super) fn standard() -> Self {
        let mut codes = [0; CODES];
        let tables = [&DC[0], &AC[0], &DC[1], &AC[1]];
        for (coding, table) in tables.iter().zip(codes.as_chunks_mut().0) {
            coding.enter(table);
        }
        Self(codes)
    }
}

impl Coding {
    fn enter(&self, table: &mut [u32; 256]) {
        let (mut code, mut symbols) = (0_u32, self.symbols.iter());
        for (length, count) in (1_u32..).zip(self.counts) {
            for symbol in symbols.by_ref().take(usize::from(*count)) {
                let size = u32::from(symbol & 15);
                table[usize::from(*symbol)] = code << (size + 5) | (length + size);
                code += 1;
            }
            code <<= 1;
        }
    }
}

/// Bits that tell how many there are of two codes with their numbers; the codes are above them.
pub(super) const PAIR_BITS: u32 = 6;

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

impl<'f> Bits<'f> {
    /// Into a file, from a place on.
    pub(super) fn new(file: &'f mut [u8], at: usize) -> Self {
        Self { file, at, waiting: [0; WAITING], tail: Tail { at: 0, window: 0, count: 0 } }
    }

    /// Writes codes, two by two: at most 52 bits and below them, in [`PAIR_BITS`], how many they are.
    /// `None` if there may be no room for them.
    #[inline(always)]
    pub(super) fn write(&mut self, pairs: &[u64]) -> Option<()> {
        let Tail { mut at, mut window, mut count } = self.tail;
        for pair in pairs {
            let length = (pair & ((1 << PAIR_BITS) - 1)) as u32;
            window = window << length | pair >> PAIR_BITS;
            count += length;
            let word = window << (u64::BITS.wrapping_sub(count) & 63);
            self.waiting[at..at + 8].copy_from_slice(&word.to_be_bytes());
            at += (count / 8) as usize;
            count %= 8;
        }
        self.tail = Tail { at, window, count };
        self.send()
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
