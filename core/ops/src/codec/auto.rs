//! `auto`: the encoding that suits a finished picture.
//!
//! The rule, exactly:
//!
//! 1. A picture with any pixel whose alpha is below 255 becomes a fast PNG.
//! 2. A picture of few colours, at most 256, or 16 levels if it is gray, becomes a small PNG: a
//!    drawing, a screenshot, a page of text in black on white.
//! 3. Every other picture becomes a JPEG.

use std::collections::HashSet;

use pixmill_contract::Encoding;
use pixmill_contract::operation::{Carry, Effort, Subsampling};

use crate::shape::{Layout, Shape};

/// Most colours of a drawing.
const FEW_COLOURS: usize = 256;
/// Most levels of a gray drawing; a gray photograph cannot have more than 256 either.
const FEW_LEVELS: usize = 16;

/// The encoding of a picture, with [`Encoding::Auto`] settled by its pixels.
pub(crate) fn settle(encoding: Encoding, shape: Shape, pixels: &[u8]) -> Encoding {
    match encoding {
        Encoding::Auto { quality, carry } => by_content(shape.layout, pixels, quality, carry),
        Encoding::Same
        | Encoding::Jpeg { .. }
        | Encoding::Png { .. }
        | Encoding::Webp { .. }
        | Encoding::Info
        | Encoding::Palette { .. }
        | Encoding::Blurhash { .. }
        | Encoding::Phash
        | Encoding::Lines(_)
        | Encoding::Contours { .. } => encoding,
    }
}

fn by_content(layout: Layout, pixels: &[u8], quality: u8, carry: Carry) -> Encoding {
    let transparent = layout == Layout::Rgba
        && pixels.as_chunks::<4>().0.iter().any(|[_, _, _, alpha]| *alpha < 255);
    if transparent {
        return Encoding::Png { effort: Effort::Fast, carry };
    }
    let limit = if layout == Layout::Gray { FEW_LEVELS } else { FEW_COLOURS };
    if has_at_most(limit, layout, pixels) {
        return Encoding::Png { effort: Effort::Small, carry };
    }
    Encoding::Jpeg { quality, subsampling: Subsampling::Half, progressive: false, carry }
}

/// Whether there are no more than `limit` different pixels. Stops looking at the first too many.
fn has_at_most(limit: usize, layout: Layout, pixels: &[u8]) -> bool {
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut last: &[u8] = &[];
    for pixel in pixels.chunks_exact(layout.channels()) {
        if pixel != last {
            last = pixel;
            seen.insert(pixel);
            if seen.len() > limit {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use pixmill_contract::Format;

    use super::*;

    fn format(layout: Layout, pixels: &[u8]) -> Format {
        by_content(layout, pixels, 85, Carry::NOTHING).format().unwrap()
    }

    #[test]
    fn the_rule_is_as_it_is_written() {
        let colours = |count: u16, alpha: Option<u8>| -> Vec<u8> {
            let pixel = |n: u16| {
                let [high, low] = n.to_be_bytes();
                [high, low, 7].into_iter().chain(alpha)
            };
            (0..count).flat_map(pixel).collect()
        };
        assert_eq!(format(Layout::Rgb, &colours(256, None)), Format::Png);
        assert_eq!(format(Layout::Rgb, &colours(257, None)), Format::Jpeg);
        assert_eq!(format(Layout::Rgba, &colours(257, Some(255))), Format::Jpeg);
        assert_eq!(format(Layout::Rgba, &colours(9999, Some(254))), Format::Png);
        let levels = |count: u8| (0..count).collect::<Vec<_>>();
        assert_eq!(format(Layout::Gray, &levels(16)), Format::Png);
        assert_eq!(format(Layout::Gray, &levels(17)), Format::Jpeg);
    }
}
