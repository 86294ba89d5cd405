//! The calls into libjpeg-turbo that decode, behind one safe function.
//!
//! Not those of the turbojpeg crate, which encode: it lets libjpeg keep every APP2 segment of a
//! file, a hundred bytes for four, and after an error it goes on where the refused picture broke
//! off. Here every picture has a decoder of its own, no pointer outlives a call, and nothing
//! panics inside libjpeg's frames.

#![allow(unsafe_code, reason = "the binding's decoder cannot be told to keep no segments")]

use std::ffi::{CStr, c_int};

use turbojpeg::PixelFormat;
use turbojpeg::raw::{
    TJINIT_TJINIT_DECOMPRESS, TJPARAM, TJPARAM_TJPARAM_JPEGHEIGHT, TJPARAM_TJPARAM_JPEGWIDTH,
    TJPARAM_TJPARAM_SAVEMARKERS, TJPARAM_TJPARAM_SCANLIMIT, TJPARAM_TJPARAM_SUBSAMP,
    TJSAMP_TJSAMP_420, TJSAMP_TJSAMP_422, TJSAMP_TJSAMP_440, TJSAMP_TJSAMP_444, size_t,
    tj3Decompress8, tj3DecompressHeader, tj3DecompressToYUVPlanes8, tj3Destroy, tj3Get,
    tj3GetErrorStr, tj3Init, tj3Set, tj3SetScalingFactor, tjhandle, tjscalingfactor,
};

use super::planes::{self, Plane, Sampling};

/// What is decoded, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) source: &'a [u8],
    /// 1, 2, 4 or 8: the part of each side that is made.
    pub(super) denominator: u32,
    /// The size that comes of it.
    pub(super) size: (u32, u32),
    /// Most scans.
    pub(super) scans: u32,
}

/// Decodes into rows without gaps, or says what libjpeg says, be it an error or a warning.
pub(super) fn decode(task: Task<'_>, format: PixelFormat, pixels: &mut [u8]) -> Result<(), String> {
    let (width, height) = task.size;
    let row = width as usize * format.size();
    assert!(row > 0 && pixels.len() == row * height as usize, "pixels are as large as the picture");
    let pitch = c_int::try_from(row).map_err(|_| TOO_LARGE)?;
    let (decoder, length) = Decoder::for_task(task)?;
    // SAFETY: the handle is live; `source` is valid for reads of its length, and `pixels` for writes
    // of `height` rows of `pitch` bytes, as was asserted; libjpeg has read from the same bytes that
    // it will write no more than that.
    let done = unsafe {
        let (from, into) = (task.source.as_ptr(), pixels.as_mut_ptr());
        tj3Decompress8(decoder.handle, from, length, into, pitch, format as c_int) == 0
    };
    if done { Ok(()) } else { Err(decoder.error()) }
}

/// Decodes into planes that lie in `buffer`, or says what libjpeg says.
pub(super) fn decode_planes(
    task: Task<'_>,
    sampling: Sampling,
    planes: &[Plane; 3],
    buffer: &mut [u8],
) -> Result<(), String> {
    let (decoder, length) = Decoder::for_task(task)?;
    let subsampling = match (sampling.across, sampling.down) {
        (1, 1) => TJSAMP_TJSAMP_444,
        (2, 1) => TJSAMP_TJSAMP_422,
        (1, 2) => TJSAMP_TJSAMP_440,
        _ => TJSAMP_TJSAMP_420,
    };
    if decoder.get(TJPARAM_TJPARAM_SUBSAMP) != subsampling {
        return Err("planes of other sizes than its header says".to_owned());
    }
    // libjpeg makes luma as large as the picture, rounded up to whole samples of colour.
    let (width, height) = task.size;
    let written = [
        (width.next_multiple_of(sampling.across), height.next_multiple_of(sampling.down)),
        (width.div_ceil(sampling.across), height.div_ceil(sampling.down)),
    ];
    for (plane, (width, height)) in planes.iter().zip([written[0], written[1], written[1]]) {
        let fits = plane.stride >= width as usize && plane.rows >= height as usize;
        assert!(fits && height > 0, "a plane is as large as what is written");
    }
    assert!(buffer.len() >= planes::bytes(planes), "the planes are inside of the buffer");
    let mut strides = [0; 3];
    for (stride, plane) in strides.iter_mut().zip(planes) {
        *stride = c_int::try_from(plane.stride).map_err(|_| TOO_LARGE)?;
    }
    let mut starts = planes.map(|plane| buffer[plane.start..].as_mut_ptr());
    // SAFETY: the handle is live; `source` is valid for reads of its length, and each plane for
    // writes of as many rows as libjpeg will write, a stride apart, as was asserted: it has read
    // from the same bytes how many that are.
    let done = unsafe {
        let (from, into) = (task.source.as_ptr(), starts.as_mut_ptr());
        tj3DecompressToYUVPlanes8(decoder.handle, from, length, into, strides.as_mut_ptr()) == 0
    };
    if done { Ok(()) } else { Err(decoder.error()) }
}

const TOO_LARGE: &str = "a picture that is larger than libjpeg's numbers";

fn number(n: u32) -> Result<c_int, &'static str> {
    c_int::try_from(n).map_err(|_| TOO_LARGE)
}

/// A decoder of libjpeg's; the handle is never null.
struct Decoder {
    handle: tjhandle,
}

impl Decoder {
    /// One that has read the header, which says what the task says; and the length of the source.
    fn for_task(task: Task<'_>) -> Result<(Self, size_t), String> {
        let mut decoder = Self::new().ok_or("Insufficient memory")?;
        let scale = tjscalingfactor { num: 1, denom: number(task.denominator)? };
        decoder.set(TJPARAM_TJPARAM_SAVEMARKERS, 0)?;
        decoder.set(TJPARAM_TJPARAM_SCANLIMIT, number(task.scans)?)?;
        let length = task.source.len().try_into().map_err(|_| TOO_LARGE)?;
        // SAFETY: the handle is live; `source` is valid for reads of its length.
        let read = unsafe {
            tj3SetScalingFactor(decoder.handle, scale) == 0
                && tj3DecompressHeader(decoder.handle, task.source.as_ptr(), length) == 0
        };
        if !read {
            return Err(decoder.error());
        }
        // What libjpeg will write, it must agree with what there is room for.
        let scaled =
            |side: c_int| u32::try_from(side).ok().map(|side| side.div_ceil(task.denominator));
        let sides = [TJPARAM_TJPARAM_JPEGWIDTH, TJPARAM_TJPARAM_JPEGHEIGHT];
        let (width, height) = task.size;
        if sides.map(|side| scaled(decoder.get(side))) != [Some(width), Some(height)] {
            return Err("a picture of another size than its header says".to_owned());
        }
        Ok((decoder, length))
    }

    fn new() -> Option<Self> {
        // SAFETY: there is nothing to keep to.
        let handle = unsafe { tj3Init(c_int::try_from(TJINIT_TJINIT_DECOMPRESS).ok()?) };
        (!handle.is_null()).then_some(Self { handle })
    }

    fn set(&mut self, parameter: TJPARAM, value: c_int) -> Result<(), String> {
        let parameter = number(parameter)?;
        // SAFETY: the handle is live; libjpeg checks both numbers.
        let done = unsafe { tj3Set(self.handle, parameter, value) } == 0;
        if done { Ok(()) } else { Err(self.error()) }
    }

    fn get(&self, parameter: TJPARAM) -> c_int {
        // SAFETY: the handle is live; of a parameter that does not exist it returns -1.
        number(parameter).map_or(-1, |parameter| unsafe { tj3Get(self.handle, parameter) })
    }

    fn error(&self) -> String {
        // SAFETY: the handle is live; the text ends with a zero and stays until the next call.
        unsafe { CStr::from_ptr(tj3GetErrorStr(self.handle)) }.to_string_lossy().into_owned()
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and not used again.
        unsafe { tj3Destroy(self.handle) }
    }
}
