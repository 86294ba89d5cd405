//! Counts the groups of Huffman codes in a lossless picture, before libwebp builds their tables.
//!
//! A group costs a few bytes of a file and some twenty thousand of memory, and a picture may have
//! sixty-five thousand of them: a file of half a megabyte would take a gigabyte. This reads a
//! lossless stream (RFC 9649, section 3) as far as the picture that assigns groups to blocks, and
//! no further. What it cannot read is refused: libwebp would read it in some other way.

use std::collections::HashSet;

/// Most pixels of which the assigning picture has one, as `log2` of the smallest block's side.
const SMALLEST_BLOCK: u32 = 2;
/// The order in which the lengths of the codes of lengths are stored.
const LENGTHS_ORDER: [usize; 19] =
    [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Green samples, copies, and as many colours remembered as the stream says.
const GREEN: usize = 256 + 24;
/// Distances of copies.
const DISTANCES: usize = 40;

/// The number of groups of the lossless stream in `bits`, of a picture of `width` × `height`;
/// `None` if it makes no sense.
///
/// `bits` are the payload of `VP8L` after its five bytes, or of a packed `ALPH` after its first.
pub(super) fn count(bits: &[u8], width: u32, height: u32) -> Option<usize> {
    let mut stream = Stream { bytes: bits, at: 0 };
    let mut width = width;
    let mut seen = [false; 4];
    while stream.bit()? == 1 {
        let transform = stream.take(2)?;
        // libwebp wants each at most once, too; more of them would cost a picture each.
        if std::mem::replace(&mut seen[transform as usize], true) {
            return None;
        }
        match transform {
            0 | 1 => {
                let block = stream.take(3)? + SMALLEST_BLOCK;
                stream.picture(width.div_ceil(1 << block), height.div_ceil(1 << block))?;
            }
            2 => {}
            _ => {
                let colours = stream.take(8)? + 1;
                stream.picture(colours, 1)?;
                let packed = match colours {
                    0..=2 => 3,
                    3..=4 => 2,
                    5..=16 => 1,
                    _ => 0,
                };
                width = width.div_ceil(1 << packed);
            }
        }
    }
    if stream.bit()? == 1 {
        stream.take(4)?;
    }
    if stream.bit()? == 0 {
        return Some(1);
    }
    let block = stream.take(3)? + SMALLEST_BLOCK;
    let groups = stream.picture(width.div_ceil(1 << block), height.div_ceil(1 << block))?;
    let group = |pixel: &u32| pixel >> 8 & 0xffff;
    let different: HashSet<u32> = groups.iter().map(group).collect();
    // Numbers that are not used cost as much while there are few of them.
    let largest = groups.iter().map(group).max()? as usize + 1;
    Some(if largest <= 1000 { largest } else { different.len() })
}

/// Bits, the lowest of a byte first.
struct Stream<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The five codes of a picture.
struct Codes {
    green: Code,
    red: Code,
    blue: Code,
    alpha: Code,
    distance: Code,
}

impl Stream<'_> {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Some(u32::from(bit))
    }

    /// A number of so many bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, i| Some(number | self.bit()? << i))
    }

    /// A picture inside the stream: one group of codes, perhaps a memory of colours.
    fn picture(&mut self, width: u32, height: u32) -> Option<Vec<u32>> {
        let memory_bits = if self.bit()? == 1 { self.take(4)? } else { 0 };
        if memory_bits > 11 {
            return None;
        }
        let mut memory = vec![0; if memory_bits > 0 { 1 << memory_bits } else { 0 }];
        let codes = Codes {
            green: self.code(GREEN + memory.len())?,
            red: self.code(256)?,
            blue: self.code(256)?,
            alpha: self.code(256)?,
            distance: self.code(DISTANCES)?,
        };
        let length = width as usize * height as usize;
        let near = near();
        let mut pixels: Vec<u32> = Vec::with_capacity(length);
        while pixels.len() < length {
            let green = self.symbol(&codes.green)?;
            let remembered = pixels.len();
            if green < 256 {
                let (red, blue) = (self.symbol(&codes.red)?, self.symbol(&codes.blue)?);
                let alpha = self.symbol(&codes.alpha)?;
                let pixel = [alpha, red, green, blue];
                let pixel = pixel.map(|sample| u8::try_from(sample).unwrap_or(u8::MAX));
                pixels.push(u32::from_be_bytes(pixel));
            } else if green < GREEN {
                let count = self.long(green - 256)?;
                let code = self.symbol(&codes.distance)?;
                let distance = distance(self.long(code)?, width as usize, &near);
                let from = pixels.len().checked_sub(distance)?;
                if count > length - pixels.len() {
                    return None;
                }
                for i in 0..count {
                    pixels.push(pixels[from + i]);
                }
            } else {
                pixels.push(*memory.get(green - GREEN)?);
            }
            if memory_bits > 0 {
                for pixel in &pixels[remembered..] {
                    let key = pixel.wrapping_mul(0x1e35_a7bd) >> (32 - memory_bits);
                    memory[key as usize] = *pixel;
                }
            }
        }
        Some(pixels)
    }

    /// The number behind a symbol of a length or a distance.
    fn long(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let extra = u32::try_from((symbol - 2) >> 1).ok()?;
        let base = (2 + (symbol & 1)) << extra;
        Some(base + self.take(extra)? as usize + 1)
    }

    /// Reads a code of so many symbols.
    fn code(&mut self, symbols: usize) -> Option<Code> {
        let mut lengths = vec![0_u8; symbols];
        if self.bit()? == 1 {
            let two = self.bit()? == 1;
            let bits = if self.bit()? == 1 { 8 } else { 1 };
            let first = self.take(bits)?;
            let second = if two { self.take(8)? } else { first };
            for symbol in [first, second] {
                // As libwebp does: a symbol that the code cannot have is not there.
                if let Some(length) = lengths.get_mut(symbol as usize) {
                    *length = 1;
                }
            }
            return Code::new(&lengths);
        }
        let mut of_lengths = [0; 19];
        let count = self.take(4)? as usize + 4;
        for place in LENGTHS_ORDER.get(..count)? {
            of_lengths[*place] = u8::try_from(self.take(3)?).ok()?;
        }
        let of_lengths = Code::new(&of_lengths)?;
        let mut left = symbols;
        if self.bit()? == 1 {
            let bits = 2 + 2 * self.take(3)?;
            left = 2 + self.take(bits)? as usize;
        }
        let (mut at, mut previous) = (0, 8);
        while at < symbols && left > 0 {
            left -= 1;
            let symbol = self.symbol(&of_lengths)?;
            let (length, count) = match symbol {
                0..=15 => (u8::try_from(symbol).ok()?, 1),
                16 => (previous, 3 + self.take(2)? as usize),
                17 => (0, 3 + self.take(3)? as usize),
                _ => (0, 11 + self.take(7)? as usize),
            };
            lengths.get_mut(at..at + count)?.fill(length);
            at += count;
            if symbol < 16 && length != 0 {
                previous = length;
            }
        }
        Code::new(&lengths)
    }

    fn symbol(&mut self, code: &Code) -> Option<usize> {
        if let [only] = code.symbols[..] {
            return Some(usize::from(only));
        }
        let (mut value, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            value |= self.bit()?;
            let count = u32::from(*count);
            if value < first + count {
                return code.symbols.get((index + value - first) as usize).map(|s| usize::from(*s));
            }
            index += count;
            first = (first + count) << 1;
            value <<= 1;
        }
        None
    }
}

/// A canonical Huffman code.
struct Code {
    /// How many symbols have a code of each length.
    counts: [u16; 16],
    /// The symbols in the order of their codes; a single one takes no bits.
    symbols: Vec<u16>,
}

impl Code {
    /// `None` unless every sequence of bits means something, or there is one symbol only.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u16; 16];
        let mut symbols: Vec<(u8, u16)> = vec![];
        for (symbol, length) in (0..).zip(lengths) {
            if *length > 0 {
                *counts.get_mut(usize::from(*length))? += 1;
                symbols.push((*length, symbol));
            }
        }
        symbols.sort_unstable();
        let used = (1_u32..).zip(&counts[1..]).map(|(length, n)| u32::from(*n) << (15 - length));
        if symbols.is_empty() || (symbols.len() > 1 && used.sum::<u32>() != 1 << 15) {
            return None;
        }
        Some(Self { counts, symbols: symbols.into_iter().map(|(_, symbol)| symbol).collect() })
    }
}

/// The 120 nearest pixels before one, right and down counted, nearest first.
fn near() -> Vec<(i32, i32)> {
    let all = (0..8).flat_map(|y| (-7..9).map(move |x| (x, y)));
    let mut near: Vec<(i32, i32)> = all.filter(|(x, y)| *y > 0 || *x > 0).collect();
    near.sort_by_key(|(x, y)| (x * x + y * y, -y, -x));
    near
}

/// How far back a distance code points.
fn distance(code: usize, width: usize, near: &[(i32, i32)]) -> usize {
    match near.get(code - 1) {
        None => code - near.len(),
        Some((x, y)) => {
            let back = i64::from(*y) * i64::try_from(width).unwrap_or(0) + i64::from(*x);
            usize::try_from(back.max(1)).unwrap_or(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::carry::Carried;
    use crate::codec::webp::{Manner, encode, encoded_bound};
    use crate::shape::{Layout, Shape};

    /// The lossless stream of a picture, as libwebp writes it.
    fn stream(shape: Shape, pixels: &[u8], effort: u8) -> Vec<u8> {
        let manner = Manner { quality: 100, lossless: true, effort };
        let mut scratch = vec![0; encoded_bound(shape)];
        let file = encode(shape, pixels, manner, &Carried::default(), &mut scratch).unwrap();
        file[25..].to_vec()
    }

    /// Flat parts, slopes and noise, side by side: what makes encoders use several groups.
    fn patchwork(shape: Shape) -> Vec<u8> {
        let channels = shape.layout.channels();
        let sample = |i: usize| {
            let (x, y) = (i / channels % shape.width as usize, i / shape.row());
            let noise = ((i * 2_654_435_761) >> 11) & 255;
            let value = match (x / 40 + y / 40) % 4 {
                0 => x * 3 + y,
                1 => noise,
                2 => 77 + i % channels,
                _ => (x / 4 * 16) ^ (noise & 3),
            };
            u8::try_from(value & 255).unwrap()
        };
        (0..shape.bytes()).map(sample).collect()
    }

    #[test]
    fn groups_of_what_libwebp_writes_are_counted() {
        let mut most = 0;
        for layout in [Layout::Rgb, Layout::Rgba] {
            for (width, height) in [(1, 1), (3, 200), (300, 211), (640, 480)] {
                for effort in [0, 3, 6] {
                    let shape = Shape { width, height, layout };
                    let stream = stream(shape, &patchwork(shape), effort);
                    let groups = count(&stream, width, height);
                    assert!(groups.is_some(), "{width}×{height}, effort {effort}");
                    most = most.max(groups.unwrap_or(0));
                }
            }
        }
        assert!(most > 1, "no picture has several groups");
    }

    #[test]
    fn pictures_of_few_colours_are_counted() {
        for colours in [2, 4, 16, 200] {
            let shape = Shape { width: 333, height: 70, layout: Layout::Rgb };
            let colour =
                |i: usize| [i % colours * 255 / colours; 3].map(|s| u8::try_from(s).unwrap());
            let pixels: Vec<u8> = (0..333 * 70).map(|i| i * i / 97).flat_map(colour).collect();
            assert!(count(&stream(shape, &pixels, 4), 333, 70).is_some(), "{colours} colours");
        }
    }

    /// Writes bits, the lowest of a byte first.
    #[derive(Default)]
    struct Bits {
        bytes: Vec<u8>,
        count: usize,
    }

    impl Bits {
        fn put(&mut self, number: usize, count: usize) {
            for i in 0..count {
                if self.count.is_multiple_of(8) {
                    self.bytes.push(0);
                }
                *self.bytes.last_mut().unwrap() |=
                    u8::from(number >> i & 1 == 1) << (self.count % 8);
                self.count += 1;
            }
        }

        fn put_all(&mut self, numbers: &[(usize, usize)]) {
            for (number, count) in numbers {
                self.put(*number, *count);
            }
        }

        /// A simple code of two symbols.
        fn put_pair(&mut self, first: usize, second: usize) {
            self.put_all(&[(0b111, 3), (first, 8), (second, 8)]);
        }

        /// A code in which each byte is itself, the highest bit first.
        fn put_bytes(&mut self) {
            // The one length is 8, the twelfth in the order of lengths, and takes no bits.
            self.put(0, 1);
            self.put(12 - 4, 4);
            (0..11).for_each(|_| self.put(0, 3));
            self.put(1, 3);
            // 256 of them: 2 + 254, in 2 + 2 · 3 bits.
            self.put_all(&[(1, 1), (3, 3), (254, 8)]);
        }
    }

    /// The head of a stream of 400 × 400 pixels whose blocks of four belong to 10,000 groups.
    fn many_groups() -> Vec<u8> {
        let mut bits = Bits::default();
        // No transform, no memory; groups by blocks of four, without memory.
        bits.put_all(&[(0, 1), (0, 1), (1, 1), (0, 3), (0, 1)]);
        bits.put_bytes();
        bits.put_bytes();
        bits.put_pair(0, 0);
        bits.put_pair(0, 0);
        // Of distances there are forty.
        bits.put_pair(0, 200);
        for group in 0..10_000_u16 {
            let [red, green] = group.to_be_bytes().map(|byte| usize::from(byte.reverse_bits()));
            bits.put(green, 8);
            bits.put(red, 8);
        }
        bits.bytes
    }

    #[test]
    fn symbols_outside_their_alphabet_hide_no_groups() {
        assert_eq!(count(&many_groups(), 400, 400), Some(10_000));
    }

    #[test]
    fn a_transform_given_twice_is_refused() {
        // Greens are added to reds and blues, twice or once; then no memory and one group.
        assert_eq!(count(&[0b0010_1101, 0], 400, 400), None);
        assert_eq!(count(&[0b0000_0101, 0], 400, 400), Some(1));
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            count(&bytes, 500, 300);
        }
    }
}
