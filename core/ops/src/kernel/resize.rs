//! Resampling, through `fast_image_resize`: RGBA on colours multiplied by alpha.
//!
//! This is the one kernel without a reference of our own; the tests pin what it promises: flat
//! pictures stay flat, and nothing bleeds out of transparent pixels.

use pixmill_contract::operation::Filter;
use pixmill_resample::{Channels, FilterType, Region, Resampler};

use crate::geometry::Window;
use crate::shape::{Layout, Shape};

/// Bytes that resampling needs besides both pictures: one intermediate picture, for RGBA a
/// premultiplied copy, and tables of weights. Twice, for buffers that grow while in use.
pub(crate) fn scratch_bytes(from: Shape, to: Shape) -> u64 {
    let channels = from.layout.channels() as u64;
    let intermediate = u64::from(from.width).max(u64::from(to.width))
        * u64::from(from.height.max(to.height))
        * channels;
    let copy = match from.layout {
        Layout::Gray | Layout::Rgb => 0,
        Layout::Rgba => from.bytes() as u64,
    };
    let sides = [from.width, from.height, to.width, to.height];
    let tables = sides.iter().map(|side| u64::from(*side) * 192).sum::<u64>();
    2 * (intermediate + copy) + tables + 64 * 1024
}

/// Resamples the window of `pixels` into `made`.
pub(crate) fn resize(
    resampler: &mut Resampler,
    (from, pixels): (Shape, &[u8]),
    window: Window,
    filter: Filter,
    (to, made): (Shape, &mut [u8]),
) {
    let channels = match from.layout {
        Layout::Gray => Channels::Gray,
        Layout::Rgb => Channels::Rgb,
        Layout::Rgba => Channels::Rgba,
    };
    let (width, height) = (f64::from(from.width), f64::from(from.height));
    let (left, top) = (window.left * width, window.top * height);
    // Fractions may round to a hair beyond the edge.
    let across = (window.width * width).min(width - left);
    let down = (window.height * height).min(height - top);
    let region = Region { left, top, width: across, height: down };
    let source = ((from.width, from.height), pixels);
    resampler.resample(channels, named(filter), source, region, ((to.width, to.height), made));
}

/// Resamples the region of a plane whose rows are a stride apart.
pub(crate) fn plane(
    resampler: &mut Resampler,
    pixels: (&[u8], usize, (u32, u32)),
    region: Region,
    filter: Filter,
    made: ((u32, u32), &mut [u8]),
) {
    resampler.resample_plane(named(filter), pixels, region, made);
}

fn named(filter: Filter) -> Option<FilterType> {
    match filter {
        Filter::Nearest => None,
        Filter::Box => Some(FilterType::Box),
        Filter::Bilinear => Some(FilterType::Bilinear),
        Filter::CatmullRom => Some(FilterType::CatmullRom),
        Filter::Lanczos3 => Some(FilterType::Lanczos3),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::layouts;

    const FILTERS: [Filter; 5] =
        [Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::CatmullRom, Filter::Lanczos3];

    proptest! {
        #[test]
        fn a_flat_picture_stays_flat_at_any_size(
            sizes in prop::array::uniform4(1_u32..70),
            layout in layouts(),
            filter in prop::sample::select(&FILTERS[..]),
            sample: u8,
            left in 0.0_f64..0.9,
            width in 0.05_f64..1.0,
        ) {
            let from = Shape { width: sizes[0], height: sizes[1], layout };
            let to = Shape { width: sizes[2], height: sizes[3], layout };
            let mut pixels = vec![sample; from.bytes()];
            if layout == Layout::Rgba {
                pixels.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[3] = 255);
            }
            let window = Window { left, top: 0.0, width: width.min(1.0 - left), height: 1.0 };
            let mut resized = vec![0; to.bytes()];
            let target = (to, &mut resized[..]);
            resize(&mut Resampler::new(), (from, &pixels), window, filter, target);
            let expected: Vec<u8> = pixels.iter().copied().cycle().take(resized.len()).collect();
            prop_assert_eq!(resized, expected);
        }
    }

    #[test]
    fn colours_of_transparent_pixels_do_not_bleed() {
        let from = Shape { width: 2, height: 1, layout: Layout::Rgba };
        let to = Shape { width: 1, ..from };
        let mut resized = [0; 4];
        let pixels = [200, 0, 0, 255, 0, 255, 0, 0];
        let target = (to, &mut resized[..]);
        resize(&mut Resampler::new(), (from, &pixels), Window::WHOLE, Filter::Box, target);
        assert_eq!(resized[1..3], [0, 0]);
        assert!(resized[0].abs_diff(200) <= 2 && resized[3].abs_diff(128) <= 1, "{resized:?}");
    }
}
