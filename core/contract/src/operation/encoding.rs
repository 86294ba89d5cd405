//! How an output is written: the picture formats and their parameters.

use serde::{Deserialize, Serialize};

use super::table::{Absent, Entry, Kind, Parameter, Value, spoken};

/// A picture format that pixmill reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// ISO/IEC 10918.
    Jpeg,
    /// ISO/IEC 15948.
    Png,
}

impl Format {
    /// The extension that its files bear, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// How one output is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// In the source's own format, with that format's defaults.
    Same,
    /// JPEG; a picture with alpha is laid over white.
    Jpeg {
        /// libjpeg's quality, 1–100.
        quality: u8,
    },
    /// PNG, compressed for speed.
    Png,
}

/// libjpeg's quality where none is given: visually clean, a third of the size of 95.
const DEFAULT_QUALITY: u8 = 85;

impl Encoding {
    /// The default encoding of a format.
    pub fn of(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::Jpeg { quality: DEFAULT_QUALITY },
            Format::Png => Self::Png,
        }
    }

    /// This encoding for a source of the given format: [`Encoding::Same`] is resolved.
    #[must_use]
    pub fn resolve(self, source: Format) -> Self {
        match self {
            Self::Same => Self::of(source),
            Self::Jpeg { .. } | Self::Png => self,
        }
    }

    /// The format it writes; `None` is the source's.
    pub fn format(self) -> Option<Format> {
        match self {
            Self::Same => None,
            Self::Jpeg { .. } => Some(Format::Jpeg),
            Self::Png => Some(Format::Png),
        }
    }

    /// Its row in [`ENCODINGS`]; `None` for [`Encoding::Same`], which has no name in a recipe.
    pub fn entry(self) -> Option<&'static Entry<Self>> {
        let name = match self {
            Self::Same => return None,
            Self::Jpeg { .. } => "jpeg",
            Self::Png => "png",
        };
        Entry::find(ENCODINGS, name)
    }

    /// The arguments that differ from the defaults.
    pub fn arguments(self) -> Vec<(&'static str, Value)> {
        let values = match self {
            Self::Same | Self::Png => vec![],
            Self::Jpeg { quality } => {
                vec![("quality", Some(Value::Integer(i64::from(quality))))]
            }
        };
        self.entry().map_or(vec![], |entry| spoken(entry.parameters, &values))
    }
}

/// Every encoding. Without one, an output keeps its source's format.
pub static ENCODINGS: &[Entry<Encoding>] = &[
    Entry {
        name: "jpeg",
        aliases: &["jpg"],
        summary: "JPEG, 4:2:0; a picture with alpha is laid over white",
        pixels: "gray is written as one channel; alpha is laid over white",
        parameters: &[Parameter {
            name: "quality",
            alias: Some("q"),
            kind: Kind::Integer { min: 1, max: 100 },
            absent: Absent::Means(Value::Integer(DEFAULT_QUALITY as i64)),
            help: "libjpeg's quality",
        }],
        example: "resize:1600 -> jpeg:q=85",
        build: |a| {
            let quality = a.integer("quality").and_then(|q| u8::try_from(q).ok());
            Ok(Encoding::Jpeg { quality: quality.ok_or("needs a quality")? })
        },
    },
    Entry {
        name: "png",
        aliases: &[],
        summary: "PNG, compressed for speed",
        pixels: "gray is written as one channel; alpha is kept",
        parameters: &[],
        example: "grayscale -> png",
        build: |_| Ok(Encoding::Png),
    },
];
