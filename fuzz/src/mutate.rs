//! Changes real files as accidents and attackers do, and mends what would only keep a decoder from
//! looking: the checksums of PNG and the length of a WebP.

use fastrand::Rng;

use crate::corpus::Corpus;

/// Most changes of one file.
const CHANGES: usize = 6;

/// Longest stretch that is removed, repeated or brought from elsewhere, in bytes.
const STRETCH: usize = 256;

/// Longest result, in bytes.
const LONGEST: usize = 256 * 1024;

/// Numbers at which code goes wrong.
const EDGES: [u32; 18] = [
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
];

/// One of the originals, changed.
pub fn mutate(corpus: &Corpus, dice: &mut Rng) -> Vec<u8> {
    let Corpus(originals) = corpus;
    let mut bytes = originals[dice.usize(0..originals.len())].clone();
    for _ in 0..dice.usize(1..=CHANGES) {
        change(&mut bytes, originals, dice);
    }
    bytes.truncate(LONGEST);
    // Now and then a wrong checksum is what is tried.
    if dice.u32(0..8) > 0 {
        mend(&mut bytes);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, originals: &[Vec<u8>], dice: &mut Rng) {
    if bytes.is_empty() {
        return bytes.push(dice.u8(..));
    }
    // Headers are short and decide most: half of all changes hit them.
    let near = if dice.bool() { bytes.len().min(128) } else { bytes.len() };
    let at = dice.usize(0..near);
    let end = (at + dice.usize(1..=STRETCH)).min(bytes.len());
    match dice.u32(0..12) {
        0 | 1 => bytes[at] ^= 1 << dice.u32(0..8),
        2 => bytes[at] = dice.u8(..),
        3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.usize(0..5)],
        4 | 5 => put_number(&mut bytes[at..], dice),
        6 => bytes.truncate(at),
        7 => drop(bytes.drain(at..end)),
        8 => {
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
        9 => bytes[at..end].fill(dice.u8(..)),
        10 => {
            let noise: Vec<u8> = (at..end).map(|_| dice.u8(..)).collect();
            drop(bytes.splice(at..at, noise));
        }
        _ => {
            let other = &originals[dice.usize(0..originals.len())];
            let from = dice.usize(0..other.len());
            let to = (from + dice.usize(1..=STRETCH)).min(other.len());
            drop(bytes.splice(at..end, other[from..to].iter().copied()));
        }
    }
}

/// A number at an edge, of two or four bytes, in either order.
fn put_number(bytes: &mut [u8], dice: &mut Rng) {
    let number = EDGES[dice.usize(0..EDGES.len())];
    let four = if dice.bool() { number.to_be_bytes() } else { number.to_le_bytes() };
    let wanted = match dice.u32(0..3) {
        0 => &four[..2],
        1 => &four[2..],
        _ => &four[..],
    };
    let count = wanted.len().min(bytes.len());
    bytes[..count].copy_from_slice(&wanted[..count]);
}

fn mend(bytes: &mut [u8]) {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        mend_chunks(&mut bytes[8..]);
    } else if bytes.starts_with(b"RIFF") && bytes.len() >= 12 {
        let length = u32::try_from(bytes.len() - 8).unwrap_or(u32::MAX);
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
    }
}

/// Gives every chunk of a PNG the checksum of what is in it.
fn mend_chunks(mut rest: &mut [u8]) {
    while let Some(length) = rest.first_chunk().map(|length| u32::from_be_bytes(*length)) {
        let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(8);
        if end > rest.len().saturating_sub(4) {
            return;
        }
        let sum = crc32fast::hash(&rest[4..end]);
        rest[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        rest = &mut rest[end + 4..];
    }
}
