//! What a buffer of pixels holds: its sides and its channels.

/// The channels of a pixel, one byte each, in this order in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Luma.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue, alpha; colours are not multiplied by alpha.
    Rgba,
}

impl Layout {
    /// Bytes of a pixel.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// The size and layout of a picture whose rows follow each other without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Pixels of a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// Channels of a pixel.
    pub(crate) layout: Layout,
}

impl Shape {
    /// Bytes of a row.
    pub(crate) fn row(self) -> usize {
        self.width as usize * self.layout.channels()
    }

    /// Bytes of the picture.
    pub(crate) fn bytes(self) -> usize {
        self.row() * self.height as usize
    }

    /// Pixels of the picture.
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The same pixels turned by an odd number of quarter turns.
    pub(crate) fn on_its_side(self) -> Self {
        Self { width: self.height, height: self.width, ..self }
    }
}
