//! Squares of one colour: the mean of what they cover.

use crate::shape::{Layout, Shape};

/// Replaces every `size`×`size` square from the top left on by its mean, rounded half up, in
/// place. Squares at the right and the bottom may be smaller. With alpha, colours are weighted by
/// it, and transparent squares become transparent black.
pub(crate) fn pixelate(shape: Shape, pixels: &mut [u8], size: u32) {
    let size = size as usize;
    let channels = shape.layout.channels();
    for band in pixels.chunks_mut(shape.row().saturating_mul(size)) {
        for left in (0..shape.row()).step_by(size.saturating_mul(channels)) {
            let right = left.saturating_add(size * channels).min(shape.row());
            let mut sums = [0_u64; 4];
            let mut count = 0;
            for row in band.chunks_exact(shape.row()) {
                add(shape.layout, &row[left..right], &mut sums);
                count += ((right - left) / channels) as u64;
            }
            let colour = mean(shape.layout, sums, count);
            for row in band.chunks_exact_mut(shape.row()) {
                for pixel in row[left..right].chunks_exact_mut(channels) {
                    pixel.copy_from_slice(&colour[..channels]);
                }
            }
        }
    }
}

/// Adds up the channels of pixels, colours times alpha.
fn add(layout: Layout, pixels: &[u8], sums: &mut [u64; 4]) {
    for pixel in pixels.chunks_exact(layout.channels()) {
        if let [red, green, blue, alpha] = *pixel {
            let alpha = u64::from(alpha);
            for (sum, sample) in sums.iter_mut().zip([red, green, blue]) {
                *sum += u64::from(sample) * alpha;
            }
            sums[3] += alpha;
        } else {
            for (sum, sample) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*sample);
            }
        }
    }
}

/// The mean colour of `count` pixels with these sums.
fn mean(layout: Layout, sums: [u64; 4], count: u64) -> [u8; 4] {
    let divide = |sum: u64, by: u64| ((2 * sum + by) / (2 * by)) as u8;
    match (layout, sums[3]) {
        (Layout::Gray | Layout::Rgb, _) => sums.map(|sum| divide(sum, count)),
        (Layout::Rgba, 0) => [0; 4],
        (Layout::Rgba, alpha) => {
            let [red, green, blue, _] = sums.map(|sum| divide(sum, alpha));
            [red, green, blue, divide(alpha, count)]
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    proptest! {
        #[test]
        fn every_pixel_is_the_mean_of_its_square(
            (shape, pixels) in pictures(layouts()),
            size in 1_u32..100,
        ) {
            let mut made = pixels.clone();
            pixelate(shape, &mut made, size);
            let channels = shape.layout.channels();
            let (width, height) = (shape.width, shape.height);
            let at = |x: u32, y: u32| (y * width + x) as usize * channels;
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (left, top) = (x / size * size, y / size * size);
                let inside = (top..height.min(top + size))
                    .flat_map(|y| (left..width.min(left + size)).map(move |x| (x, y)));
                let square: Vec<_> = inside.map(|(x, y)| &pixels[at(x, y)..][..channels]).collect();
                let weight = |pixel: &[u8]| pixel.get(3).map_or(1.0, |alpha| f64::from(*alpha));
                let whole: f64 = square.iter().map(|pixel| weight(pixel)).sum();
                for c in 0..channels.min(3) {
                    let sum: f64 = square.iter().map(|p| f64::from(p[c]) * weight(p)).sum();
                    let expected = if whole == 0.0 { 0.0 } else { (sum / whole + 0.5).floor() };
                    prop_assert_eq!(made[at(x, y) + c], expected as u8);
                }
                if channels == 4 {
                    let mean = (whole / square.len() as f64 + 0.5).floor();
                    prop_assert_eq!(made[at(x, y) + 3], mean as u8);
                }
            }
        }
    }
}
