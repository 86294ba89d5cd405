//! Counts all, and keeps the first thousand by some measure without keeping the others.

use std::cmp::Reverse;

/// Most items of a document: noise has a line or a contour for every few pixels.
pub(super) const MOST: usize = 1000;

/// What was found so far.
pub(super) struct Listed<T> {
    measure: fn(&T) -> u64,
    total: usize,
    kept: Vec<T>,
}

impl<T> Listed<T> {
    /// Nothing yet; what measures most will come first.
    pub(super) fn by(measure: fn(&T) -> u64) -> Self {
        Self { measure, total: 0, kept: vec![] }
    }

    pub(super) fn add(&mut self, item: T) {
        self.total += 1;
        self.kept.push(item);
        if self.kept.len() == 2 * MOST {
            self.cut();
        }
    }

    /// How many there were, and the first of them; those of one measure as they were added.
    pub(super) fn first(mut self) -> (usize, Vec<T>) {
        self.cut();
        (self.total, self.kept)
    }

    fn cut(&mut self) {
        self.kept.sort_by_key(|item| Reverse((self.measure)(item)));
        self.kept.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_as_sorting_everything_would(items in prop::collection::vec(0_u64..40, 0..5000)) {
            let mut numbered: Vec<_> = items.into_iter().enumerate().collect();
            let mut listed = Listed::by(|(_, measure): &(usize, u64)| *measure);
            for item in &numbered {
                listed.add(*item);
            }
            let total = numbered.len();
            numbered.sort_by_key(|(_, measure)| Reverse(*measure));
            numbered.truncate(MOST);
            prop_assert_eq!(listed.first(), (total, numbered));
        }
    }
}
