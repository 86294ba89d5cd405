//! The mill: runs a plan on one thread, with codecs and buffers that outlive the job.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod planar;

use pixmill_contract::{Format, Limits, Recipe, Rejection};
use pixmill_resample::Resampler;

use crate::allocator;
use crate::codec::carry::Belongings;
use crate::codec::jpeg::Jpeg;
use crate::codec::{self, Finished};
use crate::estimate::{admit, admit_sequel};
use crate::geometry::Rectangle;
use crate::header::{Header, Orientation};
use crate::kernel::{alpha, blur, trim, turn};
use crate::overlay::{Layer, Overlays};
use crate::plan::{Branch, Decode, End, Node, Plan, Slot, Step};
use crate::shape::{Layout, Shape};
use crate::steps::{self, Tools};

/// The most that a mill keeps between jobs, in bytes: enough for pictures of 24 megapixels. What
/// a larger one needed is given back.
const KEPT_BYTES: usize = 256 * 1024 * 1024;

/// Codec objects and buffers for one compute thread, used job after job.
///
/// In a steady state of similar pictures a job allocates nothing large but its encoded outputs.
/// A mill stays usable after a rejection, and also after a panic in [`Mill::grind`]: nothing that
/// a job leaves behind is read by the next.
#[derive(Debug)]
pub struct Mill {
    limits: Limits,
    jpeg: Jpeg,
    resampler: Resampler,
    blur: blur::Scratch,
    /// One for each slot of a plan, longer than it has to be or empty.
    buffers: Vec<Vec<u8>>,
    /// Where outputs are encoded, as long as the longest may be.
    encoded: Vec<u8>,
}

/// What came out of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// What the source's header says.
    pub header: Header,
    /// One for each output, in the order of [`Recipe::outputs`].
    pub pictures: Vec<Picture>,
}

/// An encoded output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The output's name in the recipe.
    pub name: String,
    /// The format that it is encoded in.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The whole file.
    pub bytes: Vec<u8>,
}

impl Mill {
    /// A mill that refuses what is over `limits`.
    pub fn new(limits: Limits) -> Self {
        allocator::keep();
        Self {
            limits,
            jpeg: Jpeg::new(),
            resampler: Resampler::new(),
            blur: blur::Scratch::default(),
            buffers: vec![],
            encoded: vec![],
        }
    }

    /// Makes all outputs of a recipe from one picture and the overlays that the recipe names.
    ///
    /// What an output looks like depends on the picture and on that output alone: a recipe of
    /// several outputs gives the same bytes as each of them by itself.
    pub fn grind(
        &mut self,
        source: &[u8],
        recipe: &Recipe,
        overlays: &Overlays,
    ) -> Result<Ground, Rejection> {
        let header = codec::inspect(source, &self.limits)?;
        let plan = Plan::new(&header, recipe, overlays, &self.limits)?;
        admit(&header, &plan, overlays, &self.limits)?;
        #[cfg(feature = "test-hooks")]
        crate::hooks::before_decoding(source);

        self.prepare(&plan);
        let layers = overlays.decode()?;
        let belongings = codec::belongings(header.format, source);
        let from = From { source, header: &header, belongings };
        let run =
            Run { mill: self, recipe, overlays, layers, from, profile: None, pictures: vec![] };
        let pictures = run.all(&plan);
        // Whatever came of it: a picture that is refused half way was as large as any.
        self.tidy();
        Ok(Ground { header, pictures: pictures? })
    }

    /// Makes every buffer as large as the plan needs it.
    fn prepare(&mut self, plan: &Plan) {
        let sizes = plan.slots.sizes();
        // Largest to largest: slots of different plans have nothing else in common.
        self.buffers.sort_by_key(|buffer| std::cmp::Reverse(buffer.len()));
        let mut largest_first: Vec<Slot> = (0..sizes.len()).collect();
        largest_first.sort_by_key(|slot| std::cmp::Reverse(sizes[*slot]));
        let mut kept = std::mem::take(&mut self.buffers).into_iter();
        self.buffers.resize_with(sizes.len(), Vec::new);
        for slot in largest_first {
            let buffer = kept.next().unwrap_or_default();
            self.buffers[slot] = at_least(buffer, sizes[slot]);
        }
        self.buffers.extend(kept);
        self.encoded = at_least(std::mem::take(&mut self.encoded), plan.scratch_bytes);
    }

    /// Makes the buffers larger that a sequel needs larger; nothing is in them.
    fn widen(&mut self, sequel: &Plan) {
        let sizes = sequel.slots.sizes();
        self.buffers.resize_with(self.buffers.len().max(sizes.len()), Vec::new);
        for (buffer, size) in self.buffers.iter_mut().zip(sizes) {
            *buffer = at_least(std::mem::take(buffer), *size);
        }
        self.encoded = at_least(std::mem::take(&mut self.encoded), sequel.scratch_bytes);
    }

    /// Gives back what is too much to keep.
    fn tidy(&mut self) {
        if self.resampler.kept_bytes() > KEPT_BYTES / 4 {
            self.resampler.release();
        }
        let mut bytes = self.encoded.len();
        if bytes > KEPT_BYTES {
            self.encoded = vec![];
            bytes = 0;
        }
        self.buffers.sort_by_key(Vec::len);
        self.buffers.retain(|buffer| {
            bytes += buffer.len();
            bytes <= KEPT_BYTES
        });
    }

    /// The pixels in one slot, and the buffer of another.
    fn pair(&mut self, from: Slot, into: Slot) -> (&[u8], &mut [u8]) {
        let [from, into] = self.buffers.get_disjoint_mut([from, into]).expect("slots differ");
        (from, into)
    }
}

/// A buffer of at least `length` bytes: the given one, or a new one, never both at once.
fn at_least(buffer: Vec<u8>, length: usize) -> Vec<u8> {
    if buffer.len() >= length {
        return buffer;
    }
    drop(buffer);
    // Fresh zeros come from the system untouched, which is cheaper than growing and filling.
    let mut buffer = vec![0; length];
    allocator::in_large_pages(&mut buffer);
    buffer
}

/// The source of a job, and what was read from it.
struct From<'a> {
    source: &'a [u8],
    header: &'a Header,
    belongings: Belongings<'a>,
}

/// One job under way.
struct Run<'a> {
    mill: &'a mut Mill,
    recipe: &'a Recipe,
    overlays: &'a Overlays,
    /// What the overlays look like.
    layers: Vec<Layer>,
    from: From<'a>,
    /// The profile that describes what was decoded, where it is not sRGB.
    profile: Option<Vec<u8>>,
    pictures: Vec<(usize, Picture)>,
}

impl Run<'_> {
    /// Makes every picture, in the order of the outputs.
    fn all(mut self, plan: &Plan) -> Result<Vec<Picture>, Rejection> {
        for (decode, root) in plan.decodes.iter().zip(&plan.roots) {
            self.decode(decode, root)?;
            self.grow(plan, root)?;
        }
        for planar in &plan.planar {
            self.planar(planar)?;
        }
        self.pictures.sort_by_key(|(output, _)| *output);
        Ok(self.pictures.into_iter().map(|(_, picture)| picture).collect())
    }

    /// Decodes and puts the picture upright.
    fn decode(&mut self, decode: &Decode, root: &Node) -> Result<(), Rejection> {
        let Decode { wanted, slot } = decode;
        let stored = wanted.stored;
        let From { source, header, .. } = self.from;
        let buffer = &mut self.mill.buffers[*slot];
        self.profile = codec::decode(source, header, *wanted, buffer)?;
        let pixels = &mut buffer[..stored.bytes()];
        let Orientation { mirrored, quarter_turns } = header.orientation;
        if mirrored {
            turn::flip_horizontal(stored, pixels);
        }
        match quarter_turns {
            1 => self.apply(Step::QuarterTurn, (stored, *slot), None, root),
            2 => turn::half_turn(stored, pixels),
            3 => self.apply(Step::ThreeQuarterTurn, (stored, *slot), None, root),
            _ => {}
        }
        Ok(())
    }

    /// Encodes the outputs that a picture is, then makes everything that is made from it.
    fn grow(&mut self, plan: &Plan, node: &Node) -> Result<(), Rejection> {
        for end in &node.ends {
            self.encode(node, end)?;
        }
        for branch in &node.branches {
            if let Step::Trim { threshold, color } = branch.step {
                let pixels = &self.mill.buffers[node.slot][..node.shape.bytes()];
                let part = trim::find(node.shape, pixels, threshold, color);
                self.continue_with(part, plan, node, branch)?;
            } else {
                self.apply(branch.step, (node.shape, node.slot), branch.scratch, &branch.node);
                self.grow(plan, &branch.node)?;
            }
        }
        Ok(())
    }

    /// Takes what a trim leaves, and makes everything that is made from it.
    fn continue_with(
        &mut self,
        part: Rectangle,
        plan: &Plan,
        node: &Node,
        branch: &Branch,
    ) -> Result<(), Rejection> {
        let left = Shape { width: part.width, height: part.height, ..node.shape };
        let Self { recipe, overlays, .. } = self;
        let sequel = plan.sequel(&branch.node, left, recipe, overlays, &self.mill.limits)?;
        admit_sequel(self.from.header, plan, &sequel)?;
        let root = &sequel.roots[0];
        self.apply(Step::Crop(part), (node.shape, node.slot), None, root);
        // Only now: the buffer that was trimmed may be among those that grow.
        self.mill.widen(&sequel);
        self.grow(&sequel, root)
    }

    /// Makes the picture of `node` from the one in `from`.
    fn apply(
        &mut self,
        step: Step,
        (shape, from): (Shape, Slot),
        scratch: Option<Slot>,
        node: &Node,
    ) {
        let mill = &mut *self.mill;
        // Taken out, so that no buffer is borrowed twice; the plan never gives one slot two uses.
        let mut own = scratch.map_or(vec![], |slot| std::mem::take(&mut mill.buffers[slot]));
        if step.works_in_place() {
            if from != node.slot {
                let (pixels, copy) = mill.pair(from, node.slot);
                copy[..shape.bytes()].copy_from_slice(&pixels[..shape.bytes()]);
            }
            let pixels = &mut mill.buffers[node.slot][..shape.bytes()];
            steps::change(step, (shape, pixels), &self.layers, &mut own);
        } else {
            let [from, into] =
                mill.buffers.get_disjoint_mut([from, node.slot]).expect("two pictures, two slots");
            let source = (shape, &from[..shape.bytes()]);
            let made = (node.shape, &mut into[..node.shape.bytes()]);
            let mut tools =
                Tools { resampler: &mut mill.resampler, blur: &mut mill.blur, scratch: &mut own };
            steps::make(step, source, &mut tools, made);
        }
        if let Some(slot) = scratch {
            mill.buffers[slot] = own;
        }
    }

    /// Encodes one output.
    fn encode(&mut self, node: &Node, end: &End) -> Result<(), Rejection> {
        let mill = &mut *self.mill;
        let (mut shape, mut slot) = (node.shape, node.slot);
        let pixels = &mill.buffers[slot][..shape.bytes()];
        let encoding = codec::settle(end.encoding, shape, pixels);
        if let Some(flattened) = end.flattened
            && encoding.format() == Some(Format::Jpeg)
        {
            let (pixels, rgb) = mill.pair(slot, flattened);
            alpha::over_white(&pixels[..shape.bytes()], rgb);
            (shape, slot) = (Shape { layout: Layout::Rgb, ..shape }, flattened);
        }
        let pixels = &mill.buffers[slot][..shape.bytes()];
        let finished = Finished {
            shape,
            pixels,
            header: self.from.header,
            belongings: &self.from.belongings,
            profile: self.profile.as_deref(),
        };
        let (format, bytes) = finished.encode(encoding, &mut mill.jpeg, &mut mill.encoded)?;
        let name = self.recipe.outputs()[end.output].name.clone();
        let picture = Picture { name, format, width: shape.width, height: shape.height, bytes };
        self.pictures.push((end.output, picture));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pixmill_contract::RejectCode;

    use super::*;

    #[test]
    fn a_refused_picture_leaves_no_more_than_any_other() {
        // A canvas of 400 MB around one pixel, of a colour that is not there.
        let head = [&b"GIF89a"[..], &20_000_u16.to_le_bytes(), &5000_u16.to_le_bytes(), &[0; 3]];
        let frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 4, 2, 0x10, 0x88, 0, 0x3b];
        let source = [&head.concat()[..], &frame].concat();
        let (pixels, side, memory_bytes) = (1 << 30, 1 << 15, 1 << 32);
        let limits = Limits { pixels, side, memory_bytes, ..Limits::default() };
        let mut mill = Mill::new(limits);
        let recipe = "rotate:0 -> png".parse().unwrap();
        let rejection = mill.grind(&source, &recipe, &Overlays::default()).unwrap_err();
        assert_eq!(rejection.code, RejectCode::Corrupt, "{rejection}");
        let kept: usize = mill.buffers.iter().chain([&mill.encoded]).map(Vec::len).sum();
        assert!(kept <= KEPT_BYTES, "{kept} bytes");
    }
}
