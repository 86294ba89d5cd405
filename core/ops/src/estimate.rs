//! What a job will cost, known before anything is decoded.

use std::time::Duration;

use pixmill_contract::operation::Effort;
use pixmill_contract::{Encoding, Format, Limits, Recipe, RejectCode, Rejection};

use crate::codec::{carry, color};
use crate::header::Header;
use crate::overlay::Overlays;
use crate::plan::{Plan, Step};

/// What a job will cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// An upper bound on what [`Mill::grind`](crate::Mill::grind) allocates, in bytes, decoded
    /// overlays and encoded outputs included, the source, encoded overlays and what the mill kept
    /// from earlier jobs not included.
    pub memory_bytes: u64,
    /// Roughly how long one core works, give or take a factor of three.
    pub work: Duration,
}

/// What every job allocates besides pixels: tables, the plan, some strings.
const FIXED_BYTES: u64 = 256 * 1024;

/// Estimates what a recipe costs for a picture, and refuses, before anything is decoded, what
/// cannot be applied to it or would pass a limit on the way.
pub fn estimate(
    header: &Header,
    recipe: &Recipe,
    overlays: &Overlays,
    limits: &Limits,
) -> Result<Estimate, Rejection> {
    let plan = Plan::new(header, recipe, overlays, limits)?;
    admit(header, &plan, overlays, limits)
}

/// The width and height of each output in pixels, in the recipe's order. What follows a trim may turn
/// out smaller. Refuses what [`estimate`] refuses.
pub fn sizes(
    header: &Header,
    recipe: &Recipe,
    overlays: &Overlays,
    limits: &Limits,
) -> Result<Vec<(u32, u32)>, Rejection> {
    let plan = Plan::new(header, recipe, overlays, limits)?;
    let mut sizes = vec![(0, 0); recipe.outputs().len()];
    plan.for_each_end(|output, _, shape| sizes[output] = (shape.width, shape.height));
    Ok(sizes)
}

/// The estimate of a plan, if it is within the limit of memory.
pub(crate) fn admit(
    header: &Header,
    plan: &Plan,
    overlays: &Overlays,
    limits: &Limits,
) -> Result<Estimate, Rejection> {
    let memory_bytes = memory_bytes(header, plan).saturating_add(overlays.memory_bytes());
    if memory_bytes > limits.memory_bytes {
        let limit = limits.memory_bytes;
        let reason = format!("the job needs up to {memory_bytes} bytes, the limit is {limit}");
        return Err(Rejection::new(RejectCode::OverMemory, reason));
    }
    Ok(Estimate { memory_bytes, work: work(header, plan, overlays) })
}

/// Refuses what follows a trim, if it needs more than the plan was admitted with: a narrow rest that
/// is enlarged to a width may get high.
pub(crate) fn admit_sequel(header: &Header, plan: &Plan, sequel: &Plan) -> Result<(), Rejection> {
    let (given, needed) = (memory_bytes(header, plan), memory_bytes(header, sequel));
    if needed > given {
        let reason = format!("what trimming left needs up to {needed} bytes, the job got {given}");
        return Err(Rejection::new(RejectCode::OverMemory, reason));
    }
    Ok(())
}

fn memory_bytes(header: &Header, plan: &Plan) -> u64 {
    let profile = 2 * carry::MAX_BYTES_IN_FILE as u64;
    let transform = if header.profile { color::TRANSFORM_BYTES } else { 0 };
    let parts = [
        header.decoder_bytes,
        plan.slots.bytes(),
        plan.scratch_bytes as u64,
        plan.encoded_bytes,
        plan.working.bytes(),
        profile,
        transform,
        FIXED_BYTES,
    ];
    parts.into_iter().fold(0, u64::saturating_add)
}

/// Nanoseconds to decode a picture into so many pixels.
fn decoding(header: &Header, stored: u64) -> u64 {
    let pixels = header.shape().pixels();
    match header.format {
        Format::Jpeg => 3 * pixels + 3 * stored,
        Format::Png | Format::Webp | Format::Tiff => 12 * pixels,
        Format::Gif | Format::Bmp | Format::Json => 6 * pixels,
    }
}

/// Nanoseconds measured a pixel or a sample on one core of a small server, rounded up.
fn work(header: &Header, plan: &Plan, overlays: &Overlays) -> Duration {
    let mut nanoseconds = 200_000;
    for overlay in overlays.headers() {
        let pixels = overlay.shape().pixels();
        nanoseconds += 4 * pixels + decoding(overlay, pixels);
    }
    for decode in &plan.decodes {
        nanoseconds += decoding(header, decode.wanted.stored.pixels());
        if header.orientation.swaps_sides() {
            nanoseconds += 4 * decode.wanted.stored.pixels();
        }
    }
    for planar in &plan.planar {
        nanoseconds += decoding(header, planar.luma().pixels());
    }
    plan.for_each_step(|step, from, to| nanoseconds += step.nanoseconds(from, to));
    plan.for_each_end(|_, encoding, shape| {
        nanoseconds += match encoding {
            Encoding::Jpeg { progressive: false, .. } => 5 * shape.pixels(),
            Encoding::Jpeg { progressive: true, .. } => 25 * shape.pixels(),
            Encoding::Png { effort: Effort::Fast, .. } | Encoding::Same => 12 * shape.pixels(),
            Encoding::Png { effort: Effort::Small, .. } | Encoding::Auto { .. } => {
                300 * shape.pixels()
            }
            Encoding::Webp { lossless, effort, .. } => {
                let level = 1 + u64::from(effort);
                shape.pixels() * level * if lossless { 150 } else { 30 }
            }
            Encoding::Info
            | Encoding::Palette { .. }
            | Encoding::Blurhash { .. }
            | Encoding::Phash => 2 * shape.pixels(),
            Encoding::Lines(lines) => Step::Lines(lines).nanoseconds(shape, shape),
            Encoding::Contours { value } => Step::Contours { value }.nanoseconds(shape, shape),
        };
    });
    Duration::from_nanos(nanoseconds)
}
