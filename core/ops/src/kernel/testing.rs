//! What the kernels' property tests share: small pictures of awkward sizes.

use proptest::prelude::*;

use super::level::forced;
use crate::shape::{Layout, Shape};

/// Runs a check at every level that this machine has.
pub(crate) fn at_every_level(check: impl Fn()) {
    for level in forced::levels() {
        forced::set(Some(level));
        check();
    }
    forced::set(None);
}

/// Any layout.
pub(crate) fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(Layout::Gray), Just(Layout::Rgb), Just(Layout::Rgba)]
}

/// A picture and its shape: one pixel, one row, one column, primes, and whatever is between.
pub(crate) fn pictures(
    layouts: impl Strategy<Value = Layout>,
) -> impl Strategy<Value = (Shape, Vec<u8>)> {
    let side = || prop_oneof![Just(1_u32), 2_u32..8, Just(31), Just(67), 8_u32..80];
    (side(), side(), layouts).prop_flat_map(|(width, height, layout)| {
        let shape = Shape { width, height, layout };
        (Just(shape), prop::collection::vec(any::<u8>(), shape.bytes()))
    })
}
