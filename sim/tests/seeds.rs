//! Many seeds of a whole pipeline, in which everything that can go wrong does.

use pixmill_sim::{simulate, simulate_all};

/// A mutant of `tools/mutants` has to be noticed within these.
const SEEDS: u64 = 200;

#[test]
fn whatever_goes_wrong_every_job_ends_once_and_the_fleet_comes_to_rest() {
    let tally = simulate_all(0..SEEDS, 2).unwrap_or_else(|broken| panic!("{broken}"));
    // It is not quiet for want of trouble.
    for kind in ["workers killed", "workers killed at a call", "workers frozen", "outages"] {
        assert!(tally.of(kind) > SEEDS / 10, "{kind}:\n{tally}");
    }
}

#[test]
fn a_seed_decides_every_event() {
    for seed in 0..10 {
        let traces = [0, 1].map(|_| simulate(seed, false).unwrap().trace);
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}
