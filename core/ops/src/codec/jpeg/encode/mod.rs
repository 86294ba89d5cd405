//! An encoder of our own for the most common kind of JPEG: baseline, gray or three components in one
//! scan, with the standard's codes.
//!
//! It writes the file that libjpeg-turbo writes of the same samples, byte for byte, in about half
//! the time; what that takes is told in `ARCHITECTURE.md`. Files of several scans and pictures with
//! alpha are left to libjpeg-turbo.
//!
//! A picture is encoded tile by tile: as much of a row of MCUs as stays in the nearest cache is
//! turned into samples, transformed, and written.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of the format fit 16 bits; windows of 64 bits are taken apart"
)]
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod forward;
mod header;
mod huffman;
mod queue;
#[cfg(test)]
mod tests;
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

use pixmill_contract::operation::Subsampling;

use self::forward::{Machine, Plain, Steps};
use self::huffman::Bits;
use self::queue::Writer;
use self::tile::Tile;
use super::planes::{Plane, Sampling};
#[cfg(target_arch = "x86_64")]
use crate::kernel::level;
use crate::kernel::level::{Kernel, Level};

/// What is encoded, of the sides that are given with it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Samples<'a> {
    /// A byte a pixel, rows without gaps.
    Gray(&'a [u8]),
    /// Three bytes a pixel, rows without gaps; how the colours are to be stored.
    Rgb(&'a [u8], Subsampling),
    /// Planes of [`Sampling::HALF`], padded, in their buffer.
    Planes(&'a [Plane; 3], &'a [u8]),
}

impl Samples<'_> {
    /// Blocks of luma in an MCU, across and down.
    fn sampling(&self) -> Sampling {
        let (across, down) = match self {
            Self::Gray(_) | Self::Rgb(_, Subsampling::Full) => (1, 1),
            Self::Rgb(_, Subsampling::HalfAcross) => (2, 1),
            Self::Rgb(_, Subsampling::Half) | Self::Planes(..) => (2, 2),
        };
        Sampling { across, down }
    }

    fn components(&self) -> usize {
        match self {
            Self::Gray(_) => 1,
            Self::Rgb(..) | Self::Planes(..) => 3,
        }
    }
}

/// Encodes at libjpeg's quality, 1 to 100, into `file`, and returns how many of its bytes were used;
/// `None` if there may be too few, which depends on what the picture shows.
pub(super) fn encode(
    (width, height): (u32, u32),
    samples: Samples<'_>,
    quality: u8,
    file: &mut [u8],
) -> Option<usize> {
    let size = (width as usize, height as usize);
    let steps = header::steps(quality);
    let head = header::written((width, height), samples, &steps);
    file.get_mut(..head.len())?.copy_from_slice(&head);
    let steps = steps.each_ref().map(Steps::new);
    let writer = Writer::new(Bits::new(file, head.len()));
    let picture = Picture { size, samples, steps: &steps };
    match Level::current() {
        Level::Portable => Encode { picture, writer, machine: Plain }.run(),
        // SAFETY: the machine has the instructions, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { level::with_avx2(Encode { picture, writer, machine: x86::Avx2 }) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe {
            level::with_avx512(Encode { picture, writer, machine: avx512::Avx512 })
        },
    }
}

/// A picture, and by what its coefficients are divided: those of luma, those of colour.
#[derive(Debug, Clone, Copy)]
struct Picture<'a> {
    size: (usize, usize),
    samples: Samples<'a>,
    steps: &'a [Steps; 2],
}

struct Encode<'a, M> {
    picture: Picture<'a>,
    writer: Writer<'a>,
    machine: M,
}

impl<M: Machine> Kernel for Encode<'_, M> {
    type Made = Option<usize>;

    #[inline(always)]
    fn run(self) -> Option<usize> {
        let Self { picture, mut writer, machine } = self;
        let (width, height) = picture.size;
        let down = 8 * picture.samples.sampling().down as usize;
        let mut predicted = [0; 3];
        let mut tile = Tile::new();
        for top in (0..height).step_by(down) {
            for left in (0..width).step_by(tile::WIDE) {
                tile.fill(machine, picture, (left, top));
                tile.transform(machine, picture, (left, top));
                tile.write(machine, (picture, (left, top)), &mut predicted, &mut writer)?;
            }
        }
        writer.finish(machine)
    }
}
