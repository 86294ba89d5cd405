//! Straight lines of thickness 2, the same pixels as `cv2.line` draws.
//!
//! A line is first clipped, in whole pixels, to the picture and a margin of two. What is left is
//! a rectangle in 16.16 fixed point, drawn as its four sides and what is between them, with a
//! small cross on each end. Sides and inside together leave no gap in any row, so they are first
//! put together as one stretch of each row, and the rows are gone through once. Lines are many and
//! cross each other, so they are drawn on a mask of a byte a pixel, and that on the picture.

use super::lanes::each_set;
use super::level::{self, Kernel};
use super::stretches::Stretches;
use crate::shape::Shape;

pub(super) const SHIFT: u32 = 16;
pub(super) const ONE: i64 = 1 << SHIFT;
pub(super) const HALF: i64 = ONE / 2;

/// How far outside of the picture a line may still end.
const MARGIN: i64 = 2;

/// A place in whole pixels, across and down.
pub(crate) type Pixel = (i32, i32);

/// A place in 16.16 fixed point, or in whole pixels, across and down.
pub(super) type Point = (i64, i64);

/// What lines are drawn with.
pub(crate) struct Pen<'m> {
    shape: Shape,
    /// 255 where a line is, 0 elsewhere, one byte a pixel.
    mask: &'m mut [u8],
    stretches: Stretches,
}

/// Bytes that a [`Pen`] allocates.
pub(super) fn pen_bytes(shape: Shape) -> u64 {
    2 * 4 * u64::from(shape.height)
}

impl<'m> Pen<'m> {
    /// For a picture of this shape. `mask` has a byte for each of its pixels, whatever is in it.
    pub(crate) fn new(shape: Shape, mask: &'m mut [u8]) -> Self {
        mask.fill(0);
        Self { shape, mask, stretches: Stretches::new(shape.height as usize) }
    }

    /// Draws a line between two pixels.
    pub(crate) fn draw(&mut self, from: Pixel, to: Pixel) {
        level::run(Draw { pen: self, from, to });
    }

    /// Colours the pixels of all lines; `colour` is as long as a pixel.
    pub(crate) fn paint(self, pixels: &mut [u8], colour: &[u8]) {
        each_set(self.mask, |at| {
            pixels[at * colour.len()..][..colour.len()].copy_from_slice(colour);
        });
    }

    /// Marks the pixel of a place, if it is inside.
    #[inline(always)]
    fn put(&mut self, (x, y): Point) {
        // What is negative is very large without its sign.
        let (x, y) = (((x + HALF) >> SHIFT) as u64, ((y + HALF) >> SHIFT) as u64);
        if x < u64::from(self.shape.width) && y < u64::from(self.shape.height) {
            self.mask[y as usize * self.shape.width as usize + x as usize] = 255;
        }
    }
}

struct Draw<'p, 'm> {
    pen: &'p mut Pen<'m>,
    from: Pixel,
    to: Pixel,
}

impl Kernel for Draw<'_, '_> {
    type Made = ();

    #[inline(always)]
    fn run(self) {
        let Self { pen, from, to } = self;
        let shape = pen.shape;
        let grown = |(x, y): Pixel| (i64::from(x) + MARGIN, i64::from(y) + MARGIN);
        let size = (i64::from(shape.width) + 2 * MARGIN, i64::from(shape.height) + 2 * MARGIN);
        let Some((from, to)) = clip(size, grown(from), grown(to)) else { return };
        let fixed = |(x, y): Point| ((x - MARGIN) << SHIFT, (y - MARGIN) << SHIFT);
        let (from, to) = (fixed(from), fixed(to));

        for (x, y) in [from, to] {
            for (i, j) in [(0, -1), (-1, 0), (0, 0), (1, 0), (0, 1)] {
                pen.put((x + i * ONE, y + j * ONE));
            }
        }
        if let Some(corners) = corners(from, to) {
            let size = (i64::from(shape.width) << SHIFT, i64::from(shape.height) << SHIFT);
            for i in 0..4 {
                let (from, to) = (corners[(i + 3) % 4], corners[i]);
                if let Some(end) = pen.stretches.thin_line(size, from, to) {
                    pen.put(end);
                }
            }
            pen.stretches.inside(&corners, i64::from(shape.width));
            pen.stretches.mark(shape.width as usize, pen.mask);
        }
    }
}

/// The corners of a line's rectangle; none if it is a point.
#[inline(always)]
fn corners(from: Point, to: Point) -> Option<[Point; 4]> {
    let dx = (from.0 - to.0) as f64 / ONE as f64;
    let dy = (to.1 - from.1) as f64 / ONE as f64;
    let squared = dx * dx + dy * dy;
    // Half of the thickness, across the line.
    let scale = ONE as f64 / squared.sqrt();
    let across = ((dy * scale).round_ties_even() as i64, (dx * scale).round_ties_even() as i64);
    (squared > f64::EPSILON).then_some([
        (from.0 + across.0, from.1 + across.1),
        (from.0 - across.0, from.1 - across.1),
        (to.0 - across.0, to.1 - across.1),
        (to.0 + across.0, to.1 + across.1),
    ])
}

/// The part of a line between two pixels that is inside of the picture.
pub(crate) fn visible_part(shape: Shape, from: Pixel, to: Pixel) -> Option<(Pixel, Pixel)> {
    let wide = |(x, y): Pixel| (i64::from(x), i64::from(y));
    let narrow = |(x, y): Point| (x as i32, y as i32);
    let size = (i64::from(shape.width), i64::from(shape.height));
    clip(size, wide(from), wide(to)).map(|(from, to)| (narrow(from), narrow(to)))
}

/// The part of a line inside of `0..width` × `0..height`, cut in whole numbers; `None` if there
/// is none.
#[inline(always)]
pub(super) fn clip(
    (width, height): (i64, i64),
    mut from: Point,
    mut to: Point,
) -> Option<(Point, Point)> {
    let (right, bottom) = (width - 1, height - 1);
    let beside = |(x, _): Point| i64::from(x < 0) + 2 * i64::from(x > right);
    let beyond = |(_, y): Point| i64::from(y < 0) + 2 * i64::from(y > bottom);
    if beside(from) & beside(to) != 0 || beyond(from) & beyond(to) != 0 {
        return None;
    }
    // Each cut uses the line as the cuts before have left it.
    if beyond(from) != 0 {
        let edge = if beyond(from) == 1 { 0 } else { bottom };
        from.0 += (edge - from.1) * (to.0 - from.0) / (to.1 - from.1);
        from.1 = edge;
    }
    if beyond(to) != 0 {
        let edge = if beyond(to) == 1 { 0 } else { bottom };
        to.0 += (edge - to.1) * (to.0 - from.0) / (to.1 - from.1);
        to.1 = edge;
    }
    if beside(from) & beside(to) != 0 {
        return None;
    }
    if beside(from) != 0 {
        let edge = if beside(from) == 1 { 0 } else { right };
        from.1 += (edge - from.0) * (to.1 - from.1) / (to.0 - from.0);
        from.0 = edge;
    }
    if beside(to) != 0 {
        let edge = if beside(to) == 1 { 0 } else { right };
        to.1 += (edge - to.0) * (to.1 - from.1) / (to.0 - from.0);
        to.0 = edge;
    }
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shape::Layout;

    use crate::kernel::stretches::Side;
    use crate::kernel::testing::at_every_level;

    /// Pixel by pixel, as `OpenCV` goes about it.
    fn thick<P: Copy>(shape: Shape, pixels: &mut [P], from: Pixel, to: Pixel, colour: P) {
        let mut canvas = Canvas { shape, pixels, colour };
        let grown = |(x, y): Pixel| (i64::from(x) + MARGIN, i64::from(y) + MARGIN);
        let size = (i64::from(shape.width) + 2 * MARGIN, i64::from(shape.height) + 2 * MARGIN);
        let Some((from, to)) = clip(size, grown(from), grown(to)) else { return };
        let fixed = |(x, y): Point| ((x - MARGIN) << SHIFT, (y - MARGIN) << SHIFT);
        let (from, to) = (fixed(from), fixed(to));

        let dx = (from.0 - to.0) as f64 / ONE as f64;
        let dy = (to.1 - from.1) as f64 / ONE as f64;
        let squared = dx * dx + dy * dy;
        if squared > f64::EPSILON {
            // Half of the thickness, across the line.
            let scale = ONE as f64 / squared.sqrt();
            let across =
                ((dy * scale).round_ties_even() as i64, (dx * scale).round_ties_even() as i64);
            canvas.fill_convex(&[
                (from.0 + across.0, from.1 + across.1),
                (from.0 - across.0, from.1 - across.1),
                (to.0 - across.0, to.1 - across.1),
                (to.0 + across.0, to.1 + across.1),
            ]);
        }
        for (x, y) in [from, to] {
            let (x, y) = ((x + HALF) >> SHIFT, (y + HALF) >> SHIFT);
            for (i, j) in [(0, -1), (-1, 0), (0, 0), (1, 0), (0, 1)] {
                canvas.put(x + i, y + j);
            }
        }
    }

    /// A picture and what is drawn into it.
    struct Canvas<'c, P> {
        shape: Shape,
        pixels: &'c mut [P],
        colour: P,
    }

    impl<P: Copy> Canvas<'_, P> {
        /// Colours one pixel, if it is inside.
        fn put(&mut self, x: i64, y: i64) {
            // What is negative is very large without its sign.
            let (x, y) = (x as u64, y as u64);
            if x < u64::from(self.shape.width) && y < u64::from(self.shape.height) {
                self.pixels[y as usize * self.shape.width as usize + x as usize] = self.colour;
            }
        }

        /// Colours the pixels of a row from `start` to `stop`, those that are inside.
        fn span(&mut self, y: i64, start: i64, stop: i64) {
            let width = i64::from(self.shape.width);
            let (start, end) = (start.max(0), (stop + 1).min(width));
            if y >= 0 && start < end {
                let row = y as usize * width as usize;
                self.pixels[row + start as usize..row + end as usize].fill(self.colour);
            }
        }

        /// Fills a convex quadrilateral in 16.16 fixed point, its outline included.
        fn fill_convex(&mut self, corners: &[Point; 4]) {
            for i in 0..4 {
                self.thin_line(corners[(i + 3) % 4], corners[i]);
            }
            let row_of = |corner: Point| (corner.1 + HALF) >> SHIFT;
            let rows = || corners.iter().map(|corner| row_of(*corner));
            let columns = || corners.iter().map(|corner| (corner.0 + HALF) >> SHIFT);
            let (width, height) = (i64::from(self.shape.width), i64::from(self.shape.height));
            let (top, bottom) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
            let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
            if right < 0 || bottom < 0 || left >= width || top >= height {
                return;
            }
            let first = (0..4).min_by_key(|i| (corners[*i].1, *i)).unwrap_or(0);
            let side = |turn| Side { corner: first, turn, end: top, x: -ONE, step: 0 };
            let mut sides = [side(1), side(3)];
            let mut corners_left = 4;
            for y in top..=bottom.min(height - 1) {
                for side in &mut sides {
                    if y < side.end {
                        continue;
                    }
                    let mut from = side.corner;
                    let mut to = (from + side.turn) % 4;
                    while corners_left > 0 {
                        corners_left -= 1;
                        let end = row_of(corners[to]);
                        if end > y {
                            let (start, stop) = (corners[from].0, corners[to].0);
                            let rows = end - y;
                            side.step = ((stop - start) * 2 + rows) / (2 * rows);
                            (side.end, side.x, side.corner) = (end, start, to);
                            break;
                        }
                        from = to;
                        to = (to + side.turn) % 4;
                    }
                }
                let ends = sides.each_ref().map(|side| (side.x + HALF) >> SHIFT);
                let (start, stop) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                self.span(y, start, stop);
                for side in &mut sides {
                    side.x += side.step;
                }
            }
        }

        /// A line one pixel wide between two points in 16.16 fixed point.
        fn thin_line(&mut self, from: Point, to: Point) {
            let size =
                (i64::from(self.shape.width) << SHIFT, i64::from(self.shape.height) << SHIFT);
            let Some((mut from, mut to)) = clip(size, from, to) else { return };
            let (across, down) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
            let flat = across > down;
            if if flat { to.0 < from.0 } else { to.1 < from.1 } {
                std::mem::swap(&mut from, &mut to);
            }
            self.put((to.0 + HALF) >> SHIFT, (to.1 + HALF) >> SHIFT);
            let (mut x, mut y) = (from.0 + HALF, from.1 + HALF);
            let (step_x, step_y, count) = if flat {
                (ONE, ((to.1 - from.1) << SHIFT) / (across | 1), (to.0 - from.0) >> SHIFT)
            } else {
                (((to.0 - from.0) << SHIFT) / (down | 1), ONE, (to.1 - from.1) >> SHIFT)
            };
            for _ in 0..=count {
                self.put(x >> SHIFT, y >> SHIFT);
                x += step_x;
                y += step_y;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn equals_its_reference(
            size in (1_u32..70, 1_u32..70),
            from in (-90_i32..150, -90_i32..150),
            to in (-90_i32..150, -90_i32..150),
            far in prop::option::of(prop::array::uniform2(-2000_i32..2000)),
        ) {
            let shape = Shape { width: size.0, height: size.1, layout: Layout::Gray };
            let to = far.map_or(to, |[x, y]| (x, y));
            let mut expected = vec![[0]; shape.bytes()];
            thick(shape, &mut expected, from, to, [1]);
            // A second line must not find anything of the first in the pen.
            thick(shape, &mut expected, (3, 2), (1, 7), [1]);
            at_every_level(|| {
                let (mut made, mut mask) = (vec![0; shape.bytes()], vec![9; shape.bytes()]);
                let mut pen = Pen::new(shape, &mut mask);
                pen.draw(from, to);
                pen.draw((3, 2), (1, 7));
                pen.paint(&mut made, &[1]);
                assert_eq!(&made, expected.as_flattened());
            });
        }
    }
}
