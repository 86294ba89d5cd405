//! ICC profiles: which may be carried on.

use crate::shape::Layout;

/// The largest profile that is carried on, in bytes. Those of screens and cameras have 0.5–600 KiB;
/// those of printers may have several MiB, and count as none.
pub(crate) const MAX_PROFILE_BYTES: usize = 1024 * 1024;

/// The most that a profile of that size takes inside an encoded picture, in bytes.
pub(crate) const MAX_BYTES_IN_FILE: usize = MAX_PROFILE_BYTES + 64 * 1024;

/// Whether `profile` looks like a profile that describes colours of this layout.
pub(crate) fn describes(profile: &[u8], layout: Layout) -> bool {
    let family: &[u8] = match layout {
        Layout::Gray => b"GRAY",
        Layout::Rgb | Layout::Rgba => b"RGB ",
    };
    profile.len() <= MAX_PROFILE_BYTES
        && profile.get(16..20) == Some(family)
        && profile.get(36..40) == Some(b"acsp")
}
