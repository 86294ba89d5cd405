//! What is written here is what libjpeg-turbo writes of the same samples.

#![allow(clippy::cast_possible_truncation, reason = "pictures are small")]

use pixmill_contract::operation::Subsampling;
use proptest::prelude::*;

use super::*;
use crate::codec::jpeg::planes::to_encode;
use crate::codec::jpeg::{Jpeg, Manner, encoded_bound, planes};
use crate::kernel::testing::at_every_level;
use crate::shape::{Layout, Shape};

/// Sides: of one pixel, within a block, across blocks, across tiles.
fn sides() -> impl Strategy<Value = (u32, u32)> {
    let wide = prop_oneof![1_u32..40, 500_u32..530, 1020_u32..1045];
    (wide, prop_oneof![1_u32..10, 10_u32..40])
}

/// Samples that are smooth, noisy, at the ends of their range, or a bit of each.
fn samples(seed: u32, noise: u32, length: usize, row: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 24
    };
    let smooth = |i: usize| ((i % row * 2 + i / row * 3) % 512) as u32;
    let sample = |i: usize| match noise {
        256 => 255 * (random() >> 7),
        _ => (smooth(i).min(511 - smooth(i)) * (255 - noise) + random() * noise) / 255,
    };
    (0..length).map(sample).map(|sample| sample as u8).collect()
}

fn noise() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0_u32), 1_u32..40, Just(255), Just(256)]
}

fn colours() -> impl Strategy<Value = Subsampling> {
    prop_oneof![Just(Subsampling::Half), Just(Subsampling::HalfAcross), Just(Subsampling::Full)]
}

fn by_libjpeg(shape: Shape, pixels: &[u8], quality: u8, subsampling: Subsampling) -> Vec<u8> {
    let mut file = vec![0; encoded_bound(shape)];
    let manner = Manner { quality, subsampling, progressive: false };
    let length = Jpeg::new().encode_generally(shape, pixels, manner, &mut file);
    file.truncate(length);
    file
}

/// What is written here; a file that is as long as libjpeg's may be.
fn here(shape: Shape, samples: Samples<'_>, quality: u8) -> Option<Vec<u8>> {
    let mut file = vec![0x55; encoded_bound(shape)];
    let length = encode((shape.width, shape.height), samples, quality, &mut file)?;
    file.truncate(length);
    Some(file)
}

/// Whether both are there and the same; where they differ, if not.
fn assert_same(here: Option<Vec<u8>>, expected: &[u8]) {
    let here = here.expect("there is room for it");
    let differ = here.iter().zip(expected).position(|(a, b)| a != b);
    assert_eq!((differ, here.len()), (None, expected.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn pixels_become_the_file_that_libjpeg_writes(
        (width, height) in sides(),
        (seed, noise) in (any::<u32>(), noise()),
        quality in 1_u8..=100,
        colours in colours(),
        gray in prop::bool::weighted(0.25),
    ) {
        let layout = if gray { Layout::Gray } else { Layout::Rgb };
        let shape = Shape { width, height, layout };
        let pixels = samples(seed, noise, shape.bytes(), shape.row());
        let expected = by_libjpeg(shape, &pixels, quality, colours);
        at_every_level(|| {
            let samples =
                if gray { Samples::Gray(&pixels) } else { Samples::Rgb(&pixels, colours) };
            assert_same(here(shape, samples, quality), &expected);
        });
    }

    #[test]
    fn planes_become_the_file_that_libjpeg_writes(
        size in sides(),
        (seed, noise) in (any::<u32>(), noise()),
        quality in 1_u8..=100,
    ) {
        let planes = to_encode(size);
        let buffer = samples(seed, noise, planes::bytes(&planes), planes[0].stride);
        let shape = Shape { width: size.0, height: size.1, layout: Layout::Rgb };
        let mut file = vec![0; encoded_bound(shape)];
        let length =
            Jpeg::new().encode_planes_generally(&planes, &buffer, (quality, false), &mut file);
        at_every_level(|| {
            assert_same(here(shape, Samples::Planes(&planes, &buffer), quality), &file[..length]);
        });
    }
}

#[test]
fn steps_divide_as_division_does() {
    for step in 1..=255 {
        let steps = Steps::new(&[step; 64]);
        let step = 8 * i32::from(step);
        for number in -8192..=8192_i32 {
            let quotient = (number.abs() + step / 2) / step * number.signum();
            assert_eq!(i32::from(steps.divided(number, 0)), quotient, "{number} by {step}");
        }
    }
}

#[test]
fn what_has_no_room_is_not_written() {
    let shape = Shape { width: 64, height: 64, layout: Layout::Gray };
    let pixels = samples(1, 255, shape.bytes(), 64);
    let whole = here(shape, Samples::Gray(&pixels), 100).unwrap();
    for length in 0..whole.len() {
        let mut file = vec![0; length];
        assert!(encode((64, 64), Samples::Gray(&pixels), 100, &mut file).is_none(), "{length}");
    }
}
