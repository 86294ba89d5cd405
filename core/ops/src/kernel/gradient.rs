//! Sobel's gradients, of each pixel's strongest channel, a row at a time. Called by Canny.

use super::lanes::{at, at_mut};
use crate::shape::{Layout, Shape};

/// Pixels that are worked on at a time.
pub(super) const N: usize = 32;

/// Bytes that gradients of a picture need.
pub(super) fn row_bytes(shape: Shape) -> u64 {
    (u64::from(shape.width) + 3 * N as u64) * (3 * 3 + 3 * 6)
}

/// Gradients of a row, which has room for whole blocks of [`N`].
#[derive(Debug, Clone)]
pub(super) struct Gradients {
    pub(super) across: Vec<i16>,
    pub(super) down: Vec<i16>,
    /// The sum of both magnitudes, one place further than the other two, between zeros.
    pub(super) magnitude: Vec<i16>,
}

impl Gradients {
    fn new(width: usize) -> Self {
        let row = vec![0; width.next_multiple_of(N)];
        Self { magnitude: vec![0; row.len() + N], across: row.clone(), down: row }
    }
}

/// Three rows of gradients around the one in work, and the samples that they are made of.
#[derive(Debug)]
pub(super) struct Rows {
    shape: Shape,
    /// Of each channel, in the order in which equal gradients are preferred, three rows with their
    /// borders repeated.
    samples: [[Vec<u8>; 3]; 3],
    gradients: [Gradients; 3],
}

impl Rows {
    /// Before the first row; what is outside of the picture has no gradient.
    #[inline(always)]
    pub(super) fn new(shape: Shape, pixels: &[u8]) -> Self {
        let width = shape.width as usize;
        let plane = || vec![0; width.next_multiple_of(N) + N];
        let gradients = std::array::from_fn(|_| Gradients::new(width));
        let samples = std::array::from_fn(|_| std::array::from_fn(|_| plane()));
        let mut rows = Self { shape, samples, gradients };
        // The row above the first repeats it.
        rows.take(pixels, 0);
        rows.take(pixels, 0);
        rows.compute(pixels, 0);
        rows
    }

    /// Goes on to row `y`; returns those above, here and below.
    #[inline(always)]
    pub(super) fn advance(&mut self, pixels: &[u8], y: usize) -> &[Gradients; 3] {
        if y + 1 < self.shape.height as usize {
            self.compute(pixels, y + 1);
        } else {
            self.gradients.rotate_left(1);
            self.gradients[2].magnitude.fill(0);
        }
        &self.gradients
    }

    /// Computes the gradients of row `y`, the one after the last.
    #[inline(always)]
    fn compute(&mut self, pixels: &[u8], y: usize) {
        self.take(pixels, (y + 1).min(self.shape.height as usize - 1));
        self.gradients.rotate_left(1);
        let width = self.shape.width as usize;
        let made = &mut self.gradients[2];
        for start in (0..width).step_by(N) {
            let mut best = sobel(&self.samples[0], start);
            if self.shape.layout != Layout::Gray {
                prefer(&mut best, &sobel(&self.samples[1], start));
                prefer(&mut best, &sobel(&self.samples[2], start));
            }
            let [across, down, magnitude] = best;
            *at_mut(&mut made.across, start) = across;
            *at_mut(&mut made.down, start) = down;
            *at_mut(&mut made.magnitude, start + 1) = magnitude;
        }
        // The last block may reach beyond the row.
        made.magnitude[width + 1..].fill(0);
    }

    /// Takes in the samples of row `y` as the lowest of three.
    #[inline(always)]
    fn take(&mut self, pixels: &[u8], y: usize) {
        let row = &pixels[y * self.shape.row()..][..self.shape.row()];
        self.samples.iter_mut().for_each(|channel| channel.rotate_left(1));
        let width = self.shape.width as usize;
        let [first, second, third] = self.samples.each_mut().map(|[.., row]| &mut row[1..=width]);
        match self.shape.layout {
            Layout::Gray => first.copy_from_slice(row),
            // OpenCV's order is blue, green, red.
            Layout::Rgb => apart::<3, { 3 * N }>(row, third, second, first),
            Layout::Rgba => apart::<4, { 4 * N }>(row, third, second, first),
        }
        for row in self.samples.iter_mut().map(|[.., row]| row) {
            row[0] = row[1];
            row[width + 1] = row[width];
        }
    }
}

/// Parts pixels of `C` channels, in blocks of `B` bytes, into their first three.
#[inline(always)]
fn apart<const C: usize, const B: usize>(
    pixels: &[u8],
    red: &mut [u8],
    green: &mut [u8],
    blue: &mut [u8],
) {
    let whole = red.len() / N * N;
    for start in (0..whole).step_by(N) {
        let block: &[u8; B] = at(pixels, C * start);
        let red: &mut [u8; N] = at_mut(red, start);
        let green: &mut [u8; N] = at_mut(green, start);
        let blue: &mut [u8; N] = at_mut(blue, start);
        for i in 0..N {
            red[i] = block[C * i];
            green[i] = block[C * i + 1];
            blue[i] = block[C * i + 2];
        }
    }
    for (i, pixel) in pixels.as_chunks::<C>().0.iter().enumerate().skip(whole) {
        (red[i], green[i], blue[i]) = (pixel[0], pixel[1], pixel[2]);
    }
}

/// Across, down and the magnitude of some pixels.
type Some = [[i16; N]; 3];

/// The gradients of one channel.
#[inline(always)]
fn sobel([above, here, below]: &[Vec<u8>; 3], start: usize) -> Some {
    let three = |row| -> [&[u8; N]; 3] { [at(row, start), at(row, start + 1), at(row, start + 2)] };
    let [[nw, n, ne], [w, _, e], [sw, s, se]] = [three(above), three(here), three(below)];
    let (mut across, mut down, mut magnitude) = ([0; N], [0; N], [0; N]);
    for i in 0..N {
        let sample = |of: &[u8; N]| i16::from(of[i]);
        let (rising, falling) = (sample(se) - sample(nw), sample(ne) - sample(sw));
        across[i] = rising + falling + 2 * (sample(e) - sample(w));
        down[i] = rising - falling + 2 * (sample(s) - sample(n));
        magnitude[i] = across[i].abs() + down[i].abs();
    }
    [across, down, magnitude]
}

/// Takes over the gradients of another channel where they are larger.
#[inline(always)]
fn prefer(best: &mut Some, other: &Some) {
    let mut better = [0; N];
    for i in 0..N {
        better[i] = if other[2][i] > best[2][i] { -1_i16 } else { 0 };
    }
    for (best, other) in best.iter_mut().zip(other) {
        for i in 0..N {
            best[i] = (other[i] & better[i]) | (best[i] & !better[i]);
        }
    }
}
