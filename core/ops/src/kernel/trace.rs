//! Contours followed one by one, as `cv2.findContours` does (Suzuki and Abe, 1985), for those who
//! want them as numbers. [`contour`](super::contour) draws the same ones without following any.

use super::contour::mark_lighter;
use crate::geometry::Rectangle;
use crate::shape::Shape;

/// Neither followed nor dark.
const NEW: u8 = 255;
/// Followed.
const FOLLOWED: u8 = 2;
/// Followed, and what is dark to its right was seen on the way: no hole begins there any more.
const LAST: u8 = 3;

/// The neighbours of a pixel, counter-clockwise from its right.
const NEIGHBOURS: [(isize, isize); 8] =
    [(1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1)];

/// A closed line of light pixels with something dark beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contour {
    /// What it just fits into.
    pub(crate) part: Rectangle,
    /// The points at which it turns, which are those of `cv2.CHAIN_APPROX_SIMPLE`.
    pub(crate) points: u32,
    /// Whether the dark is inside.
    pub(crate) hole: bool,
}

/// Bytes of `scratch` that [`find`] needs: a mark for each pixel, and a dark frame.
pub(crate) fn scratch_bytes(shape: Shape) -> usize {
    (shape.width as usize + 2) * (shape.height as usize + 2)
}

/// Calls `found` with the contours of everything whose luma is above `value`, by their topmost
/// pixels, of which the leftmost counts. Alpha is not looked at.
pub(crate) fn find(
    shape: Shape,
    pixels: &[u8],
    value: u8,
    scratch: &mut [u8],
    mut found: impl FnMut(Contour),
) {
    let row = shape.width as usize + 2;
    let marks = &mut scratch[..scratch_bytes(shape)];
    marks.fill(0);
    let rows = marks.chunks_exact_mut(row).skip(1);
    for (pixels, marks) in pixels.chunks_exact(shape.row()).zip(rows) {
        mark_lighter(shape.layout, pixels, value, &mut marks[1..row - 1]);
    }
    let mut map = Map { row: row as isize, marks };
    for y in 1..=shape.height as isize {
        let mut left = 0;
        for x in 1..=shape.width as isize {
            let here = *map.at((x, y));
            if left == 0 && here == NEW {
                found(map.follow((x, y), false));
            } else if here == 0 && (left == NEW || left == FOLLOWED) {
                found(map.follow((x - 1, y), true));
            }
            left = *map.at((x, y));
        }
    }
}

/// A place in the map, across and down; the frame is at 0.
type Place = (isize, isize);

/// What is known of each pixel.
struct Map<'m> {
    row: isize,
    marks: &'m mut [u8],
}

impl Map<'_> {
    fn at(&mut self, (x, y): Place) -> &mut u8 {
        &mut self.marks[(y * self.row + x) as usize]
    }

    fn is_light(&mut self, place: Place) -> bool {
        *self.at(place) != 0
    }

    /// Follows the contour that begins at a pixel, dark to its left or, of a hole, to its right.
    fn follow(&mut self, start: Place, hole: bool) -> Contour {
        let mut extent = Extent { from: start, to: start };
        let dark = if hole { 0 } else { 4 };
        let mut clockwise = (1..8).map(|turn| (dark + 8 - turn) % 8);
        let Some(first) = clockwise.find(|to| self.is_light(beside(start, *to))) else {
            *self.at(start) = LAST;
            return Contour { part: extent.rectangle(), points: 1, hole };
        };
        let last = beside(start, first);
        let (mut here, mut back, mut direction) = (start, first, first ^ 4);
        let mut points = 0;
        loop {
            // Where it came from is light, so that the eighth turn finds at least that.
            let turned = (back + 1..back + 8).find(|to| self.is_light(beside(here, to % 8)));
            let turned = turned.unwrap_or(back + 8);
            let mark = self.at(here);
            if turned > 8 {
                *mark = LAST;
            } else if *mark == NEW {
                *mark = FOLLOWED;
            }
            let to = turned % 8;
            points += u32::from(to != direction);
            extent.include(here);
            let next = beside(here, to);
            if next == start && here == last {
                return Contour { part: extent.rectangle(), points, hole };
            }
            (here, back, direction) = (next, to ^ 4, to);
        }
    }
}

/// The neighbour of a place.
fn beside((x, y): Place, neighbour: usize) -> Place {
    let (across, down) = NEIGHBOURS[neighbour];
    (x + across, y + down)
}

/// The places that a contour has come to.
struct Extent {
    from: Place,
    to: Place,
}

impl Extent {
    fn include(&mut self, (x, y): Place) {
        self.from = (self.from.0.min(x), self.from.1.min(y));
        self.to = (self.to.0.max(x), self.to.1.max(y));
    }

    /// The same in pixels of the picture, which has no frame.
    fn rectangle(&self) -> Rectangle {
        let Self { from, to } = self;
        Rectangle {
            left: from.0 as u32 - 1,
            top: from.1 as u32 - 1,
            width: (to.0 - from.0) as u32 + 1,
            height: (to.1 - from.1) as u32 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::luma;
    use crate::kernel::testing::{layouts, pictures};

    /// By flooding: a box around each patch of light, of eight neighbours, and one that is a pixel
    /// wider around each patch of dark, of four neighbours, that does not reach the frame.
    fn reference(shape: Shape, light: impl Fn(Place) -> bool) -> Vec<(Rectangle, bool)> {
        let (right, bottom) = (shape.width as isize + 1, shape.height as isize + 1);
        let mut seen = BTreeSet::new();
        let mut boxes = vec![];
        for start in (0..=bottom).flat_map(|y| (0..=right).map(move |x| (x, y))) {
            if seen.contains(&start) {
                continue;
            }
            let (hole, mut todo) = (!light(start), vec![start]);
            let mut extent = Extent { from: start, to: start };
            while let Some((x, y)) = todo.pop() {
                let inside = (0..=right).contains(&x) && (0..=bottom).contains(&y);
                if inside && light((x, y)) != hole && seen.insert((x, y)) {
                    extent.include((x, y));
                    let steps = NEIGHBOURS.iter().filter(|(i, j)| !hole || i * j == 0);
                    todo.extend(steps.map(|(i, j)| (x + i, y + j)));
                }
            }
            if hole {
                let Extent { from, to } = extent;
                extent = Extent { from: (from.0 - 1, from.1 - 1), to: (to.0 + 1, to.1 + 1) };
            }
            if start != (0, 0) {
                boxes.push((extent.rectangle(), hole));
            }
        }
        boxes
    }

    fn sorted(mut boxes: Vec<(Rectangle, bool)>) -> Vec<(Rectangle, bool)> {
        boxes.sort_by_key(|(part, hole)| (part.top, part.left, part.width, part.height, *hole));
        boxes
    }

    proptest! {
        #[test]
        fn boxes_equal_those_of_flooding((shape, pixels) in pictures(layouts()), value: u8) {
            let mut found = vec![];
            let mut scratch = vec![7; scratch_bytes(shape) + 3];
            find(shape, &pixels, value, &mut scratch, |contour| {
                found.push((contour.part, contour.hole));
            });
            let mut gray = vec![0; shape.pixels() as usize];
            luma::plane(shape.layout, &pixels, &mut gray);
            let light = |(x, y): Place| {
                let inside = (1..=shape.width as isize).contains(&x)
                    && (1..=shape.height as isize).contains(&y);
                inside && gray[(y - 1) as usize * shape.width as usize + x as usize - 1] > value
            };
            prop_assert_eq!(sorted(found), sorted(reference(shape, light)));
        }
    }
}
