//! Reading a recipe from the command line, with errors that show the place.

use anyhow::anyhow;
use pixmill_contract::Recipe;

pub(crate) fn read(text: &str) -> anyhow::Result<Recipe> {
    text.parse::<Recipe>().map_err(|error| anyhow!("recipe: {}", error.underlined(text)))
}
