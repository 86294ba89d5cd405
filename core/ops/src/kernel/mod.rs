//! The kernels: functions from pixels to pixels, each with a slow, obvious twin.
//!
//! A kernel knows slices and shapes, nothing of codecs, plans or limits; what it may rely on was
//! checked before. Beside each fast kernel lives its `reference` (in tests only), and a property
//! test says that the two agree on every size, above all the small ones.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sums are narrowed to the range that is stated beside them; sides fit 32 bits, counts \
              53; what is computed in 32-bit floating point is because OpenCV does"
)]
#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the instructions of its caller"
)]

pub(crate) mod alpha;
pub(crate) mod blur;
pub(crate) mod canny;
pub(crate) mod composite;
pub(crate) mod contour;
pub(crate) mod crop;
pub(crate) mod equalize;
mod gaussian;
mod gradient;
mod histogram;
pub(crate) mod hough;
pub(crate) mod invert;
mod lanes;
pub(crate) mod level;
pub(crate) mod line;
pub(crate) mod luma;
pub(crate) mod median;
pub(crate) mod morph;
pub(crate) mod pad;
pub(crate) mod pixelate;
pub(crate) mod resize;
pub(crate) mod sharpen;
mod stretches;
pub(crate) mod threshold;
pub(crate) mod tone;
pub(crate) mod trace;
mod trigonometry;
pub(crate) mod trim;
pub(crate) mod turn;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

#[cfg(test)]
mod golden;
#[cfg(test)]
pub(crate) mod testing;
