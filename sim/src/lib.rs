//! A whole pipeline on one thread: a queue, a store, consumers on a fleet, and its controller, with
//! everything that can go wrong, by a seed. For tests only; no program is built with it.
//!
//! The roles are the real ones and so is the adapter, SQLite and files of a machine. What is
//! simulated is time, which is paused and moves when nothing is going on, and whatever lies between
//! the roles and the adapter: calls take a while, fail, are lost after their effect or happen twice
//! (the fault decorators of `pixmill_contract::testing`); instances boot, die in the middle of any
//! call, freeze, are reclaimed; controllers crash; clocks jump. What blocks or computes is done in
//! place (`Simulation`), so that a seed decides everything, and a failing one fails again.
//!
//! A simulation has two parts. At first things go wrong, and after every event it is checked that
//! nothing was lost (see `check`, which reads the files and asks no code that is on trial). Then all
//! is well, and everything has to come to its end: each job to its result, the dead after a redrive
//! too, the backlog to nothing, the fleet to its least.

mod calls;
mod check;
mod fleet;
mod jobs;
mod lead;
mod script;
mod tally;
mod watched;
mod world;

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub use tally::Tally;

/// A simulation that went as promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What happened, by kind.
    pub tally: Tally,
    /// A hash of every event in its order: the same for the same seed.
    pub trace: u64,
}

/// A simulation in which a promise was broken.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Its seed.
    pub seed: u64,
    /// What was promised and is not so.
    pub promise: String,
    /// The last events before that was noticed.
    pub last: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, promise, last } = self;
        writeln!(f, "seed {seed}: {promise}")?;
        for line in last {
            writeln!(f, "    {line}")?;
        }
        write!(f, "again, with all its events: cargo run -p pixmill-sim -- {seed}")
    }
}

/// Simulates one seed on this thread. `echo` prints every event as it comes.
pub fn simulate(seed: u64, echo: bool) -> Result<Verdict, Box<Broken>> {
    world::simulate(seed, echo)
}

/// Simulates many seeds on so many threads, and stops at the first that breaks a promise.
pub fn simulate_all(seeds: Range<u64>, threads: usize) -> Result<Tally, Box<Broken>> {
    let next = AtomicU64::new(seeds.start);
    let sum: Mutex<Result<Tally, Box<Broken>>> = Mutex::new(Ok(Tally::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let goes_on = sum.lock().is_ok_and(|sum| sum.is_ok());
            if seed >= seeds.end || !goes_on {
                return;
            }
            let simulated = simulate(seed, false);
            let mut sum = sum.lock().expect("nobody panics with this lock");
            match (&mut *sum, simulated) {
                (Ok(tally), Ok(verdict)) => tally.add(&verdict.tally),
                // The least seed is the one to tell, whichever was noticed first.
                (Err(known), Err(broken)) if broken.seed < known.seed => *sum = Err(broken),
                (Ok(_), Err(broken)) => *sum = Err(broken),
                (Err(_), _) => {}
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    sum.into_inner().expect("nobody panics with this lock")
}
