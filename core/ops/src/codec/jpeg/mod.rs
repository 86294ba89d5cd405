//! JPEG pixels: through libjpeg-turbo, or by own code that makes the same of the most common kinds.

pub(crate) mod attached;
mod baseline;
mod encode;
mod ffi;
pub(crate) mod header;
pub(crate) mod planes;
#[cfg(target_arch = "x86_64")]
mod x86;

use pixmill_contract::operation::Subsampling;
use pixmill_contract::{RejectCode, Rejection};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp, YuvPlanesImage};

use self::encode::Samples;
use self::planes::{Plane, Sampling};

use super::{corrupt, truncated, unsupported};
use crate::geometry::Scale;
use crate::shape::{Layout, Shape};

/// Most scans of a progressive JPEG; encoders write ten, an attack writes thousands, each of
/// which costs as much as the whole picture.
const MAX_SCANS: u32 = 100;

/// Longest side that libjpeg writes, in pixels.
pub(crate) const MAX_SIDE: u32 = 65_500;

/// How a JPEG is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// libjpeg's quality.
    pub(crate) quality: u8,
    /// The resolution of the colours.
    pub(crate) subsampling: Subsampling,
    /// Whether in scans that get finer.
    pub(crate) progressive: bool,
}

/// Decodes into `pixels`, at a scale, as stored: gray, RGB, or four bytes of ink a pixel.
///
/// `shape` is of the size that the header and the scale give. What libjpeg only warns about
/// is refused: after most warnings part of the picture is made up. A missing end marker is
/// such a case, as it cannot be told from missing pixels; bytes before or after the end marker
/// are no harm and are ignored.
pub(crate) fn decode(
    source: &[u8],
    scale: Scale,
    (shape, ink): (Shape, bool),
    pixels: &mut [u8],
) -> Result<(), Rejection> {
    let format = if ink { PixelFormat::CMYK } else { pixel_format(shape.layout) };
    let (denominator, size) = (scale.denominator(), (shape.width, shape.height));
    if shape.layout == Layout::Rgb
        && !ink
        && baseline::decode_pixels(source, scale, size, pixels).is_some()
    {
        return Ok(());
    }
    let task = ffi::Task { source, denominator, size, scans: MAX_SCANS };
    ffi::decode(task, format, pixels).or_else(|message| judge(message, source))
}

/// Decodes into planes, at a scale, as stored. `size` is what the header says of the whole picture.
///
/// What it makes is what libjpeg makes; files of the usual kind come by a shorter way.
pub(crate) fn decode_planes(
    source: &[u8],
    size: (u32, u32),
    (sampling, scale): (Sampling, Scale),
    buffer: &mut [u8],
) -> Result<(), Rejection> {
    let wanted = baseline::Wanted { size, sampling, scale };
    if baseline::decode(source, wanted, buffer).is_some() {
        return Ok(());
    }
    let planes = planes::decoded(size, sampling, scale);
    let (denominator, size) = (scale.denominator(), (planes[0].width, planes[0].height));
    let task = ffi::Task { source, denominator, size, scans: MAX_SCANS };
    ffi::decode_planes(task, sampling, &planes, buffer).or_else(|message| judge(message, source))
}

/// The encoder. It holds no pixels between calls.
#[derive(Debug)]
pub(crate) struct Jpeg {
    compressor: Compressor,
}

impl Jpeg {
    pub(crate) fn new() -> Self {
        Self { compressor: Compressor::new().expect("libjpeg-turbo has memory to start") }
    }

    /// Encodes into `scratch`, and returns how many of its bytes were used.
    ///
    /// `scratch` is at least [`encoded_bound`] long: writing into a slice keeps libjpeg from
    /// allocating, and from the mix of buffers under which version 1.5.1 of the binding corrupts
    /// the heap.
    pub(crate) fn encode(
        &mut self,
        shape: Shape,
        pixels: &[u8],
        manner: Manner,
        scratch: &mut [u8],
    ) -> usize {
        let samples = match shape.layout {
            Layout::Gray => Some(Samples::Gray(pixels)),
            Layout::Rgb => Some(Samples::Rgb(pixels, manner.subsampling)),
            Layout::Rgba => None,
        };
        let size = (shape.width, shape.height);
        samples
            .filter(|_| !manner.progressive)
            .and_then(|samples| encode::encode(size, samples, manner.quality, scratch))
            .unwrap_or_else(|| self.encode_generally(shape, pixels, manner, scratch))
    }

    /// [`Jpeg::encode`] by libjpeg-turbo.
    fn encode_generally(
        &mut self,
        shape: Shape,
        pixels: &[u8],
        manner: Manner,
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
            self.compressor.set_quality(i32::from(manner.quality))?;
            self.compressor.set_subsamp(subsampling(shape.layout, manner.subsampling))?;
            self.compressor.set_progressive(manner.progressive)?;
            self.compressor.compress_to_slice(image, scratch)
        };
        encode().expect("libjpeg encodes every picture of a size that was checked")
    }

    /// [`Jpeg::encode`] of planes that [`planes::to_encode`] lays out, padded.
    pub(crate) fn encode_planes(
        &mut self,
        planes: &[Plane; 3],
        buffer: &[u8],
        (quality, progressive): (u8, bool),
        scratch: &mut [u8],
    ) -> usize {
        let size = (planes[0].width, planes[0].height);
        let samples = Some(Samples::Planes(planes, buffer));
        samples
            .filter(|_| !progressive)
            .and_then(|samples| encode::encode(size, samples, quality, scratch))
            .unwrap_or_else(|| {
                self.encode_planes_generally(planes, buffer, (quality, progressive), scratch)
            })
    }

    /// [`Jpeg::encode_planes`] by libjpeg-turbo.
    fn encode_planes_generally(
        &mut self,
        [luma, blue, red]: &[Plane; 3],
        buffer: &[u8],
        (quality, progressive): (u8, bool),
        scratch: &mut [u8],
    ) -> usize {
        let image = YuvPlanesImage {
            y_plane: luma.of(buffer),
            u_plane: blue.of(buffer),
            v_plane: red.of(buffer),
            width: luma.width as usize,
            height: luma.height as usize,
            y_stride: luma.stride,
            u_stride: blue.stride,
            v_stride: red.stride,
            subsamp: Subsamp::Sub2x2,
        };
        let mut encode = || {
            self.compressor.set_quality(i32::from(quality))?;
            self.compressor.set_progressive(progressive)?;
            self.compressor.compress_yuv_planes_to_slice(&image, scratch)
        };
        encode().expect("libjpeg encodes every picture of a size that was checked")
    }
}

/// Whether the ink of a CMYK JPEG is stored upside down, 255 for none, as Adobe's programs do and
/// say.
pub(crate) fn ink_is_inverted(source: &[u8]) -> bool {
    header::Segments::of(source).map_while(Result::ok).any(|segment| {
        segment.marker == header::APP14 && segment.payload.starts_with(header::ADOBE)
    })
}

/// Most bytes that encoding a picture of this size can take, whatever the manner.
pub(crate) fn encoded_bound(shape: Shape) -> usize {
    let (width, height) = (shape.width as usize, shape.height as usize);
    turbojpeg::compressed_buf_len(width, height, subsampling(shape.layout, Subsampling::Full))
        .expect("sides that were checked fit libjpeg's numbers")
}

/// What libjpeg allocates to write a picture, in bytes: nothing to speak of in one scan, the
/// coefficients of the whole picture in several.
pub(crate) fn encoder_bytes(shape: Shape, progressive: bool) -> u64 {
    // Two bytes a sample, sides rounded up to blocks of the coarsest subsampling.
    let side = |n: u32| u64::from(n.next_multiple_of(16));
    let channels = if shape.layout == Layout::Gray { 1 } else { 3 };
    if progressive { side(shape.width) * side(shape.height) * 2 * channels } else { 0 }
}

fn subsampling(layout: Layout, colours: Subsampling) -> Subsamp {
    match (layout, colours) {
        (Layout::Gray, _) => Subsamp::Gray,
        (Layout::Rgb | Layout::Rgba, Subsampling::Half) => Subsamp::Sub2x2,
        (Layout::Rgb | Layout::Rgba, Subsampling::HalfAcross) => Subsamp::Sub2x1,
        (Layout::Rgb | Layout::Rgba, Subsampling::Full) => Subsamp::None,
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
fn judge(message: String, source: &[u8]) -> Result<(), Rejection> {
    // The first warning is the one that is reported. If it is about bytes between the last
    // sample and the end marker, the picture before them was whole.
    if message.contains("extraneous bytes before marker 0xd9") {
        return Ok(());
    }
    // "Premature end of JPEG file", "premature end of data segment"; and where the end fell into a
    // table, whatever libjpeg thinks of the half of it.
    let has_end = || source.windows(2).rev().any(|marker| marker == [0xff, header::EOI]);
    if message.contains("remature end") || !has_end() {
        return Err(truncated("the pixels"));
    }
    if message.contains("scans") {
        return Err(unsupported(format!("JPEG of more than {MAX_SCANS} scans is not read")));
    }
    if message.contains("Insufficient memory") {
        let reason = "libjpeg found no memory for the picture";
        return Err(Rejection::new(RejectCode::OverMemory, reason));
    }
    Err(corrupt(message))
}
