//! The tree that the chains of several outputs fold into.

use pixmill_contract::{Encoding, Operation, Recipe, Rejection};

use super::Step;
use super::chain::{self, Link};
use crate::overlay::Overlays;
use crate::shape::Shape;

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
    pub(super) fn reckon(
        &mut self,
        shape: Shape,
        recipe: &Recipe,
        overlays: &Overlays,
    ) -> Result<(), Rejection> {
        for (link, tree) in &mut self.branches {
            tree.reckon(link.shape, recipe, overlays)?;
        }
        if !self.trimmed.is_empty() {
            let Self { ends, branches, .. } =
                Self::following(&self.trimmed, shape, (recipe, overlays), false)?;
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
        (recipe, overlays): (&Recipe, &Overlays),
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
            let resolve = if settled { chain::links } else { chain::unsettled };
            let links = resolve(shape, operation, overlays)?;
            let last = links.last().map_or(shape, |link| link.shape);
            let trims = settled && matches!(operation, Operation::Trim { .. });
            let mut below = Self::following(&same, last, (recipe, overlays), settled && !trims)?;
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
