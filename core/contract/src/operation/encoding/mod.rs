//! How an output is written: the encodings and their parameters.

mod table;

use super::format::Format;
use super::table::{Entry, Value, spoken};
use super::{Lines, worded};

pub use table::ENCODINGS;

/// How one output is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// In the source's own format, with that format's defaults; PNG where the source's format is
    /// not written.
    Same,
    /// PNG for pictures with transparency or few colours, JPEG for others.
    Auto {
        /// The quality of a JPEG, 1–100.
        quality: u8,
        /// What is carried on.
        carry: Carry,
    },
    /// JPEG; a picture with alpha is laid over white.
    Jpeg {
        /// libjpeg's quality, 1–100.
        quality: u8,
        /// The resolution of the colours.
        subsampling: Subsampling,
        /// Whether it is written in scans that get finer.
        progressive: bool,
        /// What is carried on.
        carry: Carry,
    },
    /// PNG.
    Png {
        /// Time against size.
        effort: Effort,
        /// What is carried on.
        carry: Carry,
    },
    /// WebP; alpha is kept.
    Webp {
        /// libwebp's quality, 1–100; says nothing where lossless.
        quality: u8,
        /// Whether every visible pixel is kept as it is.
        lossless: bool,
        /// libwebp's method, 0–6: time against size.
        effort: u8,
        /// What is carried on.
        carry: Carry,
    },
    /// The facts of source and result as JSON.
    Info,
    /// The dominant colours as JSON.
    Palette {
        /// How many at most, 1–32.
        count: u8,
    },
    /// A `BlurHash` as JSON.
    Blurhash {
        /// Components across, 1–9.
        across: u8,
        /// Components down, 1–9.
        down: u8,
    },
    /// A perceptual hash of 64 bits as JSON.
    Phash,
    /// The lines that [`Operation::Lines`](super::Operation::Lines) would draw, as JSON.
    Lines(Lines),
    /// The contours that [`Operation::Contours`](super::Operation::Contours) would draw, as JSON.
    Contours {
        /// What is lighter has a contour.
        value: u8,
    },
}

/// The resolution of a JPEG's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsampling {
    /// 4:2:0, half the resolution both ways.
    Half,
    /// 4:2:2, half the resolution across.
    HalfAcross,
    /// 4:4:4, the full resolution.
    Full,
}

impl Subsampling {
    const WORDS: &[&str] = &["420", "422", "444"];
    pub(crate) const ALL: [Self; 3] = [Self::Half, Self::HalfAcross, Self::Full];
}

/// How much time a PNG takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Compressed for speed.
    Fast,
    /// Compressed for size: a palette where there are at most 256 colours, the best of several
    /// filters otherwise.
    Small,
}

impl Effort {
    const WORDS: &[&str] = &["fast", "small"];
    pub(crate) const ALL: [Self; 2] = [Self::Fast, Self::Small];
}

/// What is carried on from the source besides pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carry {
    /// What becomes of the source's colour space.
    pub icc: Icc,
    /// What becomes of the source's metadata.
    pub metadata: Metadata,
}

impl Carry {
    /// Nothing: colours are sRGB, metadata is dropped.
    pub const NOTHING: Self = Self { icc: Icc::Srgb, metadata: Metadata::None };
}

/// What becomes of the source's colour space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Icc {
    /// Colours are converted to sRGB before the first operation, and the profile is dropped.
    #[default]
    Srgb,
    /// Colours stay as they are, and the profile is carried on where it still describes them.
    Keep,
}

impl Icc {
    const WORDS: &[&str] = &["srgb", "keep"];
    pub(crate) const ALL: [Self; 2] = [Self::Srgb, Self::Keep];

    /// What holds where it is not said: whoever keeps metadata keeps the profile.
    fn without_word(metadata: Metadata) -> Self {
        match metadata {
            Metadata::None => Self::Srgb,
            Metadata::Copyright | Metadata::All => Self::Keep,
        }
    }
}

/// What becomes of the source's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metadata {
    /// All of it is dropped.
    #[default]
    None,
    /// Exif's artist and copyright are kept, nothing else.
    Copyright,
    /// Exif and XMP are kept, where and when and by whom included; the orientation is reset, the
    /// embedded thumbnail dropped.
    All,
}

impl Metadata {
    const WORDS: &[&str] = &["none", "copyright", "all"];
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Copyright, Self::All];
}

/// libjpeg's quality where none is given: visually clean, a third of the size of 95.
const JPEG_QUALITY: u8 = 85;
/// libwebp's quality where none is given.
const WEBP_QUALITY: u8 = 80;
/// libwebp's method where none is given: two to four times as fast as its own default, for a few
/// per cent more bytes.
const WEBP_EFFORT: u8 = 2;
/// Dominant colours where no number is given.
const COLOURS: u8 = 5;
/// The components of a `BlurHash` where none are given.
const COMPONENTS: (u8, u8) = (4, 3);

impl Encoding {
    /// PNG as it is written by default.
    pub const PNG: Self = Self::Png { effort: Effort::Fast, carry: Carry::NOTHING };

    /// JPEG of a quality and otherwise as it is written by default.
    pub const fn jpeg(quality: u8) -> Self {
        let (subsampling, carry) = (Subsampling::Half, Carry::NOTHING);
        Self::Jpeg { quality, subsampling, progressive: false, carry }
    }

    /// The default encoding for sources of a format: that format, or PNG where it is not written.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::jpeg(JPEG_QUALITY),
            Format::Webp => Self::Webp {
                quality: WEBP_QUALITY,
                lossless: false,
                effort: WEBP_EFFORT,
                carry: Carry::NOTHING,
            },
            Format::Png | Format::Gif | Format::Bmp | Format::Tiff | Format::Json => Self::PNG,
        }
    }

    /// This encoding for a source of the given format: [`Encoding::Same`] is resolved.
    #[must_use]
    pub fn resolve(self, source: Format) -> Self {
        if self == Self::Same { Self::of(source) } else { self }
    }

    /// The format that it writes; `None` where that depends on the picture.
    pub fn format(self) -> Option<Format> {
        match self {
            Self::Same | Self::Auto { .. } => None,
            Self::Jpeg { .. } => Some(Format::Jpeg),
            Self::Png { .. } => Some(Format::Png),
            Self::Webp { .. } => Some(Format::Webp),
            Self::Info
            | Self::Palette { .. }
            | Self::Blurhash { .. }
            | Self::Phash
            | Self::Lines(_)
            | Self::Contours { .. } => Some(Format::Json),
        }
    }

    /// The formats that it may write for a source of the given format.
    pub fn formats(self, source: Format) -> Vec<Format> {
        match self.resolve(source).format() {
            Some(format) => vec![format],
            None => vec![Format::Png, Format::Jpeg],
        }
    }

    /// What it carries on from the source.
    pub fn carry(self) -> Carry {
        match self {
            Self::Auto { carry, .. }
            | Self::Jpeg { carry, .. }
            | Self::Png { carry, .. }
            | Self::Webp { carry, .. } => carry,
            Self::Same
            | Self::Info
            | Self::Palette { .. }
            | Self::Blurhash { .. }
            | Self::Phash
            | Self::Lines(_)
            | Self::Contours { .. } => Carry::NOTHING,
        }
    }

    /// Its row in [`ENCODINGS`]; `None` for [`Encoding::Same`], which has no name in a recipe.
    pub fn entry(self) -> Option<&'static Entry<Self>> {
        let name = match self {
            Self::Same => return None,
            Self::Auto { .. } => "auto",
            Self::Jpeg { .. } => "jpeg",
            Self::Png { .. } => "png",
            Self::Webp { .. } => "webp",
            Self::Info => "info",
            Self::Palette { .. } => "palette",
            Self::Blurhash { .. } => "blurhash",
            Self::Phash => "phash",
            Self::Lines(_) => "lines",
            Self::Contours { .. } => "contours",
        };
        Entry::find(ENCODINGS, name)
    }

    /// The arguments that differ from the defaults.
    pub fn arguments(self) -> Vec<(&'static str, Value<'static>)> {
        let number = |n: u8| Some(Value::Integer(i64::from(n)));
        let mut values = match self {
            Self::Same | Self::Info | Self::Phash => vec![],
            Self::Auto { quality, .. } => vec![("quality", number(quality))],
            Self::Jpeg { quality, subsampling, progressive, .. } => vec![
                ("quality", number(quality)),
                ("subsampling", worded(Subsampling::WORDS, &Subsampling::ALL, subsampling)),
                ("progressive", Some(Value::Flag(progressive))),
            ],
            Self::Png { effort, .. } => {
                vec![("effort", worded(Effort::WORDS, &Effort::ALL, effort))]
            }
            Self::Webp { quality, lossless, effort, .. } => vec![
                ("quality", number(quality)),
                ("lossless", Some(Value::Flag(lossless))),
                ("effort", number(effort)),
            ],
            Self::Palette { count } => vec![("count", number(count))],
            Self::Blurhash { across, down } => vec![("x", number(across)), ("y", number(down))],
            Self::Lines(lines) => lines.values(),
            Self::Contours { value } => vec![("value", number(value))],
        };
        let Carry { icc, metadata } = self.carry();
        if icc != Icc::without_word(metadata) {
            values.push(("icc", worded(Icc::WORDS, &Icc::ALL, icc)));
        }
        values.push(("metadata", worded(Metadata::WORDS, &Metadata::ALL, metadata)));
        self.entry().map_or(vec![], |entry| spoken(entry.parameters, &values))
    }
}
