//! Trim: what is left of a picture without the borders that look like one colour.

use pixmill_contract::operation::Color;

use crate::geometry::Rectangle;
use crate::shape::{Layout, Shape};

/// The smallest part of the picture that holds every pixel that differs from `color`, or from the
/// pixel at the top left; all of it, if none does.
pub(crate) fn find(shape: Shape, pixels: &[u8], threshold: u8, color: Option<Color>) -> Rectangle {
    let channels = shape.layout.channels();
    let against = color.unwrap_or_else(|| color_of(shape.layout, &pixels[..channels]));
    let differs = |pixel: &[u8]| differ(color_of(shape.layout, pixel), against, threshold);
    let rows = || pixels.chunks_exact(shape.row());
    let is_picture = |row: &[u8]| row.chunks_exact(channels).any(differs);
    let (Some(top), Some(bottom)) = (rows().position(is_picture), rows().rposition(is_picture))
    else {
        return Rectangle { left: 0, top: 0, width: shape.width, height: shape.height };
    };
    // Of each row only what is outside of the columns found so far has to be looked at.
    let (mut left, mut end) = (shape.width as usize, 0);
    for row in rows().take(bottom + 1).skip(top) {
        let before = row[..left * channels].chunks_exact(channels);
        left = before.clone().position(differs).unwrap_or(left);
        let behind = row[end * channels..].chunks_exact(channels);
        end += behind.clone().rposition(differs).map_or(0, |last| last + 1);
    }
    Rectangle {
        left: left as u32,
        top: top as u32,
        width: (end - left) as u32,
        height: (bottom - top) as u32 + 1,
    }
}

fn color_of(layout: Layout, pixel: &[u8]) -> Color {
    match layout {
        Layout::Gray => Color::opaque(pixel[0], pixel[0], pixel[0]),
        Layout::Rgb => Color::opaque(pixel[0], pixel[1], pixel[2]),
        Layout::Rgba => Color { alpha: pixel[3], ..Color::opaque(pixel[0], pixel[1], pixel[2]) },
    }
}

/// Whether a pixel, laid over the colour, differs from it, or its alpha from that of the colour.
fn differ(pixel: Color, color: Color, threshold: u8) -> bool {
    let visible = |a: u8, b: u8| u32::from(a.abs_diff(b)) * u32::from(pixel.alpha);
    let limit = u32::from(threshold) * 255;
    pixel.alpha.abs_diff(color.alpha) > threshold
        || visible(pixel.red, color.red) > limit
        || visible(pixel.green, color.green) > limit
        || visible(pixel.blue, color.blue) > limit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    /// Every pixel by itself, in floating point.
    fn reference(shape: Shape, pixels: &[u8], threshold: u8, color: Option<[u8; 4]>) -> Rectangle {
        let channels = shape.layout.channels();
        let samples = |at: usize| {
            let pixel = &pixels[at * channels..(at + 1) * channels];
            let alpha = if channels == 4 { pixel[3] } else { 255 };
            let gray = channels == 1;
            [pixel[0], pixel[usize::from(!gray)], pixel[if gray { 0 } else { 2 }], alpha]
                .map(f64::from)
        };
        let against = color.map_or_else(|| samples(0), |color| color.map(f64::from));
        let mut found: Vec<(u32, u32)> = vec![];
        for y in 0..shape.height {
            for x in 0..shape.width {
                let pixel = samples((y * shape.width + x) as usize);
                let colours = (0..3).map(|c| (pixel[c] - against[c]).abs() * pixel[3] / 255.0);
                let largest = colours.fold((pixel[3] - against[3]).abs(), f64::max);
                // No product lies closer to a threshold than a 255th.
                if largest > f64::from(threshold) + 0.001 {
                    found.push((x, y));
                }
            }
        }
        let ends = |side: u32, places: Vec<u32>| {
            let first = places.iter().min().copied().unwrap_or(0);
            (first, places.iter().max().map_or(side, |last| last + 1 - first))
        };
        let (left, width) = ends(shape.width, found.iter().map(|(x, _)| *x).collect());
        let (top, height) = ends(shape.height, found.iter().map(|(_, y)| *y).collect());
        Rectangle { left, top, width, height }
    }

    proptest! {
        #[test]
        fn equals_its_reference(
            (shape, mut pixels) in pictures(layouts()),
            levels in 1_u8..40,
            rare in 1_usize..200,
            threshold in prop_oneof![Just(0_u8), 0_u8..60, Just(255)],
            color in prop::option::of(any::<[u8; 4]>()),
        ) {
            // Mostly near one level, so that there are borders.
            for (i, sample) in pixels.iter_mut().enumerate() {
                *sample = if i % rare == rare / 2 { *sample } else { *sample % levels };
            }
            let [red, green, blue, alpha] = color.unwrap_or_default();
            let given = color.map(|_| Color { red, green, blue, alpha });
            let found = find(shape, &pixels, threshold, given);
            prop_assert_eq!(found, reference(shape, &pixels, threshold, color));
        }
    }

    #[test]
    fn what_is_hidden_counts_as_far_as_it_is_visible() {
        let shape = Shape { width: 3, height: 1, layout: Layout::Rgba };
        let hidden = [0, 0, 0, 0, 255, 255, 255, 0, 9, 9, 9, 8];
        let whole = Rectangle { left: 0, top: 0, width: 3, height: 1 };
        assert_eq!(find(shape, &hidden, 10, None), whole);
        let last = Rectangle { left: 2, width: 1, ..whole };
        assert_eq!(find(shape, &hidden, 7, None), last);
    }
}
