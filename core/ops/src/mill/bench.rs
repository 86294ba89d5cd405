//! Operations without codecs, for measurements (feature `bench`). Never built into a release.
//!
//! What is timed is what a job does between decoding and encoding: the same plan, the same buffers,
//! used again and again.

use pixmill_contract::{Format, Limits, Recipe};

use super::{Belongings, From, Mill, Run};
use crate::header::{Header, Orientation};
use crate::kernel::level::forced;
use crate::overlay::Overlays;
use crate::plan::{Node, Plan};
use crate::shape::{Layout, Shape};

/// The operations of one recipe on one decoded picture.
#[derive(Debug)]
pub struct Bench {
    mill: Mill,
    recipe: Recipe,
    header: Header,
    plan: Plan,
}

impl Bench {
    /// For pictures of `width`×`height` pixels, of 1, 3 or 4 `channels`.
    pub fn new(recipe: Recipe, (width, height): (u32, u32), channels: u8) -> Self {
        let header = Header {
            format: Format::Png,
            width,
            height,
            channels,
            orientation: Orientation::UPRIGHT,
            profile: false,
            gray_alpha: false,
            ink: false,
            sampling: None,
            decoder_bytes: 0,
        };
        let mut mill = Mill::new(Limits::default());
        let plan = Plan::new(&header, &recipe, &Overlays::default(), &mill.limits);
        let plan = plan.expect("a recipe without overlays that can be applied");
        mill.prepare(&plan);
        Self { mill, recipe, header, plan }
    }

    /// Keeps this thread from the instructions of levels above the `n`th; the first is portable.
    pub fn limit_level(n: usize) {
        let levels = forced::levels();
        forced::set(levels.get(n).copied());
    }

    /// Puts the picture where the decoder would; operations may have been done in place.
    pub fn load(&mut self, pixels: &[u8]) {
        let slot = self.plan.decodes[0].slot;
        self.mill.buffers[slot][..pixels.len()].copy_from_slice(pixels);
    }

    /// Runs the operations.
    pub fn run(&mut self) {
        let overlays = Overlays::default();
        let belongings = Belongings::default();
        let from = From { source: &[], header: &self.header, belongings };
        let mut run = Run {
            mill: &mut self.mill,
            recipe: &self.recipe,
            overlays: &overlays,
            layers: vec![],
            from,
            profile: None,
            pictures: vec![],
        };
        let mut node = &self.plan.roots[0];
        while let Some(branch) = node.branches.first() {
            run.apply(branch.step, (node.shape, node.slot), branch.scratch, &branch.node);
            node = &branch.node;
        }
    }

    /// Width, height, channels and pixels of what was made.
    pub fn made(&self) -> (u32, u32, usize, &[u8]) {
        let Node { shape, slot, .. } = self.last();
        let Shape { width, height, layout } = *shape;
        (width, height, Layout::channels(layout), &self.mill.buffers[*slot][..shape.bytes()])
    }

    fn last(&self) -> &Node {
        let mut node = &self.plan.roots[0];
        while let Some(branch) = node.branches.first() {
            node = &branch.node;
        }
        node
    }
}
