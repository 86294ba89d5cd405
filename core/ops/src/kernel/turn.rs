//! Turns and mirrors. Every pixel is moved, none is changed.

use crate::shape::{Layout, Shape};

/// Side of the square tiles in which a quarter turn moves pixels, so that both the rows that are
/// read and the rows that are written stay in the cache.
const TILE: usize = 32;

/// Mirrors left and right in place.
pub(crate) fn flip_horizontal(shape: Shape, pixels: &mut [u8]) {
    for row in pixels.chunks_exact_mut(shape.row()) {
        reverse(shape.layout, row);
    }
}

/// Mirrors top and bottom in place.
pub(crate) fn flip_vertical(shape: Shape, pixels: &mut [u8]) {
    let mut rows = pixels.chunks_exact_mut(shape.row());
    while let (Some(top), Some(bottom)) = (rows.next(), rows.next_back()) {
        top.swap_with_slice(bottom);
    }
}

/// Turns by 180° in place.
pub(crate) fn half_turn(shape: Shape, pixels: &mut [u8]) {
    reverse(shape.layout, pixels);
}

/// Reverses the order of pixels.
fn reverse(layout: Layout, pixels: &mut [u8]) {
    match layout {
        Layout::Gray => pixels.reverse(),
        Layout::Rgb => pixels.as_chunks_mut::<3>().0.reverse(),
        Layout::Rgba => pixels.as_chunks_mut::<4>().0.reverse(),
    }
}

/// Turns by 90° clockwise.
pub(crate) fn quarter_turn(shape: Shape, pixels: &[u8], turned: &mut [u8]) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    // Row y becomes column height − 1 − y.
    let place = |x: usize, y: usize| x * height + height - 1 - y;
    move_tiles(shape.layout, (width, height), pixels, turned, place);
}

/// Turns by 90° counter-clockwise.
pub(crate) fn three_quarter_turn(shape: Shape, pixels: &[u8], turned: &mut [u8]) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let place = |x: usize, y: usize| (width - 1 - x) * height + y;
    move_tiles(shape.layout, (width, height), pixels, turned, place);
}

fn move_tiles(
    layout: Layout,
    size: (usize, usize),
    from: &[u8],
    to: &mut [u8],
    place: impl Fn(usize, usize) -> usize,
) {
    match layout {
        Layout::Gray => {
            tiles(size, from.as_chunks::<1>().0, to.as_chunks_mut::<1>().0, place);
        }
        Layout::Rgb => tiles(size, from.as_chunks::<3>().0, to.as_chunks_mut::<3>().0, place),
        Layout::Rgba => tiles(size, from.as_chunks::<4>().0, to.as_chunks_mut::<4>().0, place),
    }
}

/// Moves the pixel at (x, y) to the index `place(x, y)`, tile by tile.
fn tiles<const N: usize>(
    (width, height): (usize, usize),
    from: &[[u8; N]],
    to: &mut [[u8; N]],
    place: impl Fn(usize, usize) -> usize,
) {
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for x in left..width.min(left + TILE) {
                for y in top..height.min(top + TILE) {
                    to[place(x, y)] = from[y * width + x];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    /// Builds a picture pixel by pixel from where each comes from.
    fn reference(
        shape: Shape,
        pixels: &[u8],
        to: Shape,
        origin: impl Fn(usize, usize) -> (usize, usize),
    ) -> Vec<u8> {
        let channels = shape.layout.channels();
        let mut moved = vec![];
        for y in 0..to.height as usize {
            for x in 0..to.width as usize {
                let (x, y) = origin(x, y);
                let at = (y * shape.width as usize + x) * channels;
                moved.extend_from_slice(&pixels[at..at + channels]);
            }
        }
        moved
    }

    proptest! {
        #[test]
        fn every_turn_equals_its_reference((shape, pixels) in pictures(layouts())) {
            let (right, bottom) = (shape.width as usize - 1, shape.height as usize - 1);
            let side = shape.on_its_side();
            let mut turned = vec![0; pixels.len()];

            quarter_turn(shape, &pixels, &mut turned);
            prop_assert_eq!(&turned, &reference(shape, &pixels, side, |x, y| (y, bottom - x)));

            three_quarter_turn(shape, &pixels, &mut turned);
            prop_assert_eq!(&turned, &reference(shape, &pixels, side, |x, y| (right - y, x)));

            turned.copy_from_slice(&pixels);
            half_turn(shape, &mut turned);
            let origin = |x, y| (right - x, bottom - y);
            prop_assert_eq!(&turned, &reference(shape, &pixels, shape, origin));

            turned.copy_from_slice(&pixels);
            flip_horizontal(shape, &mut turned);
            prop_assert_eq!(&turned, &reference(shape, &pixels, shape, |x, y| (right - x, y)));

            turned.copy_from_slice(&pixels);
            flip_vertical(shape, &mut turned);
            prop_assert_eq!(&turned, &reference(shape, &pixels, shape, |x, y| (x, bottom - y)));
        }
    }
}
