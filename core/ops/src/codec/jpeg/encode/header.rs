//! The header as libjpeg writes it, and the tables that are in it.

use super::Samples;
use super::huffman::{AC, Coding, DC};
use crate::codec::jpeg::baseline::ZIGZAG;
use crate::codec::jpeg::header::APP0;

const SOI: u8 = 0xd8;
const DQT: u8 = 0xdb;
const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;

/// Version 1.1, no unit, pixels as high as wide, no thumbnail.
const JFIF: &[u8] = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

/// The steps of luma and those of colour that quality is a part of, row by row: annex K of the
/// standard.
#[rustfmt::skip]
const STEPS: [[u32; 64]; 2] = [[
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
], [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
]];

/// The steps of a quality: half of it doubles them, 100 makes all of them one.
pub(super) fn steps(quality: u8) -> [[u8; 64]; 2] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    let scaled = |step: u32| ((step * percent + 50) / 100).clamp(1, 255) as u8;
    STEPS.map(|table| table.map(scaled))
}

/// Everything before the data of the scan.
pub(super) fn written(size: (u32, u32), samples: Samples<'_>, steps: &[[u8; 64]; 2]) -> Vec<u8> {
    let components = samples.components();
    // Luma has a table of each kind, both colours share the other.
    let tables = if components == 1 { 1 } else { 2 };
    let mut file = vec![0xff, SOI];
    push(&mut file, APP0, &[JFIF]);
    for (number, steps) in (0..).zip(&steps[..tables]) {
        push(&mut file, DQT, &[&[number], &ZIGZAG.map(|place| steps[usize::from(place)])]);
    }
    let numbers = 1..=components as u8;
    let sampling = samples.sampling();
    let factors =
        |number: u8| if number == 1 { sampling.across << 4 | sampling.down } else { 0x11 };
    let frame = numbers.clone().flat_map(|n| [n, factors(n) as u8, u8::from(n > 1)]);
    let [width, height] = [size.0, size.1].map(|side| (side as u16).to_be_bytes());
    let frame: Vec<u8> = frame.collect();
    push(&mut file, SOF0, &[&[8], &height, &width, &[components as u8], &frame]);
    for number in 0..tables {
        for (class, Coding { counts, symbols }) in [(0, &DC[number]), (0x10, &AC[number])] {
            push(&mut file, DHT, &[&[class | number as u8], *counts, symbols]);
        }
    }
    let scan: Vec<u8> = numbers.flat_map(|n| [n, 0x11 * u8::from(n > 1)]).collect();
    push(&mut file, SOS, &[&[components as u8], &scan, &[0, 63, 0]]);
    file
}

/// Appends a segment whose payload is the given parts.
fn push(file: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    file.extend_from_slice(&[0xff, marker]);
    file.extend_from_slice(&(length as u16).to_be_bytes());
    for part in parts {
        file.extend_from_slice(part);
    }
}
