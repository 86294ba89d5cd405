//! What the header of a JPEG says to a decoder, if it is of the kind that is decoded here.

use super::huffman::{Class, Table};
use crate::codec::jpeg::header::{APP0, Colours, Segments};
use crate::codec::jpeg::planes::Sampling;

const SOF0: u8 = 0xc0;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DRI: u8 = 0xdd;

/// Everything that is needed to decode the only scan of a baseline JPEG of three components.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) sampling: Sampling,
    /// Whether they are luma and two differences of colour, and not red, green and blue.
    pub(super) is_luma: bool,
    /// Luma, blue, red.
    pub(super) components: [Component; 3],
    /// MCUs from one restart marker to the next; 0 for none.
    pub(super) restart: u32,
    /// What follows the header of the scan.
    pub(super) data: &'a [u8],
    pub(super) dc: [Option<Table>; 2],
    pub(super) ac: [Option<Table>; 2],
}

/// One of the three.
#[derive(Debug)]
pub(super) struct Component {
    id: u8,
    /// The index of its table for the first coefficients.
    pub(super) dc: usize,
    /// The index of its table for the others.
    pub(super) ac: usize,
    /// What its coefficients are multiplied by, row by row.
    pub(super) steps: [i16; 64],
}

/// Where the coefficients of a block belong, in the order in which they are stored.
#[rustfmt::skip]
pub(in crate::codec::jpeg) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Tables as they are defined on the way, each replacing the one before.
#[derive(Default)]
struct Tables {
    dc: [Option<Table>; 2],
    ac: [Option<Table>; 2],
    steps: [Option<[i16; 64]>; 4],
}

/// A frame header of the right kind.
#[derive(Debug, Clone, Copy)]
struct Frame {
    width: u32,
    height: u32,
    sampling: Sampling,
    /// Each component's name and the number of its steps.
    components: [(u8, usize); 3],
}

impl<'a> Setup<'a> {
    /// Reads a header; `None` for whatever is unusual in it.
    pub(super) fn read(source: &'a [u8]) -> Option<Self> {
        source.starts_with(&[0xff, 0xd8]).then_some(())?;
        let mut tables = Tables::default();
        let (mut frame, mut restart, mut colours) = (None, 0, Colours::default());
        let mut segments = Segments::of(source);
        while let Some(segment) = segments.next() {
            let segment = segment.ok()?;
            colours.note(&segment);
            match segment.marker {
                DHT => tables.huffman(segment.payload)?,
                DQT => tables.quantization(segment.payload)?,
                DRI => restart = u32::from(u16::from_be_bytes(segment.payload.try_into().ok()?)),
                SOF0 if frame.is_none() => frame = Some(Frame::read(segment.payload)?),
                SOS => {
                    let scan = (segment.payload, segments.rest());
                    return tables.setup(frame?, &colours, restart, scan);
                }
                // libjpeg warns of a major version that it does not know.
                APP0 if matches!(*segment.payload, [b'J', b'F', b'I', b'F', 0, major, ..] if major != 1) =>
                {
                    return None;
                }
                // What carries no part of the picture: application segments and comments.
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
        None
    }
}

impl Tables {
    fn huffman(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((named, rest)) = payload.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let symbols = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(symbols)?;
            let (class, tables) = match named >> 4 {
                0 => (Class::Dc, &mut self.dc),
                1 => (Class::Ac, &mut self.ac),
                _ => return None,
            };
            *tables.get_mut(usize::from(named & 15))? = Some(Table::new(class, *counts, symbols)?);
            payload = rest;
        }
        Some(())
    }

    fn quantization(&mut self, mut payload: &[u8]) -> Option<()> {
        while let Some((named, rest)) = payload.split_first() {
            // The upper half is not 0 for steps of 16 bits.
            let steps = self.steps.get_mut(usize::from(*named))?;
            let (stored, rest) = rest.split_first_chunk::<64>()?;
            let mut in_rows = [0; 64];
            for (step, place) in stored.iter().zip(ZIGZAG) {
                in_rows[usize::from(place)] = i16::from(*step);
            }
            *steps = Some(in_rows);
            payload = rest;
        }
        Some(())
    }

    /// Puts together what the header of the only scan asks for.
    fn setup<'a>(
        self,
        frame: Frame,
        colours: &Colours,
        restart: u32,
        (scan, data): (&[u8], &'a [u8]),
    ) -> Option<Setup<'a>> {
        let [3, a, at, b, bt, c, ct, 0, 63, 0] = *scan else { return None };
        let mut named = [(a, at), (b, bt), (c, ct)].into_iter();
        let components = frame.components.map(|(id, steps)| {
            let (_, tables) = named.next().filter(|(scanned, _)| *scanned == id)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            let there = self.dc.get(dc)?.is_some() && self.ac.get(ac)?.is_some();
            let steps = (*self.steps.get(steps)?)?;
            there.then_some(Component { id, dc, ac, steps })
        });
        let [Some(luma), Some(blue), Some(red)] = components else { return None };
        let names_differ = luma.id != blue.id && blue.id != red.id && red.id != luma.id;
        let is_luma = colours.are_apart([luma.id, blue.id, red.id] == [1, 2, 3]);
        let Self { dc, ac, .. } = self;
        let Frame { width, height, sampling, .. } = frame;
        let components = [luma, blue, red];
        let setup = Setup { width, height, sampling, is_luma, components, restart, data, dc, ac };
        names_differ.then_some(setup)
    }
}

impl Frame {
    fn read(payload: &[u8]) -> Option<Self> {
        let [8, h1, h0, w1, w0, 3, a, af, at, b, 0x11, bt, c, 0x11, ct] = *payload else {
            return None;
        };
        let (across, down) = (u32::from(af >> 4), u32::from(af & 15));
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        let usual = (1..=2).contains(&across) && (1..=2).contains(&down) && width > 0 && height > 0;
        usual.then_some(Self {
            width: u32::from(width),
            height: u32::from(height),
            sampling: Sampling { across, down },
            components: [(a, usize::from(at)), (b, usize::from(bt)), (c, usize::from(ct))],
        })
    }
}
