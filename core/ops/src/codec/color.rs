//! Colour spaces: profiles are applied here, and ink becomes colours.
//!
//! A profile that cannot be read, is too large, or describes other channels than the picture has
//! is ignored, as if it were not there: no profile is a reason to refuse a picture.

use moxcms::{ColorProfile, DataColorSpace, Layout as Channels, ParsingOptions, TransformOptions};
use pixmill_contract::operation::Icc;

use super::icc::{MAX_PROFILE_BYTES, describes};
use crate::header::Header;
use crate::shape::{Layout, Shape};

/// Largest table of colours inside a profile, in bytes; what is on sale needs half of it.
const MAX_TABLE_BYTES: usize = 2 * 1024 * 1024;
/// Longest curve inside a profile, in entries.
const MAX_CURVE: usize = 8192;
/// Most levels by which a profile's colours may differ from sRGB's to count as sRGB.
const SRGB_TOLERANCE: u8 = 1;

/// What parsing and applying a profile allocates, in bytes: the tables, as floating point, and
/// the grid that they are resampled to. Twice what was measured for the largest that are read.
pub(crate) const TRANSFORM_BYTES: u64 = 24 * 1024 * 1024;

/// Applies or keeps the profile of decoded pixels: `buffer` starts with them.
///
/// Ink is four bytes of cyan, magenta, yellow and black a pixel, 255 for all ink. It becomes RGB,
/// and gray with alpha RGBA, whatever `icc` says: no output can keep their space. Returns the
/// profile that the pixels have now; `None` is sRGB.
pub(super) fn settle(
    profile: Option<Vec<u8>>,
    icc: Icc,
    header: &Header,
    shape: Shape,
    buffer: &mut [u8],
) -> Option<Vec<u8>> {
    if header.ink {
        let profile = profile.as_deref().and_then(|profile| read(profile, DataColorSpace::Cmyk));
        let ink = &mut buffer[..shape.bytes() / 3 * 4];
        let done = profile.is_some_and(|profile| ink_by_profile(&profile, shape, ink));
        if !done {
            ink_by_formula(ink);
        }
        return None;
    }
    if header.gray_alpha {
        let profile = profile.filter(|profile| describes(profile, Layout::Gray))?;
        let curve = gray_curve(&profile)?;
        for pixel in buffer[..shape.bytes()].as_chunks_mut::<4>().0 {
            let [r, g, b, alpha] = *pixel;
            let [r, g, b] = [r, g, b].map(|sample| curve[usize::from(sample)]);
            *pixel = [r, g, b, alpha];
        }
        return None;
    }
    let profile = profile.filter(|profile| describes(profile, shape.layout))?;
    match icc {
        Icc::Keep => Some(profile),
        Icc::Srgb => {
            to_srgb(&profile, shape.layout, &mut buffer[..shape.bytes()]);
            None
        }
    }
}

/// Reads a profile for colours of the given kind.
fn read(profile: &[u8], space: DataColorSpace) -> Option<ColorProfile> {
    let options = ParsingOptions {
        max_profile_size: MAX_PROFILE_BYTES,
        max_allowed_clut_size: MAX_TABLE_BYTES,
        max_allowed_trc_size: MAX_CURVE,
    };
    if profile.len() > MAX_PROFILE_BYTES {
        return None;
    }
    let profile = ColorProfile::new_from_slice_with_options(profile, options).ok()?;
    (profile.color_space == space).then_some(profile)
}

/// Converts pixels to sRGB, unless the profile is sRGB itself or makes no sense.
fn to_srgb(profile: &[u8], layout: Layout, pixels: &mut [u8]) {
    match layout {
        Layout::Gray => {
            if let Some(curve) = gray_curve(profile) {
                for sample in pixels {
                    *sample = curve[usize::from(*sample)];
                }
            }
        }
        Layout::Rgb => convert(profile, Channels::Rgb, pixels),
        Layout::Rgba => convert(profile, Channels::Rgba, pixels),
    }
}

/// What each level of gray becomes in sRGB.
fn gray_curve(profile: &[u8]) -> Option<Vec<u8>> {
    let profile = read(profile, DataColorSpace::Gray)?;
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform =
        profile.create_transform_8bit(Channels::Gray, &srgb, Channels::Rgb, options).ok()?;
    let levels: Vec<u8> = (0..=255).collect();
    let mut colours = vec![0; 3 * 256];
    transform.transform(&levels, &mut colours).ok()?;
    Some(colours.as_chunks::<3>().0.iter().map(|[_, green, _]| *green).collect())
}

/// Converts RGB or RGBA pixels to sRGB; alpha stays.
fn convert(profile: &[u8], channels: Channels, pixels: &mut [u8]) {
    let Some(profile) = read(profile, DataColorSpace::Rgb) else { return };
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let make = |channels| profile.create_transform_8bit(channels, &srgb, channels, options);
    if make(Channels::Rgb).is_ok_and(|transform| is_identity(&*transform)) {
        return;
    }
    let Ok(transform) = make(channels) else { return };
    let mut source = [0; ROW * 4];
    // Rows of a length that all layouts divide, copied first: a transform has two sides.
    for row in pixels.chunks_mut(ROW * if channels == Channels::Rgb { 3 } else { 4 }) {
        let source = &mut source[..row.len()];
        source.copy_from_slice(row);
        if transform.transform(source, row).is_err() {
            row.copy_from_slice(source);
            return;
        }
    }
}

/// Pixels that are converted at a time.
const ROW: usize = 1024;

/// Whether a conversion to sRGB leaves all grays and a cube of colours where they are, but for a
/// level of rounding.
fn is_identity(transform: &moxcms::Transform8BitExecutor) -> bool {
    let steps = || (0..=5_u8).map(|n| n * 51);
    let cube = steps().flat_map(|r| steps().flat_map(move |g| steps().map(move |b| [r, g, b])));
    let colours: Vec<u8> = (0..=255).map(|gray| [gray; 3]).chain(cube).flatten().collect();
    let mut converted = vec![0; colours.len()];
    transform.transform(&colours, &mut converted).is_ok()
        && colours.iter().zip(&converted).all(|(a, b)| a.abs_diff(*b) <= SRGB_TOLERANCE)
}

/// Makes RGB of ink in place, through a profile. Says whether it could.
fn ink_by_profile(profile: &ColorProfile, shape: Shape, ink: &mut [u8]) -> bool {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let Ok(transform) =
        profile.create_transform_8bit(Channels::Rgba, &srgb, Channels::Rgb, options)
    else {
        return false;
    };
    let pixels = shape.bytes() / 3;
    let (mut source, mut colours) = ([0; ROW * 4], [0; ROW * 3]);
    for start in (0..pixels).step_by(ROW) {
        let count = ROW.min(pixels - start);
        let (source, colours) = (&mut source[..4 * count], &mut colours[..3 * count]);
        source.copy_from_slice(&ink[4 * start..4 * (start + count)]);
        if transform.transform(source, colours).is_err() {
            // It fails on the first row or never, when nothing has been written yet.
            return false;
        }
        // Colours are shorter than ink: they never reach what is still to be read.
        ink[3 * start..3 * (start + count)].copy_from_slice(colours);
    }
    true
}

/// Makes RGB of ink in place, as if inks were perfect filters: (1 − C) · (1 − K).
fn ink_by_formula(ink: &mut [u8]) {
    for i in 0..ink.len() / 4 {
        let paper = |n: usize| u32::from(255 - ink[4 * i + n]);
        let black = paper(3);
        let colour = [0, 1, 2].map(|n| {
            let product = paper(n) * black + 128;
            u8::try_from((product + (product >> 8)) >> 8).expect("a product of bytes over 255")
        });
        ink[3 * i..3 * i + 3].copy_from_slice(&colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().unwrap()
    }

    #[test]
    fn srgb_is_recognised_and_left_alone() {
        let profile = encoded(&ColorProfile::new_srgb());
        let mut pixels: Vec<u8> = (0..=255).cycle().take(3 * 999).collect();
        let before = pixels.clone();
        to_srgb(&profile, Layout::Rgb, &mut pixels);
        assert_eq!(pixels, before);
    }

    #[test]
    fn wide_gamuts_are_converted_and_alpha_stays() {
        for profile in [ColorProfile::new_adobe_rgb(), ColorProfile::new_display_p3()] {
            let profile = encoded(&profile);
            let mut pixels = vec![128, 128, 128, 7, 0, 200, 0, 255, 255, 255, 255, 0, 0, 0, 0, 9];
            to_srgb(&profile, Layout::Rgba, &mut pixels);
            // Gray stays gray, saturated green gets more saturated.
            assert!(pixels[0].abs_diff(pixels[1]) <= 1 && pixels[1].abs_diff(pixels[2]) <= 1);
            assert!(pixels[5] >= 200 && pixels[4] == 0);
            assert_eq!(pixels[8..], [255, 255, 255, 0, 0, 0, 0, 9]);
            assert_eq!([pixels[3], pixels[7]], [7, 255]);
        }
    }

    #[test]
    fn gray_profiles_bend_the_scale() {
        let linear = encoded(&ColorProfile::new_gray_with_gamma(1.0));
        let mut pixels: Vec<u8> = (0..=255).collect();
        to_srgb(&linear, Layout::Gray, &mut pixels);
        // The middle of the light is at level 188 of sRGB.
        assert!(pixels[128].abs_diff(188) <= 1, "{}", pixels[128]);
        assert_eq!((pixels[0], pixels[255]), (0, 255));
    }

    #[test]
    fn inks_are_filters_where_no_profile_says_more() {
        let mut ink = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 128, 0, 128];
        ink_by_formula(&mut ink);
        assert_eq!(ink[..12], [255, 255, 255, 0, 255, 255, 0, 0, 0, 127, 63, 127]);
    }
}
