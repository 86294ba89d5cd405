//! Resampling of 8-bit pixels: `fast_image_resize` behind one plain function.
//!
//! This is a crate of its own for one reason: the resizer's kernels are generic in many ways, and
//! compiling them takes longer than everything else in the workspace together. Here they are
//! compiled once, beside the other dependencies, instead of with every change of `pixmill-ops`. The
//! layouts are named one by one, because the resizer's own choice by value compiles its kernels for
//! thirteen of them.
//!
//! Called by `pixmill_ops::kernel::resize`, which knows what the pixels mean.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8, U8x3, U8x4};
use fast_image_resize::{ImageView, PixelTrait, ResizeAlg, ResizeOptions};

pub use fast_image_resize::FilterType;

/// The samples of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// One.
    Gray,
    /// Three, each by itself.
    Rgb,
    /// Four; the colours count as much as the last one, alpha, says.
    Rgba,
}

/// A part of a picture, in pixels from its top left corner; need not be whole ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Distance from the left edge.
    pub left: f64,
    /// Distance from the top edge.
    pub top: f64,
    /// Width; the right edge stays inside the picture.
    pub width: f64,
    /// Height; the lower edge stays inside the picture.
    pub height: f64,
}

/// Tables and intermediate pictures that outlive a call.
#[derive(Debug, Default)]
pub struct Resampler(fast_image_resize::Resizer);

impl Resampler {
    /// One without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that it keeps for the next call.
    pub fn kept_bytes(&self) -> usize {
        self.0.size_of_internal_buffers()
    }

    /// Gives back what it keeps.
    pub fn release(&mut self) {
        self.0.reset_internal_buffers();
    }

    /// Fills `made`, of `to` (width, height), with the region of `pixels`, of `from`. Without a
    /// filter each pixel is the nearest one.
    ///
    /// # Panics
    ///
    /// If a buffer is shorter than its picture, or the region is not inside of it.
    pub fn resample(
        &mut self,
        channels: Channels,
        filter: Option<FilterType>,
        (from, pixels): ((u32, u32), &[u8]),
        region: Region,
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let options = options(filter, region);
        match channels {
            Channels::Gray => self.typed::<U8>((from, pixels), &options, (to, made)),
            Channels::Rgb => self.typed::<U8x3>((from, pixels), &options, (to, made)),
            Channels::Rgba => self.typed::<U8x4>((from, pixels), &options, (to, made)),
        }
    }

    /// [`Resampler::resample`] of gray samples whose rows are a stride apart; what is between them
    /// is not looked at.
    pub fn resample_plane(
        &mut self,
        filter: Option<FilterType>,
        (pixels, stride, from): (&[u8], usize, (u32, u32)),
        region: Region,
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let (stride, rows) = (u32::try_from(stride).expect("a row's length"), from.1);
        let source = TypedImageRef::<U8>::from_buffer(stride, rows, pixels);
        let source = source.expect("the pixels fill their rows");
        let source = TypedCroppedImage::from_ref(&source, 0, 0, from.0, from.1);
        let source = source.expect("rows are as long as their stride");
        self.convolve(&source, &options(filter, region), (to, made));
    }

    fn typed<P: PixelTrait + InnerPixel>(
        &mut self,
        (from, pixels): ((u32, u32), &[u8]),
        options: &ResizeOptions,
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let source = TypedImageRef::<P>::from_buffer(from.0, from.1, pixels);
        let source = source.expect("the pixels fill their picture");
        self.convolve(&source, options, (to, made));
    }

    fn convolve<P: PixelTrait + InnerPixel>(
        &mut self,
        source: &impl ImageView<Pixel = P>,
        options: &ResizeOptions,
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let target = TypedImage::<P>::from_buffer(to.0, to.1, made);
        let mut target = target.expect("the buffer holds its picture");
        self.0.resize_typed(source, &mut target, options).expect("the region is inside");
    }
}

fn options(filter: Option<FilterType>, region: Region) -> ResizeOptions {
    let algorithm = filter.map_or(ResizeAlg::Nearest, ResizeAlg::Convolution);
    let Region { left, top, width, height } = region;
    ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height)
}
