//! Makes files of the formats that are read and not written, byte by byte.

/// A GIF of numbers of colours, packed by codes that never grow: a clear code every few pixels.
pub(crate) struct Gif {
    /// The canvas.
    pub(crate) canvas: (u16, u16),
    /// Left, top, width and height of the frame.
    pub(crate) frame: (u16, u16, u16, u16),
    /// At most sixteen colours.
    pub(crate) palette: Vec<[u8; 3]>,
    pub(crate) transparent: Option<u8>,
    pub(crate) interlaced: bool,
    /// In the order in which they are stored.
    pub(crate) numbers: Vec<u8>,
}

impl Gif {
    pub(crate) fn file(&self) -> Vec<u8> {
        let (left, top, width, height) = self.frame;
        let mut file = b"GIF89a".to_vec();
        for side in [self.canvas.0, self.canvas.1] {
            file.extend(side.to_le_bytes());
        }
        file.extend([0x80 | 3, 0, 0]);
        let mut palette = self.palette.clone();
        palette.resize(16, [0; 3]);
        file.extend(palette.as_flattened());
        if let Some(number) = self.transparent {
            file.extend([0x21, 0xf9, 4, 1, 0, 0, number, 0]);
        }
        file.push(0x2c);
        for number in [left, top, width, height] {
            file.extend(number.to_le_bytes());
        }
        file.extend([if self.interlaced { 0x40 } else { 0 }, 4]);
        for block in packed(&self.numbers).chunks(255) {
            file.push(u8::try_from(block.len()).unwrap());
            file.extend(block);
        }
        file.extend([0, 0x3b]);
        file
    }
}

/// Codes of five bits: 16 clears, 17 ends; fourteen pixels between clears keep them that short.
fn packed(numbers: &[u8]) -> Vec<u8> {
    let clears = |chunk: &[u8]| [16].into_iter().chain(chunk.to_vec()).collect::<Vec<_>>();
    let codes = numbers.chunks(14).flat_map(clears).chain([17]);
    let (mut bytes, mut bits, mut count) = (vec![], 0_u32, 0);
    for code in codes {
        bits |= u32::from(code) << count;
        count += 5;
        while count >= 8 {
            bytes.push(u8::try_from(bits & 255).unwrap());
            bits >>= 8;
            count -= 8;
        }
    }
    bytes.push(u8::try_from(bits & 255).unwrap());
    bytes
}

/// A small GIF whose frame is smaller than its canvas, with a transparent colour.
pub(crate) fn gif() -> Vec<u8> {
    let numbers = (0..60).map(|i| i % 5 * 7 % 5).collect();
    let palette = vec![[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 8, 7], [0, 0, 0]];
    let (canvas, frame) = ((13, 9), (2, 1, 10, 6));
    Gif { canvas, frame, palette, transparent: Some(4), interlaced: false, numbers }.file()
}

/// A BMP of 24 bits, from the bottom up.
pub(crate) fn bmp(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let mut file = bmp_head(width, height, 24, 0, 0, row * height);
    for y in (0..height).rev() {
        let start = file.len();
        for pixel in pixels[y * width * 3..(y + 1) * width * 3].chunks_exact(3) {
            file.extend([pixel[2], pixel[1], pixel[0]]);
        }
        file.resize(start + row, 0);
    }
    file
}

/// The headers of a BMP whose palette has `colours` entries.
pub(crate) fn bmp_head(
    width: usize,
    height: usize,
    bits: u16,
    compression: u32,
    colours: usize,
    pixel_bytes: usize,
) -> Vec<u8> {
    let long = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let start = 54 + 4 * colours;
    let mut file = b"BM".to_vec();
    file.extend([long(start + pixel_bytes), long(0), long(start), long(40)].concat());
    file.extend([long(width), long(height)].concat());
    file.extend([1, 0]);
    file.extend(bits.to_le_bytes());
    file.extend(compression.to_le_bytes());
    file.extend([long(pixel_bytes), long(0), long(0), long(colours), long(0)].concat());
    file
}

/// A TIFF of one page, little-endian.
#[derive(Clone)]
pub(crate) struct Tiff {
    /// Tag, type (3 or 4) and numbers; those of the pixels' places are added.
    pub(crate) tags: Vec<(u16, u16, Vec<u32>)>,
    /// The packed bytes of each strip.
    pub(crate) strips: Vec<Vec<u8>>,
}

impl Tiff {
    /// Bits of 8, so many samples a pixel, everything in one strip.
    pub(crate) fn new(width: u32, height: u32, samples: u32, pixels: &[u8]) -> Self {
        let colours = match samples {
            1 | 2 => 1,
            _ => 2,
        };
        let tags = vec![
            (256, 4, vec![width]),
            (257, 4, vec![height]),
            (258, 3, vec![8; samples as usize]),
            (259, 3, vec![1]),
            (262, 3, vec![colours]),
            (277, 3, vec![samples]),
            (278, 4, vec![height]),
        ];
        Self { tags, strips: vec![pixels.to_vec()] }
    }

    pub(crate) fn with(mut self, tag: u16, kind: u16, numbers: &[u32]) -> Self {
        self.tags.retain(|(known, _, _)| *known != tag);
        self.tags.push((tag, kind, numbers.to_vec()));
        self
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = b"II*\0\0\0\0\0".to_vec();
        let (mut offsets, mut lengths) = (vec![], vec![]);
        for strip in &self.strips {
            offsets.push(u32::try_from(file.len()).unwrap());
            lengths.push(u32::try_from(strip.len()).unwrap());
            file.extend(strip);
        }
        let mut tags = self.tags.clone();
        tags.push((273, 4, offsets));
        tags.push((279, 4, lengths));
        tags.sort_by_key(|(tag, _, _)| *tag);
        let mut entries = vec![];
        for (tag, kind, numbers) in &tags {
            let bytes: Vec<u8> = match kind {
                3 => {
                    numbers.iter().flat_map(|n| u16::try_from(*n).unwrap().to_le_bytes()).collect()
                }
                _ => numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
            };
            let mut place = bytes.clone();
            place.resize(4, 0);
            if bytes.len() > 4 {
                place = u32::try_from(file.len()).unwrap().to_le_bytes().to_vec();
                file.extend(&bytes);
            }
            let count = u32::try_from(numbers.len()).unwrap();
            entries.extend(
                [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &place]
                    .concat(),
            );
        }
        let directory = u32::try_from(file.len()).unwrap();
        file[4..8].copy_from_slice(&directory.to_le_bytes());
        file.extend(u16::try_from(tags.len()).unwrap().to_le_bytes());
        file.extend(entries);
        file.extend([0; 4]);
        file
    }
}
