//! What a picture says about itself before anything is decoded.

use pixmill_contract::Format;

use crate::codec::jpeg::planes::Sampling;
use crate::shape::{Layout, Shape};

/// What a picture's header says. Reading it costs microseconds and allocates nothing large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format, by content.
    pub format: Format,
    /// Width in pixels as displayed, that is after [`Header::orientation`] was applied.
    pub width: u32,
    /// Height in pixels as displayed.
    pub height: u32,
    /// Channels once decoded: 1 is gray, 3 RGB, 4 RGBA.
    pub channels: u8,
    /// How the stored pixels have to be turned to be displayed.
    pub orientation: Orientation,
    /// Whether there is a colour profile, for whatever it is worth.
    pub(crate) profile: bool,
    /// Whether the stored pixels are gray with alpha, which become RGBA.
    pub(crate) gray_alpha: bool,
    /// Whether the stored pixels are cyan, magenta, yellow and black.
    pub(crate) ink: bool,
    /// How the planes of a JPEG are sampled, if it has luma and two of colour, in the usual way.
    pub(crate) sampling: Option<Sampling>,
    /// What the decoder itself will allocate, besides the pixels, in bytes.
    pub(crate) decoder_bytes: u64,
}

impl Header {
    /// The picture as displayed.
    pub(crate) fn shape(&self) -> Shape {
        let layout = match self.channels {
            1 => Layout::Gray,
            3 => Layout::Rgb,
            _ => Layout::Rgba,
        };
        Shape { width: self.width, height: self.height, layout }
    }
}

/// One of the eight ways in which Exif lets a camera store a picture.
///
/// The stored pixels are mirrored left to right first (if at all) and then turned clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    /// Whether left and right change places.
    pub mirrored: bool,
    /// Clockwise quarter turns that follow, 0–3.
    pub quarter_turns: u8,
}

impl Orientation {
    /// Displayed as stored.
    pub const UPRIGHT: Self = Self { mirrored: false, quarter_turns: 0 };

    /// The meaning of Exif's tag 0x0112; `None` for values that it does not define.
    pub fn from_exif(value: u16) -> Option<Self> {
        let (mirrored, quarter_turns) = match value {
            1 => (false, 0),
            2 => (true, 0),
            3 => (false, 2),
            4 => (true, 2),
            5 => (true, 3),
            6 => (false, 1),
            7 => (true, 1),
            8 => (false, 3),
            _ => return None,
        };
        Some(Self { mirrored, quarter_turns })
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        self.quarter_turns % 2 == 1
    }
}
