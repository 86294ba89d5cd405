//! What comes out here is what libjpeg-turbo makes of the same file, broken ones included; or
//! nothing.

#![allow(unsafe_code, reason = "the binding does not know restart markers")]
#![allow(clippy::cast_possible_truncation, reason = "pictures are small")]

use std::ffi::c_int;

use proptest::prelude::*;
use turbojpeg::raw;

use super::*;
use crate::codec::jpeg::{MAX_SCANS, ffi, judge};
use crate::kernel::testing::at_every_level;

const SCALES: [Scale; 3] = [Scale::Half, Scale::Quarter, Scale::Eighth];

/// How a picture is encoded.
#[derive(Debug, Clone, Copy)]
struct Manner {
    quality: c_int,
    sampling: Sampling,
    /// Blocks from one restart marker to the next; 0 for none.
    restart: c_int,
    optimized: bool,
}

fn encoded((width, height): (u32, u32), rgb: &[u8], manner: Manner) -> Vec<u8> {
    let subsampling = match (manner.sampling.across, manner.sampling.down) {
        (1, 1) => raw::TJSAMP_TJSAMP_444,
        (2, 1) => raw::TJSAMP_TJSAMP_422,
        (1, 2) => raw::TJSAMP_TJSAMP_440,
        _ => raw::TJSAMP_TJSAMP_420,
    };
    let settings = [
        (raw::TJPARAM_TJPARAM_QUALITY, manner.quality),
        (raw::TJPARAM_TJPARAM_SUBSAMP, subsampling),
        (raw::TJPARAM_TJPARAM_RESTARTBLOCKS, manner.restart),
        (raw::TJPARAM_TJPARAM_OPTIMIZE, c_int::from(manner.optimized)),
        (raw::TJPARAM_TJPARAM_NOREALLOC, 1),
    ];
    let mut file = vec![
        0;
        turbojpeg::compressed_buf_len(
            width as usize,
            height as usize,
            turbojpeg::Subsamp::None
        )
        .unwrap()
    ];
    let (mut at, mut length) = (file.as_mut_ptr(), file.len() as raw::size_t);
    let (width, height) = (width as c_int, height as c_int);
    let format = raw::TJPF_TJPF_RGB;
    // SAFETY: the handle is live until it is destroyed; `rgb` holds rows of `width` pixels without
    // gaps, and `file` as many bytes as libjpeg says that it may need.
    unsafe {
        let handle = raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as c_int);
        for (parameter, value) in settings {
            assert_eq!(raw::tj3Set(handle, parameter as c_int, value), 0);
        }
        let (from, into) = (rgb.as_ptr(), &raw mut at);
        assert_eq!(
            raw::tj3Compress8(handle, from, width, 0, height, format, into, &raw mut length),
            0
        );
        raw::tj3Destroy(handle);
    }
    file.truncate(length as usize);
    file
}

/// What libjpeg-turbo makes of it.
fn by_libjpeg(source: &[u8], wanted: Wanted) -> Option<Vec<u8>> {
    let planes = planes::decoded(wanted.size, wanted.sampling, wanted.scale);
    let mut buffer = vec![0; planes::bytes(&planes)];
    let (denominator, size) = (wanted.scale.denominator(), (planes[0].width, planes[0].height));
    let task = ffi::Task { source, denominator, size, scans: MAX_SCANS };
    let done = ffi::decode_planes(task, wanted.sampling, &planes, &mut buffer);
    done.or_else(|message| judge(message, source)).ok()?;
    Some(inside(&planes, &buffer))
}

fn here(source: &[u8], wanted: Wanted) -> Option<Vec<u8>> {
    let planes = planes::decoded(wanted.size, wanted.sampling, wanted.scale);
    let mut buffer = vec![7; planes::bytes(&planes)];
    decode(source, wanted, &mut buffer)?;
    Some(inside(&planes, &buffer))
}

/// Pixels by libjpeg-turbo alone.
fn pixels_by_libjpeg(source: &[u8], size: (u32, u32), scale: Scale) -> Option<Vec<u8>> {
    let size = (scale.of(size.0), scale.of(size.1));
    let mut pixels = vec![0; 3 * (size.0 * size.1) as usize];
    let task = ffi::Task { source, denominator: scale.denominator(), size, scans: MAX_SCANS };
    let done = ffi::decode(task, turbojpeg::PixelFormat::RGB, &mut pixels);
    done.or_else(|message| judge(message, source)).ok()?;
    Some(pixels)
}

fn pixels_here(source: &[u8], size: (u32, u32), scale: Scale) -> Option<Vec<u8>> {
    let size = (scale.of(size.0), scale.of(size.1));
    let mut pixels = vec![7; 3 * (size.0 * size.1) as usize];
    decode_pixels(source, scale, size, &mut pixels)?;
    Some(pixels)
}

/// The samples that belong to the picture.
fn inside(planes: &[Plane; 3], buffer: &[u8]) -> Vec<u8> {
    let rows = |plane: &Plane| {
        let rows = plane.of(buffer).chunks(plane.stride).take(plane.height as usize);
        rows.flat_map(|row| row[..plane.width as usize].to_vec()).collect::<Vec<_>>()
    };
    planes.iter().flat_map(rows).collect()
}

fn samplings() -> impl Strategy<Value = Sampling> {
    (1_u32..=2, 1_u32..=2).prop_map(|(across, down)| Sampling { across, down })
}

/// Sides and pixels: noise, slopes, or both.
fn pictures() -> impl Strategy<Value = ((u32, u32), Vec<u8>)> {
    let noise = prop_oneof![Just(0_u32), Just(12), Just(255)];
    (1_u32..90, 1_u32..70, noise, any::<u32>()).prop_map(|(width, height, noise, seed)| {
        let mut state = seed | 1;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        let sample = |i: u32| (i / 3 % width * 3 + i / (3 * width) * 2 + i % 3 * 40) % 256;
        let pixels = (0..width * height * 3).map(|i| {
            let noisy = (sample(i) * (255 - noise) + random() * noise) / 255;
            noisy as u8
        });
        ((width, height), pixels.collect())
    })
}

fn manners() -> impl Strategy<Value = Manner> {
    (1..=100, samplings(), prop_oneof![Just(0), 1..9], any::<bool>()).prop_map(
        |(quality, sampling, restart, optimized)| Manner { quality, sampling, restart, optimized },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn planes_and_pixels_are_those_of_libjpeg((size, rgb) in pictures(), manner in manners()) {
        let source = encoded(size, &rgb, manner);
        for scale in SCALES {
            let wanted = Wanted { size, sampling: manner.sampling, scale };
            let expected = by_libjpeg(&source, wanted);
            assert!(expected.is_some());
            at_every_level(|| assert!(here(&source, wanted) == expected, "{scale:?}"));
        }
        for scale in SCALES.into_iter().chain([Scale::Full]) {
            let expected = pixels_by_libjpeg(&source, size, scale);
            assert!(expected.is_some());
            at_every_level(|| assert!(pixels_here(&source, size, scale) == expected, "{scale:?}"));
        }
    }

    #[test]
    fn what_is_made_of_a_broken_file_is_what_libjpeg_makes(
        (size, rgb) in pictures(),
        manner in manners(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut source = encoded(size, &rgb, manner);
        for (at, byte) in changes {
            let at = at.index(source.len());
            source[at] = byte;
        }
        if let Some(at) = cut {
            source.truncate(at.index(source.len()));
        }
        for scale in SCALES {
            let wanted = Wanted { size, sampling: manner.sampling, scale };
            if let Some(made) = here(&source, wanted) {
                prop_assert!(by_libjpeg(&source, wanted).as_deref() == Some(&made[..]), "{:?}", scale);
            }
        }
        for scale in SCALES.into_iter().chain([Scale::Full]) {
            if let Some(made) = pixels_here(&source, size, scale) {
                prop_assert!(pixels_by_libjpeg(&source, size, scale) == Some(made), "{:?}", scale);
            }
        }
    }
}

#[test]
fn a_file_that_ends_early_is_left_to_libjpeg() {
    let (size, rgb) = ((64, 64), vec![77; 64 * 64 * 3]);
    let sampling = Sampling::HALF;
    let source =
        encoded(size, &rgb, Manner { quality: 80, sampling, restart: 0, optimized: false });
    let wanted = Wanted { size, sampling, scale: Scale::Half };
    assert!(here(&source, wanted).is_some());
    for end in 0..source.len() {
        assert!(here(&source[..end], wanted).is_none(), "{end} bytes");
        assert!(pixels_here(&source[..end], size, Scale::Full).is_none(), "{end} bytes");
    }
}

#[test]
fn a_file_that_libjpeg_warns_of_is_left_to_it() {
    let (size, rgb) = ((64, 64), vec![77; 64 * 64 * 3]);
    let sampling = Sampling::HALF;
    let mut source =
        encoded(size, &rgb, Manner { quality: 80, sampling, restart: 0, optimized: false });
    // The major version of JFIF, which is the first segment.
    assert_eq!((&source[6..11], source[11]), (&b"JFIF\0"[..], 1));
    source[11] = 2;
    let wanted = Wanted { size, sampling, scale: Scale::Half };
    assert!(by_libjpeg(&source, wanted).is_none());
    assert!(here(&source, wanted).is_none());
    assert!(pixels_here(&source, size, Scale::Full).is_none());
}
