//! Chains of operations resolved for one picture.

use pixmill_contract::operation::{
    Composite, Filter, Pad, QuarterTurns, Resize, Shaping, sharpening_kernel,
};
use pixmill_contract::{Format, Limits, Operation, Output, Rejection};

use super::Step;
use crate::geometry::{self, Rectangle, Resized, Scale};
use crate::header::Header;
use crate::kernel::morph::Extreme;
use crate::kernel::tone::Levels;
use crate::overlay::Overlays;
use crate::shape::{Layout, Shape};

/// A step and the shape of what it makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) step: Step,
    pub(super) shape: Shape,
}

/// What an output's chain comes down to.
pub(super) struct Resolved {
    /// What will be run, up to the first trim.
    pub(super) links: Vec<Link>,
    /// The last picture, if nothing is trimmed.
    pub(super) last: Shape,
    /// The largest that the last picture may be.
    pub(super) most: Shape,
    /// How much of the chain is done when its first trim is.
    pub(super) trimmed: Option<usize>,
}

/// Walks an output's chain, but for the operations that are done, from a picture on. Refuses what
/// is inapplicable, and every picture on the way that is over a limit, as if nothing were trimmed.
pub(super) fn resolve(
    from: Shape,
    output: &Output,
    done: usize,
    overlays: &Overlays,
    limits: &Limits,
) -> Result<Resolved, Rejection> {
    let mut resolved = Resolved { links: vec![], last: from, most: from, trimmed: None };
    for (index, operation) in output.chain.iter().enumerate().skip(done) {
        let settled = links(resolved.last, operation, overlays)?;
        for link in &settled {
            let what = format!("output {}", output.name);
            limits.check_frame(&what, link.shape.width, link.shape.height)?;
            resolved.last = link.shape;
        }
        if resolved.trimmed.is_some() {
            let reckoned = unsettled(resolved.most, operation, overlays)?;
            resolved.most = reckoned.last().map_or(resolved.most, |link| link.shape);
            continue;
        }
        resolved.most = resolved.last;
        resolved.links.extend(settled);
        resolved.trimmed = matches!(operation, Operation::Trim { .. }).then_some(index + 1);
    }
    Ok(resolved)
}

/// What an operation may come down to for whatever a trim leaves of a picture of this shape.
pub(super) fn unsettled(
    shape: Shape,
    operation: &Operation,
    overlays: &Overlays,
) -> Result<Vec<Link>, Rejection> {
    let Operation::Resize(to) = operation else { return links(shape, operation, overlays) };
    let (width, height) = geometry::most_of_resize((shape.width, shape.height), to);
    Ok(vec![Link { step: Step::Unsettled(*to), shape: Shape { width, height, ..shape } }])
}

/// What an operation comes down to for a picture of this shape; nothing if it changes nothing.
pub(super) fn links(
    shape: Shape,
    operation: &Operation,
    overlays: &Overlays,
) -> Result<Vec<Link>, Rejection> {
    let here = |step| vec![Link { step, shape }];
    Ok(match *operation {
        Operation::Invert => here(Step::Invert),
        Operation::Grayscale => gray(shape).into_iter().collect(),
        Operation::Brightness { factor, add } => levels(shape, Levels::Brightness { factor, add }),
        Operation::Contrast { factor } => levels(shape, Levels::Contrast { factor }),
        Operation::Gamma { gamma } => levels(shape, Levels::Gamma { gamma }),
        Operation::Saturation { .. } if shape.layout == Layout::Gray => vec![],
        Operation::Saturation { factor } => here(Step::Saturate { factor }),
        Operation::Normalize { lower, upper } => here(Step::Normalize { lower, upper }),
        Operation::Equalize => here(Step::Equalize),
        Operation::Tint { color } => after(colour(shape), shape, Step::Tint(color)),
        Operation::Blur { kernel: 1, .. }
        | Operation::Median { kernel: 1 }
        | Operation::Pixelate { size: 1 } => vec![],
        Operation::Blur { kernel, sigma } => here(Step::Blur { kernel, sigma }),
        Operation::Sharpen { sigma, amount } => {
            here(Step::Sharpen { kernel: sharpening_kernel(sigma), sigma, amount })
        }
        Operation::Median { kernel } => here(Step::Median { kernel }),
        Operation::Pixelate { size } => here(Step::Pixelate { size }),
        // Opening a dilation by its own kernel changes nothing, and two dilations are one.
        Operation::Morphology => {
            here(Step::Extremes([Some((Extreme::Largest, 9)), Some((Extreme::Smallest, 5))]))
        }
        Operation::Morph(morph) => {
            let [up, down] = [Extreme::Largest, Extreme::Smallest]
                .map(|extreme| Some((extreme, morph.effective_kernel())));
            match morph.shaping {
                _ if morph.kernel == 1 => vec![],
                Shaping::Dilate => here(Step::Extremes([up, None])),
                Shaping::Erode => here(Step::Extremes([down, None])),
                Shaping::Open => here(Step::Extremes([down, up])),
                Shaping::Close => here(Step::Extremes([up, down])),
            }
        }
        Operation::Edges { low, high } => {
            let shape = Shape { layout: Layout::Gray, ..shape };
            vec![Link { step: Step::Edges { low, high }, shape }]
        }
        Operation::Threshold { value, max, otsu: false } => here(Step::Threshold { value, max }),
        Operation::Threshold { max, otsu: true, .. } => {
            after(gray(shape), shape, Step::Otsu { max })
        }
        Operation::AdaptiveThreshold(adaptive) => {
            after(gray(shape), shape, Step::Adaptive(adaptive))
        }
        Operation::Lines(lines) => after(colour(shape), shape, Step::Lines(lines)),
        Operation::Contours { value } => after(colour(shape), shape, Step::Contours { value }),
        Operation::Resize(to) => resized(shape, &to)?,
        Operation::Crop { width, height, left, top } => {
            let size = (shape.width, shape.height);
            let part = geometry::crop(size, (width, height), (left, top))?;
            if (part.width, part.height) == size { vec![] } else { vec![cut(shape, part)] }
        }
        Operation::Rotate(turns) => turned(shape, turns),
        Operation::Flip(axis) => here(Step::Flip(axis)),
        Operation::Pad(pad) => padded(shape, pad),
        Operation::Composite(ref composite) => composited(shape, composite, overlays)?,
        Operation::Trim { threshold, color } => here(Step::Trim { threshold, color }),
    })
}

/// Part of a picture.
fn cut(shape: Shape, part: Rectangle) -> Link {
    let shape = Shape { width: part.width, height: part.height, ..shape };
    Link { step: Step::Crop(part), shape }
}

/// A picture of another size.
fn resized(shape: Shape, to: &Resize) -> Result<Vec<Link>, Rejection> {
    Ok(match geometry::resize((shape.width, shape.height), to)? {
        Resized::Kept => vec![],
        Resized::Cropped(part) => vec![cut(shape, part)],
        Resized::Resampled { width, height, window } => {
            let step = Step::Resample { window, filter: to.filter };
            vec![Link { step, shape: Shape { width, height, ..shape } }]
        }
    })
}

/// A picture turned.
fn turned(shape: Shape, turns: QuarterTurns) -> Vec<Link> {
    let (step, shape) = match turns {
        QuarterTurns::None => return vec![],
        QuarterTurns::One => (Step::QuarterTurn, shape.on_its_side()),
        QuarterTurns::Two => (Step::HalfTurn, shape),
        QuarterTurns::Three => (Step::ThreeQuarterTurn, shape.on_its_side()),
    };
    vec![Link { step, shape }]
}

/// A picture with pixels around it, in the layout that holds both.
fn padded(shape: Shape, pad: Pad) -> Vec<Link> {
    let (width, height) = geometry::pad((shape.width, shape.height), &pad);
    let layout = match shape.layout {
        _ if !pad.color.is_opaque() => Layout::Rgba,
        Layout::Gray if !pad.color.is_gray() => Layout::Rgb,
        Layout::Gray | Layout::Rgb | Layout::Rgba => shape.layout,
    };
    let step = Link { step: Step::Pad(pad), shape: Shape { width, height, layout } };
    widen(shape, layout).into_iter().chain([step]).collect()
}

/// An overlay on a picture, in the layout that holds the colours of both.
fn composited(
    shape: Shape,
    composite: &Composite,
    overlays: &Overlays,
) -> Result<Vec<Link>, Rejection> {
    let (overlay, over) = overlays.find(&composite.image)?;
    let before = if over.layout == Layout::Gray { None } else { colour(shape) };
    let sizes = [shape, over].map(|shape| (shape.width, shape.height));
    let placing = geometry::placing(sizes, composite);
    Ok(after(before, shape, Step::Composite { overlay, placing }))
}

/// A step in the shape that the one before it makes, if there is one before it.
fn after(before: Option<Link>, shape: Shape, step: Step) -> Vec<Link> {
    let shape = before.map_or(shape, |link| link.shape);
    before.into_iter().chain([Link { step, shape }]).collect()
}

/// Fixed levels, unless they change nothing.
fn levels(shape: Shape, levels: Levels) -> Vec<Link> {
    if levels.is_identity() { vec![] } else { vec![Link { step: Step::Levels(levels), shape }] }
}

/// What makes a picture gray; RGBA keeps its alpha.
fn gray(shape: Shape) -> Option<Link> {
    match shape.layout {
        Layout::Gray => None,
        Layout::Rgba => Some(Link { step: Step::Desaturate, shape }),
        Layout::Rgb => {
            Some(Link { step: Step::Luma, shape: Shape { layout: Layout::Gray, ..shape } })
        }
    }
}

/// What gives gray three channels, to be coloured.
fn colour(shape: Shape) -> Option<Link> {
    match shape.layout {
        Layout::Gray => widen(shape, Layout::Rgb),
        Layout::Rgb | Layout::Rgba => None,
    }
}

/// What gives a picture the layout, unless it has it.
fn widen(shape: Shape, layout: Layout) -> Option<Link> {
    (shape.layout != layout).then_some(Link { step: Step::Widen, shape: Shape { layout, ..shape } })
}

/// The scale at which the picture is decoded for an output: below full only for a JPEG whose
/// chain starts by making it smaller, and not for a filter that picks single pixels.
pub(super) fn scale(header: &Header, links: &[Link]) -> Scale {
    match links.first() {
        Some(Link { step: Step::Resample { window, filter }, shape })
            if header.format == Format::Jpeg && *filter != Filter::Nearest =>
        {
            let target = (shape.width, shape.height);
            Scale::for_target((header.width, header.height), target, *window)
        }
        _ => Scale::Full,
    }
}
