//! Listing: the keys of a tree in byte order, a page at a time, from a walk that reads only the
//! directories a page needs and holds only a page of names in memory (S6).
//!
//! In the order of keys a directory stands where its name and a slash would: `a-b` comes before
//! `a/x`, because `-` comes before `/`.

use std::collections::BinaryHeap;
use std::fs::{self, DirEntry, FileType};
use std::io::ErrorKind::PermissionDenied;
use std::path::{Path, PathBuf};

use pixmill_contract::error::Result;
use pixmill_contract::port::Listed;
use pixmill_contract::{Error, ErrorKind, Key};

use super::DirStoreInner;
use super::mount::Access;
use super::read::is_missing;
use super::tree::Tree;
use crate::error;

/// Most objects in a page.
pub(super) const PAGE: usize = 10_000;

pub(super) fn list(
    store: &DirStoreInner,
    prefix: &str,
    after: Option<&Key>,
) -> Result<Vec<Listed>> {
    let own = store.trees.iter().find(|tree| prefix.starts_with(&tree.prefix));
    let own = own.unwrap_or_else(|| store.root());
    if own.access == Access::Read {
        let why = "a directory that is only read from has no end that anyone wants to see";
        return Err(Error::new(ErrorKind::Invalid, format!("list {prefix:?}"), why));
    }
    // The tree that the prefix is in, and those that are mounted somewhere below it.
    let below = |tree: &&Tree| {
        tree.prefix.len() > prefix.len()
            && tree.prefix.starts_with(prefix)
            && tree.access == Access::Write
    };
    let mut page = Vec::new();
    for tree in std::iter::once(own).chain(store.trees.iter().filter(below)) {
        let walk = Walk { store, tree, prefix, after: after.map_or("", Key::as_str) };
        walk.start(&mut page)?;
    }
    // Each tree brought its own first page, so the first page of all is among them.
    page.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    page.truncate(PAGE);
    Ok(page)
}

/// One tree's part of one page.
struct Walk<'a> {
    store: &'a DirStoreInner,
    tree: &'a Tree,
    prefix: &'a str,
    after: &'a str,
}

/// A name in a directory. The order is that of the keys.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// Its key; a directory's ends in a slash.
    key: String,
    path: PathBuf,
}

impl Name {
    fn is_directory(&self) -> bool {
        self.key.ends_with('/')
    }
}

impl Walk<'_> {
    /// Starts at the deepest directory that has all of the prefix's keys.
    fn start(&self, page: &mut Vec<Listed>) -> Result<()> {
        let beyond = self.prefix.strip_prefix(&self.tree.prefix).unwrap_or("");
        let Some((directories, _)) = beyond.rsplit_once('/') else {
            return self.directory(
                &self.tree.directory,
                &self.tree.prefix,
                page,
                page.len() + PAGE,
            );
        };
        let key = format!("{}{directories}", self.tree.prefix);
        // A prefix that no key can start with, or that no file can have.
        let Ok(key) = Key::new(key) else { return Ok(()) };
        let Ok(path) = self.tree.file(&key) else { return Ok(()) };
        self.directory(&path, &format!("{key}/"), page, page.len() + PAGE)
    }

    /// Adds what a directory has until the page has `full` lines.
    fn directory(&self, path: &Path, key: &str, page: &mut Vec<Listed>, full: usize) -> Result<()> {
        let mut last = String::new();
        loop {
            let room = full - page.len();
            let names = self.first_names(path, key, &last, room)?;
            let more = names.len() == room;
            for name in names {
                if page.len() == full {
                    return Ok(());
                }
                if name.is_directory() {
                    self.directory(&name.path, &name.key, page, full)?;
                } else {
                    page.extend(listed(&name));
                }
                last = name.key;
            }
            // Empty directories and files that went away leave room for more names.
            if !more || page.len() == full {
                return Ok(());
            }
        }
    }

    /// The first names of a directory, in order, that come after `last` and may lead to keys of
    /// the page. Holds no more of them than it returns, however many there are.
    fn first_names(&self, path: &Path, key: &str, last: &str, room: usize) -> Result<Vec<Name>> {
        let attempt = || error::io(format!("list {key:?}"));
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            // Nothing is below it: it is not there, went away, or is a file.
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            // What we may not look into at the user's, such as `lost+found`, is nothing of ours.
            Err(error) if self.tree.is_mount && error.kind() == PermissionDenied => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(attempt()(error)),
        };
        let mut first = BinaryHeap::new();
        for entry in entries {
            let entry = entry.map_err(attempt())?;
            let Some(name) = self.name(&entry, key) else { continue };
            if name.key.as_str() <= last || !self.leads_to_keys(&name) {
                continue;
            }
            if first.len() < room {
                first.push(name);
            } else if first.peek().is_some_and(|greatest| name < *greatest) {
                first.pop();
                first.push(name);
            }
        }
        Ok(first.into_sorted_vec())
    }

    /// Links are followed to files, as reading does, but not to directories, which might lead
    /// round in circles.
    fn name(&self, entry: &DirEntry, directory: &str) -> Option<Name> {
        let at_top = directory.len() == self.tree.prefix.len();
        let component = self.tree.component(&entry.file_name(), at_top)?;
        let slash = if entry.file_type().as_ref().is_ok_and(FileType::is_dir) { "/" } else { "" };
        Some(Name { key: format!("{directory}{component}{slash}"), path: entry.path() })
    }

    fn leads_to_keys(&self, name: &Name) -> bool {
        let key = name.key.as_str();
        if name.is_directory() {
            let shadowed = self
                .store
                .trees
                .iter()
                .any(|tree| tree.prefix == key && tree.prefix.len() > self.tree.prefix.len());
            (key.starts_with(self.prefix) || self.prefix.starts_with(key))
                && (key > self.after || self.after.starts_with(key))
                && !shadowed
        } else {
            key.starts_with(self.prefix) && key > self.after
        }
    }
}

/// The line of a file, unless it went away or is none.
fn listed(name: &Name) -> Option<Listed> {
    let meta = fs::metadata(&name.path).ok().filter(fs::Metadata::is_file)?;
    Some(Listed { key: Key::new(name.key.clone()).ok()?, size: meta.len() })
}
