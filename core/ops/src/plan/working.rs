//! What codecs and kernels allocate while a plan runs.

use super::{Plan, Step};
use crate::codec::encoder_bytes;

/// What is allocated at once, in bytes, by whom.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Working {
    decoding: u64,
    // What blurring and resampling allocate is kept for the next job, so the two add up.
    blurring: u64,
    resampling: u64,
    /// By other kernels, which give it back.
    passing: u64,
    encoding: u64,
}

impl Working {
    pub(crate) fn of(plan: &Plan) -> Self {
        let rows = plan.decodes.iter().map(|decode| decode.wanted.stored.row() as u64 * 16);
        let planes = plan.planar.iter().map(|planar| planar.luma().row() as u64 * 48);
        let mut working = Self { decoding: rows.chain(planes).sum(), ..Self::default() };
        plan.for_each_step(|step, from, to| {
            let most = if matches!(step, Step::Blur { .. } | Step::Sharpen { .. }) {
                &mut working.blurring
            } else if matches!(step, Step::Resample { .. } | Step::Unsettled(_)) {
                &mut working.resampling
            } else {
                &mut working.passing
            };
            *most = step.allocated_bytes(from, to).max(*most);
        });
        plan.for_each_end(|_, encoding, shape| {
            working.encoding = encoder_bytes(encoding, shape).max(working.encoding);
        });
        working
    }

    /// Enough for both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            decoding: self.decoding.max(other.decoding),
            blurring: self.blurring.max(other.blurring),
            resampling: self.resampling.max(other.resampling),
            passing: self.passing.max(other.passing),
            encoding: self.encoding.max(other.encoding),
        }
    }

    /// All of it together.
    pub(crate) fn bytes(self) -> u64 {
        self.decoding + self.blurring + self.resampling + self.passing + self.encoding
    }
}
