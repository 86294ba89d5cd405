//! A strip or a tile: unpacked, its differences added up, its samples picked out.

use flate2::{Decompress, FlushDecompress, Status};
use pixmill_contract::{RejectCode, Rejection};
use weezl::{BitOrder, LzwStatus, decode::Decoder};

use super::directory::{Meaning, Packing, Page};
use crate::codec::{corrupt, truncated};

/// The bytes of one unit, used for all of them.
pub(super) struct Unit {
    bytes: Vec<u8>,
    row: usize,
    bits: u32,
    little: bool,
    /// Whether samples of few bits are numbers of colours and not levels.
    numbers: bool,
}

impl Unit {
    pub(super) fn new(page: &Page<'_>) -> Result<Self, Rejection> {
        let too_large =
            || Rejection::new(RejectCode::OverMemory, "a strip or tile that is larger than memory");
        let row = usize::try_from(page.row_bytes()).map_err(|_| too_large())?;
        let bytes = row.checked_mul(page.unit.1 as usize).ok_or_else(too_large)?;
        Ok(Self {
            bytes: vec![0; bytes],
            row,
            bits: page.bits,
            little: page.file.little,
            numbers: page.meaning == Meaning::Palette,
        })
    }

    /// Unpacks a unit of the given row of units. All of it must be there; the last strip ends with
    /// the picture.
    pub(super) fn fill(&mut self, page: &Page<'_>, number: u32, row: u32) -> Result<(), Rejection> {
        let packed = page.packed(number as usize)?;
        let is_strip = page.unit.0 == page.width;
        let below = page.height - row * page.unit.1;
        let rows = if is_strip { page.unit.1.min(below) } else { page.unit.1 } as usize;
        let bytes = &mut self.bytes[..rows * self.row];
        match page.packing {
            Packing::None => {
                let all = packed.get(..bytes.len()).ok_or_else(|| truncated("the pixels"))?;
                bytes.copy_from_slice(all);
            }
            Packing::Lzw => unpack_lzw(packed, bytes)?,
            Packing::Deflate => inflate(packed, bytes)?,
            Packing::PackBits => unpack_bits(packed, bytes)?,
        }
        if page.differences {
            let samples = page.samples_together() as usize;
            for row in bytes.chunks_exact_mut(self.row) {
                add_up(row, samples, page.bits, page.file.little);
            }
        }
        Ok(())
    }

    /// A sample of a row as a byte: levels spread over its range, numbers as they are.
    pub(super) fn sample(&self, y: usize, i: usize) -> u8 {
        let row = &self.bytes[y * self.row..(y + 1) * self.row];
        match self.bits {
            8 => row[i],
            16 => row[2 * i + usize::from(self.little)],
            bits => {
                let per_byte = 8 / bits as usize;
                let shift = 8 - bits as usize * (i % per_byte + 1);
                let largest = (1_u8 << bits) - 1;
                let value = row[i / per_byte] >> shift & largest;
                if self.numbers { value } else { value * (255 / largest) }
            }
        }
    }
}

/// Adds each sample to that of the pixel before.
fn add_up(row: &mut [u8], samples: usize, bits: u32, little: bool) {
    if bits == 8 {
        for i in samples..row.len() {
            row[i] = row[i].wrapping_add(row[i - samples]);
        }
        return;
    }
    let from = |bytes| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    let row = row.as_chunks_mut::<2>().0;
    for i in samples..row.len() {
        let sum = from(row[i]).wrapping_add(from(row[i - samples]));
        row[i] = if little { sum.to_le_bytes() } else { sum.to_be_bytes() };
    }
}

fn unpack_lzw(mut packed: &[u8], bytes: &mut [u8]) -> Result<(), Rejection> {
    let mut decoder = Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let mut filled = 0;
    while filled < bytes.len() {
        let step = decoder.decode_bytes(packed, &mut bytes[filled..]);
        packed = &packed[step.consumed_in..];
        filled += step.consumed_out;
        match step.status {
            Ok(LzwStatus::NoProgress | LzwStatus::Done) if filled < bytes.len() => {
                return Err(truncated("the pixels"));
            }
            // What follows the last byte is nobody's business.
            Err(_) if filled < bytes.len() => {
                return Err(corrupt("a code that does not exist"));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn inflate(packed: &[u8], bytes: &mut [u8]) -> Result<(), Rejection> {
    let mut inflater = Decompress::new(true);
    let status = inflater.decompress(packed, bytes, FlushDecompress::Finish);
    let filled = usize::try_from(inflater.total_out()).unwrap_or(0);
    match status {
        _ if filled == bytes.len() => Ok(()),
        Ok(Status::Ok | Status::BufError | Status::StreamEnd) => Err(truncated("the pixels")),
        Err(error) => Err(corrupt(error.to_string())),
    }
}

fn unpack_bits(mut packed: &[u8], mut bytes: &mut [u8]) -> Result<(), Rejection> {
    while !bytes.is_empty() {
        let (head, rest) = packed.split_first().ok_or_else(|| truncated("the pixels"))?;
        let head = head.cast_signed();
        let literal = head >= 0;
        let count = match head {
            -128 => {
                packed = rest;
                continue;
            }
            _ if literal => usize::from(head.unsigned_abs()) + 1,
            _ => 1 + usize::from(head.unsigned_abs()),
        };
        let stored = if literal { count } else { 1 };
        let (from, rest) = rest.split_at_checked(stored).ok_or_else(|| truncated("the pixels"))?;
        packed = rest;
        let count = count.min(bytes.len());
        let (into, behind) = std::mem::take(&mut bytes).split_at_mut(count);
        bytes = behind;
        if literal { into.copy_from_slice(&from[..count]) } else { into.fill(from[0]) }
    }
    Ok(())
}
