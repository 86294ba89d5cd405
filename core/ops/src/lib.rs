//! Bytes in, bytes out: codecs behind limits, and image kernels.
//!
//! A [`Mill`] turns the bytes of one picture and a recipe into the bytes of the recipe's outputs.
//! Pictures that the recipe lays over it are given with it, as [`Overlays`].
//! [`inspect`] reads a header without decoding, [`estimate`] says what a job would cost; both
//! refuse what is over a limit, and [`Mill::grind`] asks both before it decodes anything.
//!
//! There is no I/O here, no clock, no environment and no thread: the same bytes and the same
//! recipe always give the same bytes. What a picture is refused for is a
//! [`Rejection`](pixmill_contract::Rejection) with its code; nothing here can fail for any other
//! reason.
//!
//! # What happens to a picture
//!
//! * **Formats.** JPEG, PNG, WebP, GIF, BMP and TIFF are read, recognised by content; JPEG, PNG and
//!   WebP are written. Other formats that people would call pictures are refused by name. Of
//!   animations and of files of several pages the first picture is read: that of a GIF or a WebP on
//!   its canvas, which is transparent around it.
//! * **Pixels** are 8-bit gray, RGB or RGBA. Of 16-bit samples the high byte is kept, as `OpenCV`
//!   does; palettes are expanded; transparency of any kind becomes alpha, gray with alpha RGBA.
//! * **CMYK** (JPEG, TIFF) becomes sRGB when it is decoded, through its profile if it has one that
//!   can be read, else by (1 − C) · (1 − K). JPEGs with Adobe's marker are taken for inverted.
//! * **Colours** are converted from the source's ICC profile to sRGB before the first operation, or
//!   left as they are and the profile carried on, as the encoding's `icc` says. What is within a
//!   level of sRGB counts as sRGB. Gray with alpha, and gray that is written as WebP, become RGB
//!   and are always converted. A profile that is longer than 1 MiB, describes other channels or
//!   makes no sense is as good as none; what else a file says about its colours (gAMA, cHRM, cICP)
//!   does not count.
//! * **Orientation** of Exif is applied first; every operation sees the picture as people do.
//! * **Metadata** is dropped, or carried on as far as the encoding's `metadata` says: Exif is
//!   written anew, upright and without its thumbnail and the maker's note, which holds others. XMP
//!   that holds a thumbnail is dropped.
//! * **Alpha** is left alone by point operations; blur and resize work on colours multiplied by
//!   it, so that nothing bleeds out of transparent pixels; JPEG outputs are laid over white.
//! * **Resize** to less than half of a JPEG works on a smaller decoding of it, at least 1.9 times as
//!   large as what is wanted; on its planes, if it is all that happens and a JPEG comes of it again.
//! * **Overlays** are put upright and converted to sRGB, whatever becomes of the picture's own
//!   profile.

mod allocator;
mod codec;
mod estimate;
mod facts;
mod geometry;
mod header;
#[cfg(feature = "test-hooks")]
mod hooks;
mod kernel;
mod mill;
mod overlay;
mod plan;
mod shape;
mod steps;

pub use codec::inspect;
pub use codec::sniff::sniff;
pub use estimate::{Estimate, estimate, sizes};
pub use header::{Header, Orientation};
#[cfg(feature = "bench")]
pub use mill::bench::Bench;
pub use mill::{Ground, Mill, Picture};
pub use overlay::Overlays;

/// The engine that is stamped on results: outputs of equal engines are equal byte for byte.
pub const ENGINE: &str = concat!("pixmill-", env!("CARGO_PKG_VERSION"));
