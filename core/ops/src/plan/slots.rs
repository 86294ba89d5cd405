//! Numbered buffers, handed out and taken back while a plan is made.

/// The number of a buffer.
pub(crate) type Slot = usize;

/// How many buffers a plan needs and how large each gets, in bytes.
///
/// A buffer is used by many pictures in turn, as registers are by values.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slots {
    sizes: Vec<usize>,
    free: Vec<Slot>,
    /// What every buffer gets at the least.
    least: usize,
}

impl Slots {
    /// A buffer for `bytes`: the tightest free one, else the largest free one, which grows, else
    /// a new one.
    pub(crate) fn take(&mut self, bytes: usize) -> Slot {
        let (sizes, bytes) = (&self.sizes, bytes.max(self.least));
        let fits = |slot: &&Slot| sizes[**slot] >= bytes;
        let tightest = self.free.iter().filter(fits).min_by_key(|slot| sizes[**slot]);
        let chosen =
            tightest.or_else(|| self.free.iter().max_by_key(|slot| sizes[**slot])).copied();
        let Some(slot) = chosen else {
            self.sizes.push(bytes);
            return self.sizes.len() - 1;
        };
        self.free.retain(|free| *free != slot);
        self.sizes[slot] = self.sizes[slot].max(bytes);
        slot
    }

    /// Gives a buffer back; whatever is in it is forgotten.
    pub(crate) fn give(&mut self, slot: Slot) {
        debug_assert!(!self.free.contains(&slot), "slot {slot} is given back twice");
        self.free.push(slot);
    }

    /// Gives at least `bytes` to every buffer that is taken from now on; returns what it was before.
    pub(crate) fn raise(&mut self, bytes: usize) -> usize {
        let least = self.least.max(bytes);
        std::mem::replace(&mut self.least, least)
    }

    /// Ends what [`Slots::raise`] began.
    pub(crate) fn lower(&mut self, least: usize) {
        self.least = least;
    }

    /// These buffers, of which those are free that were at an earlier time, or came later.
    pub(crate) fn as_of(&self, then: &Self) -> Self {
        let later = then.sizes.len()..self.sizes.len();
        let free = then.free.iter().copied().chain(later).collect();
        Self { sizes: self.sizes.clone(), free, least: 0 }
    }

    /// The size of each buffer in bytes.
    pub(crate) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The size of all buffers in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.sizes.iter().map(|size| *size as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_used_again_before_new_ones_are_made() {
        let mut slots = Slots::default();
        let (large, small) = (slots.take(100), slots.take(10));
        slots.give(large);
        slots.give(small);
        assert_eq!(slots.take(5), small);
        assert_eq!(slots.take(50), large);
        slots.give(small);
        assert_eq!(slots.take(30), small);
        assert_eq!(slots.sizes(), [100, 30]);
    }
}
