//! Alpha: multiplying it into colours and out again, laying over white, expanding.
//!
//! Values are 8 bits, so multiplying and dividing again loses the colours of pixels that are
//! nearly transparent, as it does wherever premultiplied pixels are stored in bytes.

/// `a` × `b` / 255, rounded to the nearest. Exact for all bytes.
fn multiply(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

/// Copies RGBA pixels with their colours multiplied by alpha.
pub(crate) fn premultiply(pixels: &[u8], premultiplied: &mut [u8]) {
    let (pixels, premultiplied) = (pixels.as_chunks::<4>().0, premultiplied.as_chunks_mut::<4>().0);
    for (&[r, g, b, a], to) in pixels.iter().zip(premultiplied) {
        *to = [multiply(r, a), multiply(g, a), multiply(b, a), a];
    }
}

/// Divides the colours of RGBA pixels by alpha, rounded to the nearest, at most 255. Transparent
/// pixels become transparent black.
pub(crate) fn unpremultiply(pixels: &mut [u8]) {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        let [r, g, b, a] = *pixel;
        let alpha = u32::from(a);
        let divide = |sample: u8| ((u32::from(sample) * 255 + alpha / 2) / alpha).min(255) as u8;
        match a {
            255 => {}
            0 => *pixel = [0; 4],
            _ => *pixel = [divide(r), divide(g), divide(b), a],
        }
    }
}

/// Copies RGBA pixels as RGB, laid over white.
pub(crate) fn over_white(pixels: &[u8], rgb: &mut [u8]) {
    for (&[r, g, b, a], to) in pixels.as_chunks::<4>().0.iter().zip(rgb.as_chunks_mut::<3>().0) {
        // s·a + 255·(255 − a), over 255, is 255 − (255 − s)·a / 255.
        *to = [r, g, b].map(|sample| 255 - multiply(255 - sample, a));
    }
}

/// Turns gray with alpha, in the first half of `pixels`, into RGBA in all of it.
pub(crate) fn expand_gray_alpha(pixels: &mut [u8]) {
    // From the end: each pixel is written behind everything that has still to be read.
    for i in (0..pixels.len() / 4).rev() {
        let (gray, alpha) = (pixels[2 * i], pixels[2 * i + 1]);
        pixels[4 * i..4 * i + 4].copy_from_slice(&[gray, gray, gray, alpha]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplying_rounds_to_the_nearest() {
        for a in 0..=255_u8 {
            for b in 0..=255_u8 {
                let exact = (f64::from(a) * f64::from(b) / 255.0).round() as u8;
                assert_eq!(multiply(a, b), exact, "{a} × {b}");
            }
        }
    }

    #[test]
    fn opaque_pixels_survive_and_transparent_ones_forget() {
        let mut pixels = [0; 8];
        premultiply(&[1, 128, 254, 255, 9, 8, 7, 0], &mut pixels);
        unpremultiply(&mut pixels);
        assert_eq!(pixels, [1, 128, 254, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn dividing_undoes_multiplying_to_within_the_rounding() {
        for alpha in 1..=255_u8 {
            for sample in 0..=255_u8 {
                let mut pixel = [0; 4];
                premultiply(&[sample, 0, 255, alpha], &mut pixel);
                unpremultiply(&mut pixel);
                let tolerance = 128.0 / f64::from(alpha) + 0.5;
                assert!((f64::from(pixel[0]) - f64::from(sample)).abs() <= tolerance);
                assert_eq!(pixel[1..], [0, 255, alpha]);
            }
        }
    }

    #[test]
    fn white_shows_through() {
        let mut rgb = [0; 9];
        over_white(&[10, 20, 30, 255, 10, 20, 30, 0, 0, 255, 100, 128], &mut rgb);
        assert_eq!(rgb, [10, 20, 30, 255, 255, 255, 127, 255, 177]);
    }

    #[test]
    fn gray_with_alpha_is_expanded_in_place() {
        let mut pixels = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0];
        expand_gray_alpha(&mut pixels);
        assert_eq!(pixels, [1, 1, 1, 2, 3, 3, 3, 4, 5, 5, 5, 6]);
    }
}
