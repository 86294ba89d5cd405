//! The planes of a JPEG: luma and two differences of colour, each as large as it is stored.
//!
//! Thumbnails are made from them without ever being pixels: decoded, resampled and encoded plane by
//! plane. All three lie in one buffer, rows padded to whole blocks.

use crate::geometry::Scale;

/// Rows and columns of luma for each of the other planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// 1 or 2.
    pub(crate) across: u32,
    /// 1 or 2.
    pub(crate) down: u32,
}

impl Sampling {
    /// What most JPEGs have and thumbnails are given: one sample of colour for four pixels.
    pub(crate) const HALF: Self = Self { across: 2, down: 2 };
}

/// Where a plane lies in the buffer of all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plane {
    /// The index of its first sample.
    pub(crate) start: usize,
    /// Samples from row to row.
    pub(crate) stride: usize,
    /// Rows that there is room for.
    pub(crate) rows: usize,
    /// Samples of a row that belong to the picture.
    pub(crate) width: u32,
    /// Rows that belong to the picture.
    pub(crate) height: u32,
}

impl Plane {
    /// The index behind its last sample.
    pub(crate) fn end(&self) -> usize {
        self.start + self.stride * self.rows
    }

    /// Its rows, with what pads them.
    pub(crate) fn of<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        &buffer[self.start..self.end()]
    }

    /// Its rows, to be written.
    pub(crate) fn of_mut<'b>(&self, buffer: &'b mut [u8]) -> &'b mut [u8] {
        &mut buffer[self.start..self.end()]
    }
}

/// The planes of a picture of these sides, decoded at a scale: luma, blue, red.
pub(crate) fn decoded((width, height): (u32, u32), sampling: Sampling, scale: Scale) -> [Plane; 3] {
    let samples = 8 / scale.denominator();
    // Units of a block of colour, with the blocks of luma that go with it.
    let units = |side: u32, factor: u32| side.div_ceil(8 * factor);
    let (across, down) = (units(width, sampling.across), units(height, sampling.down));
    let padded = |factors: (u32, u32)| (across * factors.0 * samples, down * factors.1 * samples);
    let Sampling { across: h, down: v } = sampling;
    let sides = (scale.of(width), scale.of(height));
    laid_out(sides, sampling, [padded((h, v)), padded((1, 1))])
}

/// The planes of a picture that is to be encoded with [`Sampling::HALF`]: luma has even sides.
pub(crate) fn to_encode((width, height): (u32, u32)) -> [Plane; 3] {
    let halves = (width.div_ceil(2), height.div_ceil(2));
    laid_out((width, height), Sampling::HALF, [(2 * halves.0, 2 * halves.1), halves])
}

/// Bytes of a buffer for planes.
pub(crate) fn bytes(planes: &[Plane; 3]) -> usize {
    planes[2].end()
}

fn laid_out(
    (width, height): (u32, u32),
    sampling: Sampling,
    [luma, colour]: [(u32, u32); 2],
) -> [Plane; 3] {
    let mut start = 0;
    let mut plane = |(stride, rows): (u32, u32), width, height| {
        let (stride, rows) = (stride as usize, rows as usize);
        let plane = Plane { start, stride, rows, width, height };
        start = plane.end();
        plane
    };
    let colours = (width.div_ceil(sampling.across), height.div_ceil(sampling.down));
    let y = plane(luma, width, height);
    [y, plane(colour, colours.0, colours.1), plane(colour, colours.0, colours.1)]
}

/// Moves the rows of each plane, which follow each other without gaps, a stride apart; repeats the
/// last column and row where there is room for one more, as encoders do.
pub(crate) fn pad(planes: &[Plane; 3], buffer: &mut [u8]) {
    for plane in planes {
        let (width, height, stride) = (plane.width as usize, plane.height as usize, plane.stride);
        let samples = plane.of_mut(buffer);
        // From the last row on: each moves behind everything that has still to be moved.
        for y in (0..height).rev().filter(|_| stride > width) {
            samples.copy_within(y * width..(y + 1) * width, y * stride);
            let last = samples[y * stride + width - 1];
            samples[y * stride + width..(y + 1) * stride].fill(last);
        }
        for y in height..plane.rows {
            samples.copy_within((height - 1) * stride..height * stride, y * stride);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_hold_whole_blocks_and_follow_each_other() {
        let planes = decoded((33, 17), Sampling::HALF, Scale::Half);
        let plane =
            |start, stride, rows, width, height| Plane { start, stride, rows, width, height };
        let expected = [plane(0, 24, 16, 17, 9), plane(384, 12, 8, 9, 5), plane(480, 12, 8, 9, 5)];
        assert_eq!(planes, expected);
        assert_eq!(bytes(&planes), 576);
    }

    #[test]
    fn what_pads_repeats_the_edge() {
        let planes = to_encode((3, 3));
        let mut buffer = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        pad(&planes, &mut buffer);
        let luma = [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 7, 8, 9, 9];
        assert_eq!((&buffer[..16], &buffer[16..]), (&luma[..], &[1, 2, 3, 4, 5, 6, 7, 8][..]));
    }
}
