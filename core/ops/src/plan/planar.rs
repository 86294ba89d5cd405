//! Outputs that are made from the planes of a JPEG, without ever being pixels.
//!
//! Resampling means the same for luma and differences of colour as for red, green and blue, and an
//! output that is a JPEG again is stored as planes anyway. So where nothing else happens to a
//! picture, neither enlarging the planes of colour nor computing colours and back is needed.

use pixmill_contract::Encoding;
use pixmill_contract::operation::{Filter, Icc, Subsampling};

use super::chain::Link;
use super::{Slot, Slots, Step};
use crate::codec::jpeg::planes::{self, Sampling};
use crate::geometry::{Scale, Window};
use crate::header::Header;
use crate::shape::{Layout, Shape};

/// One decoding to planes, and what is made from it.
#[derive(Debug)]
pub(crate) struct Planar {
    pub(crate) scale: Scale,
    pub(crate) sampling: Sampling,
    /// The sides that the header says, as stored.
    pub(crate) stored: (u32, u32),
    /// Where the decoder puts them.
    pub(crate) slot: Slot,
    pub(crate) made: Vec<Made>,
}

/// One output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    /// Its index in the recipe.
    pub(crate) output: usize,
    pub(crate) encoding: Encoding,
    /// Its sides as they are resampled, before it is put upright.
    pub(crate) size: (u32, u32),
    /// What part it shows, before it is put upright.
    pub(crate) window: Window,
    pub(crate) filter: Filter,
    /// Where it is resampled to, and where it is turned to if its sides change places.
    pub(crate) slot: Slot,
    pub(crate) turned: Option<Slot>,
}

/// An output that can be made this way, if it can: what is asked for once its chain is resolved.
pub(super) fn of(
    header: &Header,
    links: &[Link],
    (output, encoding): (usize, Encoding),
    (icc, scale): (Icc, Scale),
) -> Option<Made> {
    let [Link { step: Step::Resample { window, filter }, shape }] = *links else { return None };
    let Encoding::Jpeg { subsampling: Subsampling::Half, .. } = encoding else { return None };
    if header.sampling.is_none() || icc != Icc::Keep || scale == Scale::Full {
        return None;
    }
    let (mut size, mut window) = ((shape.width, shape.height), window);
    if header.orientation.swaps_sides() {
        size = (size.1, size.0);
        let Window { left, top, width, height } = window;
        window = Window { left: top, top: left, width: height, height: width };
    }
    Some(Made { output, encoding, size, window, filter, slot: 0, turned: None })
}

impl Planar {
    /// Gives every picture a place; each is done with before the next is made.
    pub(super) fn place(
        header: &Header,
        scale: Scale,
        mut made: Vec<Made>,
        slots: &mut Slots,
    ) -> Self {
        let swapped = header.orientation.swaps_sides();
        let stored =
            if swapped { (header.height, header.width) } else { (header.width, header.height) };
        let sampling = header.sampling.expect("only such outputs come here");
        let slot = slots.take(planes::bytes(&planes::decoded(stored, sampling, scale)));
        for made in &mut made {
            let (width, height) = made.size;
            made.slot = slots.take(planes::bytes(&planes::to_encode((width, height))));
            made.turned =
                swapped.then(|| slots.take(planes::bytes(&planes::to_encode((height, width)))));
            made.turned.into_iter().for_each(|slot| slots.give(slot));
            slots.give(made.slot);
        }
        slots.give(slot);
        Self { scale, sampling, stored, slot, made }
    }

    /// The luma that is decoded.
    pub(crate) fn luma(&self) -> Shape {
        let (width, height) = (self.scale.of(self.stored.0), self.scale.of(self.stored.1));
        Shape { width, height, layout: Layout::Gray }
    }
}

impl Made {
    /// The picture, before it is put upright, as if it were pixels.
    pub(crate) fn shape(&self) -> Shape {
        Shape { width: self.size.0, height: self.size.1, layout: Layout::Rgb }
    }

    /// What makes it.
    pub(crate) fn step(&self) -> Step {
        Step::Resample { window: self.window, filter: self.filter }
    }
}
