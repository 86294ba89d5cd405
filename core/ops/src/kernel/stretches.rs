//! What a line of thickness 2 covers: one stretch of each row, in which its four sides and its inside
//! come together. Called by [`line`](super::line), which knows where its corners are.

use super::line::{HALF, ONE, Point, SHIFT, clip};

/// The leftmost and rightmost pixel of each row that belongs to a line, none before the first.
pub(super) struct Stretches {
    left: Vec<i32>,
    right: Vec<i32>,
    /// The rows that have one.
    rows: (usize, usize),
}

/// One side of a polygon on its way down.
pub(super) struct Side {
    /// The corner that it goes to.
    pub(super) corner: usize,
    /// Which corner follows: 1 forwards, or 3 backwards in a circle of four.
    pub(super) turn: usize,
    /// The row in which that corner is.
    pub(super) end: i64,
    pub(super) x: i64,
    pub(super) step: i64,
}

impl Stretches {
    /// For pictures of `height` rows.
    pub(super) fn new(height: usize) -> Self {
        let (left, right) = (vec![i32::MAX; height], vec![i32::MIN; height]);
        Self { left, right, rows: (height, 0) }
    }

    /// Takes in `count` rows from `y` on, in each what is between two places that move by a step
    /// from row to row.
    #[inline(always)]
    fn between(&mut self, y: i64, count: i64, [one, other]: [i64; 2], steps: [i64; 2]) {
        let first = (-y).max(0);
        let top = ((y + first) as usize).min(self.left.len());
        let bottom = (y + count).clamp(top as i64, self.left.len() as i64) as usize;
        let (mut one, mut other) = (one + first * steps[0], other + first * steps[1]);
        for (left, right) in self.left[top..bottom].iter_mut().zip(&mut self.right[top..bottom]) {
            let (a, b) = ((one >> SHIFT) as i32, (other >> SHIFT) as i32);
            (*left, *right) = ((*left).min(a.min(b)), (*right).max(a.max(b)));
            (one, other) = (one + steps[0], other + steps[1]);
        }
        if top < bottom {
            self.rows = (self.rows.0.min(top), self.rows.1.max(bottom));
        }
    }

    /// Takes in what is inside of a convex quadrilateral in 16.16 fixed point.
    #[inline(always)]
    pub(super) fn inside(&mut self, corners: &[Point; 4], width: i64) {
        let row_of = |corner: Point| (corner.1 + HALF) >> SHIFT;
        let rows = || corners.iter().map(|corner| row_of(*corner));
        let columns = || corners.iter().map(|corner| (corner.0 + HALF) >> SHIFT);
        let (top, bottom) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        let (left, right) = (columns().min().unwrap_or(0), columns().max().unwrap_or(0));
        let height = self.left.len() as i64;
        if right < 0 || bottom < 0 || left >= width || top >= height {
            return;
        }
        let first = (0..4).min_by_key(|i| (corners[*i].1, *i)).unwrap_or(0);
        let side = |turn| Side { corner: first, turn, end: top, x: -ONE, step: 0 };
        let mut sides = [side(1), side(3)];
        let mut corners_left = 4;
        let mut y = top;
        while y <= bottom.min(height - 1) {
            for side in sides.iter_mut().filter(|side| y >= side.end) {
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
            // Up to the next corner both sides are straight.
            let corner = sides[0].end.min(sides[1].end);
            let end = if corners_left > 0 { corner.max(y + 1) } else { bottom + 1 };
            let steps = sides.each_ref().map(|side| side.step);
            self.between(y, end - y, sides.each_ref().map(|side| side.x + HALF), steps);
            for side in &mut sides {
                side.x += side.step * (end - y);
            }
            y = end;
        }
    }

    /// Takes in a line one pixel wide between two points in 16.16 fixed point, but for its
    /// end, which it returns, if any of it is inside.
    #[inline(always)]
    pub(super) fn thin_line(&mut self, size: (i64, i64), from: Point, to: Point) -> Option<Point> {
        let (mut from, mut to) = clip(size, from, to)?;
        let (across, down) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
        let flat = across > down;
        if if flat { to.0 < from.0 } else { to.1 < from.1 } {
            std::mem::swap(&mut from, &mut to);
        }
        let (x, y) = (from.0 + HALF, from.1 + HALF);
        if !flat {
            let step = ((to.0 - from.0) << SHIFT) / (down | 1);
            let count = ((to.1 - from.1) >> SHIFT) + 1;
            self.between(y >> SHIFT, count, [x, x], [step, step]);
            return Some(to);
        }
        let (x, last) = (x >> SHIFT, (to.0 - from.0) >> SHIFT);
        let step = ((to.1 - from.1) << SHIFT) / (across | 1);
        self.flat((x, y), step, last);
        Some(to)
    }

    /// Takes in a line that goes a step up or down, less than one pixel, with each of the `last` pixels
    /// that follow its first one.
    ///
    /// It goes from row to row and not from pixel to pixel: in all rows but the first it has as many
    /// pixels as steps go into a row, or one more if it began early enough in it.
    #[inline(always)]
    fn flat(&mut self, (x, y): Point, step: i64, last: i64) {
        let (way, step) = (step.signum(), step.abs());
        let within = y & (ONE - 1);
        // How far it has come within its row.
        let mut into = if way < 0 { ONE - 1 - within } else { within };
        let (steps, rest) = if step == 0 { (last + 1, 0) } else { (ONE / step, ONE % step) };
        let mut count = if step == 0 { last + 1 } else { (ONE - into + step - 1) / step };
        let first = y >> SHIFT;
        let (mut row, mut start) = (first, 0);
        loop {
            let end = (start + count - 1).min(last);
            // What is negative is very large without its sign.
            if let Some(left) = self.left.get_mut(row as usize) {
                *left = (*left).min((x + start) as i32);
                let right = &mut self.right[row as usize];
                *right = (*right).max((x + end) as i32);
            }
            if end == last {
                break;
            }
            start += count;
            into += count * step - ONE;
            count = steps + i64::from(into < rest);
            row += way;
        }
        let height = self.left.len() as i64;
        let top = first.min(row).clamp(0, height) as usize;
        let bottom = (first.max(row) + 1).clamp(0, height) as usize;
        if top < bottom {
            self.rows = (self.rows.0.min(top), self.rows.1.max(bottom));
        }
    }

    /// Marks all stretches, and forgets them.
    #[inline(always)]
    pub(super) fn mark(&mut self, width: usize, mask: &mut [u8]) {
        let (top, bottom) = std::mem::replace(&mut self.rows, (self.left.len(), 0));
        for y in top..bottom {
            let left = std::mem::replace(&mut self.left[y], i32::MAX).max(0) as usize;
            let right = std::mem::replace(&mut self.right[y], i32::MIN);
            let end = (i64::from(right) + 1).clamp(0, width as i64) as usize;
            let Some(count @ 1..) = end.checked_sub(left) else { continue };
            let row = &mut mask[y * width + left..];
            match row.first_chunk_mut() {
                // A few pixels at once: a loop whose end is another in every row is slow.
                Some(some) if count <= 8 => {
                    let marks = u64::MAX >> (64 - 8 * count);
                    *some = (u64::from_le_bytes(*some) | marks).to_le_bytes();
                }
                _ => row[..count].fill(255),
            }
        }
    }
}
