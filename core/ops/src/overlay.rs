//! Overlays: pictures that a recipe lays over others. Whoever calls the mill has read them.
//!
//! What is wrong with an overlay is a fact about the job and not about its picture, so every refusal
//! here has a code of its own.

use std::sync::Arc;

use pixmill_contract::operation::Icc;
use pixmill_contract::{Limits, RejectCode, Rejection};

use crate::codec::{self, Decoding, carry, color};
use crate::geometry::Scale;
use crate::header::{Header, Orientation};
use crate::kernel::turn;
use crate::shape::Shape;

/// The overlays of a recipe, whose headers were read; all of them are decoded, used or not.
#[derive(Debug, Clone, Default)]
pub struct Overlays(Vec<Overlay>);

#[derive(Debug, Clone)]
struct Overlay {
    name: String,
    bytes: Arc<[u8]>,
    header: Header,
}

/// A decoded overlay, upright and in sRGB.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) shape: Shape,
    pub(crate) pixels: Vec<u8>,
}

impl Overlays {
    /// Files by the names that their recipe has for them. Refuses, with `bad_overlay`, what is no
    /// picture or over a limit.
    pub fn inspect(
        files: impl IntoIterator<Item = (String, Arc<[u8]>)>,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let inspected = files.into_iter().map(|(name, bytes)| {
            let header = codec::inspect(&bytes, limits).map_err(|why| bad(&name, &why))?;
            Ok(Overlay { name, bytes, header })
        });
        Ok(Self(inspected.collect::<Result<_, Rejection>>()?))
    }

    /// The number of an overlay, and what it looks like.
    pub(crate) fn find(&self, name: &str) -> Result<(usize, Shape), Rejection> {
        let at = self.0.iter().position(|overlay| overlay.name == name);
        let at = at.ok_or_else(|| {
            let reason = format!("overlay {name} was not given");
            Rejection::new(RejectCode::OverlayMissing, reason)
        })?;
        Ok((at, self.0[at].header.shape()))
    }

    /// What decoding all of them allocates, in bytes, what they are included.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.0.iter().map(Overlay::memory_bytes).sum()
    }

    /// The headers of all of them.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &Header> {
        self.0.iter().map(|overlay| &overlay.header)
    }

    /// Decodes all of them, in their order.
    pub(crate) fn decode(&self) -> Result<Vec<Layer>, Rejection> {
        let decoded = |overlay: &Overlay| {
            overlay.decode().map_err(|rejection| bad(&overlay.name, &rejection))
        };
        self.0.iter().map(decoded).collect()
    }
}

impl Overlay {
    /// The picture as it is stored, and the bytes that its decoder needs for it.
    fn stored(&self) -> (Shape, usize) {
        let shape = self.header.shape();
        let stored =
            if self.header.orientation.swaps_sides() { shape.on_its_side() } else { shape };
        // Ink is decoded as four bytes a pixel, and becomes colours in place.
        let bytes = if self.header.ink { stored.bytes() / 3 * 4 } else { stored.bytes() };
        (stored, bytes)
    }

    fn memory_bytes(&self) -> u64 {
        let (stored, bytes) = self.stored();
        let turned = if self.header.orientation.swaps_sides() { stored.bytes() } else { 0 };
        let transform = if self.header.profile { color::TRANSFORM_BYTES } else { 0 };
        let rows = 16 * stored.row();
        let profile = carry::MAX_BYTES_IN_FILE;
        let pixels = (bytes + turned + rows + profile) as u64;
        self.header.decoder_bytes.saturating_add(transform + pixels)
    }

    fn decode(&self) -> Result<Layer, Rejection> {
        let (stored, bytes) = self.stored();
        let decoding = Decoding { icc: Icc::Srgb, scale: Scale::Full, stored };
        let mut pixels = vec![0; bytes];
        codec::decode(&self.bytes, &self.header, decoding, &mut pixels)?;
        pixels.truncate(stored.bytes());
        let Orientation { mirrored, quarter_turns } = self.header.orientation;
        if mirrored {
            turn::flip_horizontal(stored, &mut pixels);
        }
        if self.header.orientation.swaps_sides() {
            let mut turned = vec![0; stored.bytes()];
            let turn =
                if quarter_turns == 1 { turn::quarter_turn } else { turn::three_quarter_turn };
            turn(stored, &pixels, &mut turned);
            pixels = turned;
        } else if quarter_turns == 2 {
            turn::half_turn(stored, &mut pixels);
        }
        Ok(Layer { shape: self.header.shape(), pixels })
    }
}

fn bad(name: &str, why: &Rejection) -> Rejection {
    Rejection::new(RejectCode::BadOverlay, format!("overlay {name}: {why}"))
}
