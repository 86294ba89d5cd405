//! Resampling of 8-bit pixels: `fast_image_resize` behind one plain function.
//!
//! This is a crate of its own for one reason: the resizer's kernels are generic in many ways, and
//! compiling them takes longer than everything else in the workspace together. Here they are
//! compiled once, beside the other dependencies, instead of with every change of `pixmill-ops`. The
//! layouts are named one by one, because the resizer's own choice by value compiles its kernels for
//! thirteen of them.
//!
//! Called by `pixmill_ops::kernel::resize`, which knows what the pixels mean.

mod kept;

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8, U8x3, U8x4};
use fast_image_resize::{Filter, ImageView, MulDiv, PixelTrait, ResizeAlg, ResizeOptions};

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
pub struct Resampler {
    resizer: fast_image_resize::Resizer,
    weights: kept::Kept,
    /// Rows that are as long as they will be, of a picture that is as high as it was.
    between: Vec<u8>,
    /// RGBA whose colours are multiplied by alpha.
    multiplied: Vec<u8>,
}

/// Pixels around its centre that the widest filter looks at, where nothing gets smaller.
const WIDEST: f64 = 3.0;

impl Resampler {
    /// One without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that it keeps for the next call.
    pub fn kept_bytes(&self) -> usize {
        let buffers = self.resizer.size_of_internal_buffers() + self.weights.bytes();
        buffers + self.between.len() + self.multiplied.len()
    }

    /// Gives back what it keeps.
    pub fn release(&mut self) {
        self.resizer.reset_internal_buffers();
        self.weights = kept::Kept::default();
        (self.between, self.multiplied) = (vec![], vec![]);
    }

    /// Fills `made`, of `to` (width, height), with the region of `pixels`, of `from`. Without a
    /// filter each pixel is the nearest one.
    ///
    /// Rows come first and columns second, with bytes between, as in Pillow: where a filter
    /// overshoots, the order shows.
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
        let task = (filter, region, to);
        match channels {
            Channels::Gray => self.in_order::<U8>((from, pixels), task, made),
            Channels::Rgb => self.in_order::<U8x3>((from, pixels), task, made),
            // Nothing is mixed.
            Channels::Rgba if filter.is_none() => {
                self.in_order::<U8x4>((from, pixels), task, made);
            }
            Channels::Rgba => {
                let mut multiplied = std::mem::take(&mut self.multiplied);
                let length = 4 * from.0 as usize * from.1 as usize;
                multiplied.resize(multiplied.len().max(length), 0);
                let alpha = MulDiv::new();
                {
                    let source = picture::<U8x4>(from, pixels);
                    let mut target = picture_mut::<U8x4>(from, &mut multiplied[..length]);
                    let done = alpha.multiply_alpha_typed(&source, &mut target);
                    done.expect("both are of one size");
                }
                self.in_order::<U8x4>((from, &multiplied[..length]), task, made);
                let divided = alpha.divide_alpha_inplace_typed(&mut picture_mut::<U8x4>(to, made));
                divided.expect("it is RGBA");
                self.multiplied = multiplied;
            }
        }
    }

    /// Rows, then columns, where both change.
    fn in_order<P: PixelTrait + InnerPixel>(
        &mut self,
        (from, pixels): ((u32, u32), &[u8]),
        (filter, region, to): (Option<FilterType>, Region, (u32, u32)),
        made: &mut [u8],
    ) {
        let Region { left, top, width, height } = region;
        let stays = |start: f64, extent: f64, to: u32| {
            start.fract() == 0.0 && (extent - f64::from(to)).abs() < f64::EPSILON
        };
        let source = picture::<P>(from, pixels);
        if filter.is_none() || stays(left, width, to.0) || stays(top, height, to.1) {
            self.convolve(&source, (filter, region), (to, made));
            return;
        }
        // The rows that are looked at, and some more.
        let reach = WIDEST * (height / f64::from(to.1)).max(1.0) + 1.0;
        let last = f64::from(from.1);
        let (first, end) =
            ((top - reach).max(0.0).floor(), (top + height + reach).min(last).ceil());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole numbers between 0 and the picture's height"
        )]
        let rows = (end - first) as u32;
        let size = (to.0, rows);
        let mut between = std::mem::take(&mut self.between);
        let length = P::size() * size.0 as usize * size.1 as usize;
        between.resize(between.len().max(length), 0);
        let along = Region { left, top: first, width, height: f64::from(rows) };
        let target = (size, &mut between[..length]);
        self.convolve(&source, (filter, along), target);
        let down = Region { left: 0.0, top: top - first, width: f64::from(to.0), height };
        let source = picture::<P>(size, &between[..length]);
        self.convolve(&source, (filter, down), (to, made));
        self.between = between;
    }

    /// The same of gray samples whose rows are a stride apart, of which what is between them is not
    /// looked at; columns come first, which is faster.
    pub fn resample_plane(
        &mut self,
        filter: Option<FilterType>,
        (pixels, stride, from): (&[u8], usize, (u32, u32)),
        region: Region,
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let (stride, rows) = (u32::try_from(stride).expect("a row's length"), from.1);
        let source = picture::<U8>((stride, rows), pixels);
        let source = TypedCroppedImage::from_ref(&source, 0, 0, from.0, from.1);
        let source = source.expect("rows are as long as their stride");
        self.convolve(&source, (filter, region), (to, made));
    }

    fn convolve<P: PixelTrait + InnerPixel>(
        &mut self,
        source: &impl ImageView<Pixel = P>,
        (filter, region): (Option<FilterType>, Region),
        (to, made): ((u32, u32), &mut [u8]),
    ) {
        let mut target = picture_mut::<P>(to, made);
        let options = options(filter, region);
        let mut resize = || self.resizer.resize_typed(source, &mut target, &options);
        let resized = if filter == Some(FilterType::Lanczos3) {
            let part = [region.left, region.top, region.width, region.height].map(f64::to_bits);
            self.weights.with(((source.width(), source.height()), part, to), resize)
        } else {
            resize()
        };
        resized.expect("the region is inside");
    }
}

fn picture<P: PixelTrait + InnerPixel>(size: (u32, u32), pixels: &[u8]) -> TypedImageRef<'_, P> {
    TypedImageRef::from_buffer(size.0, size.1, pixels).expect("the pixels fill their picture")
}

fn picture_mut<P: PixelTrait + InnerPixel>(
    size: (u32, u32),
    pixels: &mut [u8],
) -> TypedImage<'_, P> {
    TypedImage::from_buffer(size.0, size.1, pixels).expect("the buffer holds its picture")
}

fn options(filter: Option<FilterType>, region: Region) -> ResizeOptions {
    let filter = filter.map(|filter| {
        if filter == FilterType::Lanczos3 { FilterType::Custom(remembered()) } else { filter }
    });
    let algorithm = filter.map_or(ResizeAlg::Nearest, ResizeAlg::Convolution);
    let Region { left, top, width, height } = region;
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height);
    // Alpha is multiplied in before, and out again behind both passes.
    options.use_alpha(false)
}

/// Lanczos by what was answered before.
fn remembered() -> Filter {
    Filter::new("Lanczos3", kept::lanczos, kept::LOBES).expect("a number of lobes")
}
