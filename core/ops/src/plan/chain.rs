//! Chains of operations resolved for one picture, and the tree that they fold into.

use pixmill_contract::operation::{Filter, Pad, QuarterTurns, Resize, Shaping, sharpening_kernel};
use pixmill_contract::{Encoding, Format, Limits, Operation, Output, Recipe, Rejection};

use super::Step;
use crate::geometry::{self, Rectangle, Resized, Scale};
use crate::header::Header;
use crate::kernel::morph::Extreme;
use crate::kernel::tone::Levels;
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
    limits: &Limits,
) -> Result<Resolved, Rejection> {
    let mut resolved = Resolved { links: vec![], last: from, most: from, trimmed: None };
    for (index, operation) in output.chain.iter().enumerate().skip(done) {
        let settled = links(resolved.last, operation)?;
        for link in &settled {
            let what = format!("output {}", output.name);
            limits.check_frame(&what, link.shape.width, link.shape.height)?;
            resolved.last = link.shape;
        }
        if resolved.trimmed.is_some() {
            let reckoned = unsettled(resolved.most, operation)?;
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
fn unsettled(shape: Shape, operation: &Operation) -> Result<Vec<Link>, Rejection> {
    let Operation::Resize(to) = operation else { return links(shape, operation) };
    let (width, height) = geometry::most_of_resize((shape.width, shape.height), to);
    Ok(vec![Link { step: Step::Unsettled(*to), shape: Shape { width, height, ..shape } }])
}

/// What an operation comes down to for a picture of this shape; nothing if it changes nothing.
fn links(shape: Shape, operation: &Operation) -> Result<Vec<Link>, Rejection> {
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
        Operation::Morphology => extremes(shape, &[(Extreme::Largest, 9), (Extreme::Smallest, 5)]),
        Operation::Morph(morph) => {
            let [up, down] = [Extreme::Largest, Extreme::Smallest]
                .map(|extreme| (extreme, morph.effective_kernel()));
            match morph.shaping {
                _ if morph.kernel == 1 => vec![],
                Shaping::Dilate => extremes(shape, &[up]),
                Shaping::Erode => extremes(shape, &[down]),
                Shaping::Open => extremes(shape, &[down, up]),
                Shaping::Close => extremes(shape, &[up, down]),
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

/// A step in the shape that the one before it makes, if there is one before it.
fn after(before: Option<Link>, shape: Shape, step: Step) -> Vec<Link> {
    let shape = before.map_or(shape, |link| link.shape);
    before.into_iter().chain([Link { step, shape }]).collect()
}

/// Fixed levels, unless they change nothing.
fn levels(shape: Shape, levels: Levels) -> Vec<Link> {
    if levels.is_identity() { vec![] } else { vec![Link { step: Step::Levels(levels), shape }] }
}

/// Dilations and erosions, one after the other.
fn extremes(shape: Shape, steps: &[(Extreme, u32)]) -> Vec<Link> {
    let link = |(extreme, kernel)| Link { step: Step::Extreme { extreme, kernel }, shape };
    steps.iter().copied().map(link).collect()
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

/// An output on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// Its index in the recipe.
    pub(super) output: usize,
    /// With [`Encoding::Same`] resolved.
    pub(super) encoding: Encoding,
    /// Most bytes of its file.
    pub(super) encoded_bytes: usize,
    /// How much of its chain is done.
    pub(super) done: usize,
}

impl Goal {
    /// The operation that comes next.
    fn next(self, recipe: &Recipe) -> Option<&Operation> {
        recipe.outputs()[self.output].chain.get(self.done)
    }
}

/// Chains folded by their equal beginnings.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Outputs that end here.
    pub(super) ends: Vec<Goal>,
    /// If this is what a trim leaves: the outputs that are planned anew once it has run.
    pub(super) trimmed: Vec<Goal>,
    /// What follows, in the order in which outputs first need it.
    pub(super) branches: Vec<(Link, Tree)>,
}

impl Tree {
    /// The largest buffer that any picture or step in it needs, for a picture of this shape.
    pub(super) fn most_bytes(&self, shape: Shape) -> usize {
        let of_branch = |(link, tree): &(Link, Self)| {
            tree.most_bytes(link.shape).max(link.step.scratch_bytes(shape))
        };
        self.branches.iter().map(of_branch).fold(shape.bytes(), usize::max)
    }

    /// Adds an output at the end of its chain, or of what is known of it.
    pub(super) fn insert(&mut self, links: &[Link], goal: Goal) {
        let Some((first, rest)) = links.split_first() else {
            self.ends.push(goal);
            return;
        };
        let at = self.branches.iter().position(|(link, _)| link == first);
        let at = at.unwrap_or_else(|| {
            self.branches.push((*first, Self::default()));
            self.branches.len() - 1
        });
        let branch = &mut self.branches[at].1;
        if matches!(first.step, Step::Trim { .. }) {
            branch.trimmed.push(goal);
        } else {
            branch.insert(rest, goal);
        }
    }

    /// Adds the most that may follow each trim.
    pub(super) fn reckon(&mut self, shape: Shape, recipe: &Recipe) -> Result<(), Rejection> {
        for (link, tree) in &mut self.branches {
            tree.reckon(link.shape, recipe)?;
        }
        if !self.trimmed.is_empty() {
            let Self { ends, branches, .. } = Self::following(&self.trimmed, shape, recipe, false)?;
            self.ends.extend(ends);
            self.branches.extend(branches);
        }
        Ok(())
    }

    /// What follows a trim, for a picture of this shape: either just that, or the most that may
    /// follow for any part of it.
    ///
    /// Here chains fold by their operations and not by what those come down to, so that a part never
    /// needs more buffers at once than all of it.
    pub(super) fn following(
        goals: &[Goal],
        shape: Shape,
        recipe: &Recipe,
        settled: bool,
    ) -> Result<Self, Rejection> {
        let mut tree = Self::default();
        let mut goals = goals.to_vec();
        while let Some(first) = goals.first() {
            let Some(operation) = first.next(recipe) else {
                tree.ends.push(goals.remove(0));
                continue;
            };
            let (same, others): (Vec<_>, Vec<_>) =
                goals.into_iter().partition(|goal| goal.next(recipe) == Some(operation));
            goals = others;
            let same: Vec<_> = same.iter().map(|g| Goal { done: g.done + 1, ..*g }).collect();
            let resolve = if settled { links } else { unsettled };
            let links = resolve(shape, operation)?;
            let last = links.last().map_or(shape, |link| link.shape);
            let trims = settled && matches!(operation, Operation::Trim { .. });
            let mut below = Self::following(&same, last, recipe, settled && !trims)?;
            if trims {
                below.trimmed = same;
            }
            tree.graft(&links, below);
        }
        Ok(tree)
    }

    /// Adds a tree behind some links; behind none it is part of this one.
    fn graft(&mut self, links: &[Link], tree: Self) {
        match links.split_first() {
            None => {
                self.ends.extend(tree.ends);
                self.branches.extend(tree.branches);
            }
            Some((first, rest)) => {
                let mut branch = Self::default();
                if rest.is_empty() {
                    branch = tree;
                } else {
                    branch.graft(rest, tree);
                }
                self.branches.push((*first, branch));
            }
        }
    }
}
