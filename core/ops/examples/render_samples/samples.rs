//! The list of samples.

use super::{drawings, photos};

/// Every sample: its path below `samples/`, and its bytes.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("photos/harbour.jpg", photos::harbour()),
        ("photos/portrait-exif6.jpg", photos::portrait()),
        ("drawings/gradient-gray.jpg", drawings::gradient()),
        ("drawings/line-art.png", drawings::line_art()),
        ("drawings/logo-alpha.png", drawings::logo()),
        ("drawings/page-of-text.png", drawings::page()),
    ]
}
