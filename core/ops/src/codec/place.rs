//! Places a frame on a larger canvas, in the canvas's own buffer.

use crate::shape::Shape;

/// Moves a frame, which `pixels` starts with, to its place on the canvas that fills `pixels`.
/// Everything around it becomes zeros, which is transparent where there is alpha.
///
/// Both have the same layout, and the frame lies inside the canvas.
pub(super) fn on_canvas(pixels: &mut [u8], canvas: Shape, frame: Shape, (left, top): (u32, u32)) {
    if (canvas.width, canvas.height) == (frame.width, frame.height) {
        return;
    }
    let (row, offset) = (frame.row(), left as usize * frame.layout.channels());
    let start = |y: usize| (y + top as usize) * canvas.row() + offset;
    // From the last row on: each moves behind everything that has still to be moved.
    for y in (0..frame.height as usize).rev() {
        pixels.copy_within(y * row..(y + 1) * row, start(y));
        let end = if y + 1 == frame.height as usize { pixels.len() } else { start(y + 1) };
        pixels[start(y) + row..end].fill(0);
    }
    pixels[..start(0)].fill(0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shape::Layout;

    proptest! {
        #[test]
        fn a_frame_is_moved_to_its_place(
            (width, height) in (1_u32..9, 1_u32..9),
            (more_width, more_height) in (0_u32..5, 0_u32..5),
            (at_left, at_top) in (0_u32..5, 0_u32..5),
        ) {
            let layout = Layout::Rgba;
            let frame = Shape { width, height, layout };
            let canvas = Shape { width: width + more_width, height: height + more_height, layout };
            let (left, top) = (at_left.min(more_width), at_top.min(more_height));
            let mut pixels: Vec<u8> = (1..=255).cycle().take(canvas.bytes()).collect();
            let before = pixels[..frame.bytes()].to_vec();
            on_canvas(&mut pixels, canvas, frame, (left, top));
            for y in 0..canvas.height {
                for x in 0..canvas.width {
                    let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                    let expected = if inside {
                        let at = ((y - top) as usize) * frame.row() + (x - left) as usize * 4;
                        &before[at..at + 4]
                    } else {
                        &[0; 4]
                    };
                    let at = y as usize * canvas.row() + x as usize * 4;
                    prop_assert_eq!(&pixels[at..at + 4], expected);
                }
            }
        }
    }
}
