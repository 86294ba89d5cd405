//! Wrapping rendered pixels into files, with the metadata that a camera would add.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// A JPEG of RGB pixels (4:2:0), or of gray ones.
pub(crate) fn jpeg((width, height): (u32, u32), pixels: &[u8], quality: i32) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let channels = pixels.len() / (width * height);
    let (format, subsampling) = match channels {
        1 => (PixelFormat::GRAY, Subsamp::Gray),
        _ => (PixelFormat::RGB, Subsamp::Sub2x2),
    };
    let image = Image { pixels, width, pitch: width * channels, height, format };
    let mut compressor = Compressor::new().expect("a compressor");
    compressor.set_quality(quality).expect("a quality from 1 to 100");
    compressor.set_subsamp(subsampling).expect("a subsampling that exists");
    compressor.compress_to_vec(image).expect("a picture that can be encoded")
}

/// A PNG; `palette` makes the pixels indices, packed `depth` bits each.
pub(crate) fn png(
    (width, height): (u32, u32),
    color: png::ColorType,
    depth: png::BitDepth,
    palette: &[u8],
    pixels: &[u8],
) -> Vec<u8> {
    let mut file = vec![];
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::High);
    if !palette.is_empty() {
        encoder.set_palette(palette);
    }
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(pixels).expect("as many pixels as the header says");
    writer.finish().expect("the end");
    file
}

/// The JPEG with an Exif segment such as a telephone writes: orientation, maker, and a place.
pub(crate) fn with_exif(jpeg: &[u8], orientation: u16) -> Vec<u8> {
    let maker = b"Pixmill Samples\0";
    let mut tiff = b"MM\0*\0\0\0\x08".to_vec();
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    let short = |value: u16| (u32::from(value) << 16).to_be_bytes();
    // Three entries end at 8 + 2 + 36 + 4; the maker follows, then the place.
    let (maker_at, place_at) = (50_u32, 66_u32);
    tiff.extend(3_u16.to_be_bytes());
    tiff.extend(entry(0x010f, 2, 16, maker_at.to_be_bytes()));
    tiff.extend(entry(0x0112, 3, 1, short(orientation)));
    tiff.extend(entry(0x8825, 4, 1, place_at.to_be_bytes()));
    tiff.extend(0_u32.to_be_bytes());
    tiff.extend(maker);
    // 12° 34′ 56″ north, 1° 2′ 3″ east: open sea.
    let numbers_at = place_at + 2 + 4 * 12 + 4;
    tiff.extend(4_u16.to_be_bytes());
    tiff.extend(entry(1, 2, 2, *b"N\0\0\0"));
    tiff.extend(entry(2, 5, 3, numbers_at.to_be_bytes()));
    tiff.extend(entry(3, 2, 2, *b"E\0\0\0"));
    tiff.extend(entry(4, 5, 3, (numbers_at + 24).to_be_bytes()));
    tiff.extend(0_u32.to_be_bytes());
    for number in [12_u32, 34, 56, 1, 2, 3] {
        tiff.extend([number.to_be_bytes(), 1_u32.to_be_bytes()].concat());
    }
    let payload = [&b"Exif\0\0"[..], &tiff].concat();
    let length = u16::try_from(payload.len() + 2).expect("a short segment");
    let (start, rest) = jpeg.split_at(2);
    [start, &[0xff, 0xe1], &length.to_be_bytes(), &payload, rest].concat()
}
