//! Chains of operations resolved for one picture, and the tree that they fold into.

use pixmill_contract::operation::{Axis, Filter, QuarterTurns};
use pixmill_contract::{Encoding, Format, Limits, Operation, Output, Rejection};

use crate::geometry::{self, Rectangle, Resized, Scale, Window};
use crate::header::Header;
use crate::shape::{Layout, Shape};

/// An operation whose numbers are settled. Steps that change nothing do not exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Invert,
    /// RGB becomes one channel.
    Luma,
    /// RGBA keeps its channels, with equal colours.
    Desaturate,
    Blur {
        kernel: u32,
        sigma: Option<f64>,
    },
    Resample {
        window: Window,
        filter: Filter,
    },
    Crop(Rectangle),
    QuarterTurn,
    HalfTurn,
    ThreeQuarterTurn,
    Flip(Axis),
}

impl Step {
    /// Whether it makes its picture in the buffer of the one it reads.
    pub(crate) fn works_in_place(self) -> bool {
        match self {
            Self::Invert | Self::Desaturate | Self::HalfTurn | Self::Flip(_) => true,
            Self::Luma
            | Self::Blur { .. }
            | Self::Resample { .. }
            | Self::Crop(_)
            | Self::QuarterTurn
            | Self::ThreeQuarterTurn => false,
        }
    }
}

/// A step and the shape of what it makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    pub(super) step: Step,
    pub(super) shape: Shape,
}

/// Walks an output's chain from the displayed picture on. Refuses what is inapplicable, and every
/// picture on the way that is over a limit.
pub(super) fn resolve(
    header: &Header,
    output: &Output,
    limits: &Limits,
) -> Result<Vec<Link>, Rejection> {
    let mut shape = header.shape();
    let mut links = vec![];
    for operation in &output.chain {
        let Some(link) = link(shape, operation)? else { continue };
        let what = format!("output {}", output.name);
        limits.check_frame(&what, link.shape.width, link.shape.height)?;
        shape = link.shape;
        links.push(link);
    }
    Ok(links)
}

/// What an operation comes down to for a picture of this shape; `None` if it changes nothing.
fn link(shape: Shape, operation: &Operation) -> Result<Option<Link>, Rejection> {
    let size = (shape.width, shape.height);
    let same = |step| Some(Link { step, shape });
    let cut = |part: Rectangle| Link {
        step: Step::Crop(part),
        shape: Shape { width: part.width, height: part.height, ..shape },
    };
    Ok(match *operation {
        Operation::Invert => same(Step::Invert),
        Operation::Grayscale => match shape.layout {
            Layout::Gray => None,
            Layout::Rgba => same(Step::Desaturate),
            Layout::Rgb => {
                let shape = Shape { layout: Layout::Gray, ..shape };
                Some(Link { step: Step::Luma, shape })
            }
        },
        Operation::Blur { kernel: 1, .. } | Operation::Rotate(QuarterTurns::None) => None,
        Operation::Blur { kernel, sigma } => same(Step::Blur { kernel, sigma }),
        Operation::Resize(to) => match geometry::resize(size, &to)? {
            Resized::Kept => None,
            Resized::Cropped(part) => Some(cut(part)),
            Resized::Resampled { width, height, window } => {
                let step = Step::Resample { window, filter: to.filter };
                Some(Link { step, shape: Shape { width, height, ..shape } })
            }
        },
        Operation::Crop { width, height, left, top } => {
            let part = geometry::crop(size, (width, height), (left, top))?;
            if (part.width, part.height) == size { None } else { Some(cut(part)) }
        }
        Operation::Rotate(QuarterTurns::Two) => same(Step::HalfTurn),
        Operation::Rotate(QuarterTurns::One) => {
            Some(Link { step: Step::QuarterTurn, shape: shape.on_its_side() })
        }
        Operation::Rotate(QuarterTurns::Three) => {
            Some(Link { step: Step::ThreeQuarterTurn, shape: shape.on_its_side() })
        }
        Operation::Flip(axis) => same(Step::Flip(axis)),
    })
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

/// Chains folded by their equal beginnings.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Outputs that end here: index and encoding.
    pub(super) ends: Vec<(usize, Encoding)>,
    /// What follows, in the order in which outputs first need it.
    pub(super) branches: Vec<(Link, Tree)>,
}

impl Tree {
    /// Adds an output at the end of its chain.
    pub(super) fn insert(&mut self, links: &[Link], output: (usize, Encoding)) {
        let Some((first, rest)) = links.split_first() else {
            self.ends.push(output);
            return;
        };
        let at = self.branches.iter().position(|(link, _)| link == first);
        let at = at.unwrap_or_else(|| {
            self.branches.push((*first, Self::default()));
            self.branches.len() - 1
        });
        self.branches[at].1.insert(rest, output);
    }
}
