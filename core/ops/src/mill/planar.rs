//! Makes outputs from the planes of a JPEG: decodes, resamples, puts upright and encodes each plane.

use pixmill_contract::{Encoding, Format, Rejection};
use pixmill_resample::Region;

use super::{From, Picture, Run};
use crate::codec::jpeg::planes::{self, Plane};
use crate::codec::{icc, jpeg};
use crate::geometry::Window;
use crate::header::Orientation;
use crate::kernel::{resize, turn};
use crate::plan::{Made, Planar};
use crate::shape::{Layout, Shape};

impl Run<'_> {
    /// Makes every output of one decoding.
    pub(super) fn planar(&mut self, planar: &Planar) -> Result<(), Rejection> {
        let From { source, header, .. } = self.from;
        let Planar { scale, sampling, stored, slot, .. } = *planar;
        let buffer = &mut self.mill.buffers[slot];
        jpeg::decode_planes(source, stored, (sampling, scale), buffer)?;
        let decoded = planes::decoded(stored, sampling, scale);
        let profile = if header.profile { jpeg::attached::profile(source) } else { None };
        self.profile = profile.filter(|profile| icc::describes(profile, Layout::Rgb));
        for made in &planar.made {
            self.resample(&decoded, planar, made);
            let picture = self.finish(made);
            self.pictures.push((made.output, picture));
        }
        Ok(())
    }

    /// Resamples each plane, into rows without gaps at the places from which it is encoded.
    fn resample(&mut self, decoded: &[Plane; 3], planar: &Planar, made: &Made) {
        let mill = &mut *self.mill;
        let [from, into] =
            mill.buffers.get_disjoint_mut([planar.slot, made.slot]).expect("two slots");
        let targets = planes::to_encode(made.size);
        for (source, target) in decoded.iter().zip(&targets) {
            let region = region(source, &decoded[0], target, made);
            let pixels = (source.of(from), source.stride, (source.width, source.height));
            let length = target.width as usize * target.height as usize;
            let into = &mut target.of_mut(into)[..length];
            let size = (target.width, target.height);
            resize::plane(&mut mill.resampler, pixels, region, made.filter, (size, into));
        }
    }

    /// Puts the planes upright and encodes them.
    fn finish(&mut self, made: &Made) -> Picture {
        let mill = &mut *self.mill;
        let Orientation { mirrored, quarter_turns } = self.from.header.orientation;
        let (mut slot, mut size) = (made.slot, made.size);
        for plane in planes::to_encode(size) {
            let shape = shape_of(&plane);
            let samples = &mut plane.of_mut(&mut mill.buffers[slot])[..shape.bytes()];
            if mirrored {
                turn::flip_horizontal(shape, samples);
            }
            if quarter_turns == 2 {
                turn::half_turn(shape, samples);
            }
        }
        if let Some(turned) = made.turned {
            let upright = (size.1, size.0);
            let (from, into) = mill.pair(slot, turned);
            for (plane, target) in planes::to_encode(size).iter().zip(planes::to_encode(upright)) {
                let shape = shape_of(plane);
                let samples = &plane.of(from)[..shape.bytes()];
                let into = &mut target.of_mut(into)[..shape.bytes()];
                if quarter_turns == 1 {
                    turn::quarter_turn(shape, samples, into);
                } else {
                    turn::three_quarter_turn(shape, samples, into);
                }
            }
            (slot, size) = (turned, upright);
        }
        let planes = planes::to_encode(size);
        let buffer = &mut mill.buffers[slot][..planes::bytes(&planes)];
        planes::pad(&planes, buffer);
        let Encoding::Jpeg { quality, progressive, carry, .. } = made.encoding else {
            unreachable!("planes are encoded as JPEG only")
        };
        let scratch = &mut mill.encoded;
        let length = mill.jpeg.encode_planes(&planes, buffer, (quality, progressive), scratch);
        let carried = self.from.belongings.carried(carry, self.profile.as_deref(), Layout::Rgb);
        let bytes = jpeg::attached::attach(&scratch[..length], &carried);
        let name = self.recipe.outputs()[made.output].name.clone();
        let (width, height) = size;
        Picture { name, format: Format::Jpeg, width, height, bytes }
    }
}

/// The part of a plane that a target shows. A plane of colour may reach half a sample beyond its
/// picture on both sides, which has to match.
fn region(source: &Plane, luma: &Plane, target: &Plane, made: &Made) -> Region {
    let Window { left, top, width, height } = made.window;
    let along = |whole: u32, luma: u32, start: f64, extent: f64, (target, made): (u32, u32)| {
        // What the picture is on this plane, and how far its target reaches beyond its own picture.
        let per = f64::from(luma.div_ceil(whole));
        let picture = f64::from(luma) / per;
        let beyond = f64::from(target) * f64::from(made.div_ceil(target)) / f64::from(made);
        let start = start * picture;
        (start, (extent * picture * beyond).min(f64::from(whole) - start))
    };
    let (left, width) = along(source.width, luma.width, left, width, (target.width, made.size.0));
    let (top, height) =
        along(source.height, luma.height, top, height, (target.height, made.size.1));
    Region { left, top, width, height }
}

/// A plane as a gray picture, rows without gaps.
fn shape_of(plane: &Plane) -> Shape {
    Shape { width: plane.width, height: plane.height, layout: Layout::Gray }
}
