//! A directory of the user's that some keys live in.

use std::path::PathBuf;

/// What the store may do in a mounted directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read what is there, under a key that is known; never write and never list.
    Read,
    /// Read, write, delete and list.
    Write,
}

/// Keys that start with `prefix` are files below `directory`, the rest of the key as their path;
/// the longest prefix wins. Such keys are written as [`key_for_path`](crate::key_for_path) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Ends in `/`, such as `inputs/`.
    pub prefix: String,
    /// Any directory, also one whose name is not UTF-8.
    pub directory: PathBuf,
    /// What may be done there.
    pub access: Access,
}
