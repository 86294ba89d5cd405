//! Writing PNG: for speed, or for size.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Cursor, Write};

use pixmill_contract::operation::Effort;
use png::chunk::ChunkType;
use png::{BitDepth, ColorType, Compression, DeflateCompression, EncodingError, Filter, Info};

use crate::codec::carry::Carried;
use crate::shape::{Layout, Shape};

/// Bytes of an IDAT chunk.
const CHUNK: usize = 64 * 1024;

/// What [`Effort::Small`] allocates besides its rows: deflate's window and tables, twice what was
/// measured.
pub(crate) const SMALL_BYTES: u64 = 2 * 1024 * 1024;

/// What comes before the text in the chunk that holds XMP: keyword, no compression, no language.
pub(crate) const XMP: &[u8] = b"XML:com.adobe.xmp\0\0\0\0\0";

/// Encodes into `scratch`, and returns how many of its bytes were used.
///
/// `scratch` is at least [`encoded_bound`] long, and has room for what is carried on.
pub(crate) fn encode(
    shape: Shape,
    pixels: &[u8],
    effort: Effort,
    carried: &Carried<'_>,
    scratch: &mut [u8],
) -> usize {
    let palette = match effort {
        Effort::Fast => None,
        Effort::Small => Palette::of(shape.layout, pixels),
    };
    let mut file = Cursor::new(scratch);
    write(&mut file, shape, pixels, (effort, palette), carried)
        .expect("a picture that fits its shape is encoded into a scratch that is long enough");
    usize::try_from(file.position()).expect("a position in memory fits memory")
}

/// Most bytes that encoding a picture of this size can take, without what is carried on: the
/// longest code of the fast compressor has 12 bits; every row has a filter byte, every chunk 12
/// bytes around it; a palette with alpha takes 1 KiB.
pub(crate) fn encoded_bound(shape: Shape) -> usize {
    let raw = shape.bytes() + shape.height as usize;
    let packed = raw + raw / 2 + 1024;
    packed + 12 * (packed / CHUNK + 1) + 2048
}

fn write(
    file: &mut Cursor<&mut [u8]>,
    shape: Shape,
    pixels: &[u8],
    (effort, palette): (Effort, Option<Palette>),
    carried: &Carried<'_>,
) -> Result<(), EncodingError> {
    let mut info = Info::with_size(shape.width, shape.height);
    info.bit_depth = BitDepth::Eight;
    info.color_type = match shape.layout {
        Layout::Gray => ColorType::Grayscale,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
    };
    info.icc_profile = carried.profile.map(Cow::Borrowed);
    info.exif_metadata = carried.exif.as_deref().map(Cow::Borrowed);
    if let Some(palette) = &palette {
        palette.describe(&mut info);
    }
    let mut encoder = png::Encoder::with_info(file, info)?;
    match (effort, &palette) {
        // The default takes thirty times as long for an eighth fewer bytes.
        (Effort::Fast, _) => encoder.set_compression(Compression::Fast),
        (Effort::Small, _) => encoder.set_deflate_compression(DeflateCompression::Level(9)),
    }
    if palette.is_some() {
        // Numbers of colours are no samples: differences between them mean nothing.
        encoder.set_filter(Filter::NoFilter);
    }
    let mut writer = encoder.write_header()?;
    if let Some(xmp) = &carried.xmp {
        writer.write_chunk(ChunkType(*b"iTXt"), &[XMP, xmp].concat())?;
    }
    let mut stream = writer.stream_writer_with_size(CHUNK)?;
    match palette {
        None => stream.write_all(pixels)?,
        Some(palette) => {
            let mut packed = vec![];
            for row in pixels.chunks_exact(shape.row()) {
                palette.pack(shape.layout, row, &mut packed);
                stream.write_all(&packed)?;
            }
        }
    }
    stream.finish()?;
    writer.finish()
}

/// The colours of a picture that has at most 256 of them.
struct Palette {
    numbers: HashMap<[u8; 4], u8>,
    /// In the order of their numbers; those with alpha come first.
    colours: Vec<[u8; 4]>,
}

impl Palette {
    /// `None` for gray, which is one byte a pixel as it is, and for too many colours.
    fn of(layout: Layout, pixels: &[u8]) -> Option<Self> {
        if layout == Layout::Gray {
            return None;
        }
        let mut numbers = HashMap::new();
        let mut colours = vec![];
        let mut last = None;
        for pixel in pixels.chunks_exact(layout.channels()) {
            if last == Some(pixel) {
                continue;
            }
            last = Some(pixel);
            let colour = with_alpha(pixel);
            if numbers.insert(colour, 0).is_none() {
                if colours.len() == 256 {
                    return None;
                }
                colours.push(colour);
            }
        }
        // A stable sort: else they stay in the order in which the picture shows them.
        colours.sort_by_key(|[_, _, _, alpha]| *alpha == 255);
        for (number, colour) in (0..=255).zip(&colours) {
            numbers.insert(*colour, number);
        }
        Some(Self { numbers, colours })
    }

    fn depth(&self) -> BitDepth {
        match self.colours.len() {
            0..=2 => BitDepth::One,
            3..=4 => BitDepth::Two,
            5..=16 => BitDepth::Four,
            _ => BitDepth::Eight,
        }
    }

    fn describe(&self, info: &mut Info<'_>) {
        info.color_type = ColorType::Indexed;
        info.bit_depth = self.depth();
        let colours: Vec<u8> = self.colours.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        info.palette = Some(colours.into());
        let alpha: Vec<u8> =
            self.colours.iter().map(|colour| colour[3]).take_while(|alpha| *alpha < 255).collect();
        if !alpha.is_empty() {
            info.trns = Some(alpha.into());
        }
    }

    /// Packs the numbers of a row's colours, the first in the highest bits.
    fn pack(&self, layout: Layout, row: &[u8], packed: &mut Vec<u8>) {
        let bits = match self.depth() {
            BitDepth::One => 1,
            BitDepth::Two => 2,
            BitDepth::Four => 4,
            BitDepth::Eight | BitDepth::Sixteen => 8,
        };
        packed.clear();
        let mut last = ([0; 4], self.numbers.get(&[0; 4]).copied().unwrap_or(0));
        for pixels in row.chunks(layout.channels() * (8 / bits)) {
            let mut byte = 0_u32;
            for (i, pixel) in pixels.chunks_exact(layout.channels()).enumerate() {
                let colour = with_alpha(pixel);
                if colour != last.0 {
                    last = (colour, self.numbers.get(&colour).copied().unwrap_or(0));
                }
                byte |= u32::from(last.1) << (8 - bits * (i + 1));
            }
            packed.push(u8::try_from(byte & 255).expect("eight bits"));
        }
    }
}

fn with_alpha(pixel: &[u8]) -> [u8; 4] {
    match *pixel {
        [r, g, b, a] => [r, g, b, a],
        [r, g, b] => [r, g, b, 255],
        _ => unreachable!("gray has no palette"),
    }
}
