//! Crop: copies a rectangle, row by row.

use crate::geometry::Rectangle;
use crate::shape::Shape;

/// Copies the pixels of `part`, which lies inside of `shape`.
pub(crate) fn crop(shape: Shape, pixels: &[u8], part: Rectangle, cropped: &mut [u8]) {
    let channels = shape.layout.channels();
    let left = part.left as usize * channels;
    let row = part.width as usize * channels;
    let rows = pixels.chunks_exact(shape.row()).skip(part.top as usize);
    for (from, to) in rows.zip(cropped.chunks_exact_mut(row)) {
        to.copy_from_slice(&from[left..left + row]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    fn reference(shape: Shape, pixels: &[u8], part: Rectangle) -> Vec<u8> {
        let channels = shape.layout.channels();
        let mut cropped = vec![];
        for y in part.top..part.top + part.height {
            for x in part.left..part.left + part.width {
                let at = (y as usize * shape.width as usize + x as usize) * channels;
                cropped.extend_from_slice(&pixels[at..at + channels]);
            }
        }
        cropped
    }

    proptest! {
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            corners in prop::array::uniform4(any::<prop::sample::Index>()),
        ) {
            let [left, top, width, height] = corners;
            let left = left.index(shape.width as usize) as u32;
            let top = top.index(shape.height as usize) as u32;
            let width = width.index((shape.width - left) as usize) as u32 + 1;
            let height = height.index((shape.height - top) as usize) as u32 + 1;
            let part = Rectangle { left, top, width, height };
            let mut cropped = vec![0; (width * height) as usize * shape.layout.channels()];
            crop(shape, &pixels, part, &mut cropped);
            prop_assert_eq!(cropped, reference(shape, &pixels, part));
        }
    }
}
