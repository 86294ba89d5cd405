//! The calls into libwebp, behind safe functions.
//!
//! Nothing here panics inside libwebp's frames, and no pointer outlives a call.

#![allow(unsafe_code, reason = "libwebp has no maintained binding that decodes into a given slice")]

use std::ffi::{c_int, c_void};

use libwebp_sys::{
    VP8StatusCode, WebPBitstreamFeatures, WebPConfig, WebPDecodeRGBAInto, WebPDecodeRGBInto,
    WebPEncode, WebPEncodingError, WebPGetFeatures, WebPPicture, WebPPictureFree,
    WebPPictureImportRGB, WebPPictureImportRGBA,
};

/// Width, height and whether there is alpha, as libwebp understands the first still picture.
pub(super) fn features(file: &[u8]) -> Option<(u32, u32, bool)> {
    let mut features = WebPBitstreamFeatures {
        width: 0,
        height: 0,
        has_alpha: 0,
        has_animation: 0,
        format: 0,
        pad: [0; 5],
    };
    // SAFETY: the slice is valid for reads of its length, the structure for writes.
    let status = unsafe { WebPGetFeatures(file.as_ptr(), file.len(), &raw mut features) };
    let sides = (u32::try_from(features.width), u32::try_from(features.height));
    match (status, sides) {
        (VP8StatusCode::VP8_STATUS_OK, (Ok(width), Ok(height))) => {
            Some((width, height, features.has_alpha != 0))
        }
        _ => None,
    }
}

/// Decodes a still picture of exactly `width` × `height`, which [`features`] has confirmed, as
/// RGBA or RGB rows without gaps. Says whether it could.
pub(super) fn decode(
    file: &[u8],
    (width, height): (u32, u32),
    alpha: bool,
    pixels: &mut [u8],
) -> bool {
    let row = width as usize * if alpha { 4 } else { 3 };
    assert!(row > 0 && pixels.len() == row * height as usize, "pixels are as large as the picture");
    let Ok(stride) = c_int::try_from(row) else { return false };
    let (from, length) = (file.as_ptr(), file.len());
    let (into, size) = (pixels.as_mut_ptr(), pixels.len());
    // SAFETY: `file` is valid for reads of its length, `pixels` for writes of its length; libwebp
    // is told both, and refuses a picture that does not fit into `size` bytes at this stride.
    let end = unsafe {
        if alpha {
            WebPDecodeRGBAInto(from, length, into, size, stride)
        } else {
            WebPDecodeRGBInto(from, length, into, size, stride)
        }
    };
    !end.is_null()
}

/// What libwebp is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// 1–100.
    pub(super) quality: u8,
    pub(super) lossless: bool,
    /// 0–6.
    pub(super) method: u8,
    /// Whether modes may be coarser, so that their part of the file stays within its limit.
    pub(super) coarse_modes: bool,
}

/// Where libwebp writes to.
struct Sink {
    at: *mut u8,
    room: usize,
    used: usize,
}

/// Encodes RGB or RGBA rows without gaps into `scratch`, and returns how many of its bytes were
/// used.
pub(super) fn encode(
    (width, height): (u32, u32),
    alpha: bool,
    pixels: &[u8],
    settings: Settings,
    scratch: &mut [u8],
) -> Result<usize, WebPEncodingError> {
    let row = width as usize * if alpha { 4 } else { 3 };
    assert!(row > 0 && pixels.len() == row * height as usize, "pixels are as large as the picture");
    let bad = WebPEncodingError::VP8_ENC_ERROR_BAD_DIMENSION;
    let side = |n: u32| c_int::try_from(n).map_err(|_| bad);
    let (columns, rows) = (side(width)?, side(height)?);
    let stride = c_int::try_from(row).map_err(|_| bad)?;
    let mismatch = |()| WebPEncodingError::VP8_ENC_ERROR_INVALID_CONFIGURATION;
    let mut config = WebPConfig::new().map_err(mismatch)?;
    config.quality = f32::from(settings.quality);
    config.lossless = c_int::from(settings.lossless);
    config.method = c_int::from(settings.method);
    config.partition_limit = if settings.coarse_modes { 100 } else { 0 };
    let mut sink = Sink { at: scratch.as_mut_ptr(), room: scratch.len(), used: 0 };
    let mut picture = WebPPicture::new().map_err(mismatch)?;
    picture.use_argb = c_int::from(settings.lossless);
    (picture.width, picture.height) = (columns, rows);
    picture.writer = Some(write);
    picture.custom_ptr = (&raw mut sink).cast::<c_void>();
    // SAFETY: `picture` was initialised and is told its size; `pixels` is valid for reads of
    // `height` rows of `stride` bytes, as was asserted; both calls only write into memory that the
    // picture owns, which is freed exactly once. `sink` and `scratch` outlive the calls.
    let done = unsafe {
        let imported = if alpha {
            WebPPictureImportRGBA(&raw mut picture, pixels.as_ptr(), stride)
        } else {
            WebPPictureImportRGB(&raw mut picture, pixels.as_ptr(), stride)
        };
        let done = imported != 0 && WebPEncode(&raw const config, &raw mut picture) != 0;
        WebPPictureFree(&raw mut picture);
        done
    };
    if done {
        return Ok(sink.used);
    }
    let memory = WebPEncodingError::VP8_ENC_ERROR_OUT_OF_MEMORY;
    let unknown = picture.error_code == WebPEncodingError::VP8_ENC_OK;
    Err(if unknown { memory } else { picture.error_code })
}

/// Appends what libwebp has encoded; 0 tells it that there is no room.
unsafe extern "C" fn write(data: *const u8, size: usize, picture: *const WebPPicture) -> c_int {
    // SAFETY: libwebp passes the picture that `encode` gave it, whose pointer is to a live `Sink`
    // that nothing else refers to while libwebp runs.
    let sink = unsafe { &mut *(*picture).custom_ptr.cast::<Sink>() };
    if sink.room - sink.used < size {
        return 0;
    }
    // SAFETY: `data` is valid for reads of `size` bytes, and there is room for as many.
    unsafe { std::ptr::copy_nonoverlapping(data, sink.at.add(sink.used), size) };
    sink.used += size;
    1
}
