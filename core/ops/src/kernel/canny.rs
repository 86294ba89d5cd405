//! Canny's edges, equal to `cv2.Canny` with aperture 3 and the L1 norm.
//!
//! Sobel gradients with repeated borders; of several channels the one with the largest gradient
//! counts, pixel by pixel, and of equal ones the first in `OpenCV`'s order (blue, green, red).
//! A pixel that is a maximum across its edge is an edge if its gradient is above `high`, or above
//! `low` and connected to one that is, over eight neighbours.

use crate::shape::{Layout, Shape};

/// tan 22.5° in 15 fractional bits; that of 67.5° is two more.
const TAN: i32 = 13_573;

/// Connected to nothing so far, but strong enough to continue an edge.
const WEAK: u8 = 0;
/// No edge.
const NONE: u8 = 1;
/// An edge.
const EDGE: u8 = 2;

/// Bytes of `scratch` that [`edges`] needs.
pub(crate) fn scratch_bytes(shape: Shape) -> usize {
    map_bytes(shape) + 4 * shape.width as usize * shape.height as usize
}

/// Bytes that [`edges`] allocates: a few rows of numbers.
pub(crate) fn row_bytes(shape: Shape) -> u64 {
    (u64::from(shape.width) + 2) * (3 * 3 + 2 * 7)
}

fn map_bytes(shape: Shape) -> usize {
    (shape.width as usize + 2) * (shape.height as usize + 2)
}

/// Writes 255 where `pixels` have an edge and 0 elsewhere, one byte a pixel. Alpha is ignored.
pub(crate) fn edges(
    shape: Shape,
    pixels: &[u8],
    (low, high): (u32, u32),
    scratch: &mut [u8],
    edges: &mut [u8],
) {
    let (map, rest) = scratch.split_at_mut(map_bytes(shape));
    map.fill(NONE);
    let mut stack = Stack { items: rest.as_chunks_mut::<4>().0, length: 0 };
    mark(shape, pixels, (low as i32, high as i32), map, &mut stack);
    follow(shape.width as usize + 2, map, &mut stack);
    let rows = map.chunks_exact(shape.width as usize + 2).skip(1);
    for (row, out) in rows.zip(edges.chunks_exact_mut(shape.width as usize)) {
        for (mark, out) in row[1..].iter().zip(out) {
            *out = if *mark == EDGE { 255 } else { 0 };
        }
    }
}

/// Places in the map whose neighbours have not been looked at; each place comes in once.
struct Stack<'s> {
    items: &'s mut [[u8; 4]],
    length: usize,
}

impl Stack<'_> {
    fn push(&mut self, at: usize) {
        self.items[self.length] = (at as u32).to_le_bytes();
        self.length += 1;
    }

    fn pop(&mut self) -> Option<usize> {
        self.length = self.length.checked_sub(1)?;
        Some(u32::from_le_bytes(self.items[self.length]) as usize)
    }
}

/// Gradients of a row: across, down, and the sum of their magnitudes between two zeros.
#[derive(Clone)]
struct Gradients {
    across: Vec<i16>,
    down: Vec<i16>,
    magnitude: Vec<i16>,
}

/// Marks every pixel that is a maximum across its edge, and puts those above `high` on the stack.
fn mark(
    shape: Shape,
    pixels: &[u8],
    (low, high): (i32, i32),
    map: &mut [u8],
    stack: &mut Stack<'_>,
) {
    let (width, height) = (shape.width as usize, shape.height as usize);
    let none =
        Gradients { across: vec![0; width], down: vec![0; width], magnitude: vec![0; width + 2] };
    // Rows y − 1, y and y + 1; outside of the picture there is no gradient.
    let mut rows = [none.clone(), none.clone(), none.clone()];
    let mut planes = [vec![0; width + 2], vec![0; width + 2], vec![0; width + 2]];
    gradients(shape, pixels, 0, &mut planes, &mut rows[2]);
    for y in 0..height {
        rows.rotate_left(1);
        if y + 1 < height {
            gradients(shape, pixels, y + 1, &mut planes, &mut rows[2]);
        } else {
            rows[2].clone_from(&none);
        }
        let [above, here, below] = &rows;
        for x in 0..width {
            let magnitude = i32::from(here.magnitude[x + 1]);
            if magnitude > low && is_maximum(x, above, here, below) {
                let at = (y + 1) * (width + 2) + x + 1;
                map[at] = WEAK;
                if magnitude > high {
                    map[at] = EDGE;
                    stack.push(at);
                }
            }
        }
    }
}

/// Whether the gradient at `x` is larger than its two neighbours in its own direction.
fn is_maximum(x: usize, above: &Gradients, here: &Gradients, below: &Gradients) -> bool {
    let (across, down) = (i32::from(here.across[x]), i32::from(here.down[x]));
    let magnitude = here.magnitude[x + 1];
    let (horizontal, vertical) = (across.abs(), down.abs() << 15);
    let gentle = horizontal * TAN;
    if vertical < gentle {
        return magnitude > here.magnitude[x] && magnitude >= here.magnitude[x + 2];
    }
    if vertical > gentle + (horizontal << 16) {
        return magnitude > above.magnitude[x + 1] && magnitude >= below.magnitude[x + 1];
    }
    // Diagonal: down to the right where the signs agree.
    let (before, after) = if (across ^ down) < 0 { (x + 2, x) } else { (x, x + 2) };
    magnitude > above.magnitude[before] && magnitude > below.magnitude[after]
}

/// Computes row `y`, of each pixel's strongest channel.
fn gradients(
    shape: Shape,
    pixels: &[u8],
    y: usize,
    planes: &mut [Vec<u8>; 3],
    into: &mut Gradients,
) {
    let channels = shape.layout.channels();
    let order: &[usize] = match shape.layout {
        Layout::Gray => &[0],
        Layout::Rgb | Layout::Rgba => &[2, 1, 0],
    };
    let last = shape.height as usize - 1;
    let rows = [y.saturating_sub(1), y, (y + 1).min(last)];
    for (nth, channel) in order.iter().enumerate() {
        for (plane, row) in planes.iter_mut().zip(rows) {
            let row = &pixels[row * shape.row()..][..shape.row()];
            for (to, from) in plane[1..].iter_mut().zip(row.iter().skip(*channel).step_by(channels))
            {
                *to = *from;
            }
            let end = plane.len() - 1;
            plane[0] = plane[1];
            plane[end] = plane[end - 1];
        }
        if nth == 0 {
            into.magnitude.fill(0);
            // Nothing is smaller than no gradient, so the first channel is taken where it has one.
            into.across.fill(0);
            into.down.fill(0);
        }
        strongest(planes, into);
    }
}

/// Takes over the gradients of one channel where they are larger than those so far.
fn strongest([above, here, below]: &[Vec<u8>; 3], into: &mut Gradients) {
    let width = into.across.len();
    let (across, down) = (&mut into.across[..width], &mut into.down[..width]);
    let best = &mut into.magnitude[1..=width];
    let [above, here, below] = [above, here, below].map(|row| &row[..width + 2]);
    for x in 0..width {
        let [nw, n, ne] = [above[x], above[x + 1], above[x + 2]].map(i16::from);
        let [w, e] = [here[x], here[x + 2]].map(i16::from);
        let [sw, s, se] = [below[x], below[x + 1], below[x + 2]].map(i16::from);
        let dx = (ne - nw) + 2 * (e - w) + (se - sw);
        let dy = (sw - nw) + 2 * (s - n) + (se - ne);
        let magnitude = dx.abs() + dy.abs();
        let better = magnitude > best[x];
        across[x] = if better { dx } else { across[x] };
        down[x] = if better { dy } else { down[x] };
        best[x] = if better { magnitude } else { best[x] };
    }
}

/// Turns what is weak and connected to an edge into edges.
fn follow(stride: usize, map: &mut [u8], stack: &mut Stack<'_>) {
    while let Some(at) = stack.pop() {
        for row in [at - stride, at, at + stride] {
            for neighbour in [row - 1, row, row + 1] {
                if map[neighbour] == WEAK {
                    map[neighbour] = EDGE;
                    stack.push(neighbour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::testing::{layouts, pictures};

    /// Everything by its definition: angles as angles, connection by repetition.
    fn reference(shape: Shape, pixels: &[u8], low: i32, high: i32) -> Vec<u8> {
        let (width, height) = (shape.width as i32, shape.height as i32);
        let channels = shape.layout.channels();
        let colours: &[usize] = if channels == 1 { &[0] } else { &[2, 1, 0] };
        let sample = |x: i32, y: i32, channel: usize| {
            let (x, y) = (x.clamp(0, width - 1), y.clamp(0, height - 1));
            i32::from(pixels[(y * width + x) as usize * channels + channel])
        };
        let gradient = |x: i32, y: i32| {
            if x < 0 || y < 0 || x >= width || y >= height {
                return (0, 0, 0);
            }
            let mut best = (0, 0, 0);
            for &c in colours {
                let s = |i: i32, j: i32| sample(x + i, y + j, c);
                let dx = s(1, -1) + 2 * s(1, 0) + s(1, 1) - s(-1, -1) - 2 * s(-1, 0) - s(-1, 1);
                let dy = s(-1, 1) + 2 * s(0, 1) + s(1, 1) - s(-1, -1) - 2 * s(0, -1) - s(1, -1);
                if dx.abs() + dy.abs() > best.2 {
                    best = (dx, dy, dx.abs() + dy.abs());
                }
            }
            best
        };
        let is_peak = |x: i32, y: i32| {
            let (dx, dy, magnitude) = gradient(x, y);
            let slope = f64::from(dy.abs()) / f64::from(dx.abs());
            let (before, after, strictly) = if slope < f64::from(TAN) / 32_768.0 {
                ((-1, 0), (1, 0), false)
            } else if slope > f64::from(TAN) / 32_768.0 + 2.0 {
                ((0, -1), (0, 1), false)
            } else if (dx < 0) == (dy < 0) {
                ((-1, -1), (1, 1), true)
            } else {
                ((1, -1), (-1, 1), true)
            };
            let other = |(i, j): (i32, i32)| gradient(x + i, y + j).2;
            magnitude > other(before)
                && (magnitude > other(after) || !strictly && magnitude == other(after))
        };
        let all = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let peaks: Vec<_> = all().map(|(x, y)| is_peak(x, y)).collect();
        let at = |x: i32, y: i32| (y * width + x) as usize;
        let mut edges: Vec<_> =
            all().map(|(x, y)| peaks[at(x, y)] && gradient(x, y).2 > high).collect();
        loop {
            let mut changed = false;
            for (x, y) in all() {
                let near =
                    all().any(|(i, j)| (i - x).abs() <= 1 && (j - y).abs() <= 1 && edges[at(i, j)]);
                if !edges[at(x, y)] && peaks[at(x, y)] && gradient(x, y).2 > low && near {
                    edges[at(x, y)] = true;
                    changed = true;
                }
            }
            if !changed {
                return edges.into_iter().map(|edge| if edge { 255 } else { 0 }).collect();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn equals_its_reference(
            (shape, pixels) in pictures(layouts()),
            thresholds in prop::array::uniform2(0_u32..1200),
        ) {
            let shape = Shape { width: shape.width.min(13), height: shape.height.min(11), ..shape };
            let pixels = &pixels[..shape.bytes().min(pixels.len())];
            prop_assume!(pixels.len() == shape.bytes());
            let (low, high) = (thresholds[0].min(thresholds[1]), thresholds[0].max(thresholds[1]));
            let mut scratch = vec![9; scratch_bytes(shape)];
            let mut found = vec![7; shape.pixels() as usize];
            edges(shape, pixels, (low, high), &mut scratch, &mut found);
            prop_assert_eq!(found, reference(shape, pixels, low as i32, high as i32));
        }
    }
}
