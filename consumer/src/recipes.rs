//! The recipes that the store has by name, for pictures whose recipe is chosen by their key.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use pixmill_contract::{Key, Recipe, RecipeError, RecipeFile, RejectCode};
use tokio::time::Instant;

use crate::fate::{Fate, Stop};
use crate::source::{self, Blame};
use crate::worker::Worker;

/// How long a worker goes by a recipe that it has read: pictures come in thousands, and whoever
/// changes a recipe can wait for so long. What is missing or wrong is looked at each time, so that
/// it counts at once when it is mended.
const KEPT: Duration = Duration::from_mins(1);

/// Recipes that a worker keeps at most; beyond that it reads them again.
const MAX_KEPT: usize = 100;

/// A recipe that cannot be read is a fact about it.
const BLAME: Blame = Blame {
    missing: RejectCode::BadRecipe,
    changed: RejectCode::BadRecipe,
    invalid: RejectCode::BadRecipe,
    denied: RejectCode::BadRecipe,
};

/// What is in the store under a recipe's name.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// A recipe.
    Recipe(Recipe),
    /// None that could be used.
    Bad {
        /// What is there instead, in a word that changes when it does.
        content: String,
        /// What is wrong, and with which key.
        reason: String,
    },
}

/// The recipes that were read lately.
#[derive(Debug, Default)]
pub(crate) struct Recipes(Mutex<HashMap<Key, (Instant, Recipe)>>);

impl Recipes {
    /// The recipe under this key.
    pub(crate) async fn get(&self, worker: &Worker, key: &Key) -> Result<Named, Fate> {
        if let Some(recipe) = self.kept(key) {
            return Ok(Named::Recipe(recipe));
        }
        let named = read(worker, key).await?;
        if let Named::Recipe(recipe) = &named {
            self.keep(key.clone(), recipe.clone());
        }
        Ok(named)
    }

    fn kept(&self, key: &Key) -> Option<Recipe> {
        let kept = self.0.lock().expect("no code panics with this lock");
        let (at, recipe) = kept.get(key)?;
        (at.elapsed() < KEPT).then(|| recipe.clone())
    }

    fn keep(&self, key: Key, recipe: Recipe) {
        let mut kept = self.0.lock().expect("no code panics with this lock");
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, (Instant::now(), recipe));
    }
}

async fn read(worker: &Worker, key: &Key) -> Result<Named, Fate> {
    let read = || source::read(worker, &*worker.pipeline.store, key, None);
    let (bytes, etag) = match source::patiently(worker, &BLAME, read).await {
        Ok(read) => read,
        Err(Stop::Fate(fate)) => return Err(fate),
        Err(Stop::Rejected(rejection)) => {
            let reason = format!("recipe {key}: {}", rejection.reason);
            return Ok(Named::Bad { content: "missing".to_owned(), reason });
        }
    };
    Ok(match parsed(&bytes) {
        Ok(recipe) => Named::Recipe(recipe),
        Err(why) => Named::Bad { content: etag.0, reason: format!("recipe {key}: {why}") },
    })
}

/// The recipe of a file, as a job may have it.
fn parsed(bytes: &[u8]) -> Result<Recipe, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let recipe = text.parse::<RecipeFile>().map_err(|error| told(&error, text))?.recipe;
    recipe.check_overlays().map_err(|error| error.to_string())?;
    Ok(recipe)
}

/// What is wrong in a file, with its line and column.
fn told(error: &RecipeError, text: &str) -> String {
    match error.position(text) {
        Some((line, column)) => {
            let hint = error.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
            format!("line {line}, column {column}: {}{hint}", error.message)
        }
        None => error.to_string(),
    }
}
