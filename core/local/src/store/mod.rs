//! Objects as files: the object store port, promises S1–S7, on directories.
//!
//! Ordinary keys are files below the store's own directory, name by name. Mounts put the keys of
//! a prefix into directories of the user's: inputs are read where they are, outputs appear where
//! they are wanted. Called by roles through [`ObjectStore`].
//!
//! What a directory cannot do and S3 can: `a` and `a/b` cannot both be objects (the second one is
//! `Invalid`), and a component of a key has 255 bytes at most. On file systems that fold the case
//! of names, keys that differ in case only are the same object.

pub(crate) mod etag;
mod list;
mod mount;
mod owners;
mod read;
#[cfg(test)]
mod tests;
mod tree;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Etag, Listed, Meta, Object, Put};
use pixmill_contract::{Error, ErrorKind, Key, ObjectStore};

pub use self::mount::{Access, Mount};
use self::owners::Owners;
pub(crate) use self::owners::SCHEMA as OWNERS_SCHEMA;
use self::tree::Tree;
use crate::error;
use crate::path::file_url;
use crate::sqlite::{Durability, blocking};

/// Where a store keeps what.
#[derive(Debug, Clone)]
pub struct DirStoreOptions {
    /// The directory of all keys that no mount has; made if it is missing.
    pub root: PathBuf,
    /// The database of owner tags.
    pub tags: PathBuf,
    /// The prefixes that live elsewhere.
    pub mounts: Vec<Mount>,
    /// What an acknowledged write survives.
    pub durability: Durability,
}

/// An object store in directories. Clones are handles of the same store.
#[derive(Debug, Clone)]
pub struct DirStore(Arc<DirStoreInner>);

#[derive(Debug)]
struct DirStoreInner {
    /// Longest prefix first; the last one is the root's, which is empty.
    trees: Vec<Tree>,
    owners: Owners,
    durability: Durability,
}

impl DirStore {
    /// Opens a store, new or not, and removes what killed processes left behind long ago. Blocks,
    /// so it is for a program's start or a blocking thread.
    pub fn open(options: DirStoreOptions) -> Result<Self> {
        let attempt = || format!("open the store {}", options.root.display());
        fs::create_dir_all(&options.root).map_err(error::io(attempt()))?;
        let mut trees = vec![Tree {
            prefix: String::new(),
            directory: absolute(&options.root)?,
            access: Access::Write,
            is_mount: false,
        }];
        for mount in options.mounts {
            trees.push(mounted(mount)?);
        }
        trees.sort_by(|a, b| {
            b.prefix.len().cmp(&a.prefix.len()).then_with(|| a.prefix.cmp(&b.prefix))
        });
        if let Some(twice) = trees.windows(2).find(|pair| pair[0].prefix == pair[1].prefix) {
            let why = format!("{:?} is mounted twice", twice[0].prefix);
            return Err(Error::new(ErrorKind::Invalid, attempt(), why));
        }
        for tree in trees.iter().filter(|tree| tree.access == Access::Write) {
            tree.clean()?;
        }
        let owners = Owners::open(&options.tags, options.durability)?;
        let durability = options.durability;
        Ok(Self(Arc::new(DirStoreInner { trees, owners, durability })))
    }

    /// The file that a key names, whether it is there or not.
    pub fn file(&self, key: &Key) -> Result<PathBuf> {
        self.0.tree(key).file(key)
    }

    async fn run<T: Send + 'static>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&DirStoreInner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.0);
        blocking(attempt, move || work(&store)).await
    }
}

impl DirStoreInner {
    fn root(&self) -> &Tree {
        self.trees.last().expect("a store has a root")
    }

    /// The tree with the longest prefix that the key has.
    fn tree(&self, key: &Key) -> &Tree {
        let own = self.trees.iter().find(|tree| key.as_str().starts_with(&tree.prefix));
        own.unwrap_or_else(|| self.root())
    }
}

fn mounted(mount: Mount) -> Result<Tree> {
    let named = mount.prefix.strip_suffix('/').is_some_and(|name| Key::new(name).is_ok());
    if !named {
        let why = format!("the prefix {:?} is not a key with a slash after it", mount.prefix);
        return Err(Error::new(ErrorKind::Invalid, "mount a directory", why));
    }
    Ok(Tree {
        directory: absolute(&mount.directory)?,
        prefix: mount.prefix,
        access: mount.access,
        is_mount: true,
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(error::io(format!("find {}", path.display())))
}

#[async_trait]
impl ObjectStore for DirStore {
    async fn head(&self, key: &Key) -> Result<Meta> {
        let key = key.clone();
        self.run("read an object's headers", move |store| read::head(store, &key)).await
    }

    async fn get(&self, key: &Key, only: Option<&Etag>) -> Result<Object> {
        let (key, only) = (key.clone(), only.cloned());
        self.run("get an object", move |store| read::get(store, &key, only.as_ref())).await
    }

    async fn put(&self, put: Put) -> Result<Etag> {
        self.run("put an object", move |store| write::put(store, &put)).await
    }

    /// Mounts that are only read from are never listed: asked for one, this is `Invalid`; above
    /// one, it is left out.
    async fn list(&self, prefix: &str, after: Option<&Key>) -> Result<Vec<Listed>> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        self.run("list objects", move |store| list::list(store, &prefix, after.as_ref())).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        let key = key.clone();
        self.run("delete an object", move |store| write::delete(store, &key)).await
    }

    /// A `file://` URL, for programs on this machine. It does not expire.
    async fn link(&self, key: &Key, _valid: Duration) -> Result<String> {
        self.file(key).map(|path| file_url(&path))
    }
}
