//! Huffman codes: a table that gives code and number in one look, and a slow way for what is longer.

use super::bits::Bits;

/// Bits that are looked at together. Most codes with their numbers are not longer, and two tables
/// of that many entries still fit the nearest cache.
pub(super) const LOOK: u32 = 11;

/// A step that ends a block, however far it has come.
pub(super) const END: usize = 0x80;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Differences of the first coefficients.
    Dc,
    /// The other coefficients.
    Ac,
}

/// The codes of one table, each of a symbol that says how far the next coefficient is and how many
/// bits of its number follow.
#[derive(Debug)]
pub(super) struct Table {
    /// For every beginning of [`LOOK`] bits, see [`entry`].
    short: Box<Short>,
    /// The same of two codes at once, see [`paired`]; for differences nothing.
    pairs: Box<[u64]>,
    /// Of each length the first code behind its codes, as 16 bits.
    limits: [u32; 17],
    /// Of each length what is added to a code to get its place among the symbols.
    offsets: [u32; 17],
    /// As many as there may be, so that any byte is a place.
    symbols: [u8; 256],
    class: Class,
}

/// What is found for every beginning of [`LOOK`] bits.
pub(super) type Short = [u32; 1 << LOOK];

/// The same of two codes.
pub(super) type Pairs = [u64; 1 << LOOK];

/// A code that was found, with its number if it was in sight.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    /// Bits of the code.
    length: u32,
    /// How far to go on.
    step: usize,
    /// Bits of the number behind it.
    size: u32,
}

impl Table {
    /// The table of a segment that gives how many codes each length has, and the symbols. `None` if
    /// no encoder of 8-bit samples writes such a table.
    pub(super) fn new(class: Class, counts: [u8; 16], listed: &[u8]) -> Option<Self> {
        let mut symbols = [0; 256];
        symbols.get_mut(..listed.len())?.copy_from_slice(listed);
        let largest = |symbol: &u8| match class {
            Class::Dc => *symbol <= 11,
            Class::Ac => symbol & 15 <= 10,
        };
        if !listed.iter().all(largest) {
            return None;
        }
        let (short, pairs) = (Box::new([0; 1 << LOOK]), Box::default());
        let mut table = Self { short, pairs, limits: [0; 17], offsets: [0; 17], symbols, class };
        let (mut code, mut place) = (0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(counts) {
            table.offsets[length as usize] = place.wrapping_sub(code);
            for _ in 0..count {
                // The code of ones only is no code.
                if code + 1 >= 1 << length {
                    return None;
                }
                table.enter(code, length, symbols[place as usize & 255]);
                (code, place) = (code + 1, place + 1);
            }
            table.limits[length as usize] = code << (16 - length);
            code <<= 1;
        }
        if class == Class::Ac {
            table.pairs = (0..1 << LOOK).map(|bits| paired(&table.short, bits)).collect();
        }
        (place as usize == listed.len()).then_some(table)
    }

    /// Fills in all beginnings that start with a code.
    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(free) = LOOK.checked_sub(length) else { return };
        let symbol = self.symbol(length, symbol);
        let first = (code << free) as usize;
        for (rest, slot) in (0..).zip(&mut self.short[first..first + (1 << free)]) {
            *slot = entry(symbol, rest, free);
        }
    }

    #[inline(always)]
    fn symbol(&self, length: u32, symbol: u8) -> Symbol {
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        let step = match self.class {
            Class::Dc => 0,
            Class::Ac if size == 0 && run != 15 => END,
            Class::Ac => run + 1,
        };
        Symbol { length, step, size }
    }

    /// The entries to [`look`] at.
    #[inline(always)]
    pub(super) fn short(&self) -> &Short {
        &self.short
    }

    /// The entries of two codes to [`look_for_two`] at.
    #[inline(always)]
    pub(super) fn pairs(&self) -> &Pairs {
        self.pairs.as_array().expect("there are as many as that, but for differences")
    }

    /// Takes a code and its number that are longer than [`LOOK`], of which the entry is given:
    /// step and number. At most 27 bits.
    #[inline(always)]
    pub(super) fn long(&self, entry: u32, bits: &mut Bits<'_>) -> Option<(usize, i32)> {
        let Symbol { length, step, size } = if entry == 0 {
            self.longest(bits.peek(16) as u32)?
        } else {
            Symbol { length: entry >> 16 & 31, step: step_of(entry), size: entry >> 24 }
        };
        bits.take(length);
        if size == 0 {
            return Some((step, 0));
        }
        let number = extend(bits.peek(size) as u32, size);
        bits.take(size);
        Some((step, number))
    }

    #[inline(never)]
    fn longest(&self, code: u32) -> Option<Symbol> {
        let length = (LOOK + 1..=16).find(|length| code < self.limits[*length as usize])?;
        let place = (code >> (16 - length)).wrapping_add(self.offsets[length as usize]);
        Some(self.symbol(length, *self.symbols.get(place as usize)?))
    }
}

/// The entry for the bits that come next.
#[inline(always)]
pub(super) fn look(short: &Short, bits: &Bits<'_>) -> u32 {
    short[bits.peek(LOOK) & ((1 << LOOK) - 1)]
}

/// The entry of two codes for the bits that come next.
#[inline(always)]
pub(super) fn look_for_two(pairs: &Pairs, bits: &Bits<'_>) -> Two {
    Two(pairs[bits.peek(LOOK) & ((1 << LOOK) - 1)])
}

/// Two codes with their numbers, or the first alone if the second is not in sight; see [`paired`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Two(u64);

impl Two {
    /// Bits of all; 0 if not even the first code is in sight, and [`Two::first`] has what is.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        (self.0 & 0xff) as u32
    }

    /// Bits of the first code and its number.
    #[inline(always)]
    pub(super) fn length_of_first(self) -> u32 {
        (self.0 >> 40 & 0xff) as u32
    }

    /// Steps to the first number, and from it to the second, which is the same if there is one.
    #[inline(always)]
    pub(super) fn steps(self) -> (usize, usize) {
        (step_of(self.0 as u32), (self.0 >> 32 & 0xff) as usize)
    }

    /// Both numbers.
    #[inline(always)]
    pub(super) fn numbers(self) -> (i16, i16) {
        ((self.0 >> 16) as i16, (self.0 >> 48) as i16)
    }

    /// The entry of the first code, if that is all there is.
    #[inline(always)]
    pub(super) fn first(self) -> u32 {
        self.0 as u32
    }
}

/// What is found for a beginning when two codes are looked for: as for one, but for the length of
/// both; and above it the step to the second, the length of the first, the second number. What is not
/// in sight ends a block, so that nobody has to look whether it is.
fn paired(short: &Short, bits: usize) -> u64 {
    let first = short[bits];
    let length = length_of(first);
    if length == 0 {
        return u64::from(first) | 0xff << 32;
    }
    let alone = u64::from(first) | u64::from(length) << 40 | u64::from(first >> 16) << 48;
    if step_of(first) == END {
        return alone;
    }
    let second = short[bits << length & ((1 << LOOK) - 1)];
    match length_of(second) {
        0 => alone,
        more if length + more > LOOK => alone,
        more => {
            let upper = u64::from(second & 0xffff_0000) | u64::from(length) << 8;
            u64::from(first + more) | (upper | step_of(second) as u64) << 32
        }
    }
}

/// What is found for a beginning: the length of code and number, the step, the number. If the
/// number does not fit: zero, the step, the length of the code, and that of the number.
fn entry(symbol: Symbol, rest: u32, free: u32) -> u32 {
    let Symbol { length, step, size } = symbol;
    let step = (step as u32) << 8;
    match free.checked_sub(size) {
        Some(_) if size == 0 => step | length,
        Some(after) => ((extend(rest >> after, size) as u32) << 16) | step | (length + size),
        None => (size << 24) | (length << 16) | step,
    }
}

/// The bits of code and number that an entry gives; 0 if more have to be looked at.
#[inline(always)]
pub(super) fn length_of(entry: u32) -> u32 {
    entry & 0xff
}

/// The step that an entry gives.
#[inline(always)]
pub(super) fn step_of(entry: u32) -> usize {
    (entry >> 8 & 0xff) as usize
}

/// The number whose bits these are: half of them are negative.
#[inline(always)]
fn extend(bits: u32, size: u32) -> i32 {
    let negative = i32::from(bits >> (size - 1) == 0);
    bits as i32 - negative * ((1 << size) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_lengths_are_found_with_their_numbers() {
        // One code of each length: 0, 10, 110, …
        let symbols: Vec<u8> = (1..=16).map(|n| (n % 14) << 4 | (n % 11)).collect();
        let table = Table::new(Class::Ac, [1; 16], &symbols).unwrap();
        for (i, symbol) in symbols.iter().enumerate() {
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            for number in [0, (1 << size) - 1] {
                let code = (1_u64 << (i + 1)) - 2;
                let free = 63 - i as u32;
                let written = code << free | (number << (free - size));
                let data = written
                    .to_be_bytes()
                    .map(|byte| if byte == 0xff { vec![255, 0] } else { vec![byte] });
                let data = data.concat();
                let mut bits = Bits::of(&data);
                bits.refill();
                let entry = look(table.short(), &bits);
                let found = if length_of(entry) == 0 {
                    table.long(entry, &mut bits).unwrap()
                } else {
                    (step_of(entry), entry as i32 >> 16)
                };
                let step = if size == 0 && run != 15 { END } else { run + 1 };
                let expected = if size == 0 { 0 } else { extend(number as u32, size) };
                assert_eq!(found, (step, expected), "symbol {symbol:#x}");
            }
        }
    }

    #[test]
    fn tables_that_no_encoder_writes_are_left_to_others() {
        let counts = |first: u8, second: u8| {
            let mut counts = [0; 16];
            counts[..2].copy_from_slice(&[first, second]);
            counts
        };
        assert!(Table::new(Class::Dc, counts(1, 1), &[0, 1]).is_some());
        assert!(Table::new(Class::Dc, counts(2, 0), &[0, 1]).is_none(), "no code is left over");
        assert!(Table::new(Class::Dc, counts(1, 1), &[0, 12]).is_none(), "a number of 12 bits");
        assert!(Table::new(Class::Ac, counts(1, 1), &[0, 11]).is_none(), "a number of 11 bits");
        assert!(Table::new(Class::Ac, counts(1, 1), &[0]).is_none(), "a symbol is missing");
    }
}
