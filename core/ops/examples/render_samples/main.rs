//! Renders the pictures in `samples/`, so that they are the project's own and can be made again.
//!
//! `cargo run -p pixmill-ops --example render_samples` writes them; a test of this crate says
//! that the files that are checked in are the ones that this program renders.

mod drawings;
mod files;
mod glyphs;
mod paint;
mod photos;
mod samples;

use std::path::Path;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    for (name, bytes) in samples::all() {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}
