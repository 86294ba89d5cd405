//! The web console: the files that a browser is given, and what it is told with them.
//!
//! It is data with a table: no I/O of its own but in debug builds, which read the files from the
//! source tree, so that whoever works on them only reloads the page. What the pages show they ask
//! of the public HTTP API. Served by `pixmill-api`.

mod files;

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

/// A file of the console.
#[derive(Debug)]
pub struct Page {
    /// Its name below `pages/`.
    name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// All of it.
    pub bytes: Cow<'static, [u8]>,
    /// What changes when it does, in quotes.
    pub etag: String,
}

/// What every answer with a file says besides: nothing may be loaded, framed or run but what is
/// served here, and no text becomes markup or code.
pub const FIELDS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    // Kept, but asked for again: a new version is there with the next look.
    ("cache-control", "no-cache"),
    ("vary", "accept-encoding"),
];

/// The file at a path of the server: `/` is the page, the rest is below `/console/`.
pub fn page(path: &str) -> Option<Page> {
    let name = match path {
        "/" => "index.html",
        _ => path.strip_prefix("/console/")?,
    };
    let (name, bytes) = files::read(name)?;
    let hash = Sha256::digest(&bytes);
    let etag = hash[..12].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    Some(Page { name, media_type: media_type(name), bytes, etag: format!("\"{etag}\"") })
}

impl Page {
    /// The same packed by gzip, which leaves about a third of it.
    #[must_use]
    pub fn packed(self) -> Self {
        let etag = format!("{}-gzip\"", self.etag.trim_end_matches('"'));
        Self { bytes: files::packed(self.name, &self.bytes), etag, ..self }
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::path::Path;

    use super::*;

    #[test]
    fn only_what_is_in_the_table_is_served() {
        let index = page("/").unwrap();
        assert_eq!(index.media_type, "text/html; charset=utf-8");
        assert!(page("/console/app.js").unwrap().media_type.starts_with("text/javascript"));
        assert_ne!(page("/console/app.js").unwrap().etag, index.etag);
        for other in ["", "/console/", "/console/../src/lib.rs", "/console/nothing.js", "/app.js"] {
            assert!(page(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_table_has_every_file_and_they_are_small() {
        let root = Path::new(files::ROOT);
        let mut found = vec![];
        let mut left = vec![root.to_owned()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found.sort_unstable();
        assert_eq!(files::NAMES.to_vec(), found, "give console/src/files.rs the same");
        let sizes = found.iter().map(|name| files::read(name).unwrap().1.len());
        assert!(sizes.sum::<usize>() <= 260_000, "people are to read it");
        let page = |name: &String| page(&format!("/console/{name}")).unwrap();
        let sizes = found.iter().map(|name| page(name).packed().bytes.len());
        assert!(sizes.sum::<usize>() <= 94_000, "it is sent over lines that are slow");
    }

    #[test]
    fn what_is_packed_is_the_same() {
        let plain = page("/console/app.js").unwrap();
        let packed = page("/console/app.js").unwrap().packed();
        assert_ne!(packed.etag, plain.etag);
        let mut unpacked = vec![];
        flate2::read::GzDecoder::new(&*packed.bytes).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, *plain.bytes);
    }
}
