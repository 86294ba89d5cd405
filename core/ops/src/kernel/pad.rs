//! Pixels of one colour around a picture, and wider layouts for pictures that need them.

use pixmill_contract::operation::Pad;

use crate::shape::{Layout, Shape};

/// Copies a picture into a larger one of the same layout and fills what is around it.
pub(crate) fn pad(shape: Shape, pixels: &[u8], pad: Pad, (to, made): (Shape, &mut [u8])) {
    let channels = shape.layout.channels();
    let color = [pad.color.red, pad.color.green, pad.color.blue, pad.color.alpha];
    for pixel in made.chunks_exact_mut(channels) {
        pixel.copy_from_slice(&color[..channels]);
    }
    let left = pad.left as usize * channels;
    let rows = made.chunks_exact_mut(to.row()).skip(pad.top as usize);
    for (from, into) in pixels.chunks_exact(shape.row()).zip(rows) {
        into[left..left + from.len()].copy_from_slice(from);
    }
}

/// Copies a picture with more channels: gray becomes equal colours, alpha becomes opaque.
pub(crate) fn widen(from: Layout, pixels: &[u8], to: Layout, made: &mut [u8]) {
    let (narrow, wide) = (from.channels(), to.channels());
    for (pixel, made) in pixels.chunks_exact(narrow).zip(made.chunks_exact_mut(wide)) {
        let colours = if let [gray] = *pixel { [gray; 3] } else { [pixel[0], pixel[1], pixel[2]] };
        made[..3].copy_from_slice(&colours);
        if let Some(alpha) = made.get_mut(3) {
            *alpha = pixel.get(3).copied().unwrap_or(255);
        }
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::operation::Color;

    use super::*;

    #[test]
    fn the_picture_lies_where_its_borders_leave_it() {
        let from = Shape { width: 2, height: 1, layout: Layout::Gray };
        let to = Shape { width: 5, height: 3, layout: Layout::Gray };
        let borders = Pad { top: 1, right: 2, bottom: 1, left: 1, color: Color::opaque(9, 9, 9) };
        let mut made = [0; 15];
        pad(from, &[1, 2], borders, (to, &mut made));
        assert_eq!(made, [9, 9, 9, 9, 9, 9, 1, 2, 9, 9, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn what_is_added_is_opaque() {
        let mut rgba = [0; 8];
        widen(Layout::Gray, &[5, 6], Layout::Rgba, &mut rgba);
        assert_eq!(rgba, [5, 5, 5, 255, 6, 6, 6, 255]);
        let mut rgb = [0; 3];
        widen(Layout::Gray, &[5], Layout::Rgb, &mut rgb);
        assert_eq!(rgb, [5, 5, 5]);
    }
}
