//! Every pixel of a picture: what `jpeg_idct_islow` of libjpeg-turbo computes, the colours between
//! the pixels that have one, and the way back to red, green and blue.
//!
//! As in [`inverse`](super::inverse), broken files come out as they do in libjpeg-turbo's vector
//! code: products wrap in 16 bits, sums in 32, and what is between the passes saturates in 16.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]

use super::inverse::{self, Block};
use super::setup::Setup;
use super::{Coded, MOST_BLOCKS, Place, Scan};
use crate::codec::jpeg::planes::Sampling;
#[cfg(target_arch = "x86_64")]
use crate::kernel::level;
use crate::kernel::level::{Kernel, Level};

/// Largest product of a block's first row, a little less than an eighth of what 16 bits hold: beyond
/// it libjpeg's short way for blocks that have no other row differs from its long one.
pub(super) const LARGEST_ABOVE: i16 = 8191;

/// What needs many samples at a time, in the machine's own instructions or without.
pub(super) trait Whole: Copy {
    /// Multiplies and transforms two blocks, and puts them beside each other; `None` if one has what
    /// is too large.
    fn pair(self, blocks: [&Block; 2], steps: [&[i16; 64]; 2]) -> Option<[[u8; 16]; 8]>;

    /// Pixels of a row, each of three samples.
    fn colours(self, luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]);
}

/// Whether pictures of the kind are decoded here: not those that are stored as red, green and blue,
/// nor those that are so narrow that libjpeg goes another way about it.
pub(super) fn knows(setup: &Setup<'_>) -> bool {
    setup.is_luma && setup.width.div_ceil(setup.sampling.across) > 2
}

/// Decodes into RGB of the picture's own size; `None` if the file is unusual.
pub(super) fn decode(setup: Setup<'_>, pixels: &mut [u8]) -> Option<()> {
    match Level::current() {
        Level::Portable => Decode { setup, pixels, machine: Plain }.run(),
        // SAFETY: the machine has the instructions, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => unsafe {
            level::with_avx2(Decode { setup, pixels, machine: super::x86::Avx2 })
        },
    }
}

struct Decode<'a, M> {
    setup: Setup<'a>,
    pixels: &'a mut [u8],
    machine: M,
}

impl<M: Whole> Kernel for Decode<'_, M> {
    type Made = Option<()>;

    #[inline(always)]
    fn run(self) -> Option<()> {
        let Self { setup, pixels, machine } = self;
        let Sampling { across, down } = setup.sampling;
        let units = |side: u32, factor: u32| side.div_ceil(8 * factor) as usize;
        let (columns, rows) = (units(setup.width, across), units(setup.height, down));
        let mut strips = Strips::new(&setup, columns);
        let mut scan = Scan::of(&setup);
        for row in 0..rows {
            for component in &mut strips.components {
                component.carry();
            }
            for column in 0..columns {
                strips.read(machine, &mut scan, column)?;
            }
            scan.is_whole()?;
            strips.emit(machine, (row, row + 1 == rows), pixels);
        }
        scan.end()
    }
}

/// Room before and behind the samples of a row, for what repeats the edge.
const MARGIN: usize = 32;

/// The samples of one component in a row of MCUs, and the last row of the MCUs before.
struct Strip {
    samples: Vec<u8>,
    stride: usize,
    rows: usize,
    /// Samples of a row that belong to the picture, and rows of the whole picture.
    width: usize,
    height: usize,
}

impl Strip {
    fn new((columns, rows): (usize, usize), (width, height): (u32, u32)) -> Self {
        let stride = columns + 2 * MARGIN;
        let (width, height) = (width as usize, height as usize);
        Self { samples: vec![0; (rows + 1) * stride], stride, rows, width, height }
    }

    /// Keeps the last row for the MCUs that come.
    #[inline(always)]
    fn carry(&mut self) {
        self.samples.copy_within(self.rows * self.stride.., 0);
    }

    /// Where the samples of a row begin; 0 is the row that was kept.
    #[inline(always)]
    fn start(&self, row: usize) -> usize {
        row * self.stride + MARGIN
    }

    /// The samples of a row, with as many more on both sides as are asked for.
    #[inline(always)]
    fn row(&self, row: usize, more: usize) -> &[u8] {
        let start = self.start(row);
        &self.samples[start - more..start + self.width + more]
    }

    /// Repeats the first and the last sample of every row once.
    #[inline(always)]
    fn widen(&mut self) {
        for row in 1..=self.rows {
            let start = self.start(row);
            self.samples[start - 1] = self.samples[start];
            self.samples[start + self.width] = self.samples[start + self.width - 1];
        }
    }

    /// Writes rows of samples from a place on.
    #[inline(always)]
    fn put<const N: usize>(&mut self, (x, y): (usize, usize), rows: [[u8; N]; 8]) {
        let start = self.start(y + 1) + x;
        for (into, row) in self.samples[start..].chunks_mut(self.stride).zip(rows) {
            into[..N].copy_from_slice(&row);
        }
    }
}

/// Luma, blue and red.
struct Strips {
    components: [Strip; 3],
    places: [Place; MOST_BLOCKS],
    count: usize,
    sampling: Sampling,
    /// A row of blue and one of red, as wide as the picture, and a sample more at the most.
    fine: [Vec<u8>; 2],
}

impl Strips {
    fn new(setup: &Setup<'_>, columns: usize) -> Self {
        let Sampling { across, down } = setup.sampling;
        let (of_luma, of_colour) = ((across as usize, down as usize), (1, 1));
        let size = (setup.width, setup.height);
        let coarse = (size.0.div_ceil(across), size.1.div_ceil(down));
        let strip = |of: (usize, usize), size| Strip::new((8 * columns * of.0, 8 * of.1), size);
        let colour = || strip(of_colour, coarse);
        let (places, count) = setup.sampling.places();
        let fine = || vec![0; setup.width as usize + 1];
        let components = [strip(of_luma, size), colour(), colour()];
        Self { components, places, count, sampling: setup.sampling, fine: [fine(), fine()] }
    }

    /// Reads an MCU and transforms its blocks, two by two.
    #[inline(always)]
    fn read<M: Whole>(&mut self, machine: M, scan: &mut Scan<'_>, column: usize) -> Option<()> {
        let mut blocks = [const { Block::ZERO }; MOST_BLOCKS];
        let mut coded = [Coded::First; MOST_BLOCKS];
        let places = &self.places[..self.count];
        scan.restart()?;
        for (place, (block, coded)) in places.iter().zip(blocks.iter_mut().zip(&mut coded)) {
            *coded = scan.block(place.component, &mut block.0)?;
        }
        for first in (0..self.count).step_by(2) {
            // The last of three stands for its neighbour too.
            let both = [first, (first + 1).min(self.count - 1)];
            let steps = both.map(|n| &scan.setup.components[self.places[n].component].steps);
            if both.map(|n| coded[n]) == [Coded::First; 2] {
                for (n, steps) in both.into_iter().zip(steps) {
                    let rows = [[inverse::first(&blocks[n], steps); 8]; 8];
                    let (component, place) = self.place(n, column);
                    self.components[component].put(place, rows);
                }
                continue;
            }
            let made = machine.pair(both.map(|n| &blocks[n]), steps)?;
            let [left, right] = both.map(|n| self.place(n, column));
            if left.0 == right.0 && left.1 == (right.1.0.wrapping_sub(8), right.1.1) {
                self.components[left.0].put(left.1, made);
            } else {
                let half = |n| made.map(|row| row.as_chunks::<8>().0[n]);
                self.components[left.0].put(left.1, half(0));
                self.components[right.0].put(right.1, half(1));
            }
        }
        Some(())
    }

    /// The component of an MCU's block, and its first sample.
    #[inline(always)]
    fn place(&self, block: usize, column: usize) -> (usize, (usize, usize)) {
        let Place { component, across, down, of } = self.places[block];
        (component, (8 * (column * of.0 + across), 8 * down))
    }

    /// Writes the pixels that are known by now: of rows whose colours lie between rows, the last one
    /// only when the next MCUs are there.
    #[inline(always)]
    fn emit<M: Whole>(&mut self, machine: M, (mcus, is_last): (usize, bool), pixels: &mut [u8]) {
        let Self { components: [luma, blue, red], fine: [fine_blue, fine_red], .. } = self;
        let Sampling { across, down } = self.sampling;
        let (width, height, top) = (luma.width, luma.height, mcus * luma.rows);
        let waits = usize::from(down == 2);
        let begin = top.saturating_sub(waits);
        let end = if is_last { height } else { top + luma.rows - waits };
        if across == 2 {
            blue.widen();
            red.widen();
        }
        for y in begin..end {
            for (coarse, fine) in [(&*blue, &mut *fine_blue), (&*red, &mut *fine_red)] {
                // Among all rows of the picture, and from there to those of the strip.
                let near = y / down as usize;
                let far = if y % 2 == 0 { near.saturating_sub(1) } else { near + 1 };
                let far = far.min(coarse.height - 1);
                let [near, far] = [near, far].map(|row| row + 1 - mcus * coarse.rows);
                let row = |row| coarse.row(row, usize::from(across == 2));
                match (across, down) {
                    (1, 1) => fine[..width].copy_from_slice(row(near)),
                    (1, _) => between_rows(row(near), row(far), y % 2, fine),
                    (_, 1) => between_columns(row(near), fine),
                    _ => between_both(row(near), row(far), fine),
                }
            }
            let (luma, out) = (luma.row(y + 1 - top, 0), &mut pixels[3 * width * y..][..3 * width]);
            machine.colours(luma, &fine_blue[..width], &fine_red[..width], out);
        }
    }
}

/// Three quarters of a row and one of its neighbour, rounded by less for the one above.
#[inline(always)]
fn between_rows(near: &[u8], far: &[u8], below: usize, fine: &mut [u8]) {
    let round = 1 + below as u16;
    for ((near, far), fine) in near.iter().zip(far).zip(fine) {
        *fine = ((3 * u16::from(*near) + u16::from(*far) + round) >> 2) as u8;
    }
}

/// Two samples for each: three quarters of it and one of a neighbour. There is one more on each side.
#[inline(always)]
fn between_columns(coarse: &[u8], fine: &mut [u8]) {
    let last = coarse.len() - 2;
    let (left, here, right) = (&coarse[..last], &coarse[1..=last], &coarse[2..]);
    let neighbours = left.iter().zip(here).zip(right);
    for (((left, here), right), fine) in neighbours.zip(fine.as_chunks_mut::<2>().0) {
        let [left, here, right] = [*left, *here, *right].map(u16::from);
        *fine = [(3 * here + left + 1) >> 2, (3 * here + right + 2) >> 2].map(|n| n as u8);
    }
}

/// Two samples for each of a row, with one row more to look at.
#[inline(always)]
fn between_both(near: &[u8], far: &[u8], fine: &mut [u8]) {
    let last = near.len() - 2;
    let sum = |near: &u8, far: &u8| 3 * u16::from(*near) + u16::from(*far);
    let left = near[..last].iter().zip(&far[..last]);
    let here = near[1..=last].iter().zip(&far[1..=last]);
    let right = near[2..].iter().zip(&far[2..]);
    for (((left, here), right), fine) in left.zip(here).zip(right).zip(fine.as_chunks_mut::<2>().0)
    {
        let [left, here, right] = [left, here, right].map(|(near, far)| sum(near, far));
        *fine = [(3 * here + left + 8) >> 4, (3 * here + right + 7) >> 4].map(|n| n as u8);
    }
}

/// Without instructions that not every machine has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

impl Whole for Plain {
    #[inline(always)]
    fn pair(self, blocks: [&Block; 2], steps: [&[i16; 64]; 2]) -> Option<[[u8; 16]; 8]> {
        let mut made = [[0; 16]; 8];
        for (n, (block, steps)) in blocks.into_iter().zip(steps).enumerate() {
            for (made, samples) in made.iter_mut().zip(transformed(block, steps)?) {
                made.as_chunks_mut::<8>().0[n] = samples;
            }
        }
        Some(made)
    }

    #[inline(always)]
    fn colours(self, luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
        let [of_red, less_red, less_blue, of_blue] = WEIGHTS;
        let colours = blue.iter().zip(red);
        for ((luma, (blue, red)), out) in luma.iter().zip(colours).zip(out.as_chunks_mut::<3>().0) {
            let [y, b, r] = [i32::from(*luma), i32::from(*blue) - 128, i32::from(*red) - 128];
            let more = |products: i32| (y + ((products + (1 << 15)) >> 16)).clamp(0, 255) as u8;
            *out = [more(of_red * r), more(less_red * r + less_blue * b), more(of_blue * b)];
        }
    }
}

/// What red is more for red, green less for red and for blue, and blue more for blue, in 65,536ths.
pub(super) const WEIGHTS: [i32; 4] = [91_881, -46_802, -22_554, 116_130];

#[inline(always)]
fn transformed(block: &Block, steps: &[i16; 64]) -> Option<[[u8; 8]; 8]> {
    let products: [[i16; 8]; 8] = std::array::from_fn(|row| {
        std::array::from_fn(|i| block.0[8 * row + i].wrapping_mul(steps[8 * row + i]))
    });
    let small = -LARGEST_ABOVE - 1..=LARGEST_ABOVE;
    if products[0].iter().any(|product| !small.contains(product)) {
        return None;
    }
    let mut between = [[0; 8]; 8];
    for column in 0..8 {
        let made = eight(products.map(|row| row[column]), 11);
        for (row, made) in between.iter_mut().zip(made) {
            row[column] = made;
        }
    }
    let sample = |n: i16| (n.clamp(-128, 127) + 128) as u8;
    Some(between.map(|row| eight(row, 18).map(sample)))
}

/// Eight of eight, without so many bits behind the point.
#[inline(always)]
fn eight(n: [i16; 8], shift: u32) -> [i16; 8] {
    let sum = |(a, by_a): (i16, i32), (b, by_b): (i16, i32)| {
        (i32::from(a) * by_a).wrapping_add(i32::from(b) * by_b)
    };
    let outer = i32::from(n[0].wrapping_add(n[4])) << 13;
    let inner = i32::from(n[0].wrapping_sub(n[4])) << 13;
    let (more, less) = (sum((n[2], 10_703), (n[6], 4433)), sum((n[2], 4433), (n[6], -10_704)));
    let even = [
        outer.wrapping_add(more),
        inner.wrapping_add(less),
        inner.wrapping_sub(less),
        outer.wrapping_sub(more),
    ];
    let (z3, z4) = (n[7].wrapping_add(n[3]), n[5].wrapping_add(n[1]));
    let (z3, z4) = (sum((z3, -6436), (z4, 9633)), sum((z3, 9633), (z4, 6437)));
    let odd = [
        sum((n[7], -7373), (n[1], 4926)).wrapping_add(z4),
        sum((n[5], -20_995), (n[3], 4177)).wrapping_add(z3),
        sum((n[5], -4176), (n[3], -20_995)).wrapping_add(z4),
        sum((n[7], -4927), (n[1], -7373)).wrapping_add(z3),
    ];
    let rounded = |n: i32| {
        let n = n.wrapping_add(1 << (shift - 1)) >> shift;
        n.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    };
    std::array::from_fn(|i| match i {
        0..4 => rounded(even[i].wrapping_add(odd[i])),
        _ => rounded(even[7 - i].wrapping_sub(odd[7 - i])),
    })
}
