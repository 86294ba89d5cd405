//! The formats of pictures and of what is written about them.

use serde::{Deserialize, Serialize};

/// A format that pixmill reads, writes or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// ISO/IEC 10918.
    Jpeg,
    /// ISO/IEC 15948.
    Png,
    /// RFC 9649, lossy and lossless.
    Webp,
    /// `GIF87a` and `GIF89a`; read, not written.
    Gif,
    /// Windows and OS/2 bitmaps; read, not written.
    Bmp,
    /// TIFF 6.0; read, not written.
    Tiff,
    /// What is written about a picture instead of one; written, not read.
    Json,
}

/// Extensions by which people call pictures, also those that are refused later by name: a picture
/// that is not read must not pass unnoticed.
pub const PICTURE_EXTENSIONS: [&str; 22] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "tif", "tiff", "avif",
    "heic", "heif", "jp2", "jxl", "psd", "ico", "tga", "qoi", "ppm", "pgm",
];

impl Format {
    /// The extension that its files bear, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Json => "json",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Json => "application/json",
        }
    }

    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Json => "json",
        }
    }
}
