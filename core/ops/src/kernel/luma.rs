//! Grayscale: BT.601 luma, rounded as `OpenCV` rounds it.
//!
//! The weights are `OpenCV`'s 0.299, 0.587 and 0.114 in 15 bits. Compared with `cv2.cvtColor`
//! (5.0.0, `COLOR_RGB2GRAY`) on all 2²⁴ colours: equal.

#![allow(unsafe_code, reason = "calls what is compiled for more instructions")]

use super::level::{self, Kernel, Level};
use crate::shape::Layout;

/// Weights of red, green and blue in 32,768ths.
const WEIGHTS: [u32; 3] = [9798, 19_235, 3735];

/// Luma of one colour.
#[inline(always)]
pub(crate) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [r, g, b] = WEIGHTS;
    let sum = u32::from(red) * r + u32::from(green) * g + u32::from(blue) * b;
    // The weights sum to one, so this is at most 255.
    ((sum + (1 << 14)) >> 15) as u8
}

/// Luma of RGB pixels, one byte each.
pub(crate) fn from_rgb(pixels: &[u8], gray: &mut [u8]) {
    let done = match Level::current() {
        Level::Portable => 0,
        // SAFETY: the machine has AVX2, or it were not its level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { super::x86::luma::luma(pixels, gray, WEIGHTS) },
        // SAFETY: as above, of AVX-512.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { super::x86::luma::luma_widest(pixels, gray, WEIGHTS) },
    };
    let rest = pixels[3 * done..].as_chunks::<3>().0;
    for (pixel, gray) in rest.iter().zip(&mut gray[done..]) {
        *gray = luma(pixel[0], pixel[1], pixel[2]);
    }
}

/// Luma of a picture of any layout, one byte a pixel. Alpha is not looked at.
pub(crate) fn plane(layout: Layout, pixels: &[u8], gray: &mut [u8]) {
    match layout {
        Layout::Gray => gray.copy_from_slice(pixels),
        Layout::Rgb => from_rgb(pixels, gray),
        Layout::Rgba => level::run(OfRgba { pixels, gray }),
    }
}

struct OfRgba<'p> {
    pixels: &'p [u8],
    gray: &'p mut [u8],
}

impl Kernel for OfRgba<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        for (pixel, gray) in self.pixels.as_chunks::<4>().0.iter().zip(self.gray) {
            *gray = luma(pixel[0], pixel[1], pixel[2]);
        }
    }
}

/// Makes red, green and blue of RGBA pixels their luma; alpha stays.
pub(crate) fn within_rgba(pixels: &mut [u8]) {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        let gray = luma(pixel[0], pixel[1], pixel[2]);
        *pixel = [gray, gray, gray, pixel[3]];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    /// In floating point, whose error at these magnitudes cannot reach the rounding.
    fn reference(pixel: &[u8]) -> u8 {
        let weighted = pixel.iter().zip(WEIGHTS).map(|(s, w)| f64::from(*s) * f64::from(w));
        (weighted.sum::<f64>() / 32_768.0 + 0.5).floor() as u8
    }

    proptest! {
        #[test]
        fn a_plane_equals_its_reference((shape, pixels) in pictures(layouts())) {
            let channels = shape.layout.channels();
            let of = |pixel: &[u8]| if channels == 1 { pixel[0] } else { reference(&pixel[..3]) };
            let expected: Vec<u8> = pixels.chunks_exact(channels).map(of).collect();
            at_every_level(|| {
                let mut gray = vec![0; expected.len()];
                plane(shape.layout, &pixels, &mut gray);
                assert_eq!(gray, expected);
            });
        }

        #[test]
        fn rgba_equals_its_reference_and_keeps_alpha((_, pixels) in pictures(Just(Layout::Rgba))) {
            let mut gray = pixels.clone();
            within_rgba(&mut gray);
            for (gray, pixel) in gray.chunks_exact(4).zip(pixels.chunks_exact(4)) {
                let luma = reference(&pixel[..3]);
                prop_assert_eq!(gray, [luma, luma, luma, pixel[3]]);
            }
        }
    }

    #[test]
    fn the_ends_of_the_scale_stay_where_they_are() {
        for sample in 0..=255 {
            assert_eq!(luma(sample, sample, sample), sample);
        }
    }
}
