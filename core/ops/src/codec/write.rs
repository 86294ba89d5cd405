//! From a finished picture to the bytes of its file.

use pixmill_contract::{Encoding, Format, Rejection};

use super::carry::Belongings;
use super::{jpeg, png, webp};
use crate::facts::{self, Facts};
use crate::header::Header;
use crate::kernel::hough;
use crate::shape::Shape;

/// A picture that is to be written.
pub(crate) struct Finished<'a> {
    pub(crate) shape: Shape,
    pub(crate) pixels: &'a [u8],
    /// The source's header.
    pub(crate) header: &'a Header,
    /// The source's metadata.
    pub(crate) belongings: &'a Belongings<'a>,
    /// The profile that describes the colours; `None` is sRGB.
    pub(crate) profile: Option<&'a [u8]>,
}

impl Finished<'_> {
    /// Encodes, by way of `scratch`, which is as long as the plan said.
    ///
    /// `encoding` is settled: neither [`Encoding::Same`] nor [`Encoding::Auto`].
    pub(crate) fn encode(
        &self,
        encoding: Encoding,
        codec: &mut jpeg::Jpeg,
        scratch: &mut [u8],
    ) -> Result<(Format, Vec<u8>), Rejection> {
        let (shape, pixels) = (self.shape, self.pixels);
        let carried = self.belongings.carried(encoding.carry(), self.profile, shape.layout);
        Ok(match encoding {
            Encoding::Jpeg { quality, subsampling, progressive, .. } => {
                let manner = jpeg::Manner { quality, subsampling, progressive };
                let length = codec.encode(shape, pixels, manner, scratch);
                (Format::Jpeg, jpeg::attached::attach(&scratch[..length], &carried))
            }
            Encoding::Png { effort, .. } => {
                let length = png::encode(shape, pixels, effort, &carried, scratch);
                (Format::Png, scratch[..length].to_vec())
            }
            Encoding::Webp { quality, lossless, effort, .. } => {
                let manner = webp::Manner { quality, lossless, effort };
                (Format::Webp, webp::encode(shape, pixels, manner, &carried, scratch)?)
            }
            Encoding::Info => (Format::Json, self.facts().info()),
            Encoding::Palette { count } => {
                (Format::Json, facts::palette(shape, pixels, usize::from(count)))
            }
            Encoding::Blurhash { across, down } => {
                (Format::Json, facts::blurhash(shape, pixels, (across, down)))
            }
            Encoding::Phash => (Format::Json, facts::phash(shape, pixels)),
            Encoding::Lines(lines) => (Format::Json, facts::lines(shape, pixels, lines, scratch)),
            Encoding::Contours { value } => {
                (Format::Json, facts::contours(shape, pixels, value, scratch))
            }
            Encoding::Same | Encoding::Auto { .. } => unreachable!("encodings are settled before"),
        })
    }

    fn facts(&self) -> Facts<'_> {
        Facts { shape: self.shape, header: self.header, belongings: self.belongings }
    }
}

/// What encoding allocates besides the scratch and the file, in bytes.
pub(crate) fn encoder_bytes(encoding: Encoding, shape: Shape) -> u64 {
    match encoding {
        Encoding::Jpeg { progressive, .. } => jpeg::encoder_bytes(shape, progressive),
        Encoding::Png { .. } | Encoding::Auto { .. } | Encoding::Same => png::SMALL_BYTES,
        Encoding::Webp { quality, lossless, effort, .. } => {
            webp::encoder_bytes(shape, webp::Manner { quality, lossless, effort })
        }
        Encoding::Info
        | Encoding::Palette { .. }
        | Encoding::Blurhash { .. }
        | Encoding::Phash
        | Encoding::Contours { .. } => facts::WORKING_BYTES,
        Encoding::Lines(_) => facts::WORKING_BYTES + hough::row_bytes(shape),
    }
}
