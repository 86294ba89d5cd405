//! The work of `pixmill run` without pixmill: a loop over files on some threads, no queue, no
//! store, no other process, and nothing survives a crash. What it takes longer through the
//! pipeline is what the pipeline costs; `tools/soak.sh` compares them.
//!
//! ```text
//! cargo run --release -p pixmill-ops --example bare_loop -- INPUT RECIPE OUT THREADS
//! ```

#![allow(clippy::unwrap_used, reason = "a measurement may panic")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use pixmill_contract::{Limits, Recipe};
use pixmill_ops::{Mill, Overlays};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [input, recipe, out, threads] = arguments.as_slice() else {
        panic!("give INPUT, RECIPE, OUT and THREADS");
    };
    let recipe: Recipe = recipe.parse().unwrap();
    let entries = std::fs::read_dir(input).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    std::fs::create_dir_all(out).unwrap();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.parse().unwrap() {
            scope.spawn(|| work(&files, &next, &recipe, Path::new(out)));
        }
    });
}

fn work(files: &[PathBuf], next: &AtomicUsize, recipe: &Recipe, out: &Path) {
    let mut mill = Mill::new(Limits::default());
    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let source = std::fs::read(file).unwrap();
        let stem = file.file_stem().unwrap().to_str().unwrap();
        for picture in mill.grind(&source, recipe, &Overlays::default()).unwrap().pictures {
            let name = format!("{stem}-{}.{}", picture.name, picture.format.extension());
            std::fs::write(out.join(name), picture.bytes).unwrap();
        }
    }
}
