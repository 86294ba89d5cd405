//! What a source has besides pixels, and what of it an output gets.

use std::borrow::Cow;

use pixmill_contract::operation::{Carry, Metadata};

use super::{exif, icc};
use crate::shape::Layout;

/// Longest XMP that is carried on, in bytes: it has to fit into one segment of a JPEG.
pub(crate) const MAX_XMP_BYTES: usize = 65_000;

/// The most that everything that is carried on takes inside an encoded picture, in bytes.
pub(crate) const MAX_BYTES_IN_FILE: usize =
    icc::MAX_BYTES_IN_FILE + exif::MAX_BYTES + MAX_XMP_BYTES + 1024;

/// What stands before Exif in a JPEG, and in a `WebP` of some programs.
pub(super) const EXIF: &[u8] = b"Exif\0\0";
/// The name under which XMP holds a small JPEG, as an element or an attribute.
const THUMBNAIL: &[u8] = b"xmpGImg:image";

/// The metadata of a source, unread.
#[derive(Debug, Default)]
pub(crate) struct Belongings<'a> {
    /// A TIFF structure.
    pub(crate) exif: Option<&'a [u8]>,
    /// An XML text.
    pub(crate) xmp: Option<&'a [u8]>,
}

/// What an output gets.
#[derive(Debug, Default)]
pub(crate) struct Carried<'a> {
    /// A colour profile that describes the output.
    pub(crate) profile: Option<&'a [u8]>,
    /// Exif, written anew.
    pub(crate) exif: Option<Vec<u8>>,
    /// XMP of a picture that stands upright.
    pub(crate) xmp: Option<Vec<u8>>,
}

impl Belongings<'_> {
    /// What an output of this layout gets, given the profile that describes the source's colours.
    pub(crate) fn carried<'p>(
        &self,
        carry: Carry,
        profile: Option<&'p [u8]>,
        layout: Layout,
    ) -> Carried<'p> {
        let profile = profile.filter(|profile| icc::describes(profile, layout));
        let (exif, xmp) = match carry.metadata {
            Metadata::None => (None, None),
            Metadata::Copyright => (self.exif.and_then(exif::copyright), None),
            Metadata::All => (self.exif.and_then(exif::all), self.xmp.and_then(upright)),
        };
        Carried { profile, exif, xmp }
    }
}

impl Carried<'_> {
    /// Whether there is nothing to add to a file.
    pub(crate) fn is_nothing(&self) -> bool {
        self.profile.is_none() && self.exif.is_none() && self.xmp.is_none()
    }
}

/// XMP with its own idea of the orientation set to upright; `None` if it is too long or no text, or
/// holds a thumbnail, which shows what was cropped away.
fn upright(xmp: &[u8]) -> Option<Vec<u8>> {
    let holds_thumbnail = || xmp.windows(THUMBNAIL.len()).any(|window| window == THUMBNAIL);
    if xmp.len() > MAX_XMP_BYTES || std::str::from_utf8(xmp).is_err() || holds_thumbnail() {
        return None;
    }
    let mut xmp = Cow::Borrowed(xmp);
    for before in [&b"tiff:Orientation=\""[..], b"tiff:Orientation='", b"<tiff:Orientation>"] {
        let found: Vec<usize> = xmp
            .windows(before.len() + 1)
            .enumerate()
            .filter(|(_, window)| {
                window.starts_with(before) && window[before.len()].is_ascii_digit()
            })
            .map(|(at, _)| at + before.len())
            .collect();
        for at in found {
            xmp.to_mut()[at] = b'1';
        }
    }
    Some(xmp.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_is_set_upright() {
        let xmp = b"<a tiff:Orientation=\"6\" b='6'><tiff:Orientation>8</tiff:Orientation></a>";
        let expected =
            b"<a tiff:Orientation=\"1\" b='6'><tiff:Orientation>1</tiff:Orientation></a>";
        assert_eq!(upright(xmp).as_deref(), Some(&expected[..]));
        assert_eq!(upright(&b" ".repeat(MAX_XMP_BYTES + 1)), None);
        assert_eq!(upright(b"\xff\xfe<"), None);
        assert_eq!(upright(b"<a><xmpGImg:image>/9j/4AAQ</xmpGImg:image></a>"), None);
    }
}
