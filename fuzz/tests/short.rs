//! A short run of everything that is fuzzed; `make soak` has the long one.

use pixmill_fuzz::{TARGETS, Target};

/// Inputs of each target.
const INPUTS: u64 = 1500;

/// Numbers that once did what nothing may do.
const FOUND: [(&str, u64); 1] = [("png", 1_882_938_498_964_264_083)];

#[test]
fn no_input_of_any_target_breaks_its_promises() {
    std::thread::scope(|scope| {
        for target in TARGETS {
            scope.spawn(move || target.try_all(0..INPUTS, drop));
        }
    });
}

#[test]
fn what_was_found_once_is_mended() {
    for (name, number) in FOUND {
        Target::find(name).unwrap().try_all(number..=number, drop);
    }
}
