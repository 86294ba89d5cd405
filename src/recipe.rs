//! What `--recipe` stands for: a recipe as it is written, or one in a file, by its path or name.
//!
//! What ends in `.toml` is a path. A single word is an operation or the name of a file in the
//! directory of recipes, and refused if it is both: a file that somebody puts there must not change
//! what a command does. Everything else is a recipe in the text or the JSON form.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use pixmill_contract::operation::{ENCODINGS, Entry, OPERATIONS};
use pixmill_contract::recipe::MAX_RECIPE_BYTES;
use pixmill_contract::{Recipe, RecipeFile, nearest};

const EXTENSION: &str = ".toml";

/// Reads what was given as a recipe; errors show the place.
pub(crate) fn read(given: &str, directory: &Path) -> anyhow::Result<Recipe> {
    if given.ends_with(EXTENSION) {
        return at_path(Path::new(given), directory);
    }
    if is_word(given) {
        let path = path_of(given, directory);
        match (Entry::find(OPERATIONS, given).is_some(), path.is_file()) {
            (true, true) => bail!(
                "recipe: `{given}` is an operation and also the name of a recipe; write\n  \
                 `{given};` for the operation, or\n  `{}` for the recipe",
                path.display()
            ),
            (false, true) => return from_file(&path),
            (false, false) => bail!("{}", unknown(given, directory)),
            (true, false) => {}
        }
    }
    if given.contains('/') && !given.contains([':', '|', ';', '=', '>', '{']) {
        bail!("recipe: `{given}` is no recipe; a path of one ends in `{EXTENSION}`");
    }
    given.parse::<Recipe>().map_err(|error| anyhow!("recipe: {}", error.underlined(given)))
}

/// A recipe that has a name.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// What is in its file, or what is wrong with it.
    pub(crate) file: anyhow::Result<RecipeFile>,
}

impl Named {
    /// What its file says of it, on one line.
    pub(crate) fn summary(&self) -> String {
        let text = match &self.file {
            Ok(file) => file.description.clone().unwrap_or_else(|| file.recipe.to_string()),
            Err(error) => format!("refused: {error:#}"),
        };
        let line = text.trim().lines().next().unwrap_or_default();
        line.chars().filter(|c| !c.is_control()).collect()
    }
}

/// The recipes in a directory, by name; none where there is no such directory.
pub(crate) fn list(directory: &Path) -> Vec<Named> {
    names(directory)
        .into_iter()
        .map(|name| {
            let path = path_of(&name, directory);
            Named { name, file: open(&path), path }
        })
        .collect()
}

/// The recipe with this name, if there is one.
pub(crate) fn find(name: &str, directory: &Path) -> Option<Named> {
    let path = path_of(name, directory);
    (is_word(name) && path.is_file()).then(|| Named {
        name: name.to_owned(),
        file: open(&path),
        path,
    })
}

/// The recipe with this name, which nothing else can be meant by.
pub(crate) fn named(name: &str, directory: &Path) -> anyhow::Result<Recipe> {
    let path = path_of(name, directory);
    if !path.exists() {
        let here = names(directory);
        let hint = match nearest(name, here.iter().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        bail!("there is no recipe `{name}`, which would be {}{hint}", path.display());
    }
    from_file(&path)
}

fn at_path(path: &Path, directory: &Path) -> anyhow::Result<Recipe> {
    let name = path.to_str().and_then(|path| path.strip_suffix(EXTENSION)).unwrap_or_default();
    if !path.exists() && find(name, directory).is_some() {
        bail!("recipe: there is no file {}; did you mean `{name}`?", path.display());
    }
    from_file(path)
}

/// The recipe in a file, whose overlays are named as seen from there.
fn from_file(path: &Path) -> anyhow::Result<Recipe> {
    let directory = path.parent().unwrap_or(Path::new(""));
    open(path)?.recipe.with_overlays(|name| {
        let beside = directory.join(name);
        let text = beside.to_str().map(str::to_owned);
        text.ok_or_else(|| anyhow!("recipe: {} is not UTF-8", beside.display()))
    })
}

fn open(path: &Path) -> anyhow::Result<RecipeFile> {
    let cannot = || format!("failed to read the recipe {}", path.display());
    let mut source = String::new();
    let file = File::open(path).with_context(cannot)?;
    // One byte more than there may be, so that the parser sees that it is too long.
    let most = MAX_RECIPE_BYTES as u64 + 1;
    file.take(most).read_to_string(&mut source).with_context(cannot)?;
    source.parse::<RecipeFile>().map_err(|error| {
        let (line, column) = error.position(&source).unwrap_or((1, 1));
        anyhow!("{}:{line}:{column}: {}", path.display(), error.underlined(&source))
    })
}

/// The error for a word that means nothing, with what was probably meant.
fn unknown(word: &str, directory: &Path) -> String {
    let here = names(directory);
    let aliases = OPERATIONS.iter().flat_map(|entry| entry.aliases.iter().copied());
    let operation = nearest(word, OPERATIONS.iter().map(|entry| entry.name).chain(aliases));
    let recipe = nearest(word, here.iter().map(String::as_str));
    let hint = match (operation, recipe) {
        _ if Entry::find(ENCODINGS, word).is_some() => {
            format!("to convert the format only, write `rotate:0 -> {word}`")
        }
        (Some(operation), Some(recipe)) => {
            format!("did you mean the operation `{operation}` or the recipe `{recipe}`?")
        }
        (Some(operation), None) => format!("did you mean `{operation}`?"),
        (None, Some(recipe)) => format!("did you mean `{recipe}`?"),
        (None, None) if here.is_empty() => "`pixmill operations` lists what there is".to_owned(),
        (None, None) => {
            format!("the recipes are {}; `pixmill operations` lists all", here.join(", "))
        }
    };
    let directory = directory.display();
    format!("recipe: `{word}` is neither an operation nor a recipe in {directory}\n  {hint}")
}

/// The names that have a file in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_str()?.strip_suffix(EXTENSION)?.to_owned();
        (is_word(&name) && entry.path().is_file()).then_some(name)
    };
    let mut names: Vec<_> = entries.filter_map(name).collect();
    names.sort_unstable();
    names
}

fn path_of(name: &str, directory: &Path) -> PathBuf {
    directory.join(format!("{name}{EXTENSION}"))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
