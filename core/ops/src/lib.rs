//! Bytes in, bytes out: codecs behind limits, and image kernels.
//!
//! A [`Mill`] turns the bytes of one picture and a recipe into the bytes of the recipe's outputs.
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
//! * **Formats.** JPEG and PNG, recognised by content. Other formats that people would call
//!   pictures are refused by name.
//! * **Pixels** are 8-bit gray, RGB or RGBA. Of 16-bit samples the high byte is kept, as `OpenCV`
//!   does; palettes are expanded; transparency of any kind becomes alpha, gray with alpha RGBA.
//!   CMYK is refused.
//! * **Orientation** of Exif is applied first; every operation sees the picture as people do.
//! * **Metadata** is dropped, all of it, but for one thing: an ICC profile of up to 1 MiB is
//!   carried into outputs whose colours it still describes, because without it the colours of a
//!   wide-gamut picture would shift.
//! * **Alpha** is left alone by point operations; blur and resize work on colours multiplied by
//!   it, so that nothing bleeds out of transparent pixels; JPEG outputs are laid over white.

mod codec;
mod estimate;
mod geometry;
mod header;
#[cfg(feature = "test-hooks")]
mod hooks;
mod kernel;
mod mill;
mod plan;
mod shape;
mod steps;

pub use codec::sniff::sniff;
pub use estimate::{Estimate, estimate};
pub use header::{Header, Orientation, inspect};
pub use mill::{Ground, Mill, Picture};

/// The engine that is stamped on results: outputs of equal engines are equal byte for byte.
pub const ENGINE: &str = concat!("pixmill-", env!("CARGO_PKG_VERSION"));
