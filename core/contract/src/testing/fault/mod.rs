//! Fault decorators: a good adapter that fails in the ways the world does, on a plan.
//!
//! A plan is a function from a call to a fault. It sees which operation it is, of which key, and
//! the call's running number, so that a test can break exactly the third receive, or the first
//! write of a result, or, by [`seeded`], a share of everything and yet the same in every run.

mod fleet;
mod queue;
mod replies;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::fleet::{FaultyFleet, View};
pub use self::queue::FaultyQueue;
pub use self::replies::FaultyReplies;
pub use self::store::FaultyStore;
use crate::error::{Error, ErrorKind};
use crate::key::Key;

/// What is being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the names of the ports' methods")]
pub enum Operation {
    Head,
    Get,
    Put,
    List,
    DeleteObject,
    Link,
    Send,
    Receive,
    ChangeVisibility,
    DeleteMessage,
    Depth,
    Observe,
    Launch,
    Drain,
    Terminate,
}

/// One call of a decorated adapter.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is being called.
    pub operation: Operation,
    /// The object's key; none for a listing or a queue.
    pub key: Option<&'a Key>,
    /// How many calls this decorator has had before.
    pub number: u64,
    /// How many of them were of this operation.
    pub of_operation: u64,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It works.
    None,
    /// It fails before it has any effect. Every entry of a batch does.
    Fail(ErrorKind),
    /// It has its effect, and the answer is lost on the way: `Unavailable`.
    Lose,
    /// It works, but only after so long.
    Delay(Duration),
    /// It has its effect twice, and the second answer comes: what a retry below us does whose
    /// first answer was lost. Of a receive, the messages come again with the next receive, under
    /// receipts of their own; of what only reads, nothing comes of it.
    Duplicate,
    /// The answer of the last call of this operation and key, if it was `head`, `list`, `depth` or
    /// `observe`; anything else works.
    Stale,
    /// The body breaks off in the middle, if it was a `get`; anything else works.
    Cut,
}

/// Decides what happens to each call.
pub type Plan = Arc<dyn Fn(&Call<'_>) -> Fault + Send + Sync>;

/// The plan by which everything works.
pub fn never() -> Plan {
    Arc::new(|_| Fault::None)
}

/// One fault, for the calls of one operation with these numbers, counted from zero.
pub fn on_call(operation: Operation, numbers: &[u64], fault: Fault) -> Plan {
    let numbers = numbers.to_vec();
    Arc::new(move |call| {
        let hit = call.operation == operation && numbers.contains(&call.of_operation);
        if hit { fault } else { Fault::None }
    })
}

/// Faults at random but the same in every run: each with its share of a thousand calls. What
/// happens to a call depends on the seed and the call's number only.
pub fn seeded(seed: u64, shares: &[(u16, Fault)]) -> Plan {
    let shares = shares.to_vec();
    Arc::new(move |call| {
        let mut die = mix(seed ^ mix(call.number)) % 1000;
        for (share, fault) in &shares {
            match die.checked_sub(u64::from(*share)) {
                Some(rest) => die = rest,
                None => return *fault,
            }
        }
        Fault::None
    })
}

/// The finish of the generator `SplitMix64`: neighbours become strangers.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A plan, and the count of the calls that it was asked about.
struct Script {
    plan: Plan,
    counts: Mutex<(u64, HashMap<Operation, u64>)>,
}

impl Script {
    fn new(plan: Plan) -> Self {
        Self { plan, counts: Mutex::default() }
    }

    /// What happens to the next call. A delay is over when this returns.
    async fn next(&self, operation: Operation, key: Option<&Key>) -> Fault {
        let fault = (self.plan)(&self.count(operation, key));
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        fault
    }

    fn count<'a>(&self, operation: Operation, key: Option<&'a Key>) -> Call<'a> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, each) = &mut *counts;
        let of_operation = each.entry(operation).or_default();
        let call = Call { operation, key, number: *all, of_operation: *of_operation };
        *all += 1;
        *of_operation += 1;
        call
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("counts", &self.counts).finish_non_exhaustive()
    }
}

fn failed(kind: ErrorKind) -> Error {
    Error::new(kind, "make a call", "the plan says that it fails")
}

fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "make a call", "the plan says that its answer is lost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64) -> Call<'static> {
        Call { operation: Operation::Send, key: None, number, of_operation: number }
    }

    #[test]
    fn a_seeded_plan_repeats_itself_and_keeps_its_shares() {
        let shares = [(100, Fault::Lose), (200, Fault::Duplicate)];
        let (one, two) = (seeded(1, &shares), seeded(1, &shares));
        let faults: Vec<_> = (0..10_000).map(|n| one(&call(n))).collect();
        assert_eq!(faults, (0..10_000).map(|n| two(&call(n))).collect::<Vec<_>>());
        let share = |fault| faults.iter().filter(|f| **f == fault).count();
        assert!((900..1100).contains(&share(Fault::Lose)), "{}", share(Fault::Lose));
        assert!((1800..2200).contains(&share(Fault::Duplicate)), "{}", share(Fault::Duplicate));
        let other = seeded(2, &shares);
        assert_ne!(faults, (0..10_000).map(|n| other(&call(n))).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_counted_together_and_by_operation() {
        let script = Script::new(on_call(Operation::Put, &[1], Fault::Lose));
        let key = Key::new("a").unwrap();
        assert_eq!(script.next(Operation::Put, Some(&key)).await, Fault::None);
        assert_eq!(script.next(Operation::Get, Some(&key)).await, Fault::None);
        assert_eq!(script.next(Operation::Put, Some(&key)).await, Fault::Lose);
        assert_eq!(script.count(Operation::Put, None).number, 3);
        assert_eq!(script.count(Operation::Put, None).of_operation, 3);
    }
}
