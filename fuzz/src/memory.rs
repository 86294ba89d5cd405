//! What a process really takes, C libraries included: one job against its estimate, and a long life.

#![allow(unsafe_code, reason = "a call into the C library")]

use std::fs;
use std::sync::RwLock;

use pixmill_contract::{Limits, Recipe, Rejection};
use pixmill_ops::{Mill, Overlays, estimate, inspect};

use crate::corpus::files_below;
use crate::source_tree;

/// What one job takes.
#[derive(Debug, Clone, Copy)]
pub struct Peak {
    /// What it was admitted with, in bytes.
    pub estimated: u64,
    /// By how much the process grew at the most, in bytes.
    pub grown: u64,
}

/// Grinds one picture and looks how large this process got. For a fresh process: one that has freed
/// memory before grows less.
pub fn peak(source: &[u8], recipe: &Recipe) -> Result<Peak, Rejection> {
    let limits = Limits::default();
    let header = inspect(source, &limits)?;
    let estimated = estimate(&header, recipe, &Overlays::default(), &limits)?.memory_bytes;
    let mut mill = Mill::new(limits);
    // From here on the highest mark counts anew.
    drop(fs::write("/proc/self/clear_refs", "5"));
    let before = status("VmRSS");
    mill.grind(source, recipe, &Overlays::default())?;
    Ok(Peak { estimated, grown: status("VmHWM").saturating_sub(before) })
}

/// What pictures go through in a long life.
const RECIPES: [&str; 4] = [
    "thumb = resize:256 -> jpeg; web = resize:900 -> webp",
    "gray = grayscale | blur:9 -> png",
    "rotate:90 -> png:effort=small",
    "edges -> jpeg",
];

/// Grinds so many pictures of every kind on each of two threads, and tells the resident bytes at each
/// twentieth of the way: what stays, without what the allocator keeps for the next picture.
pub fn life(pictures: usize) -> Vec<u64> {
    let files = ["tests/files", "samples"].map(|name| files_below(&source_tree().join(name)));
    let sources: Vec<_> = files.concat().iter().filter_map(|path| fs::read(path).ok()).collect();
    let recipes = RECIPES.map(|text| text.parse::<Recipe>().expect("a good recipe"));
    // What the other one has in work is no part of what stays.
    let at_rest = RwLock::new(());
    let grind = |first: usize| {
        let mut mill = Mill::new(Limits::default());
        let mut marks = vec![];
        for number in 0..pictures {
            // All pairs come round again and again, in an order in which neighbours differ, and to
            // every thread: each grows with the largest that it has met.
            let round = (first + number) * 7919 % (sources.len() * recipes.len());
            let (source, recipe) = (round / recipes.len(), round % recipes.len());
            let work = at_rest.read().expect("nobody panics at work");
            drop(mill.grind(&sources[source], &recipes[recipe], &Overlays::default()));
            drop(work);
            if first == 0 && number % (pictures / 20).max(1) == 0 {
                let _rest = at_rest.write().expect("nobody panics at work");
                give_back();
                marks.push(status("VmRSS"));
            }
        }
        marks
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| grind(1));
        let marks = grind(0);
        other.join().expect("it grinds");
        marks
    })
}

/// Whether a process that took so much at moments of its life has stopped growing: what it takes in
/// the last quarter is what it took at the most in the quarter before, or hardly more. At first it
/// grows with the largest picture that each thread has met.
pub fn is_flat(marks: &[u64]) -> bool {
    let late = &marks[marks.len() / 2..];
    let (early, late) = late.split_at(late.len() / 2);
    let most = |marks: &[u64]| marks.iter().copied().max().unwrap_or(0);
    most(late) <= most(early) + most(early) / 20
}

/// Has the allocator give back to the system what nobody uses.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: it may be called by any thread at any time, and touches only what is free.
    unsafe { malloc_trim(0) };
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

/// A line of what the kernel says of this process, in bytes.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
