//! JPEG pixels, through libjpeg-turbo: one decompressor and one compressor, reused.

use pixmill_contract::{RejectCode, Rejection};
use turbojpeg::{Compressor, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp};

use super::{corrupt, truncated, unsupported};
use crate::geometry::Scale;
use crate::shape::{Layout, Shape};

/// Most scans of a progressive JPEG; encoders write ten, an attack writes thousands, each of
/// which costs as much as the whole picture.
const MAX_SCANS: u32 = 100;

/// Longest side that libjpeg writes, in pixels.
pub(crate) const MAX_SIDE: u32 = 65_500;

/// The codec objects. They hold no pixels between calls.
#[derive(Debug)]
pub(crate) struct Jpeg {
    decompressor: Decompressor,
    compressor: Compressor,
}

impl Jpeg {
    pub(crate) fn new() -> Self {
        let mut decompressor = Decompressor::new().expect("libjpeg-turbo has memory to start");
        decompressor.set_scan_limit(MAX_SCANS).expect("the scan limit is in range");
        let compressor = Compressor::new().expect("libjpeg-turbo has memory to start");
        Self { decompressor, compressor }
    }

    /// Decodes into `pixels`, at a scale, as stored.
    ///
    /// `shape` is gray or RGB and of the size that the header and the scale give. What libjpeg
    /// only warns about is refused: after most warnings part of the picture is made up. A missing
    /// end marker is such a case, as it cannot be told from missing pixels; bytes before or after
    /// the end marker are no harm and are ignored.
    pub(crate) fn decode(
        &mut self,
        source: &[u8],
        scale: Scale,
        shape: Shape,
        pixels: &mut [u8],
    ) -> Result<(), Rejection> {
        let image = Image {
            pixels,
            width: shape.width as usize,
            pitch: shape.row(),
            height: shape.height as usize,
            format: pixel_format(shape.layout),
        };
        let factor = ScalingFactor::new(1, scale.denominator() as usize);
        self.decompressor.set_scaling_factor(factor).expect("every scale is a factor of libjpeg");
        self.decompressor.decompress(source, image).or_else(|error| judge(&error))
    }

    /// Encodes into `scratch`, 4:2:0 or gray, and returns how many of its bytes were used.
    ///
    /// `scratch` is at least [`encoded_bound`] long: writing into a slice keeps libjpeg from
    /// allocating, and from the mix of buffers under which version 1.5.1 of the binding corrupts
    /// the heap.
    pub(crate) fn encode(
        &mut self,
        shape: Shape,
        pixels: &[u8],
        quality: u8,
        scratch: &mut [u8],
    ) -> usize {
        let image = Image {
            pixels,
            width: shape.width as usize,
            pitch: shape.row(),
            height: shape.height as usize,
            format: pixel_format(shape.layout),
        };
        let mut encode = || {
            self.compressor.set_quality(i32::from(quality))?;
            self.compressor.set_subsamp(subsampling(shape.layout))?;
            self.compressor.compress_to_slice(image, scratch)
        };
        encode().expect("libjpeg encodes every picture of a size that was checked")
    }
}

/// Most bytes that encoding a picture of this size can take.
pub(crate) fn encoded_bound(shape: Shape) -> usize {
    let (width, height) = (shape.width as usize, shape.height as usize);
    turbojpeg::compressed_buf_len(width, height, subsampling(shape.layout))
        .expect("sides that were checked fit libjpeg's numbers")
}

fn subsampling(layout: Layout) -> Subsamp {
    match layout {
        Layout::Gray => Subsamp::Gray,
        Layout::Rgb | Layout::Rgba => Subsamp::Sub2x2,
    }
}

fn pixel_format(layout: Layout) -> PixelFormat {
    match layout {
        Layout::Gray => PixelFormat::GRAY,
        Layout::Rgb => PixelFormat::RGB,
        Layout::Rgba => PixelFormat::RGBA,
    }
}

/// What an error or a warning of libjpeg means for the picture.
fn judge(error: &turbojpeg::Error) -> Result<(), Rejection> {
    let turbojpeg::Error::TurboJpegError(message) = error else {
        return Err(corrupt(error.to_string()));
    };
    // The first warning is the one that is reported. If it is about bytes between the last
    // sample and the end marker, the picture before them was whole.
    if message.contains("extraneous bytes before marker 0xd9") {
        return Ok(());
    }
    // "Premature end of JPEG file", "premature end of data segment"
    if message.contains("remature end") {
        return Err(truncated("the pixels"));
    }
    if message.contains("scans") {
        return Err(unsupported(format!("JPEG of more than {MAX_SCANS} scans is not read")));
    }
    if message.contains("Insufficient memory") {
        let reason = "libjpeg found no memory for the picture";
        return Err(Rejection::new(RejectCode::OverMemory, reason));
    }
    Err(corrupt(message.clone()))
}
