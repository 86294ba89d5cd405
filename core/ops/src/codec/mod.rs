//! The formats: recognising them, reading their headers within bounds, decoding and encoding.
//!
//! Headers are read by own code, which looks at lengths before it looks at anything else; pixels
//! are left to libjpeg-turbo and the png crate, which are told what the header said.

pub(crate) mod exif;
pub(crate) mod icc;
pub(crate) mod jpeg;
pub(crate) mod jpeg_header;
pub(crate) mod png;
pub(crate) mod png_header;
pub(crate) mod sniff;

use pixmill_contract::{RejectCode, Rejection};

/// A rejection because the source ends before `what` does.
fn truncated(what: &str) -> Rejection {
    Rejection::new(RejectCode::Truncated, format!("ends inside {what}"))
}

/// A rejection because the source contradicts its format.
fn corrupt(why: impl Into<String>) -> Rejection {
    Rejection::new(RejectCode::Corrupt, why)
}

/// A rejection because this kind of picture is not read.
fn unsupported(what: impl Into<String>) -> Rejection {
    Rejection::new(RejectCode::Unsupported, what)
}
