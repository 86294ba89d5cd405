//! Negative: every colour sample becomes 255 − sample.

use super::level::{self, Kernel};
use crate::shape::Layout;

/// Inverts in place; alpha stays.
pub(crate) fn invert(layout: Layout, pixels: &mut [u8]) {
    level::run(Invert { layout, pixels });
}

struct Invert<'p> {
    layout: Layout,
    pixels: &'p mut [u8],
}

impl Kernel for Invert<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        match self.layout {
            Layout::Gray | Layout::Rgb => {
                for sample in self.pixels {
                    *sample = !*sample;
                }
            }
            Layout::Rgba => {
                for pixel in self.pixels.as_chunks_mut::<4>().0 {
                    // Exclusive or with a constant, so that whole vectors of pixels go at once.
                    *pixel = (u32::from_le_bytes(*pixel) ^ 0x00ff_ffff).to_le_bytes();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, layouts, pictures};

    fn reference(layout: Layout, pixels: &mut [u8]) {
        for pixel in pixels.chunks_exact_mut(layout.channels()) {
            for sample in &mut pixel[..layout.channels().min(3)] {
                *sample = 255 - *sample;
            }
        }
    }

    proptest! {
        #[test]
        fn equals_its_reference((shape, pixels) in pictures(layouts())) {
            let mut expected = pixels.clone();
            reference(shape.layout, &mut expected);
            at_every_level(|| {
                let mut made = pixels.clone();
                invert(shape.layout, &mut made);
                assert_eq!(made, expected);
            });
        }
    }
}
