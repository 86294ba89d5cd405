//! The pictures in `samples/` are the project's own: they are what the example renders.

use std::path::Path;

use pixmill_contract::Limits;
use pixmill_ops::inspect;

#[path = "../../examples/render_samples/drawings.rs"]
mod drawings;
#[path = "../../examples/render_samples/files.rs"]
mod files;
#[path = "../../examples/render_samples/glyphs.rs"]
mod glyphs;
#[path = "../../examples/render_samples/paint.rs"]
mod paint;
#[path = "../../examples/render_samples/photos.rs"]
mod photos;
#[path = "../../examples/render_samples/samples.rs"]
mod renderer;

#[test]
fn the_files_are_what_the_example_renders() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    for (name, bytes) in renderer::all() {
        let file = std::fs::read(root.join(name)).unwrap();
        assert!(file == bytes, "{name} differs; run the example render_samples");
    }
}

#[test]
fn they_are_of_every_kind() {
    let kind = |(name, bytes): (&'static str, Vec<u8>)| {
        let header = inspect(&bytes, &Limits::default()).unwrap();
        (name, header.width, header.height, header.channels, header.orientation.swaps_sides())
    };
    let kinds: Vec<_> = renderer::all().into_iter().map(kind).collect();
    let expected = [
        ("photos/harbour.jpg", 1600, 1067, 3, false),
        ("photos/portrait-exif6.jpg", 800, 1000, 3, true),
        ("drawings/gradient-gray.jpg", 800, 600, 1, false),
        ("drawings/line-art.png", 960, 720, 3, false),
        ("drawings/logo-alpha.png", 512, 512, 4, false),
        ("drawings/page-of-text.png", 1000, 1414, 1, false),
    ];
    assert_eq!(kinds, expected);
}
