//! Straight lines in a picture of edges, equal to `cv2.HoughLines` with rho 1 and theta 1°.
//!
//! Every edge pixel votes for the lines through it; a line is a local maximum with more votes than
//! asked for. The angle is the outer loop, so that one row of the accumulator is in work at a
//! time, and three are kept for the maximum. The angle grows by repeated addition in `f32`, as
//! `OpenCV`'s does: multiplied, 2–4 % of the lines would differ.

use pixmill_contract::operation::{Length, Lines};

use super::lanes::each_set;
use super::level::{self, Kernel};
use super::line::{self, Pen, Pixel, visible_part};
use super::trigonometry::{cosine_of_numpy, sine_of_numpy};
use super::{canny, luma};
use crate::shape::{Layout, Shape};

/// Steps of one degree.
const ANGLES: usize = 180;

/// One degree, as `OpenCV` holds it.
const STEP: f32 = (std::f64::consts::PI / 180.0) as f32;

/// How far a line of [`Length::Prototype`] is drawn from its foot point, in pixels.
const PROTOTYPE_REACH: f32 = 1000.0;

/// Adding it to a number leaves that, rounded half to even, in the low bits.
const ROUND: f32 = 12_582_912.0;

/// A line, as the distance and direction of its foot point, the point nearest to the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// Signed distance in pixels.
    pub(crate) rho: i32,
    /// Direction in degrees, 0–179.
    pub(crate) degrees: u8,
    /// Edge pixels on it.
    pub(crate) votes: u32,
}

/// Bytes of `scratch` that [`edges`] needs, and [`list`] after it: edges, luma and what Canny
/// needs; then the list of edges in place of the latter two.
pub(crate) fn scratch_bytes(shape: Shape) -> usize {
    2 * shape.width as usize * shape.height as usize + canny::scratch_bytes(shape)
}

/// Bytes that [`list`] needs for a picture: one entry for each pixel.
pub(crate) fn list_bytes(shape: Shape) -> usize {
    4 * shape.width as usize * shape.height as usize
}

/// Bytes that [`edges`] or [`find`] allocate.
pub(crate) fn row_bytes(shape: Shape) -> u64 {
    let rows = 3 * 4 * (2 * (u64::from(shape.width) + u64::from(shape.height)) + 3);
    canny::row_bytes(shape).max(rows + line::pen_bytes(shape))
}

/// Canny of a picture's luma, one byte a pixel, and what `scratch` has left for [`list`].
pub(crate) fn edges<'s>(
    shape: Shape,
    pixels: &[u8],
    lines: Lines,
    scratch: &'s mut [u8],
) -> (&'s mut [u8], &'s mut [u8]) {
    let plane = Shape { layout: Layout::Gray, ..shape };
    let (edges, rest) = scratch.split_at_mut(plane.bytes());
    let (gray, working) = rest.split_at_mut(plane.bytes());
    luma::plane(shape.layout, pixels, gray);
    canny::edges(plane, gray, (lines.low, lines.high), working, edges);
    (edges, rest)
}

/// Calls `found` with every line that has more than `votes` edge pixels, by angle and distance.
pub(crate) fn find(shape: Shape, list: List<'_>, votes: u32, mut found: impl FnMut(Line)) {
    // Distances from −(width + height) to width + height, between two zeros.
    let reach = (shape.width + shape.height) as i32;
    let row = vec![0_u32; 2 * reach as usize + 3];
    let [mut before, mut here, mut after] = [row.clone(), row.clone(), row];
    let mut angle = 0.0_f32;
    for n in 0..=ANGLES {
        after.fill(0);
        if n < ANGLES {
            let bias = reach + 1 - ROUND.to_bits() as i32;
            level::run(Vote { list: list.0, angle, bias, row: &mut after });
            angle += STEP;
        }
        if n > 0 {
            for r in 1..here.len() - 1 {
                let peak = here[r];
                if peak > votes
                    && peak > here[r - 1]
                    && peak >= here[r + 1]
                    && peak > before[r]
                    && peak >= after[r]
                {
                    let degrees = (n - 1) as u8;
                    found(Line { rho: r as i32 - 1 - reach, degrees, votes: peak });
                }
            }
        }
        std::mem::swap(&mut before, &mut here);
        std::mem::swap(&mut here, &mut after);
    }
}

/// Edge pixels that vote one after the other before it is the turn of their neighbours.
const LANES: usize = 8;

/// Edge pixels whose votes are computed at a time.
const BALLOTS: usize = 256;

/// Where edges are.
#[derive(Clone, Copy)]
pub(crate) struct List<'l>(&'l [[u8; 4]]);

/// Lists where the edges are, into `list`, which may be longer than that takes; `edges` has one byte
/// a pixel.
///
/// Those that vote one after the other are far apart: neighbours often vote for the same line, and
/// each would have to wait until the vote before it is counted.
pub(crate) fn list<'l>(shape: Shape, edges: &[u8], list: &'l mut [u8]) -> List<'l> {
    let list = list[..list_bytes(shape)].as_chunks_mut::<4>().0;
    let count = edges.iter().filter(|edge| **edge != 0).count();
    let part = count / LANES;
    // Those that are left over come last, one after the other; of a few edges all are.
    let (mut lane, mut place, mut listed) = (if part == 0 { LANES } else { 0 }, 0, 0);
    for (y, row) in edges.chunks_exact(shape.width as usize).enumerate() {
        each_set(row, |x| {
            let at = if lane < LANES { place * LANES + lane } else { listed };
            list[at] = ((y as u32) << 16 | x as u32).to_le_bytes();
            (listed, place) = (listed + 1, place + 1);
            if place == part {
                (lane, place) = (lane + 1, 0);
            }
        });
    }
    List(&list[..count])
}

/// Adds the votes of all edge pixels for one angle.
struct Vote<'v> {
    list: &'v [[u8; 4]],
    angle: f32,
    /// What is to be added to a rounded distance's bits to have the place in the row.
    bias: i32,
    row: &'v mut [u32],
}

impl Kernel for Vote<'_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let angle = f64::from(self.angle);
        let (cosine, sine) = (angle.cos() as f32, angle.sin() as f32);
        let place = |packed: [u8; 4]| {
            let packed = i32::from_le_bytes(packed);
            let (x, y) = ((packed & 0xffff) as f32, (packed >> 16 & 0xffff) as f32);
            let distance = x * cosine + y * sine;
            ((distance + ROUND).to_bits() as i32).wrapping_add(self.bias)
        };
        // First all places, which goes in whole vectors, and then all votes, which does not.
        let mut places = [0; BALLOTS];
        for list in self.list.chunks(BALLOTS) {
            let places = &mut places[..list.len()];
            for (at, packed) in places.iter_mut().zip(list) {
                *at = place(*packed);
            }
            for place in places {
                self.row[*place as usize] += 1;
            }
        }
    }
}

/// Draws a line.
pub(crate) fn draw(shape: Shape, line: Line, length: Length, pen: &mut Pen<'_>) {
    let (from, to) = ends(shape, line, length);
    pen.draw(from, to);
}

/// The ends of the part of a drawn line that is inside of the picture, as `cv2.clipLine` cuts it;
/// `None` if it passes by.
pub(crate) fn visible_ends(shape: Shape, line: Line, length: Length) -> Option<(Pixel, Pixel)> {
    let (from, to) = ends(shape, line, length);
    visible_part(shape, from, to)
}

/// Its direction in radians, as `OpenCV` gives it.
pub(crate) fn radians(line: Line) -> f32 {
    f32::from(line.degrees) * STEP
}

/// Where a line begins and ends, mostly outside of the picture.
fn ends(shape: Shape, line: Line, length: Length) -> (Pixel, Pixel) {
    let (cosine, sine) = (cosine_of_numpy(line.degrees), sine_of_numpy(line.degrees));
    let reach = match length {
        Length::Prototype => PROTOTYPE_REACH,
        // Longer than the diagonal, so that both ends are outside.
        Length::Full => (shape.width + shape.height) as f32,
    };
    let rho = line.rho as f32;
    let (x, y) = (cosine * rho, sine * rho);
    let (across, down) = (reach * -sine, reach * cosine);
    // Cut off towards zero, as the prototype's `int` does.
    let from = ((x + across) as i32, (y + down) as i32);
    let to = ((x - across) as i32, (y - down) as i32);
    (from, to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{at_every_level, pictures};

    /// The whole table of votes, and its maxima.
    fn reference(shape: Shape, edges: &[u8], votes: u32) -> Vec<Line> {
        let reach = (shape.width + shape.height) as i32;
        let mut table = vec![vec![0_u32; 2 * reach as usize + 3]; ANGLES + 2];
        let mut angle = 0.0_f32;
        for row in &mut table[1..=ANGLES] {
            let (cosine, sine) = (f64::from(angle).cos() as f32, f64::from(angle).sin() as f32);
            for (at, _) in edges.iter().enumerate().filter(|(_, edge)| **edge != 0) {
                let (x, y) = (at % shape.width as usize, at / shape.width as usize);
                let distance = (x as f32 * cosine + y as f32 * sine).round_ties_even();
                row[(distance as i32 + reach + 1) as usize] += 1;
            }
            angle += STEP;
        }
        let mut found = vec![];
        for n in 1..=ANGLES {
            for r in 1..table[n].len() - 1 {
                let peak = table[n][r];
                let [before, after] = [table[n - 1][r], table[n + 1][r]];
                let along = peak > table[n][r - 1] && peak >= table[n][r + 1];
                if peak > votes && along && peak > before && peak >= after {
                    let degrees = (n - 1) as u8;
                    found.push(Line { rho: r as i32 - 1 - reach, degrees, votes: peak });
                }
            }
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_its_reference(
            (shape, samples) in pictures(Just(Layout::Gray)),
            density: u8,
            votes in 0_u32..30,
        ) {
            let edges: Vec<u8> =
                samples.iter().map(|s| if *s < density { 255 } else { 0 }).collect();
            let expected = reference(shape, &edges, votes);
            at_every_level(|| {
                let (mut room, mut found) = (vec![7; list_bytes(shape)], vec![]);
                find(shape, list(shape, &edges, &mut room), votes, |line| found.push(line));
                assert_eq!(found, expected);
            });
        }
    }
}
