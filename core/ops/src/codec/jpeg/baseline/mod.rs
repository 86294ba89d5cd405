//! A decoder of our own for the most common kind of JPEG: baseline, three components in one scan.
//!
//! It makes the planes that libjpeg-turbo makes of the same file at the same scale, byte for byte,
//! in about two thirds of the time; what that takes is told in `ARCHITECTURE.md`. Whatever is
//! unusual about a file, in its header or anywhere in its data, makes it give up, and libjpeg-turbo
//! decodes the file from the start: so nothing is refused here, nothing is mended, and no file
//! looks different for having come this way. Broken files cost at most one pass over their blocks.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "windows of 64 bits are taken apart; numbers of the format fit 16 bits, and are checked \
              where they add up"
)]
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod bits;
mod full;
mod huffman;
mod inverse;
mod pixels;
mod setup;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use self::bits::Bits;
use self::huffman::{END, Table, length_of, look, look_for_two};
use self::inverse::{Block, Inverse};
use self::setup::Setup;

use super::header::EOI;
use super::planes::{self, Plane, Sampling};
use crate::geometry::Scale;
use crate::kernel::level::{self, Kernel, Level};

pub(super) use pixels::decode as decode_pixels;
pub(super) use setup::ZIGZAG;

/// The first of the eight markers that part the data of a scan.
const RST0: u8 = 0xd0;

/// Largest first coefficient, multiplied: four times the largest that an 8-bit picture has. Beyond
/// it libjpeg's ways to compute differ, from scale to scale and from machine to machine.
const LARGEST_DC: i32 = 4080;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The sides that its header says, as stored.
    pub(crate) size: (u32, u32),
    /// How it is sampled.
    pub(crate) sampling: Sampling,
    /// The scale, below full.
    pub(crate) scale: Scale,
}

/// Decodes into the planes that [`planes::decoded`] lays out; `None` if the file is unusual. The
/// planes may then hold anything.
pub(crate) fn decode(source: &[u8], wanted: Wanted, buffer: &mut [u8]) -> Option<()> {
    let setup = Setup::read(source)?;
    if (setup.width, setup.height) != wanted.size || setup.sampling != wanted.sampling {
        return None;
    }
    let planes = planes::decoded(wanted.size, wanted.sampling, wanted.scale);
    let buffer = &mut buffer[..planes::bytes(&planes)];
    match (wanted.scale, Level::current()) {
        (Scale::Full, _) => None,
        // SAFETY: the machine has the instructions, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        (Scale::Half, Level::Avx2 | Level::Avx512) => unsafe {
            level::with_avx2(Decode { setup, planes, buffer, inverse: x86::Half })
        },
        (Scale::Half, Level::Portable) => {
            Decode { setup, planes, buffer, inverse: inverse::Half }.run()
        }
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        (Scale::Quarter, Level::Avx2 | Level::Avx512) => unsafe {
            level::with_avx2(Decode { setup, planes, buffer, inverse: x86::Quarter })
        },
        (Scale::Quarter, Level::Portable) => {
            Decode { setup, planes, buffer, inverse: inverse::Quarter }.run()
        }
        (Scale::Eighth, _) => {
            level::run(Decode { setup, planes, buffer, inverse: inverse::Eighth })
        }
    }
}

struct Decode<'a, I> {
    setup: Setup<'a>,
    planes: [Plane; 3],
    buffer: &'a mut [u8],
    inverse: I,
}

impl<I: Inverse> Kernel for Decode<'_, I> {
    type Made = Option<()>;

    #[inline(always)]
    fn run(self) -> Option<()> {
        let Self { setup, planes, buffer, inverse } = self;
        let Sampling { across, down } = setup.sampling;
        let units = |side: u32, factor: u32| side.div_ceil(8 * factor) as usize;
        let (columns, rows) = (units(setup.width, across), units(setup.height, down));
        let (places, count) = setup.sampling.places();
        let places = &places[..count];
        let mut scan = Scan::of(&setup);
        let mut blocks = [const { Block::ZERO }; MOST_BLOCKS];
        let mut coded = [Coded::First; MOST_BLOCKS];
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)))
        {
            scan.restart()?;
            // All of them are read before the first is transformed: what was just written in small
            // pieces is slow to be read in large ones.
            for (place, (block, coded)) in places.iter().zip(blocks.iter_mut().zip(&mut coded)) {
                *block = Block::ZERO;
                *coded = scan.block(place.component, &mut block.0)?;
            }
            for (place, (block, coded)) in places.iter().zip(blocks.iter().zip(coded)) {
                let Place { component, across, down, of: (h, v) } = *place;
                let (x, y) = ((column * h + across) * I::SIDE, (row * v + down) * I::SIDE);
                let plane = &planes[component];
                let into = &mut buffer[plane.start + y * plane.stride + x..];
                inverse.make(
                    block,
                    coded,
                    &setup.components[component].steps,
                    (into, plane.stride),
                );
            }
            if column + 1 == columns {
                scan.is_whole()?;
            }
        }
        scan.end()
    }
}

/// Most blocks of an MCU: four of luma and two of colour.
const MOST_BLOCKS: usize = 6;

/// Where a block of an MCU belongs.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    component: usize,
    /// Its column and row among the blocks of its component in the MCU, and how many those are.
    across: usize,
    down: usize,
    of: (usize, usize),
}

impl Sampling {
    /// The blocks of an MCU in their order, and how many they are.
    fn places(self) -> ([Place; MOST_BLOCKS], usize) {
        let of = (self.across as usize, self.down as usize);
        let luma = (0..of.0 * of.1).map(|n| (0, n % of.0, n / of.0, of));
        let colour = (1..=2).map(|component| (component, 0, 0, (1, 1)));
        let mut places = [Place::default(); MOST_BLOCKS];
        let mut count = 0;
        for (place, (component, across, down, of)) in places.iter_mut().zip(luma.chain(colour)) {
            *place = Place { component, across, down, of };
            count += 1;
        }
        (places, count)
    }
}

/// Which coefficients of a block are not zero, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coded {
    /// The first at most.
    First,
    /// Others too.
    More,
}

/// The scan on the way through its blocks.
struct Scan<'a> {
    setup: &'a Setup<'a>,
    bits: Bits<'a>,
    tables: [(&'a Table, &'a Table); 3],
    predicted: [i32; 3],
    /// MCUs until the next restart marker, and its number.
    until: u32,
    number: u8,
}

impl<'a> Scan<'a> {
    #[inline(always)]
    fn of(setup: &'a Setup<'a>) -> Self {
        let tables = setup.components.each_ref().map(|component| {
            let dc = setup.dc[component.dc].as_ref().expect("the setup has looked");
            (dc, setup.ac[component.ac].as_ref().expect("the setup has looked"))
        });
        let until = if setup.restart == 0 { u32::MAX } else { setup.restart };
        let bits = Bits::of(setup.data);
        Self { setup, bits, tables, predicted: [0; 3], until, number: 0 }
    }

    /// Counts an MCU; goes over the restart marker before it, if there has to be one.
    #[inline(always)]
    fn restart(&mut self) -> Option<()> {
        if self.until == 0 && self.setup.restart > 0 {
            let [0xff, marker, rest @ ..] = self.bits.end()? else { return None };
            if *marker != RST0 + self.number {
                return None;
            }
            self.bits = Bits::of(rest);
            self.predicted = [0; 3];
            (self.until, self.number) = (self.setup.restart, (self.number + 1) % 8);
        }
        self.until = self.until.wrapping_sub(1);
        Some(())
    }

    /// Reads a block of a component; `block` is zero.
    #[inline(always)]
    fn block(&mut self, component: usize, block: &mut [i16; 64]) -> Option<Coded> {
        let (dc, ac) = self.tables[component];
        let mut bits = self.bits;
        bits.refill();
        let entry = look(dc.short(), &bits);
        let difference = if length_of(entry) == 0 {
            let (_, number) = dc.long(entry, &mut bits)?;
            bits.refill();
            number
        } else {
            bits.take(length_of(entry));
            entry as i32 >> 16
        };
        let first = self.predicted[component] + difference;
        self.predicted[component] = first;
        let step = i32::from(self.setup.components[component].steps[0]);
        if first.checked_mul(step)?.abs() > LARGEST_DC {
            return None;
        }
        block[0] = first as i16;
        let (bits, k, last) = others(bits, ac, block)?;
        self.bits = bits;
        match k {
            END => Some(Coded::First),
            63 => {
                block[63] = last;
                Some(Coded::More)
            }
            _ => (k > END).then_some(Coded::More),
        }
    }

    /// Whether nothing was read that is not there; asked now and then, so that a file that ends
    /// early does not cost as much as a whole one.
    #[inline(always)]
    fn is_whole(&self) -> Option<()> {
        self.bits.is_whole().then_some(())
    }

    /// Whether the picture ends with its data.
    fn end(&self) -> Option<()> {
        self.bits.end()?.starts_with(&[0xff, EOI]).then_some(())
    }
}

/// Reads the coefficients of a block behind the first, from bits of which no more than one
/// [look](huffman::LOOK) was taken since they were refilled. Returns the bits behind them, how far the
/// last one is from the first, and its number, which is not in the block yet.
#[inline(always)]
fn others<'a>(
    mut bits: Bits<'a>,
    table: &Table,
    block: &mut [i16; 64],
) -> Option<(Bits<'a>, usize, i16)> {
    let pairs = table.pairs();
    let mut k = 0;
    loop {
        // As many as are surely there.
        for _ in 0..(bits::REFILLED - huffman::LOOK) / huffman::LOOK {
            let two = look_for_two(pairs, &bits);
            if two.length() == 0 {
                bits.refill();
                let (step, number) = table.long(two.first(), &mut bits)?;
                k += step;
                if k >= 63 {
                    return Some((bits, k, number as i16));
                }
                block[usize::from(ZIGZAG[k])] = number as i16;
                break;
            }
            let (steps, numbers) = (two.steps(), two.numbers());
            let (first, second) = (k + steps.0, k + steps.0 + steps.1);
            if (63..END).contains(&first) {
                // What follows belongs to the next block.
                bits.take(two.length_of_first());
                return Some((bits, first, numbers.0));
            }
            bits.take(two.length());
            // The end is a zero, and goes where nothing else was put.
            block[usize::from(PLACES[first & 0xff])] = numbers.0;
            if second >= 63 {
                return Some((bits, second, numbers.1));
            }
            block[usize::from(PLACES[second])] = numbers.1;
            k = second;
        }
        bits.refill();
    }
}

/// [`ZIGZAG`], and behind it its last place.
const PLACES: [u8; 256] = {
    let mut places = [63; 256];
    let mut k = 0;
    while k < 64 {
        places[k] = ZIGZAG[k];
        k += 1;
    }
    places
};
