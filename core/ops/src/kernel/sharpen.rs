//! Unsharp mask: what a picture has more than its blurred self is added to it once more.

use super::blur;
use super::tone::rounded;
use crate::shape::{Layout, Shape};

/// Writes sample + `amount` × (sample − blurred), rounded half to even. The Gaussian has a kernel
/// of `kernel` pixels and a deviation of `sigma`. Alpha stays as it is.
pub(crate) fn sharpen(
    shape: Shape,
    pixels: &[u8],
    (kernel, sigma, amount): (u32, f64, f64),
    scratch: &mut blur::Scratch,
    made: &mut [u8],
) {
    blur::blur(shape, pixels, (kernel, Some(sigma)), scratch, made);
    // The difference is a whole number, so that its product can be looked up.
    let products: Vec<f64> =
        (-255..=255).map(|difference| amount * f64::from(difference)).collect();
    let sharpened = |sample: u8, blurred: u8| {
        rounded(f64::from(sample) + products[usize::from(sample) + 255 - usize::from(blurred)])
    };
    match shape.layout {
        Layout::Gray | Layout::Rgb => {
            for (made, sample) in made.iter_mut().zip(pixels) {
                *made = sharpened(*sample, *made);
            }
        }
        Layout::Rgba => {
            let pixels = pixels.as_chunks::<4>().0;
            for (made, pixel) in made.as_chunks_mut::<4>().0.iter_mut().zip(pixels) {
                let [red, green, blue, alpha] = *pixel;
                *made = [
                    sharpened(red, made[0]),
                    sharpened(green, made[1]),
                    sharpened(blue, made[2]),
                    alpha,
                ];
            }
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
        fn equals_its_formula_and_keeps_alpha(
            (shape, pixels) in pictures(layouts()),
            sigma in 0.2_f64..4.0,
            amount in 0.0_f64..5.0,
        ) {
            let (mut made, mut blurred) = (vec![0; pixels.len()], vec![0; pixels.len()]);
            let mut scratch = blur::Scratch::default();
            sharpen(shape, &pixels, (7, sigma, amount), &mut scratch, &mut made);
            blur::blur(shape, &pixels, (7, Some(sigma)), &mut scratch, &mut blurred);
            for (i, ((made, sample), blurred)) in made.iter().zip(&pixels).zip(&blurred).enumerate() {
                if shape.layout == Layout::Rgba && i % 4 == 3 {
                    prop_assert_eq!(made, sample);
                } else {
                    let difference = f64::from(*sample) - f64::from(*blurred);
                    prop_assert_eq!(*made, rounded(f64::from(*sample) + amount * difference));
                }
            }
        }
    }
}
