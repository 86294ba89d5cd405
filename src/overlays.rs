//! The overlays of a recipe that names files: where they are, and what they are called in a store.
//!
//! `run` reads them in place, as it does its inputs; `submit` puts them where its jobs will look for
//! them, by what is in them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use pixmill_contract::key::OVERLAYS;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{ErrorKind, Key, Limits, Pipeline, Recipe, id};
use pixmill_local::key_for_path;

use crate::inputs;

/// The recipe with its overlays read where they are, below a mount of the root of the file system.
pub(crate) fn in_place(recipe: Recipe) -> anyhow::Result<Recipe> {
    with_keys(recipe, |path| {
        let path = path.strip_prefix("/").unwrap_or(path);
        Ok(key_for_path(&Path::new(OVERLAYS).join(path))?)
    })
}

/// What the overlays of a recipe are now, for jobs that are about to be sent.
pub(crate) async fn pins(
    pipeline: &Pipeline,
    recipe: &Recipe,
) -> anyhow::Result<BTreeMap<Key, Etag>> {
    let mut pins = BTreeMap::new();
    for name in recipe.overlays() {
        let key = Key::new(name)?;
        let head = pipeline.store.head(&key).await;
        let etag = head.with_context(|| format!("failed to look at the overlay {name}"))?.etag;
        pins.insert(key, etag);
    }
    Ok(pins)
}

/// The recipe with its overlays in the store. What is there already has the same content.
pub(crate) async fn upload(pipeline: &Pipeline, recipe: Recipe) -> anyhow::Result<Recipe> {
    let contents = std::cell::RefCell::new(BTreeMap::new());
    let recipe = with_keys(recipe, |path| {
        // What is longer than this, no worker takes that was not told to.
        Limits::default().check_input(std::fs::metadata(path)?.len())?;
        let bytes = std::fs::read(path)?;
        let key = Key::new(format!("{OVERLAYS}{}", id::hash(&[&bytes])))?;
        contents.borrow_mut().insert(key.clone(), bytes);
        Ok(key)
    })?;
    for (key, bytes) in contents.into_inner() {
        let put = Put {
            key,
            payload: Payload::Bytes(bytes),
            media_type: "application/octet-stream",
            condition: Condition::IfAbsent,
            owner: None,
        };
        match pipeline.store.put(put).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context("failed to put an overlay into the store"),
        }
    }
    Ok(recipe)
}

/// The recipe with a key in place of each file. Refuses what is no picture before anything begins.
fn with_keys(recipe: Recipe, key: impl Fn(&Path) -> anyhow::Result<Key>) -> anyhow::Result<Recipe> {
    let named = |name: &str| {
        let cannot = || format!("recipe: failed to read the overlay {name}");
        let path = find(name).with_context(cannot)?;
        Ok::<_, anyhow::Error>(key(&path).with_context(cannot)?.to_string())
    };
    let recipe = recipe.with_overlays(named)?;
    recipe.check_overlays().map_err(|error| anyhow!("recipe: {error}"))?;
    Ok(recipe)
}

/// The absolute path of a picture.
fn find(name: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(name).canonicalize()?;
    if !path.is_file() {
        bail!("it is not a file");
    }
    // Opening it says why it cannot be read.
    drop(std::fs::File::open(&path)?);
    if inputs::sniff(&path).is_none() {
        bail!("it is no picture that is read here");
    }
    Ok(path)
}
