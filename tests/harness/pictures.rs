//! Pictures: the samples, and others made of them.

use std::fs;
use std::path::PathBuf;

use pixmill_contract::{Limits, Recipe};
use pixmill_ops::{Header, Mill, Overlays};

/// The folder of the samples.
pub(crate) fn samples() -> PathBuf {
    super::source_tree().join("samples")
}

/// One of the samples.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    fs::read(samples().join(name)).unwrap()
}

/// The single output of a recipe.
pub(crate) fn ground(source: &[u8], recipe: &str) -> Vec<u8> {
    let recipe: Recipe = recipe.parse().unwrap();
    let ground = Mill::new(Limits::default()).grind(source, &recipe, &Overlays::default()).unwrap();
    ground.pictures.into_iter().next().unwrap().bytes
}

/// What a file's header says of the picture.
pub(crate) fn frame(bytes: &[u8]) -> Header {
    pixmill_ops::inspect(bytes, &Limits::default()).unwrap()
}

/// A small photograph, another one for every number.
pub(crate) fn photo(number: u32) -> Vec<u8> {
    photo_of(number, 360, 240)
}

/// A part of a sample, of this size.
pub(crate) fn photo_of(number: u32, width: u32, height: u32) -> Vec<u8> {
    let whole = sample("photos/harbour.jpg");
    let (left, top) = (number * 37 % 600, number * 53 % 400);
    let recipe = format!(
        "crop:width=900,height=600,left={left},top={top} \
         | resize:width={width},height={height},fit=fill,enlarge=true -> jpeg"
    );
    ground(&whole, &recipe)
}

/// A photograph that takes a moment to work on.
pub(crate) fn large_photo() -> Vec<u8> {
    let whole = sample("photos/harbour.jpg");
    ground(&whole, "resize:width=5000,enlarge=true -> jpeg")
}

/// A photograph whose decoding does what the marker asks for: abort, panic or hang.
pub(crate) fn marked(number: u32, marker: &str) -> Vec<u8> {
    let mut bytes = photo(number);
    bytes.extend_from_slice(format!("pixmill-test:{marker}").as_bytes());
    bytes
}

/// A PNG whose pixels are what `pixel` says, in this colour type.
pub(crate) fn canvas<const CHANNELS: usize>(
    width: u32,
    height: u32,
    color: png::ColorType,
    pixel: impl Fn(u32, u32) -> [u8; CHANNELS],
) -> Vec<u8> {
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| pixel(x, y))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// A PNG that announces these dimensions and has hardly any pixels.
pub(crate) fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::new(&mut bytes, width, height).write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c]).unwrap();
    drop(writer);
    bytes
}

/// A JPEG that claims other dimensions than it has.
pub(crate) fn with_claimed_size(mut jpeg: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let at = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

/// A JPEG with an Exif orientation and a camera's name.
pub(crate) fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut tiff = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    // The camera's name, behind the directory; then the orientation.
    tiff.extend_from_slice(b"\x01\x0f\0\x02\0\0\0\x08\0\0\0\x26");
    tiff.extend_from_slice(&[1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend_from_slice(b"\0\0\0\0CAMERA1\0");
    let length = u16::try_from(tiff.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &tiff, &jpeg[2..]].concat()
}
