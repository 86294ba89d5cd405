//! Simulates seeds: one with all its events (`pixmill-sim 42`), or many (`pixmill-sim 0..20000`).

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::ops::Range;
use std::process::ExitCode;

use pixmill_sim::{simulate, simulate_all};

fn main() -> ExitCode {
    let argument = std::env::args().nth(1).unwrap_or_default();
    if let Ok(seed) = argument.parse() {
        return match simulate(seed, true) {
            Ok(verdict) => {
                println!("{}as promised; trace {:016x}", verdict.tally, verdict.trace);
                ExitCode::SUCCESS
            }
            Err(broken) => {
                println!("seed {seed}: {}", broken.promise);
                ExitCode::FAILURE
            }
        };
    }
    let Some(seeds) = range(&argument) else {
        println!("usage: pixmill-sim SEED | FROM..TO");
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    match simulate_all(seeds, threads) {
        Ok(tally) => {
            print!("{tally}");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("{broken}");
            ExitCode::FAILURE
        }
    }
}

fn range(text: &str) -> Option<Range<u64>> {
    let (from, to) = text.split_once("..")?;
    Some(from.parse().ok()?..to.parse().ok()?)
}
