//! Runs the steps of a plan: which kernel, with what. Called by the mill, which owns the buffers.

use pixmill_contract::operation::{Adaptive, Axis, Lines};
use pixmill_resample::Resampler;

use crate::kernel::line::Pen;
use crate::kernel::{
    blur, canny, composite, contour, crop, equalize, hough, invert, luma, median, morph, pad,
    pixelate, resize, sharpen, threshold, tone, turn,
};
use crate::overlay::Layer;
use crate::plan::Step;
use crate::shape::{Layout, Shape};

/// What lines and contours are drawn in: opaque green.
const GREEN: [u8; 4] = [0, 255, 0, 255];

/// What kernels work with besides pixels.
pub(crate) struct Tools<'t> {
    pub(crate) resampler: &'t mut Resampler,
    pub(crate) blur: &'t mut blur::Scratch,
    /// As long as the step said, or longer.
    pub(crate) scratch: &'t mut [u8],
}

/// Makes a picture from another.
pub(crate) fn make(
    step: Step,
    (shape, pixels): (Shape, &[u8]),
    tools: &mut Tools<'_>,
    (to, made): (Shape, &mut [u8]),
) {
    match step {
        Step::Luma => luma::from_rgb(pixels, made),
        Step::Widen => pad::widen(shape.layout, pixels, to.layout, made),
        Step::Blur { kernel, sigma } => {
            blur::blur(shape, pixels, (kernel, sigma), tools.blur, made);
        }
        Step::Sharpen { kernel, sigma, amount } => {
            sharpen::sharpen(shape, pixels, (kernel, sigma, amount), tools.blur, made);
        }
        Step::Median { kernel } => median::median(shape, pixels, kernel, made),
        Step::Extremes(extremes) => morph::extremes(shape, pixels, extremes, made),
        Step::Edges { low, high } => {
            let scratch = &mut tools.scratch[..step.scratch_bytes(shape)];
            canny::edges(shape, pixels, (low, high), scratch, made);
        }
        Step::Adaptive(adaptive) => compare(shape, pixels, adaptive, tools.scratch, made),
        Step::Resample { window, filter } => {
            resize::resize(tools.resampler, (shape, pixels), window, filter, (to, made));
        }
        Step::Crop(part) => crop::crop(shape, pixels, part, made),
        Step::Pad(borders) => pad::pad(shape, pixels, borders, (to, made)),
        Step::QuarterTurn => turn::quarter_turn(shape, pixels, made),
        Step::ThreeQuarterTurn => turn::three_quarter_turn(shape, pixels, made),
        Step::Invert
        | Step::Desaturate
        | Step::Levels(_)
        | Step::Saturate { .. }
        | Step::Normalize { .. }
        | Step::Equalize
        | Step::Tint(_)
        | Step::Pixelate { .. }
        | Step::Threshold { .. }
        | Step::Otsu { .. }
        | Step::Lines(_)
        | Step::Contours { .. }
        | Step::Composite { .. }
        | Step::HalfTurn
        | Step::Flip(_) => unreachable!("works in place"),
        Step::Trim { .. } | Step::Unsettled(_) => unreachable!("is settled before it runs"),
    }
}

/// Changes a picture where it is; `layers` are the decoded overlays.
pub(crate) fn change(
    step: Step,
    (shape, pixels): (Shape, &mut [u8]),
    layers: &[Layer],
    scratch: &mut [u8],
) {
    let layout = shape.layout;
    match step {
        Step::Invert => invert::invert(layout, pixels),
        Step::Desaturate => luma::within_rgba(pixels),
        Step::Levels(levels) => tone::level(layout, pixels, levels),
        Step::Saturate { factor } => tone::saturate(layout, pixels, factor),
        Step::Normalize { lower, upper } => tone::normalize(layout, pixels, (lower, upper)),
        Step::Equalize => equalize::equalize(layout, pixels),
        Step::Tint(color) => tone::tint(layout, pixels, color),
        Step::Pixelate { size } => pixelate::pixelate(shape, pixels, size),
        Step::Threshold { value, max } => threshold::binary(layout, pixels, value, max),
        Step::Otsu { max } => threshold::by_otsu(layout, pixels, max),
        Step::Lines(lines) => draw_lines(shape, pixels, lines, scratch),
        Step::Contours { value } => {
            contour::draw(shape, pixels, value, &GREEN[..layout.channels()]);
        }
        Step::Composite { overlay, placing } => {
            let Layer { shape: of, pixels: above } = &layers[overlay];
            composite::composite(shape, pixels, (*of, above), placing);
        }
        Step::HalfTurn => turn::half_turn(shape, pixels),
        Step::Flip(Axis::Horizontal) => turn::flip_horizontal(shape, pixels),
        Step::Flip(Axis::Vertical) => turn::flip_vertical(shape, pixels),
        Step::Luma
        | Step::Widen
        | Step::Blur { .. }
        | Step::Sharpen { .. }
        | Step::Median { .. }
        | Step::Extremes(_)
        | Step::Edges { .. }
        | Step::Adaptive(_)
        | Step::Resample { .. }
        | Step::Crop(_)
        | Step::Pad(_)
        | Step::QuarterTurn
        | Step::ThreeQuarterTurn
        | Step::Trim { .. }
        | Step::Unsettled(_) => unreachable!("needs a second buffer"),
    }
}

/// Finds lines in the picture's luma and draws them.
fn draw_lines(shape: Shape, pixels: &mut [u8], lines: Lines, scratch: &mut [u8]) {
    let (edges, rest) = hough::edges(shape, pixels, lines, scratch);
    let list = hough::list(shape, edges, rest);
    // Once they are listed the edges are not looked at again.
    let mut pen = Pen::new(shape, edges);
    hough::find(shape, list, lines.votes, |line| hough::draw(shape, line, lines.length, &mut pen));
    pen.paint(pixels, &GREEN[..shape.layout.channels()]);
}

/// Compares luma with its neighbourhood; RGBA of equal colours keeps its alpha.
fn compare(shape: Shape, pixels: &[u8], adaptive: Adaptive, scratch: &mut [u8], made: &mut [u8]) {
    if shape.layout == Layout::Gray {
        threshold::adaptive(shape, pixels, adaptive, made);
        return;
    }
    let plane = Shape { layout: Layout::Gray, ..shape };
    let (gray, rest) = scratch.split_at_mut(plane.bytes());
    let compared = &mut rest[..plane.bytes()];
    luma::plane(shape.layout, pixels, gray);
    threshold::adaptive(plane, gray, adaptive, compared);
    let colours = pixels.chunks_exact(shape.layout.channels()).zip(compared);
    for ((pixel, gray), made) in colours.zip(made.chunks_exact_mut(shape.layout.channels())) {
        made.copy_from_slice(pixel);
        made[..3].fill(*gray);
    }
}
