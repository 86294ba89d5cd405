//! The first directory of a TIFF: what it says, and whether it can be read here.
//!
//! Only the first directory is looked at, so that no chain of them can loop; every count is held
//! against the length of the file before it is believed.

use pixmill_contract::Rejection;

use crate::codec::{corrupt, truncated, unsupported};

/// Longest side of a tile that is longer than the picture's, in pixels: each tile is unpacked whole,
/// however little of it is seen.
const MAX_TILE: u32 = 1024;
/// Bytes of an entry.
const ENTRY: usize = 12;

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Light; or ink, if zero is white.
    Gray { zero_is_white: bool },
    /// Red, green, blue.
    Rgb,
    /// The number of a colour.
    Palette,
    /// Cyan, magenta, yellow, black.
    Ink,
}

/// How units are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Lzw,
    Deflate,
    PackBits,
}

/// What becomes of the sample behind the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpha {
    /// There is none, or it means something else.
    None,
    /// Colours are multiplied by it.
    Associated,
    /// Colours are independent of it.
    Unassociated,
}

/// The picture of the first directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) file: File<'a>,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of a sample: 1, 2, 4, 8 or 16.
    pub(super) bits: u32,
    /// Samples of a pixel, extra ones included.
    pub(super) samples: u32,
    pub(super) meaning: Meaning,
    pub(super) alpha: Alpha,
    pub(super) packing: Packing,
    /// Whether samples are differences to the pixel before.
    pub(super) differences: bool,
    /// Whether each sample has units of its own.
    pub(super) planar: bool,
    /// Width and height of a unit: a tile, or a strip as wide as the picture.
    pub(super) unit: (u32, u32),
    offsets: Entry,
    lengths: Entry,
    palette: Option<Entry>,
    profile: Option<Entry>,
    xmp: Option<Entry>,
}

/// An entry of the directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    at: usize,
}

/// The bytes and their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) little: bool,
}

/// The entries of the first directory.
struct Directory<'a> {
    file: File<'a>,
    start: usize,
    count: usize,
}

impl<'a> Page<'a> {
    /// Reads the first directory of a source that starts as a TIFF does.
    pub(super) fn read(source: &'a [u8]) -> Result<Self, Rejection> {
        let file = File { bytes: source, little: source.starts_with(b"II") };
        let directory = Directory::first(file)?;
        directory.refuse_raw()?;
        let (width, height) = (directory.needed(256, "width")?, directory.needed(257, "height")?);
        if width == 0 || height == 0 {
            return Err(corrupt(format!("a picture of {width}×{height} pixels")));
        }
        let samples = directory.number(277)?.unwrap_or(1);
        let bits = directory.depth(samples)?;
        let meaning = directory.meaning(samples, bits)?;
        let packing = match directory.number(259)?.unwrap_or(1) {
            1 => Packing::None,
            5 => Packing::Lzw,
            8 | 32946 => Packing::Deflate,
            32773 => Packing::PackBits,
            n => return Err(unsupported(format!("TIFF of {} is not read", compression(n)))),
        };
        let differences = match directory.number(317)?.unwrap_or(1) {
            1 => false,
            2 if bits >= 8 && matches!(packing, Packing::Lzw | Packing::Deflate) => true,
            2 if bits >= 8 => false,
            n => return Err(unsupported(format!("TIFF with predictor {n} is not read"))),
        };
        if directory.number(266)?.unwrap_or(1) == 2 {
            return Err(unsupported("TIFF whose bits are stored backwards is not read"));
        }
        let (unit, offsets, lengths) = directory.units(width, height)?;
        let palette = directory.find(320);
        if meaning == Meaning::Palette && palette.is_none_or(|p| p.count >> bits < 3) {
            return Err(corrupt("a palette that is not there"));
        }
        let page = Self {
            file,
            width,
            height,
            bits,
            samples,
            meaning,
            alpha: directory.alpha(samples, meaning)?,
            packing,
            differences,
            planar: samples > 1 && directory.number(284)?.unwrap_or(1) == 2,
            unit,
            offsets,
            lengths,
            palette,
            profile: directory.find(34675),
            xmp: directory.find(700),
        };
        page.check_units()?;
        Ok(page)
    }

    /// Samples that stand together in one unit.
    pub(super) fn samples_together(&self) -> u32 {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of a unit's row.
    pub(super) fn row_bytes(&self) -> u64 {
        let bits = u64::from(self.unit.0) * u64::from(self.samples_together() * self.bits);
        bits.div_ceil(8)
    }

    /// Units across and down.
    pub(super) fn grid(&self) -> (u32, u32) {
        (self.width.div_ceil(self.unit.0), self.height.div_ceil(self.unit.1))
    }

    /// The packed bytes of a unit.
    pub(super) fn packed(&self, unit: usize) -> Result<&'a [u8], Rejection> {
        let (offset, length) =
            (self.file.item(self.offsets, unit), self.file.item(self.lengths, unit));
        let (Some(offset), Some(length)) = (offset, length) else {
            return Err(truncated("the list of its pixels"));
        };
        let rest = self.file.bytes.get(offset as usize..).ok_or_else(|| truncated("the pixels"))?;
        rest.get(..length as usize).ok_or_else(|| truncated("the pixels"))
    }

    /// A colour of the palette: red, green and blue, of 16 bits.
    pub(super) fn colour(&self, number: u32) -> Option<[u32; 3]> {
        let palette = self.palette?;
        let sample =
            |channel: u32| self.file.item(palette, ((channel << self.bits) + number) as usize);
        Some([sample(0)?, sample(1)?, sample(2)?])
    }

    /// The colour profile.
    pub(super) fn profile(&self) -> Option<&'a [u8]> {
        self.profile.and_then(|entry| self.file.value(entry))
    }

    /// XMP.
    pub(super) fn xmp(&self) -> Option<&'a [u8]> {
        self.xmp.and_then(|entry| self.file.value(entry))
    }

    /// Refuses a page whose list of units is too short, or whose pixels are not all in the file.
    fn check_units(&self) -> Result<(), Rejection> {
        let (across, down) = self.grid();
        let planes = if self.planar { self.samples } else { 1 };
        let needed = u64::from(across) * u64::from(down) * u64::from(planes);
        let listed = u64::from(self.offsets.count.min(self.lengths.count));
        if listed < needed {
            return Err(corrupt(format!("{needed} strips or tiles, of which {listed} are listed")));
        }
        for unit in 0..usize::try_from(needed).map_err(|_| corrupt("too many strips"))? {
            self.packed(unit)?;
        }
        Ok(())
    }
}

/// What people call a compression that is not read.
fn compression(number: u32) -> String {
    let name = match number {
        2..=4 => "fax",
        6 | 7 => "JPEG",
        34661 => "JBIG",
        33003 | 33005 | 34712 => "JPEG 2000",
        34925 => "LZMA",
        50000 => "Zstandard",
        50001 | 50002 => "WebP or JPEG XL",
        _ => return format!("compression {number}"),
    };
    format!("{name} (compression {number})")
}

impl<'a> Directory<'a> {
    fn first(file: File<'a>) -> Result<Self, Rejection> {
        let cut = || truncated("the directory");
        let start = file.long(4).ok_or_else(cut)? as usize;
        let count = usize::from(file.short(start).ok_or_else(cut)?);
        let bytes = start.checked_add(2).and_then(|at| file.bytes.get(at..));
        match bytes {
            Some(bytes) if bytes.len() >= count * ENTRY => {
                Ok(Self { file, start: start + 2, count })
            }
            _ => Err(cut()),
        }
    }

    fn find(&self, tag: u16) -> Option<Entry> {
        let entries = (0..self.count).filter_map(|i| {
            let at = self.start + i * ENTRY;
            let (tag, kind) = (self.file.short(at)?, self.file.short(at + 2)?);
            Some(Entry { tag, kind, count: self.file.long(at + 4)?, at })
        });
        entries.into_iter().find(|entry| entry.tag == tag)
    }

    /// The first number of a tag; `None` if the tag is not there.
    fn number(&self, tag: u16) -> Result<Option<u32>, Rejection> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        let number = self.file.item(entry, 0);
        number.map(Some).ok_or_else(|| corrupt(format!("tag {tag} of no number")))
    }

    fn needed(&self, tag: u16, what: &str) -> Result<u32, Rejection> {
        self.number(tag)?.ok_or_else(|| corrupt(format!("a picture without {what}")))
    }

    /// Cameras' raw formats are TIFFs whose first picture is a preview, or raw itself.
    fn refuse_raw(&self) -> Result<(), Rejection> {
        let is_preview = self.number(254)?.unwrap_or(0) & 1 == 1 && self.find(330).is_some();
        if is_preview || self.find(50706).is_some() {
            return Err(unsupported("a camera's raw format is not read"));
        }
        Ok(())
    }

    /// Bits of a sample, the same for all.
    fn depth(&self, samples: u32) -> Result<u32, Rejection> {
        let bits = match self.find(258) {
            None => 1,
            Some(entry) => {
                let item = |i| self.file.item(entry, i);
                let all = (0..entry.count.min(samples).min(16) as usize).map(item);
                let first = item(0).ok_or_else(|| corrupt("samples of no bits"))?;
                if all.into_iter().any(|bits| bits != Some(first)) {
                    return Err(unsupported("TIFF with samples of different sizes is not read"));
                }
                first
            }
        };
        let is_unsigned = matches!(self.number(339)?.unwrap_or(1), 1 | 4);
        if !matches!(bits, 1 | 2 | 4 | 8 | 16) || !is_unsigned {
            let kind = if is_unsigned { "" } else { "signed or floating " };
            return Err(unsupported(format!("TIFF of {bits} {kind}bits a sample is not read")));
        }
        Ok(bits)
    }

    fn meaning(&self, samples: u32, bits: u32) -> Result<Meaning, Rejection> {
        let photometric = self.needed(262, "a colour space")?;
        let (meaning, least) = match photometric {
            0 | 1 => (Meaning::Gray { zero_is_white: photometric == 0 }, 1),
            2 if bits >= 8 => (Meaning::Rgb, 3),
            3 if bits <= 8 && samples == 1 => (Meaning::Palette, 1),
            5 if bits >= 8 && self.number(332)?.unwrap_or(1) == 1 => (Meaning::Ink, 4),
            n => {
                let reason = format!("TIFF of colour space {n} with {samples}×{bits} bits");
                return Err(unsupported(format!("{reason} is not read")));
            }
        };
        if samples < least || (bits < 8 && samples > 1) || samples > 16 {
            return Err(unsupported(format!("TIFF of {samples} samples a pixel is not read")));
        }
        Ok(meaning)
    }

    fn alpha(&self, samples: u32, meaning: Meaning) -> Result<Alpha, Rejection> {
        let colours = match meaning {
            Meaning::Gray { .. } | Meaning::Palette => 1,
            Meaning::Rgb => 3,
            // Ink under glass has no meaning here.
            Meaning::Ink => return Ok(Alpha::None),
        };
        if samples == colours {
            return Ok(Alpha::None);
        }
        Ok(match self.number(338)? {
            Some(1) => Alpha::Associated,
            Some(2) => Alpha::Unassociated,
            Some(_) | None => Alpha::None,
        })
    }

    /// The size of a unit, and the lists of where units are.
    fn units(&self, width: u32, height: u32) -> Result<((u32, u32), Entry, Entry), Rejection> {
        let missing = || corrupt("a picture without pixels");
        if let Some(offsets) = self.find(324) {
            let (across, down) = (self.needed(322, "tiles")?, self.needed(323, "tiles")?);
            // Multiples of 16 by the book; smaller ones would be a way to waste time.
            if across == 0 || down == 0 || across % 16 != 0 || down % 16 != 0 {
                return Err(corrupt(format!("tiles of {across}×{down} pixels")));
            }
            let most = |side: u32| side.max(MAX_TILE).saturating_add(15);
            if across > most(width) || down > most(height) {
                let reason =
                    format!("TIFF whose tiles of {across}×{down} pixels are larger than it");
                return Err(unsupported(format!("{reason} is not read")));
            }
            return Ok(((across, down), offsets, self.find(325).ok_or_else(missing)?));
        }
        let rows = self.number(278)?.unwrap_or(u32::MAX).min(height);
        if rows == 0 {
            return Err(corrupt("strips of no rows"));
        }
        let offsets = self.find(273).ok_or_else(missing)?;
        Ok(((width, rows), offsets, self.find(279).ok_or_else(missing)?))
    }
}

impl<'a> File<'a> {
    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// Where the values of an entry are, and the size of each; whole numbers and bytes only.
    fn place(&self, entry: Entry) -> Option<(usize, usize)> {
        let size = match entry.kind {
            1 | 2 | 7 => 1,
            3 => 2,
            4 => 4,
            _ => return None,
        };
        let is_inside = u64::from(entry.count) * size as u64 <= 4;
        let at = if is_inside { entry.at + 8 } else { self.long(entry.at + 8)? as usize };
        Some((at, size))
    }

    /// One of an entry's numbers.
    fn item(&self, entry: Entry, i: usize) -> Option<u32> {
        if i >= entry.count as usize {
            return None;
        }
        let (start, size) = self.place(entry)?;
        let at = start.checked_add(i.checked_mul(size)?)?;
        match size {
            1 => self.bytes.get(at).map(|byte| u32::from(*byte)),
            2 => self.short(at).map(u32::from),
            _ => self.long(at),
        }
    }

    /// The bytes of an entry.
    fn value(&self, entry: Entry) -> Option<&'a [u8]> {
        let (start, size) = self.place(entry)?;
        let end = start.checked_add((entry.count as usize).checked_mul(size)?)?;
        self.bytes.get(start..end)
    }
}
