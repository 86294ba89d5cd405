//! One picture over another, as Porter and Duff's source-over, on colours that are not multiplied
//! by alpha.

use crate::shape::{Layout, Shape};

/// How much of an overlay is seen, at the most; opacities are whole multiples of its inverse.
pub(crate) const OPAQUE: u64 = 65_535;

/// What alpha times opacity is at the most.
const WHOLE: u64 = 255 * OPAQUE;

/// Where an overlay lies on a picture, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placing {
    /// Where its left edge is, in pixels of the picture; may be outside.
    pub(crate) left: i64,
    /// Where its top edge is.
    pub(crate) top: i64,
    /// At most [`OPAQUE`].
    pub(crate) opacity: u64,
    /// Whether it is repeated in all directions.
    pub(crate) tile: bool,
}

/// Lays an overlay over a picture, in place. On a gray picture the overlay is gray.
pub(crate) fn composite(
    shape: Shape,
    pixels: &mut [u8],
    (over, overlay): (Shape, &[u8]),
    placing: Placing,
) {
    let (channels, over_channels) = (shape.layout.channels(), over.layout.channels());
    for (y, row) in (0..).zip(pixels.chunks_exact_mut(shape.row())) {
        let Some(y) = along(y, placing.top, over.height, placing.tile) else { continue };
        let line = &overlay[y * over.row()..][..over.row()];
        let mut x = if placing.tile { 0 } else { placing.left.max(0) };
        // A piece of the overlay after the other; without tiles there is one.
        while let Ok(at) = usize::try_from(x)
            && at < shape.width as usize
            && let Some(from) = along(x, placing.left, over.width, placing.tile)
        {
            let length = (over.width as usize - from).min(shape.width as usize - at);
            let under = &mut row[at * channels..][..length * channels];
            let above = &line[from * over_channels..][..length * over_channels];
            lay(shape.layout, under, over.layout, above, placing.opacity);
            x += length as i64;
        }
    }
}

/// The row or column of an overlay that lies on one of the picture, if any does.
fn along(at: i64, start: i64, side: u32, tile: bool) -> Option<usize> {
    let at = if tile { (at - start).rem_euclid(side.into()) } else { at - start };
    usize::try_from(at).ok().filter(|at| *at < side as usize)
}

/// Lays pixels over as many others.
fn lay(layout: Layout, under: &mut [u8], over: Layout, above: &[u8], opacity: u64) {
    let above = above.chunks_exact(over.channels());
    for (under, above) in under.chunks_exact_mut(layout.channels()).zip(above) {
        let part = u64::from(above.get(3).copied().unwrap_or(255)) * opacity;
        if part == 0 {
            continue;
        }
        let colours = if let [gray] = *above { [gray; 3] } else { [above[0], above[1], above[2]] };
        match under {
            [colour @ .., 0..=254] if colour.len() == 3 => {
                let behind = u64::from(under[3]) * (WHOLE - part);
                let whole = 255 * part + behind;
                for (to, from) in under.iter_mut().zip(colours) {
                    let sum = 255 * part * u64::from(from) + behind * u64::from(*to);
                    *to = ((2 * sum + whole) / (2 * whole)) as u8;
                }
                under[3] = ((2 * whole + WHOLE) / (2 * WHOLE)) as u8;
            }
            // Nothing shows through what is below, and dividing by a constant is quick.
            _ => {
                for (to, from) in under.iter_mut().zip(colours) {
                    let sum = part * u64::from(from) + (WHOLE - part) * u64::from(*to);
                    *to = ((2 * sum + WHOLE) / (2 * WHOLE)) as u8;
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

    /// The fraction a / b, rounded half up.
    fn rounded(a: u128, b: u128) -> u8 {
        ((2 * a + b) / (2 * b)) as u8
    }

    /// Two pixels as RGBA, by the formula as it is written everywhere, in whole numbers.
    fn over(under: [u8; 4], above: [u8; 4], opacity: u64) -> [u8; 4] {
        let [below, top] = [under[3], above[3]].map(u128::from);
        // Alphas as fractions of 255 × 255 × 65535.
        let top = top * u128::from(opacity) * 255;
        let unit = 255 * 255 * u128::from(OPAQUE);
        let behind = (unit - top) * below / 255;
        let alpha = top + behind;
        if alpha == 0 {
            return under;
        }
        let mut made = [0, 0, 0, rounded(alpha * 255, unit)];
        for c in 0..3 {
            made[c] = rounded(top * u128::from(above[c]) + behind * u128::from(under[c]), alpha);
        }
        made
    }

    fn rgba(pixel: &[u8]) -> [u8; 4] {
        match *pixel {
            [gray] => [gray, gray, gray, 255],
            [r, g, b] => [r, g, b, 255],
            _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
        }
    }

    /// Every pixel by itself.
    fn reference(shape: Shape, pixels: &mut [u8], (of, overlay): (Shape, &[u8]), placing: Placing) {
        let (width, height) = (i64::from(of.width), i64::from(of.height));
        for (i, pixel) in pixels.chunks_exact_mut(shape.layout.channels()).enumerate() {
            let x = i as i64 % i64::from(shape.width) - placing.left;
            let y = i as i64 / i64::from(shape.width) - placing.top;
            let inside = (0..width).contains(&x) && (0..height).contains(&y);
            if !inside && !placing.tile {
                continue;
            }
            let at = y.rem_euclid(height) * width + x.rem_euclid(width);
            let above = &overlay[at as usize * of.layout.channels()..][..of.layout.channels()];
            let made = over(rgba(pixel), rgba(above), placing.opacity);
            pixel.copy_from_slice(&made[..shape.layout.channels()]);
        }
    }

    proptest! {
        #[test]
        fn every_pixel_is_source_over_rounded_to_the_nearest(
            (shape, pixels) in pictures(layouts()),
            (of, overlay) in pictures(layouts()),
            (left, top) in (-90_i64..90, -90_i64..90),
            opacity in prop_oneof![Just(0), Just(OPAQUE), 0..=OPAQUE],
            tile in any::<bool>(),
        ) {
            prop_assume!(shape.layout != Layout::Gray || of.layout == Layout::Gray);
            let placing = Placing { left, top, opacity, tile };
            let (mut fast, mut slow) = (pixels.clone(), pixels);
            composite(shape, &mut fast, (of, &overlay), placing);
            reference(shape, &mut slow, (of, &overlay), placing);
            prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn alphas_at_their_ends_are_exact() {
        for (under, above, made) in [
            ([1, 2, 3, 0], [9, 8, 7, 0], [1, 2, 3, 0]),
            ([1, 2, 3, 0], [9, 8, 7, 255], [9, 8, 7, 255]),
            ([1, 2, 3, 0], [9, 8, 7, 5], [9, 8, 7, 5]),
            ([1, 2, 3, 255], [9, 8, 7, 255], [9, 8, 7, 255]),
            ([0, 0, 0, 255], [255, 255, 255, 128], [128, 128, 128, 255]),
        ] {
            let shape = Shape { width: 1, height: 1, layout: Layout::Rgba };
            let mut pixel = under;
            let placing = Placing { left: 0, top: 0, opacity: OPAQUE, tile: false };
            composite(shape, &mut pixel, (shape, &above), placing);
            assert_eq!(pixel, made);
        }
    }
}
