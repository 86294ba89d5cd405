//! The table of the console's files, in the order of their names. Release builds hold them; debug
//! builds read them.

use std::borrow::Cow;
use std::io::Write as _;
#[cfg(not(debug_assertions))]
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Where the files are in the source tree.
#[cfg(any(debug_assertions, test))]
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pages");

/// Every file, by its name below `pages/`.
pub(crate) const NAMES: [&str; 48] = [
    "app.js",
    "base.css",
    "el/badge.js",
    "el/batchframe.js",
    "el/batchhead.js",
    "el/chain.js",
    "el/chart.js",
    "el/compare.js",
    "el/composer.js",
    "el/dialog.js",
    "el/drop.js",
    "el/empty.js",
    "el/field.js",
    "el/grist.js",
    "el/jobcells.js",
    "el/lightbox.js",
    "el/rows.js",
    "el/segments.js",
    "el/stage.js",
    "el/trouble.js",
    "favicon.svg",
    "index.html",
    "lib/a11y.js",
    "lib/api.js",
    "lib/copy.js",
    "lib/dom.js",
    "lib/draft.js",
    "lib/format.js",
    "lib/icons.js",
    "lib/keep.js",
    "lib/live.js",
    "lib/pager.js",
    "lib/pictures.js",
    "lib/preview.js",
    "lib/recipe.js",
    "lib/route.js",
    "lib/store.js",
    "lib/thumbs.js",
    "lib/upload.js",
    "screens.css",
    "screens/batch.js",
    "screens/dead.js",
    "screens/fleet.js",
    "screens/grind.js",
    "screens/jobs.js",
    "screens/login.js",
    "shell.css",
    "tokens.css",
];

/// A file that is in the table: its name and its content.
#[cfg(debug_assertions)]
pub(crate) fn read(name: &str) -> Option<(&'static str, Cow<'static, [u8]>)> {
    let name = NAMES.iter().find(|known| **known == name)?;
    Some((name, Cow::Owned(std::fs::read(format!("{ROOT}/{name}")).ok()?)))
}

/// A file that is in the table: its name and its content.
#[cfg(not(debug_assertions))]
pub(crate) fn read(name: &str) -> Option<(&'static str, Cow<'static, [u8]>)> {
    let at = NAMES.iter().position(|known| *known == name)?;
    Some((NAMES[at], Cow::Borrowed(BYTES[at])))
}

/// The content of a file, packed by gzip.
#[cfg(debug_assertions)]
pub(crate) fn packed(_: &str, bytes: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(pack(bytes))
}

/// The content of a file, packed by gzip when it is asked for the first time.
#[cfg(not(debug_assertions))]
pub(crate) fn packed(name: &str, bytes: &[u8]) -> Cow<'static, [u8]> {
    static PACKED: [OnceLock<Vec<u8>>; NAMES.len()] = [const { OnceLock::new() }; NAMES.len()];
    match NAMES.iter().position(|known| *known == name) {
        Some(at) => Cow::Borrowed(PACKED[at].get_or_init(|| pack(bytes))),
        None => Cow::Owned(pack(bytes)),
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(vec![], Compression::best());
    packed.write_all(bytes).and_then(|()| packed.finish()).expect("memory takes all")
}

/// Their contents, in the same order.
#[cfg(not(debug_assertions))]
const BYTES: [&[u8]; NAMES.len()] = [
    include_bytes!("../pages/app.js"),
    include_bytes!("../pages/base.css"),
    include_bytes!("../pages/el/badge.js"),
    include_bytes!("../pages/el/batchframe.js"),
    include_bytes!("../pages/el/batchhead.js"),
    include_bytes!("../pages/el/chain.js"),
    include_bytes!("../pages/el/chart.js"),
    include_bytes!("../pages/el/compare.js"),
    include_bytes!("../pages/el/composer.js"),
    include_bytes!("../pages/el/dialog.js"),
    include_bytes!("../pages/el/drop.js"),
    include_bytes!("../pages/el/empty.js"),
    include_bytes!("../pages/el/field.js"),
    include_bytes!("../pages/el/grist.js"),
    include_bytes!("../pages/el/jobcells.js"),
    include_bytes!("../pages/el/lightbox.js"),
    include_bytes!("../pages/el/rows.js"),
    include_bytes!("../pages/el/segments.js"),
    include_bytes!("../pages/el/stage.js"),
    include_bytes!("../pages/el/trouble.js"),
    include_bytes!("../pages/favicon.svg"),
    include_bytes!("../pages/index.html"),
    include_bytes!("../pages/lib/a11y.js"),
    include_bytes!("../pages/lib/api.js"),
    include_bytes!("../pages/lib/copy.js"),
    include_bytes!("../pages/lib/dom.js"),
    include_bytes!("../pages/lib/draft.js"),
    include_bytes!("../pages/lib/format.js"),
    include_bytes!("../pages/lib/icons.js"),
    include_bytes!("../pages/lib/keep.js"),
    include_bytes!("../pages/lib/live.js"),
    include_bytes!("../pages/lib/pager.js"),
    include_bytes!("../pages/lib/pictures.js"),
    include_bytes!("../pages/lib/preview.js"),
    include_bytes!("../pages/lib/recipe.js"),
    include_bytes!("../pages/lib/route.js"),
    include_bytes!("../pages/lib/store.js"),
    include_bytes!("../pages/lib/thumbs.js"),
    include_bytes!("../pages/lib/upload.js"),
    include_bytes!("../pages/screens.css"),
    include_bytes!("../pages/screens/batch.js"),
    include_bytes!("../pages/screens/dead.js"),
    include_bytes!("../pages/screens/fleet.js"),
    include_bytes!("../pages/screens/grind.js"),
    include_bytes!("../pages/screens/jobs.js"),
    include_bytes!("../pages/screens/login.js"),
    include_bytes!("../pages/shell.css"),
    include_bytes!("../pages/tokens.css"),
];
