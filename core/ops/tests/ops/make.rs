//! Makes source pictures, and reads results back.

use pixmill_contract::{Limits, Recipe, RejectCode};
use pixmill_ops::{Mill, Overlays, Picture};
use png::{BitDepth, ColorType};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// Pixels that are neither flat nor regular.
pub(crate) fn pixels(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let sample = |i: usize| {
        let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
        let wave = x * (3 + c) + y * (7 - c) + (x * y) / 5;
        u8::try_from((wave ^ ((i * 2_654_435_761) >> 13 & 15)) & 255).expect("a byte")
    };
    (0..width * height * channels).map(sample).collect()
}

/// A JPEG of gray (1) or RGB (3) pixels.
pub(crate) fn jpeg(width: usize, height: usize, channels: usize, progressive: bool) -> Vec<u8> {
    let pixels = pixels(width, height, channels);
    let (format, subsampling) = match channels {
        1 => (PixelFormat::GRAY, Subsamp::Gray),
        3 => (PixelFormat::RGB, Subsamp::Sub2x2),
        _ => (PixelFormat::CMYK, Subsamp::None),
    };
    let image = Image { pixels: &pixels[..], width, pitch: width * channels, height, format };
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(90).unwrap();
    compressor.set_subsamp(subsampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    compressor.compress_to_vec(image).unwrap()
}

/// A PNG of 8-bit pixels.
pub(crate) fn png(width: usize, height: usize, color: ColorType) -> Vec<u8> {
    let pixels = pixels(width, height, color.samples());
    png_of((width, height), color, BitDepth::Eight, &pixels, |_| {})
}

/// A PNG of given pixels, with whatever else `dress` sets.
pub(crate) fn png_of(
    (width, height): (usize, usize),
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
    dress: impl FnOnce(&mut png::Info<'_>),
) -> Vec<u8> {
    let mut file = vec![];
    let side = |n| u32::try_from(n).unwrap();
    let mut info = png::Info::with_size(side(width), side(height));
    (info.color_type, info.bit_depth) = (color, depth);
    dress(&mut info);
    let mut encoder = png::Encoder::with_info(&mut file, info).unwrap();
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// A chunk of a PNG.
pub(crate) fn chunk(kind: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in kind.iter().chain(payload) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes()[..], &kind, payload, &(!crc).to_be_bytes()].concat()
}

/// `file` with `inserted` at an offset.
pub(crate) fn insert(file: &[u8], at: usize, inserted: &[u8]) -> Vec<u8> {
    [&file[..at], inserted, &file[at..]].concat()
}

/// Where the chunks after a PNG's header start.
pub(crate) const AFTER_IHDR: usize = 8 + 25;

/// A segment of a JPEG.
pub(crate) fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap();
    [&[0xff, marker][..], &length.to_be_bytes(), payload].concat()
}

/// An Exif payload (TIFF) that holds an orientation.
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0];
    [&b"MM\0*\0\0\0\x08\0\x01"[..], &entry, &[0; 4]].concat()
}

/// A profile that has nothing but what makes it look like one.
pub(crate) fn profile(family: [u8; 4], length: usize) -> Vec<u8> {
    let mut profile: Vec<u8> = (0..=255).cycle().take(length).collect();
    profile[16..20].copy_from_slice(&family);
    profile[36..40].copy_from_slice(b"acsp");
    profile
}

/// A JPEG with a profile in APP2 segments.
pub(crate) fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let parts = profile.chunks(60_000);
    let count = u8::try_from(parts.len()).unwrap();
    let segments = (1..=count).zip(parts).flat_map(|(number, part)| {
        segment(0xe2, &[&b"ICC_PROFILE\0"[..], &[number, count], part].concat())
    });
    insert(jpeg, 2, &segments.collect::<Vec<u8>>())
}

/// The pictures that a fresh mill makes.
pub(crate) fn grind(source: &[u8], recipe: &str) -> Vec<Picture> {
    let ground =
        Mill::new(Limits::default()).grind(source, &recipe.parse().unwrap(), &Overlays::default());
    ground.unwrap_or_else(|rejection| panic!("{recipe}: {rejection}")).pictures
}

/// Why a fresh mill refuses.
pub(crate) fn refusal(source: &[u8], recipe: &str, limits: Limits) -> Option<RejectCode> {
    let recipe: Recipe = recipe.parse().unwrap();
    Mill::new(limits)
        .grind(source, &recipe, &Overlays::default())
        .err()
        .map(|rejection| rejection.code)
}

/// Size, colour type, pixels and profile of a PNG.
#[derive(Debug, PartialEq)]
pub(crate) struct Raw {
    pub(crate) size: (u32, u32),
    pub(crate) color: ColorType,
    pub(crate) pixels: Vec<u8>,
    pub(crate) profile: Option<Vec<u8>>,
}

/// Reads a PNG back, without this crate.
pub(crate) fn raw(png: &[u8]) -> Raw {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let profile = reader.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    Raw { size: (info.width, info.height), color: info.color_type, pixels, profile }
}

/// The pixels of the only output of a recipe, which writes PNG.
pub(crate) fn pixels_of(source: &[u8], recipe: &str) -> Raw {
    raw(&grind(source, recipe)[0].bytes)
}
