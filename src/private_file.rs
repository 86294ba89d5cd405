//! Files with secrets, which nobody but their owner may use.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// The text of a file that nobody else may use, up to so many bytes. `what` is in it, for whoever
/// reads the error.
pub(crate) fn read(path: &Path, what: &str, most_bytes: u64) -> anyhow::Result<String> {
    let shown = path.display();
    let failed = || format!("failed to read the {what} in {shown}");
    let file = File::open(path).with_context(failed)?;
    let mode = file.metadata().with_context(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("others may use the {what} in {shown} (mode {mode:03o}): chmod 600 {shown}");
    }
    let mut text = String::new();
    file.take(most_bytes).read_to_string(&mut text).with_context(failed)?;
    Ok(text)
}
