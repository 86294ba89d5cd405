//! Makes a picture small enough to think about.

use crate::shape::{Layout, Shape};

/// Most pixels that [`picked`] gives.
const PICKED: u32 = 128;

/// A small picture of RGB.
pub(super) struct Small {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<[u8; 3]>,
}

/// A pixel on white.
fn on_white(layout: Layout, pixel: &[u8]) -> [u8; 3] {
    let mut colour = [0; 3];
    match layout {
        Layout::Gray => colour.fill(pixel[0]),
        Layout::Rgb => colour.copy_from_slice(pixel),
        Layout::Rgba => crate::kernel::alpha::over_white(pixel, &mut colour),
    }
    colour
}

/// A regular grid of the picture's own pixels, at most 128 a side; those that are more
/// transparent than not are left out.
pub(super) fn picked(shape: Shape, pixels: &[u8]) -> Vec<[u8; 3]> {
    let grid = |side: u32| {
        let count = side.min(PICKED);
        (0..count).map(move |i| {
            ((2 * u64::from(i) + 1) * u64::from(side) / (2 * u64::from(count))) as usize
        })
    };
    let channels = shape.layout.channels();
    let mut colours = vec![];
    for y in grid(shape.height) {
        for x in grid(shape.width) {
            let at = y * shape.row() + x * channels;
            let pixel = &pixels[at..at + channels];
            if shape.layout != Layout::Rgba || pixel[3] >= 128 {
                colours.push(on_white(shape.layout, pixel));
            }
        }
    }
    colours
}

/// The picture at `width` × `height`, each pixel the mean of the area that it stands for; where
/// the picture is smaller, its own pixels, repeated.
pub(super) fn averaged(shape: Shape, pixels: &[u8], (width, height): (usize, usize)) -> Small {
    let area = |i: usize, count: usize, side: u32| {
        let side = side as usize;
        let start = i * side / count;
        start..((i + 1) * side).div_ceil(count).max(start + 1).min(side)
    };
    let channels = shape.layout.channels();
    let mut small = Vec::with_capacity(width * height);
    for j in 0..height {
        for i in 0..width {
            let (mut sums, mut count) = ([0_u64; 3], 0);
            for y in area(j, height, shape.height) {
                let row = &pixels[y * shape.row()..];
                for x in area(i, width, shape.width) {
                    let colour = on_white(shape.layout, &row[x * channels..(x + 1) * channels]);
                    sums.iter_mut().zip(colour).for_each(|(sum, s)| *sum += u64::from(s));
                    count += 1;
                }
            }
            small.push(sums.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(255)));
        }
    }
    Small { width, height, pixels: small }
}
