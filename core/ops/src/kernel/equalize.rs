//! Equalized levels: `cv2.equalizeHist` on gray, and on the Y of `YCrCb` where there is colour.
//!
//! Conversion there and back is `OpenCV`'s, in 14 fractional bits (`COLOR_RGB2YCrCb` and
//! `COLOR_YCrCb2RGB`).

use super::histogram::{equalized, of_luma};
use super::tone::look_up;
use crate::shape::Layout;

const SHIFT: i32 = 14;
const HALF: i32 = 1 << (SHIFT - 1);

/// Weights of red, green and blue in Y.
const Y: [i32; 3] = [4899, 9617, 1868];
/// What red − Y and blue − Y count in Cr and Cb.
const DIFFERENCES: [i32; 2] = [11_682, 9241];
/// What Cr counts in red, Cr and Cb in green, Cb in blue.
const BACK: [i32; 4] = [22_987, -11_698, -5636, 29_049];

/// Equalizes in place; alpha stays.
pub(crate) fn equalize(layout: Layout, pixels: &mut [u8]) {
    if layout == Layout::Gray {
        let table = equalized(&of_luma(layout, pixels));
        look_up(layout, pixels, &table);
        return;
    }
    let channels = layout.channels();
    let mut histogram = [0; 256];
    for pixel in pixels.chunks_exact(channels) {
        histogram[to_ycc(pixel)[0] as usize] += 1;
    }
    let table = equalized(&histogram);
    for pixel in pixels.chunks_exact_mut(channels) {
        let [y, cr, cb] = to_ycc(pixel);
        let rgb = from_ycc([i32::from(table[y as usize]), cr, cb]);
        pixel[..3].copy_from_slice(&rgb);
    }
}

/// Y, Cr and Cb of a pixel, 0–255.
fn to_ycc(pixel: &[u8]) -> [i32; 3] {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
    let y = (red * Y[0] + green * Y[1] + blue * Y[2] + HALF) >> SHIFT;
    let chroma = |difference: i32, weight: i32| {
        ((difference * weight + (128 << SHIFT) + HALF) >> SHIFT).clamp(0, 255)
    };
    [y, chroma(red - y, DIFFERENCES[0]), chroma(blue - y, DIFFERENCES[1])]
}

fn from_ycc([y, cr, cb]: [i32; 3]) -> [u8; 3] {
    let (cr, cb) = (cr - 128, cb - 128);
    let red = y + ((cr * BACK[0] + HALF) >> SHIFT);
    let green = y + ((cr * BACK[1] + cb * BACK[2] + HALF) >> SHIFT);
    let blue = y + ((cb * BACK[3] + HALF) >> SHIFT);
    [red, green, blue].map(|sample| sample.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gray_colours_keep_no_hue_and_alpha_stays() {
        let mut pixels = [50, 50, 50, 1, 60, 60, 60, 2, 70, 70, 70, 3];
        equalize(Layout::Rgba, &mut pixels);
        assert_eq!(pixels, [0, 0, 0, 1, 128, 128, 128, 2, 255, 255, 255, 3]);
    }
}
