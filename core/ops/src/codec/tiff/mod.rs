//! TIFF: the first page; strips and tiles, together or in planes, unpacked or packed by LZW,
//! deflate or `PackBits`; the format is read, not written.
//!
//! Gray of 1 to 16 bits, RGB and CMYK of 8 and 16, palettes of 1 to 8. Of 16-bit samples the high
//! byte is kept. JPEG and fax inside TIFF, floating point, `YCbCr` and Lab are refused.

mod directory;
mod unit;

use pixmill_contract::{Format, Rejection};

use self::directory::{Alpha, Meaning, Page};
use self::unit::Unit;
use super::carry::Belongings;
use super::icc::MAX_PROFILE_BYTES;
use super::{corrupt, exif};
use crate::header::{Header, Orientation};
use crate::kernel::alpha;
use crate::shape::Shape;

/// What decoding allocates besides a unit: tables of LZW or deflate.
const DECODER_BYTES: u64 = 256 * 1024;

/// Reads the header of a source that starts as a TIFF does.
pub(crate) fn read(source: &[u8]) -> Result<Header, Rejection> {
    let page = Page::read(source)?;
    let orientation = exif::orientation(source).unwrap_or(Orientation::UPRIGHT);
    let (width, height) = if orientation.swaps_sides() {
        (page.height, page.width)
    } else {
        (page.width, page.height)
    };
    Ok(Header {
        format: Format::Tiff,
        width,
        height,
        channels: match (page.meaning, page.alpha) {
            (Meaning::Gray { .. }, Alpha::None) => 1,
            (_, Alpha::None) => 3,
            (_, Alpha::Associated | Alpha::Unassociated) => 4,
        },
        orientation,
        profile: page.profile().is_some(),
        gray_alpha: matches!(page.meaning, Meaning::Gray { .. }) && page.alpha != Alpha::None,
        ink: page.meaning == Meaning::Ink,
        sampling: None,
        decoder_bytes: DECODER_BYTES
            .saturating_add(page.row_bytes().saturating_mul(u64::from(page.unit.1))),
    })
}

/// What a source carries besides pixels. Its directory is Exif's first.
pub(super) fn belongings(source: &[u8]) -> Belongings<'_> {
    let xmp = Page::read(source).ok().and_then(|page| page.xmp());
    Belongings { exif: Some(source), xmp }
}

/// Decodes into `pixels`, as stored: gray, RGB, RGBA, or with `ink` four bytes of ink a pixel, 255
/// for all of it. Returns the colour profile if there is one.
///
/// `shape` is what the header says.
pub(crate) fn decode(
    source: &[u8],
    (shape, ink): (Shape, bool),
    pixels: &mut [u8],
) -> Result<Option<Vec<u8>>, Rejection> {
    let page = Page::read(source)?;
    let palette = Palette::of(&page);
    let channels = if ink { 4 } else { shape.layout.channels() };
    let (across, down) = page.grid();
    let planes = if page.planar { page.samples } else { 1 };
    let mut unit = Unit::new(&page)?;
    for plane in 0..planes {
        if plane as usize >= wanted(&page) {
            break;
        }
        for row in 0..down {
            for column in 0..across {
                let number = (plane * down + row) * across + column;
                unit.fill(&page, number, row)?;
                let place = Place { plane, row, column, channels };
                spread(&page, &unit, palette.as_ref(), &place, pixels)?;
            }
        }
    }
    if page.alpha == Alpha::Associated {
        alpha::unpremultiply(pixels);
    }
    // Longer ones count as none; they are not copied to find that out.
    let profile = page.profile().filter(|profile| profile.len() <= MAX_PROFILE_BYTES);
    Ok(profile.map(<[u8]>::to_vec))
}

/// How many samples of a pixel are used: its colours, and alpha behind them.
fn wanted(page: &Page<'_>) -> usize {
    let colours = match page.meaning {
        Meaning::Gray { .. } | Meaning::Palette => 1,
        Meaning::Rgb => 3,
        Meaning::Ink => 4,
    };
    colours + usize::from(page.alpha != Alpha::None)
}

/// The colours of a palette, in bytes.
struct Palette(Vec<[u8; 3]>);

impl Palette {
    fn of(page: &Page<'_>) -> Option<Self> {
        if page.meaning != Meaning::Palette {
            return None;
        }
        let colours: Vec<_> = (0..1 << page.bits).map_while(|n| page.colour(n)).collect();
        // Some programs write bytes where there should be 16 bits.
        let are_bytes = colours.as_flattened().iter().all(|sample| *sample < 256);
        let byte = |sample: u32| {
            u8::try_from(if are_bytes { sample } else { sample >> 8 }).unwrap_or(u8::MAX)
        };
        Some(Self(colours.into_iter().map(|colour| colour.map(byte)).collect()))
    }
}

/// Where a unit belongs.
struct Place {
    plane: u32,
    row: u32,
    column: u32,
    /// Bytes of a pixel of the result.
    channels: usize,
}

/// Writes the samples of a unit to their pixels.
fn spread(
    page: &Page<'_>,
    unit: &Unit,
    palette: Option<&Palette>,
    place: &Place,
    pixels: &mut [u8],
) -> Result<(), Rejection> {
    let (left, top) = (place.column * page.unit.0, place.row * page.unit.1);
    let width = page.unit.0.min(page.width - left) as usize;
    let height = page.unit.1.min(page.height - top) as usize;
    let (together, used) = (page.samples_together() as usize, wanted(page));
    let is_gray_with_alpha = used == 2;
    let inverted = page.meaning == Meaning::Gray { zero_is_white: true };
    for y in 0..height {
        let start = ((top as usize + y) * page.width as usize + left as usize) * place.channels;
        let row = &mut pixels[start..start + width * place.channels];
        for (x, pixel) in row.chunks_exact_mut(place.channels).enumerate() {
            for s in 0..together.min(used) {
                let sample = unit.sample(y, x * together + s);
                let channel = s + place.plane as usize;
                if let Some(palette) = palette {
                    let colour = palette.0.get(usize::from(sample));
                    let colour =
                        colour.ok_or_else(|| corrupt("a colour that its palette does not have"))?;
                    pixel[..3].copy_from_slice(colour);
                } else if channel == 0 && inverted {
                    pixel[..if is_gray_with_alpha { 3 } else { 1 }].fill(255 - sample);
                } else if is_gray_with_alpha {
                    if channel == 0 { pixel[..3].fill(sample) } else { pixel[3] = sample }
                } else {
                    pixel[channel] = sample;
                }
            }
        }
    }
    Ok(())
}
