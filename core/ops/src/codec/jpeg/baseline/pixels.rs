//! Pixels of the most common kind of JPEG. At its own size all of it is decoded by own code; of other
//! sizes, and of pictures that are stored as red, green and blue, the data are read here, and
//! everything else is left to libjpeg-turbo (`shim.c`), so that the pixels are its own.

#![allow(unsafe_code, reason = "calls libjpeg-turbo, which calls back")]

use std::ffi::{c_int, c_uint, c_void};

use super::setup::Setup;
use super::{MOST_BLOCKS, Place, Scan, full};
use crate::geometry::Scale;
use crate::kernel::level::{self, Kernel};

/// What the shim is told; as it is declared there.
#[repr(C)]
struct Task {
    source: *const u8,
    length: usize,
    denominator: c_uint,
    width: c_uint,
    height: c_uint,
    blocks: c_int,
    pixels: *mut u8,
    read: unsafe extern "C" fn(*mut c_void, *const *mut [i16; 64]) -> c_int,
    scan: *mut c_void,
}

unsafe extern "C" {
    fn pixmill_decode(task: *const Task) -> c_int;
}

/// Decodes into RGB of the given size, which is that of the picture at the scale; `None` if the file
/// is unusual. The pixels may then be anything.
pub(crate) fn decode(
    source: &[u8],
    scale: Scale,
    (width, height): (u32, u32),
    pixels: &mut [u8],
) -> Option<()> {
    let setup = Setup::read(source)?;
    if (scale.of(setup.width), scale.of(setup.height)) != (width, height) {
        return None;
    }
    assert!(pixels.len() == 3 * width as usize * height as usize, "room for the picture");
    if scale == Scale::Full && full::knows(&setup) {
        return full::decode(setup, pixels);
    }
    let (places, count) = setup.sampling.places();
    let units = |side: u32, factor: u32| u64::from(side.div_ceil(8 * factor));
    let mcus = units(setup.width, setup.sampling.across) * units(setup.height, setup.sampling.down);
    let mut reader = Reader { scan: Scan::of(&setup), places: &places[..count], left: mcus };
    let task = Task {
        source: source.as_ptr(),
        length: source.len(),
        denominator: scale.denominator(),
        width,
        height,
        blocks: c_int::try_from(count).ok()?,
        pixels: pixels.as_mut_ptr(),
        read,
        scan: (&raw mut reader).cast(),
    };
    // SAFETY: `source` is valid for reads of its length, and `pixels` for writes of `height` rows of
    // `width` pixels, as was asserted; the shim writes no more than that. The reader lives until it
    // returns, and nobody else uses it meanwhile.
    let done = unsafe { pixmill_decode(&raw const task) } == 1;
    if done && reader.left == 0 { reader.scan.end() } else { None }
}

/// The scan, and what is still to be read of it.
struct Reader<'a> {
    scan: Scan<'a>,
    places: &'a [Place],
    /// MCUs.
    left: u64,
}

/// Reads the next MCU for libjpeg; returns whether it could. Nothing in it panics.
unsafe extern "C" fn read(scan: *mut c_void, blocks: *const *mut [i16; 64]) -> c_int {
    // SAFETY: the shim passes on what it was given, which is a reader that only this call uses.
    let reader = unsafe { &mut *scan.cast::<Reader<'_>>() };
    let mut into = [std::ptr::null_mut(); MOST_BLOCKS];
    for (n, block) in into[..reader.places.len()].iter_mut().enumerate() {
        // SAFETY: libjpeg has said that an MCU has as many blocks as the reader has places.
        *block = unsafe { *blocks.add(n) };
    }
    c_int::from(level::run(Mcu { reader, into }).is_some())
}

struct Mcu<'r, 'a> {
    reader: &'r mut Reader<'a>,
    into: [*mut [i16; 64]; MOST_BLOCKS],
}

impl Kernel for Mcu<'_, '_> {
    type Made = Option<()>;

    #[inline(always)]
    fn run(self) -> Option<()> {
        let Self { reader, into } = self;
        reader.left = reader.left.checked_sub(1)?;
        reader.scan.restart()?;
        for (place, block) in reader.places.iter().zip(into) {
            // SAFETY: libjpeg's blocks are apart from each other, and its own to be written to.
            let block = unsafe { &mut *block };
            reader.scan.block(place.component, block)?;
        }
        reader.scan.is_whole()
    }
}
