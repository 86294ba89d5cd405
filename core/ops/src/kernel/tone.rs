//! Colours changed pixel by pixel: levels through a table, saturation, normalizing, tinting.
//!
//! Everything is computed in `f64` and rounded half to even, as `numpy.rint` does. Alpha stays.

use pixmill_contract::operation::Color;

use super::histogram::of_luma;
use super::luma::luma;
use crate::shape::Layout;

/// What becomes of each level, whatever the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Levels {
    /// Times `factor`, plus `add`.
    Brightness { factor: f64, add: f64 },
    /// The distance from 128, times `factor`.
    Contrast { factor: f64 },
    /// To the power of 1 / `gamma`, of 255.
    Gamma { gamma: f64 },
}

impl Levels {
    fn of(self, level: u8) -> u8 {
        let level = f64::from(level);
        rounded(match self {
            Self::Brightness { factor, add } => level * factor + add,
            Self::Contrast { factor } => 128.0 + (level - 128.0) * factor,
            Self::Gamma { gamma } => 255.0 * (level / 255.0).powf(1.0 / gamma),
        })
    }

    fn table(self) -> [u8; 256] {
        std::array::from_fn(|level| self.of(level as u8))
    }

    /// Whether it leaves every picture as it is.
    pub(crate) fn is_identity(self) -> bool {
        (0..=255).all(|level| self.of(level) == level)
    }
}

/// The nearest byte, half to even.
pub(crate) fn rounded(value: f64) -> u8 {
    value.round_ties_even().clamp(0.0, 255.0) as u8
}

/// Replaces every colour sample by what the table says.
pub(crate) fn look_up(layout: Layout, pixels: &mut [u8], table: &[u8; 256]) {
    match layout {
        Layout::Gray | Layout::Rgb => {
            for sample in pixels {
                *sample = table[usize::from(*sample)];
            }
        }
        Layout::Rgba => {
            for [colours @ .., _] in pixels.as_chunks_mut::<4>().0 {
                *colours = colours.map(|sample| table[usize::from(sample)]);
            }
        }
    }
}

/// Applies fixed levels in place.
pub(crate) fn level(layout: Layout, pixels: &mut [u8], levels: Levels) {
    look_up(layout, pixels, &levels.table());
}

/// Multiplies every colour's distance from its luma by `factor`, in place. Gray stays.
pub(crate) fn saturate(layout: Layout, pixels: &mut [u8], factor: f64) {
    // The distance is a whole number, so its product can be looked up.
    let products: Vec<f64> = (-255..=255).map(|distance| f64::from(distance) * factor).collect();
    let change = |colours: &mut [u8]| {
        let gray = luma(colours[0], colours[1], colours[2]);
        for sample in colours {
            let distance = usize::from(*sample) + 255 - usize::from(gray);
            *sample = rounded(f64::from(gray) + products[distance]);
        }
    };
    match layout {
        Layout::Gray => {}
        Layout::Rgb => pixels.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| change(pixel)),
        Layout::Rgba => {
            pixels.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| change(&mut pixel[..3]));
        }
    }
}

/// Stretches levels in place so that the `lower` percentile of luma becomes 0 and the `upper` 255.
///
/// Of the darkest pixels `lower` percent, rounded down, are left out, of the lightest the rest to
/// `upper`; the darkest and lightest that remain become the ends. A picture whose ends are equal
/// stays as it is.
pub(crate) fn normalize(layout: Layout, pixels: &mut [u8], (lower, upper): (f64, f64)) {
    let histogram = of_luma(layout, pixels);
    let total = histogram.iter().sum::<u64>() as f64;
    let skip = |percent: f64| (total * percent / 100.0).floor() as u64;
    let darkest = first_after(histogram.iter(), skip(lower));
    let lightest = 255 - first_after(histogram.iter().rev(), skip(100.0 - upper)).min(255);
    if darkest >= lightest {
        return;
    }
    let scale = 255.0 / (lightest - darkest) as f64;
    let table = std::array::from_fn(|level| rounded((level as f64 - darkest as f64) * scale));
    look_up(layout, pixels, &table);
}

/// The first level at which more pixels than `skipped` have come by.
fn first_after<'h>(levels: impl Iterator<Item = &'h u64>, skipped: u64) -> usize {
    let mut seen = 0;
    let passed = |count: &u64| {
        seen += count;
        seen > skipped
    };
    let mut levels = levels;
    levels.position(passed).unwrap_or(256)
}

/// Gives luma one hue, in place, on RGB or RGBA: black, `color` at 127, white, and straight lines
/// between, rounded down.
pub(crate) fn tint(layout: Layout, pixels: &mut [u8], color: Color) {
    let channel = |middle: u8| -> [u8; 256] {
        let middle = i32::from(middle);
        std::array::from_fn(|level| {
            let level = level as i32;
            let value = match level {
                0..127 => level * middle / 127,
                127..255 => middle + (level - 127) * (255 - middle) / 128,
                _ => 255,
            };
            value as u8
        })
    };
    let tables = [color.red, color.green, color.blue].map(channel);
    for pixel in pixels.chunks_exact_mut(layout.channels()) {
        let gray = usize::from(luma(pixel[0], pixel[1], pixel[2]));
        for (sample, table) in pixel.iter_mut().zip(&tables) {
            *sample = table[gray];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    #[test]
    fn levels_are_what_the_table_of_operations_says() {
        let bright = Levels::Brightness { factor: 1.5, add: -10.0 };
        assert_eq!([0, 7, 100, 101, 255].map(|s| bright.of(s)), [0, 0, 140, 142, 255]);
        let contrast = Levels::Contrast { factor: 2.0 };
        assert_eq!([0, 64, 127, 128, 160, 255].map(|s| contrast.of(s)), [0, 0, 126, 128, 192, 255]);
        let gamma = Levels::Gamma { gamma: 2.0 };
        assert_eq!([0, 1, 64, 255].map(|s| gamma.of(s)), [0, 16, 128, 255]);
        assert!(Levels::Gamma { gamma: 1.0 }.is_identity() && !gamma.is_identity());
    }

    #[test]
    fn normalizing_leaves_out_the_percentiles() {
        let mut pixels: Vec<u8> = (100..200).collect();
        normalize(Layout::Gray, &mut pixels, (1.0, 99.0));
        assert_eq!((pixels[0], pixels[1], pixels[98], pixels[99]), (0, 0, 255, 255));
        let mut flat = [9; 12];
        normalize(Layout::Rgb, &mut flat, (0.0, 100.0));
        assert_eq!(flat, [9; 12]);
    }

    #[test]
    fn a_tint_keeps_black_and_white() {
        let mut pixels = [0, 0, 0, 9, 127, 127, 127, 8, 255, 255, 255, 7];
        tint(Layout::Rgba, &mut pixels, Color::opaque(112, 66, 20));
        assert_eq!(pixels, [0, 0, 0, 9, 112, 66, 20, 8, 255, 255, 255, 7]);
    }

    proptest! {
        #[test]
        fn saturation_equals_its_formula_and_keeps_alpha(
            (shape, pixels) in pictures(layouts()),
            factor in 0.0_f64..4.0,
        ) {
            let mut made = pixels.clone();
            saturate(shape.layout, &mut made, factor);
            for (made, pixel) in made.chunks(shape.layout.channels())
                .zip(pixels.chunks(shape.layout.channels()))
            {
                if shape.layout == Layout::Gray {
                    prop_assert_eq!(made, pixel);
                    continue;
                }
                let gray = f64::from(luma(pixel[0], pixel[1], pixel[2]));
                for c in 0..3 {
                    let exact = gray + (f64::from(pixel[c]) - gray) * factor;
                    prop_assert_eq!(made[c], rounded(exact));
                }
                prop_assert_eq!(&made[3..], &pixel[3..]);
            }
        }
    }
}
