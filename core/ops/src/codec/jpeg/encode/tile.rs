//! A part of a row of MCUs: its samples, its coefficients, and what is written of it.

use pixmill_contract::operation::Subsampling;

use super::forward::{Block, Machine};
use super::queue::{KINDS, Writer};
use super::{Picture, Samples};
use crate::codec::jpeg::planes::Sampling;

/// Columns of luma: a whole number of MCUs of any kind, and few enough for the nearest cache.
pub(super) const WIDE: usize = 512;

/// Columns of blocks.
const BLOCKS: usize = WIDE / 8;

type Row = [u8; WIDE];

/// What is beyond the picture.
const BEYOND: Block = Block([0; 64]);

/// One component of a tile.
struct Component {
    /// Two rows of blocks of samples, those that repeat the edge among them.
    samples: [[Row; 8]; 2],
    blocks: [[Block; BLOCKS]; 2],
    /// Which of a block's numbers are not zero.
    coded: [[u64; BLOCKS]; 2],
}

/// All components: luma, and the two of colour if there are.
pub(super) struct Tile {
    components: [Component; 3],
    /// Differences of colour as the pixels have them.
    blue: [Row; 2],
    red: [Row; 2],
}

/// How much of a component there is in a tile, in blocks.
struct Extent {
    /// Of the picture: what is beyond is not transformed.
    across: usize,
    down: usize,
    /// In an MCU.
    of: (usize, usize),
}

impl Tile {
    #[expect(clippy::large_stack_arrays, reason = "75 KB, of the megabytes that threads have")]
    #[inline(always)]
    pub(super) fn new() -> Self {
        let component = || Component {
            samples: [[[0; WIDE]; 8]; 2],
            blocks: [[Block([0; 64]); BLOCKS]; 2],
            coded: [[0; BLOCKS]; 2],
        };
        Self {
            components: [component(), component(), component()],
            blue: [[0; WIDE]; 2],
            red: [[0; WIDE]; 2],
        }
    }

    /// Makes the samples of the tile whose first pixel is given.
    #[inline(always)]
    pub(super) fn fill<M: Machine>(
        &mut self,
        machine: M,
        picture: Picture<'_>,
        (left, top): (usize, usize),
    ) {
        let (width, height) = picture.size;
        let columns = (width - left).min(WIDE);
        match picture.samples {
            Samples::Gray(pixels) => {
                let from = |y: usize| &pixels[y * width + left..][..columns];
                fill(&mut self.components[0], 8, |row| from((top + row).min(height - 1)));
            }
            Samples::Planes(planes, buffer) => {
                let (rows, factors) = ([16, 8, 8], [1, 2, 2]);
                for (n, component) in self.components.iter_mut().enumerate() {
                    let (plane, first) = (&planes[n], left / factors[n]);
                    let samples = plane.of(buffer);
                    let columns = (plane.stride - first).min(WIDE / factors[n]);
                    fill(component, rows[n], |row| {
                        let y = (top / factors[n] + row).min(plane.rows - 1);
                        &samples[y * plane.stride + first..][..columns]
                    });
                }
            }
            Samples::Rgb(pixels, colours) => {
                let down = picture.samples.sampling().down as usize;
                let there = (height - top).min(8 * down);
                for row in 0..there.div_ceil(down) {
                    let from = (left, top + row * down);
                    self.convert(machine, (pixels, picture.size), from, (row, colours));
                }
                let [luma, blue, red] = &mut self.components;
                repeat_rows(luma, there, 8 * down);
                repeat_rows(blue, there.div_ceil(down), 8);
                repeat_rows(red, there.div_ceil(down), 8);
            }
        }
    }

    /// Converts as many rows of pixels as make one row of colour.
    #[inline(always)]
    fn convert<M: Machine>(
        &mut self,
        machine: M,
        (pixels, (width, height)): (&[u8], (usize, usize)),
        (left, top): (usize, usize),
        (row, colours): (usize, Subsampling),
    ) {
        let Self { components: [luma, blue, red], blue: fine_blue, red: fine_red } = self;
        let (across, down) = match colours {
            Subsampling::Full => (1, 1),
            Subsampling::HalfAcross => (2, 1),
            Subsampling::Half => (2, 2),
        };
        let columns = (width - left).min(WIDE);
        // As wide as the blocks of colour that show it.
        let padded = columns.next_multiple_of(8 * across);
        for i in 0..down.min(height - top) {
            let pixels = &pixels[3 * ((top + i) * width + left)..];
            let at = row * down + i;
            let luma = &mut luma.samples[at / 8][at % 8];
            let (blue, red) = (&mut fine_blue[i], &mut fine_red[i]);
            let [y, b, r] = [&mut *luma, blue, red].map(|row| &mut row[..columns]);
            machine.colours(pixels, y, b, r);
            for row in [luma, &mut fine_blue[i], &mut fine_red[i]] {
                widen(row, columns, padded);
            }
        }
        if down == 2 && top + 1 == height {
            fine_blue[1] = fine_blue[0];
            fine_red[1] = fine_red[0];
        }
        for (fine, coarse) in [(fine_blue, blue), (fine_red, red)] {
            let into = &mut coarse.samples[0][row][..padded / across];
            let above = &fine[0][..padded];
            match colours {
                Subsampling::Full => into.copy_from_slice(above),
                Subsampling::HalfAcross => halve(above, into),
                Subsampling::Half => halve_both(above, &fine[1][..padded], into),
            }
        }
    }

    /// Makes the coefficients.
    #[inline(always)]
    pub(super) fn transform<M: Machine>(
        &mut self,
        machine: M,
        picture: Picture<'_>,
        (left, top): (usize, usize),
    ) {
        let components = self.components.iter_mut().take(picture.samples.components());
        for (n, component) in components.enumerate() {
            let Extent { across, down, .. } = Extent::of(picture, n, (left, top));
            let steps = &picture.steps[usize::from(n > 0)];
            let Component { samples, blocks, coded } = component;
            for ((rows, blocks), coded) in samples.iter().zip(blocks).zip(coded).take(down) {
                let pairs = blocks.as_chunks_mut::<2>().0.iter_mut();
                let pairs = pairs.zip(coded.as_chunks_mut::<2>().0).enumerate();
                for (pair, (blocks, coded)) in pairs.take(across.div_ceil(2)) {
                    *coded = machine.forward(rows, 16 * pair, steps, blocks);
                }
            }
        }
    }

    /// Writes the coefficients, MCU by MCU.
    ///
    /// Blocks beyond the picture have the first coefficient of the one before them, and no other.
    #[inline(always)]
    pub(super) fn write<M: Machine>(
        &self,
        machine: M,
        (picture, place): (Picture<'_>, (usize, usize)),
        predicted: &mut [i16; 3],
        writer: &mut Writer<'_>,
    ) -> Option<()> {
        let count = picture.samples.components();
        let extents = [0, 1, 2].map(|n| Extent::of(picture, n.min(count - 1), place));
        let mcus = extents[0].across.div_ceil(extents[0].of.0);
        for mcu in 0..mcus {
            for n in 0..count {
                let (Component { blocks, coded, .. }, extent) = (&self.components[n], &extents[n]);
                for row in 0..extent.of.1 {
                    for column in mcu * extent.of.0..(mcu + 1) * extent.of.0 {
                        let (kind, predicted) = (KINDS[usize::from(n > 0)], &mut predicted[n]);
                        let (block, coded, difference) =
                            if row < extent.down && column < extent.across {
                                let block = &blocks[row][column];
                                let first = block.0[0];
                                let before = std::mem::replace(predicted, first);
                                (block, coded[row][column], first - before)
                            } else {
                                (&BEYOND, 0, 0)
                            };
                        writer.block(machine, (block, coded), difference, kind)?;
                    }
                }
            }
        }
        Some(())
    }
}

impl Extent {
    #[inline(always)]
    fn of(picture: Picture<'_>, component: usize, (left, top): (usize, usize)) -> Self {
        let Sampling { across, down } = picture.samples.sampling();
        let (across, down) = (across as usize, down as usize);
        let (width, height) = (picture.size.0 - left, picture.size.1 - top);
        // Luma has as many blocks as the MCU, colours have one.
        let (of, pixels) = if component == 0 {
            ((across, down), (8, 8))
        } else {
            ((1, 1), (8 * across, 8 * down))
        };
        let across = width.min(WIDE).div_ceil(pixels.0);
        Self { across, down: height.div_ceil(pixels.1).min(of.1), of }
    }
}

/// Copies rows, and repeats the last sample of each to whole blocks.
#[inline(always)]
fn fill<'a>(component: &mut Component, rows: usize, from: impl Fn(usize) -> &'a [u8]) {
    for row in 0..rows {
        let (samples, into) = (from(row), &mut component.samples[row / 8][row % 8]);
        into[..samples.len()].copy_from_slice(samples);
        widen(into, samples.len(), samples.len().next_multiple_of(8));
    }
}

/// Repeats the last row up to a number of rows.
#[inline(always)]
fn repeat_rows(component: &mut Component, there: usize, rows: usize) {
    let rows_of = component.samples.as_flattened_mut();
    let last = rows_of[there - 1];
    for row in &mut rows_of[there..rows] {
        *row = last;
    }
}

/// Repeats the sample before a place up to another.
#[inline(always)]
fn widen(row: &mut Row, from: usize, to: usize) {
    let last = row[from - 1];
    row[from..to].fill(last);
}

/// The mean of two samples, rounded down and up in turn.
#[inline(always)]
fn halve(samples: &[u8], into: &mut [u8]) {
    for (samples, into) in samples.as_chunks::<4>().0.iter().zip(into.as_chunks_mut::<2>().0) {
        let [a, b, c, d] = samples.map(u16::from);
        *into = [(a + b) >> 1, (c + d + 1) >> 1].map(|mean| mean as u8);
    }
}

/// The mean of two samples of two rows each, rounded by a quarter and a half in turn.
#[inline(always)]
fn halve_both(above: &[u8], below: &[u8], into: &mut [u8]) {
    let both = above.as_chunks::<4>().0.iter().zip(below.as_chunks::<4>().0);
    for ((above, below), into) in both.zip(into.as_chunks_mut::<2>().0) {
        let sums: [u16; 2] = std::array::from_fn(|n| {
            let of = |row: &[u8; 4]| u16::from(row[2 * n]) + u16::from(row[2 * n + 1]);
            of(above) + of(below)
        });
        *into = [(sums[0] + 1) >> 2, (sums[1] + 2) >> 2].map(|mean| mean as u8);
    }
}
