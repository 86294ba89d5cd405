//! What will be done to a picture, decided before a pixel exists.
//!
//! A [`Plan`] is a pure function of header, recipe, overlays' headers and limits. It resolves every
//! size, refuses what cannot or may not be done, groups the outputs by the scale at which they are decoded,
//! folds equal beginnings of their chains into one tree, and gives every intermediate picture a
//! place in a few numbered buffers ([`Slots`]), each free again as soon as its last reader is
//! done. Running it is left to the [`Mill`](crate::Mill), adding it up to
//! [`estimate`](crate::estimate).
//!
//! What a trim leaves is known when it has run. A plan that has one goes on as if nothing were
//! trimmed, which refuses all that could never be done, and with the largest pictures that may come
//! of it, which is what the job is given room for. Once the trim has run, what follows is planned
//! anew, as a [`Plan::sequel`], in the same room.

mod chain;
mod planar;
mod slots;
mod step;
mod tree;
mod working;

use pixmill_contract::operation::Icc;
use pixmill_contract::{Encoding, Limits, Output, Recipe, RejectCode, Rejection};

use crate::codec::{Decoding, carry, jpeg, png, webp};
use crate::facts;
use crate::geometry::Scale;
use crate::header::Header;
use crate::overlay::Overlays;
use crate::shape::{Layout, Shape};

pub(crate) use planar::{Made, Planar};
pub(crate) use slots::{Slot, Slots};
pub(crate) use step::Step;
use tree::{Goal, Tree};
use working::Working;

/// Everything that will happen to a picture.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// One for each scale that is needed, in the order in which outputs need them; none in a
    /// sequel.
    pub(crate) decodes: Vec<Decode>,
    /// What each decoding gives, as displayed; in a sequel what the trim has left.
    pub(crate) roots: Vec<Node>,
    /// What is made from planes instead; none in a sequel.
    pub(crate) planar: Vec<Planar>,
    /// The buffers and how large they get.
    pub(crate) slots: Slots,
    /// Most bytes that any of the outputs needs: for its file, or to look for what it tells.
    pub(crate) scratch_bytes: usize,
    /// Most bytes of all encoded outputs together.
    pub(crate) encoded_bytes: u64,
    /// What codecs and kernels allocate.
    pub(crate) working: Working,
}

/// One decoding.
#[derive(Debug)]
pub(crate) struct Decode {
    /// What is wanted of it.
    pub(crate) wanted: Decoding,
    /// Where the decoder puts them.
    pub(crate) slot: Slot,
}

/// A picture that exists at some point, and everything that is made from it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    /// Where its pixels are.
    pub(crate) slot: Slot,
    /// The outputs that are just this picture.
    pub(crate) ends: Vec<End>,
    /// What is made from it. The last one may use up the pixels.
    pub(crate) branches: Vec<Branch>,
    /// What has to be planned anew, if this is what a trim leaves.
    rest: Option<Rest>,
}

/// The outputs that follow a trim, and the buffers as they are then.
#[derive(Debug)]
struct Rest {
    goals: Vec<Goal>,
    slots: Slots,
}

/// A step and the picture that it makes.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) step: Step,
    /// A buffer of the step's own, free again when the picture is made.
    pub(crate) scratch: Option<Slot>,
    pub(crate) node: Node,
}

/// An output that is encoded.
#[derive(Debug)]
pub(crate) struct End {
    /// Its index in the recipe.
    pub(crate) output: usize,
    /// With [`Encoding::Same`] resolved.
    pub(crate) encoding: Encoding,
    /// Where an RGBA picture is laid over white, if it may become a JPEG.
    pub(crate) flattened: Option<Slot>,
}

impl Plan {
    /// Plans a recipe for a picture, or refuses it.
    pub(crate) fn new(
        header: &Header,
        recipe: &Recipe,
        overlays: &Overlays,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        limits.check_recipe(recipe)?;
        let mut trees: Vec<(Icc, Scale, Tree)> = vec![];
        let mut planar: Vec<(Scale, Vec<Made>)> = vec![];
        let mut plan = Self::default();
        for (index, output) in recipe.outputs().iter().enumerate() {
            let encoding = output.encoding.resolve(header.format);
            let start = Goal { output: index, encoding, encoded_bytes: 0, done: 0 };
            let (links, goal) = plan.reserve(start, output, header.shape(), (overlays, limits))?;
            let scale = chain::scale(header, &links);
            // Gray is written as RGB, which a profile of grays does not describe.
            let is_strange = header.channels == 1 && matches!(encoding, Encoding::Webp { .. });
            let wanted = if is_strange { Icc::Srgb } else { encoding.carry().icc };
            // Without a profile there is nothing to convert, and one decoding serves both.
            let icc = if header.profile { wanted } else { Icc::Keep };
            if let Some(made) = planar::of(header, &links, (index, encoding), (icc, scale)) {
                match planar.iter_mut().find(|(of, _)| *of == scale) {
                    Some((_, all)) => all.push(made),
                    None => planar.push((scale, vec![made])),
                }
                continue;
            }
            let at = trees.iter().position(|(i, s, _)| (*i, *s) == (icc, scale));
            let at = at.unwrap_or_else(|| {
                trees.push((icc, scale, Tree::default()));
                trees.len() - 1
            });
            trees[at].2.insert(&links, goal);
        }
        for (icc, scale, mut tree) in trees {
            tree.reckon(header.shape(), recipe, overlays)?;
            let (decode, root) = decode(header, (icc, scale), tree, &mut plan.slots);
            plan.decodes.push(decode);
            plan.roots.push(root);
        }
        for (scale, made) in planar {
            plan.planar.push(Planar::place(header, scale, made, &mut plan.slots));
        }
        plan.working = Working::of(&plan);
        Ok(plan)
    }

    /// Plans anew what follows the trim that leads to `node`, now that it is known what is `left`.
    ///
    /// It has this plan's buffers, of which it uses those that are free when the trim has run.
    pub(crate) fn sequel(
        &self,
        node: &Node,
        left: Shape,
        recipe: &Recipe,
        overlays: &Overlays,
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let rest = node.rest.as_ref().expect("something follows a trim");
        let (scratch_bytes, encoded_bytes) = (self.scratch_bytes, self.encoded_bytes);
        let slots = self.slots.as_of(&rest.slots);
        let mut plan = Self { slots, scratch_bytes, encoded_bytes, ..Self::default() };
        for goal in &rest.goals {
            plan.reserve(*goal, &recipe.outputs()[goal.output], left, (overlays, limits))?;
        }
        let tree = Tree::following(&rest.goals, left, (recipe, overlays), true)?;
        plan.roots.push(place(tree, left, node.slot, &mut plan.slots));
        plan.working = Working::of(&plan).or(self.working);
        Ok(plan)
    }

    /// Resolves an output from a picture on, and makes room for its file, beyond what it has.
    fn reserve(
        &mut self,
        goal: Goal,
        output: &Output,
        from: Shape,
        (overlays, limits): (&Overlays, &Limits),
    ) -> Result<(Vec<chain::Link>, Goal), Rejection> {
        let resolved = chain::resolve(from, output, goal.done, overlays, limits)?;
        let chain::Resolved { links, last, most, trimmed } = resolved;
        let bound = |shape| encoded_bound(&output.name, goal.encoding, shape);
        let whole = bound(last)?;
        // Where the most is too long for the format, so is what comes of it, or it is smaller.
        let encoded_bytes = bound(most).map_or(whole, |bytes| bytes.max(whole));
        let looking = facts::scratch_bytes(goal.encoding, most);
        self.scratch_bytes = self.scratch_bytes.max(encoded_bytes).max(looking);
        self.encoded_bytes += encoded_bytes.saturating_sub(goal.encoded_bytes) as u64;
        let done = trimmed.unwrap_or(output.chain.len());
        Ok((links, Goal { encoded_bytes, done, ..goal }))
    }

    /// Calls `visit` with every step, the shape it reads and the shape it makes. Planes count as
    /// luma does, with half as much again for colour that is left out.
    pub(crate) fn for_each_step(&self, mut visit: impl FnMut(&Step, Shape, Shape)) {
        for planar in &self.planar {
            for made in &planar.made {
                let to = Shape { layout: Layout::Gray, ..made.shape() };
                visit(&made.step(), planar.luma(), to);
            }
        }
        let mut nodes: Vec<&Node> = self.roots.iter().collect();
        while let Some(node) = nodes.pop() {
            for branch in &node.branches {
                visit(&branch.step, node.shape, branch.node.shape);
                nodes.push(&branch.node);
            }
        }
    }

    /// Calls `visit` with the place of every output in the recipe, its encoding, and the shape of its
    /// picture.
    pub(crate) fn for_each_end(&self, mut visit: impl FnMut(usize, Encoding, Shape)) {
        let made = self.planar.iter().flat_map(|planar| &planar.made);
        made.for_each(|made| visit(made.output, made.encoding, made.shape()));
        let mut nodes: Vec<&Node> = self.roots.iter().collect();
        while let Some(node) = nodes.pop() {
            node.ends.iter().for_each(|end| visit(end.output, end.encoding, node.shape));
            nodes.extend(node.branches.iter().map(|branch| &branch.node));
        }
    }
}

/// Most bytes of an encoded output, or the reason why its format cannot hold it.
fn encoded_bound(name: &str, encoding: Encoding, shape: Shape) -> Result<usize, Rejection> {
    let too_long = |format: &str, limit: u32| {
        let (width, height) = (shape.width, shape.height);
        let reason = format!("output {name} is {width}×{height}, {format} ends at {limit} a side");
        Err(Rejection::new(RejectCode::SideTooLarge, reason))
    };
    let side = shape.width.max(shape.height);
    let pixels = match encoding {
        Encoding::Jpeg { .. } | Encoding::Auto { .. } if side > jpeg::MAX_SIDE => {
            return too_long("JPEG", jpeg::MAX_SIDE);
        }
        Encoding::Jpeg { .. } => jpeg::encoded_bound(shape),
        Encoding::Auto { .. } => jpeg::encoded_bound(shape).max(png::encoded_bound(shape)),
        Encoding::Png { .. } | Encoding::Same => png::encoded_bound(shape),
        Encoding::Webp { .. } if side > webp::MAX_SIDE => {
            return too_long("WebP", webp::MAX_SIDE);
        }
        Encoding::Webp { .. } => webp::encoded_bound(shape),
        Encoding::Info
        | Encoding::Palette { .. }
        | Encoding::Blurhash { .. }
        | Encoding::Phash
        | Encoding::Lines(_)
        | Encoding::Contours { .. } => return Ok(facts::MAX_BYTES),
    };
    Ok(pixels + carry::MAX_BYTES_IN_FILE)
}

/// Whether a resolved encoding may write JPEG.
fn may_write_jpeg(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Jpeg { .. } | Encoding::Auto { .. })
}

/// Places one decoding and everything after it.
fn decode(
    header: &Header,
    (icc, scale): (Icc, Scale),
    tree: Tree,
    slots: &mut Slots,
) -> (Decode, Node) {
    let full = header.shape();
    let shape = Shape { width: scale.of(full.width), height: scale.of(full.height), ..full };
    // Ink is decoded as four bytes a pixel, and becomes colours in place.
    let decoded = |shape: Shape| if header.ink { shape.bytes() / 3 * 4 } else { shape.bytes() };
    if !header.orientation.swaps_sides() {
        let slot = slots.take(decoded(shape));
        let decode = Decode { wanted: Decoding { icc, scale, stored: shape }, slot };
        return (decode, place(tree, shape, slot, slots));
    }
    let stored = shape.on_its_side();
    let slot = slots.take(decoded(stored));
    let turned = slots.take(shape.bytes());
    slots.give(slot);
    (Decode { wanted: Decoding { icc, scale, stored }, slot }, place(tree, shape, turned, slots))
}

/// Places a picture that is in `slot`, in the order in which the mill will run: its outputs, then
/// its branches one after the other. Gives the slot back when the last of them has read it.
fn place(tree: Tree, shape: Shape, slot: Slot, slots: &mut Slots) -> Node {
    let (goals, mut ends) = (tree.trimmed, vec![]);
    let rest = (!goals.is_empty()).then(|| Rest { goals, slots: slots.clone() });
    for Goal { output, encoding, .. } in tree.ends {
        let flattened = (may_write_jpeg(encoding) && shape.layout == Layout::Rgba).then(|| {
            let flat = Shape { layout: Layout::Rgb, ..shape };
            let flattened = slots.take(flat.bytes());
            slots.give(flattened);
            flattened
        });
        ends.push(End { output, encoding, flattened });
    }
    let mut branches = vec![];
    let mut links = tree.branches.into_iter().peekable();
    if links.peek().is_none() {
        slots.give(slot);
    }
    while let Some((link, tree)) = links.next() {
        let is_last = links.peek().is_none();
        // What is left may need its buffers in another order, so each serves for everything.
        let trims = matches!(link.step, Step::Trim { .. });
        let least = slots.raise(if trims { tree.most_bytes(link.shape) } else { 0 });
        let in_place = is_last && link.step.works_in_place();
        let into = if in_place { slot } else { slots.take(link.shape.bytes()) };
        let scratch_bytes = link.step.scratch_bytes(shape);
        let scratch = (scratch_bytes > 0).then(|| slots.take(scratch_bytes));
        if let Some(scratch) = scratch {
            slots.give(scratch);
        }
        if is_last && !in_place {
            slots.give(slot);
        }
        let node = place(tree, link.shape, into, slots);
        slots.lower(least);
        branches.push(Branch { step: link.step, scratch, node });
    }
    Node { shape, slot, ends, branches, rest }
}

#[cfg(test)]
mod tests;
