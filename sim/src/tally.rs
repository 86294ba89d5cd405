//! What happened in simulations, counted by kind.

use std::collections::BTreeMap;
use std::fmt;

/// What happened, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// One more of a kind.
    pub(crate) fn count(&mut self, kind: &'static str) {
        self.count_many(kind, 1);
    }

    pub(crate) fn count_many(&mut self, kind: &'static str, many: u64) {
        *self.0.entry(kind).or_default() += many;
    }

    /// How often a kind of thing happened.
    pub fn of(&self, kind: &str) -> u64 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (kind, many) in &other.0 {
            self.count_many(kind, *many);
        }
    }
}

/// A line for each kind.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(kind, many)| writeln!(f, "{many:>10}  {kind}"))
    }
}
