//! Recipes: one or more named outputs, each a chain of operations and an encoding.
//!
//! A [`Recipe`] has a text form, a JSON form, and a TOML form for files; all are read into the same
//! typed value by the same table, and what is printed reads back as the same value. A recipe that does not parse is
//! refused with its position and what would have been allowed; nothing is dropped or clamped.

mod error;
mod json;
mod text;
mod toml;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

pub use error::{Place, RecipeError, RecipeErrorCode};
pub use toml::RecipeFile;

use crate::key::{Key, OVERLAYS};
use crate::operation::{Encoding, Operation, is_text};

/// The name of the only output of a recipe that names none.
pub const SOLE_OUTPUT: &str = "output";

/// Longest text, JSON or TOML that is read as a recipe, in bytes. It has to fit into a job message.
pub const MAX_RECIPE_BYTES: usize = 32 * 1024;

/// Longest name of an output, in bytes; it becomes part of a file name.
pub const MAX_OUTPUT_NAME_BYTES: usize = 32;

/// Most overlays of one recipe; all of them are in memory at once.
pub const MAX_OVERLAYS: usize = 8;

/// What is to be made of one picture: at least one output, all with different names.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    outputs: Vec<Output>,
}

/// One picture to make: a chain of at least one operation, and an encoding.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// 1–32 of A–Z a–z 0–9 `_` `-`, unique in the recipe.
    pub name: String,
    /// Applied from first to last.
    pub chain: Vec<Operation>,
    /// How the result is written.
    pub encoding: Encoding,
}

impl Recipe {
    /// Its outputs, in the order in which they were written down.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Whether it is one output that nobody named.
    pub fn is_unnamed(&self) -> bool {
        self.outputs.len() == 1 && self.outputs[0].name == SOLE_OUTPUT
    }

    /// The overlays that it lays over pictures, each once, as it names them.
    pub fn overlays(&self) -> impl Iterator<Item = &str> {
        let chains = self.outputs.iter().flat_map(|output| &output.chain);
        let named: BTreeSet<_> = chains.filter_map(Operation::overlay).collect();
        named.into_iter()
    }

    /// The same recipe with other names for its overlays.
    pub fn with_overlays<E>(mut self, name: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        for operation in self.outputs.iter_mut().flat_map(|output| &mut output.chain) {
            if let Operation::Composite(composite) = operation {
                composite.image = name(&composite.image)?;
            }
        }
        Ok(self)
    }

    /// Refuses overlays that no job may have: they are keys below `overlays/`, and only a few. The
    /// place is that in the JSON form.
    pub fn check_overlays(&self) -> Result<(), RecipeError> {
        for (i, output) in self.outputs.iter().enumerate() {
            for (j, operation) in output.chain.iter().enumerate() {
                let Some(name) = operation.overlay() else { continue };
                if !name.starts_with(OVERLAYS) || Key::new(name).is_err() || !is_text(name) {
                    let place = Place::Pointer(format!("/outputs/{i}/operations/{j}/image"));
                    let message =
                        format!("`{name}` is not a key below `{OVERLAYS}`, or holds a quote");
                    return Err(RecipeError::new(RecipeErrorCode::OutOfRange, place, message));
                }
            }
        }
        let count = self.overlays().count();
        if count > MAX_OVERLAYS {
            let place = Place::Pointer("/outputs".to_owned());
            let message = format!("{count} overlays, the limit is {MAX_OVERLAYS}");
            return Err(RecipeError::new(RecipeErrorCode::TooManyParameters, place, message));
        }
        Ok(())
    }

    /// Reads the JSON form: an object with `outputs`, or a string that holds the text form.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, RecipeError> {
        json::parse(value)
    }

    /// The JSON form, with every argument that differs from its default.
    pub fn to_json(&self) -> serde_json::Value {
        json::print(self)
    }

    /// The JSON Schema of both forms, made from the operations table.
    pub fn schema() -> serde_json::Value {
        json::schema()
    }
}

impl FromStr for Recipe {
    type Err = RecipeError;

    /// Reads the text form, or the JSON form where the text starts with `{`.
    fn from_str(source: &str) -> Result<Self, RecipeError> {
        if source.trim_start().starts_with('{') {
            return match serde_json::from_str(source) {
                Ok(value) => Self::from_json(&value),
                Err(error) => Err(RecipeError::not_json(&error)),
            };
        }
        text::parse(source)
    }
}

/// The canonical text form: only what differs from the defaults, arguments by name.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::print(self, f)
    }
}

/// As the canonical text.
impl serde::Serialize for Recipe {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From the text form or the JSON form.
impl<'de> serde::Deserialize<'de> for Recipe {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::from_json(&value).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Recipe {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Recipe".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Self::schema().try_into().expect("the recipe's schema is an object")
    }
}

/// Whether `name` may name an output.
fn is_output_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=MAX_OUTPUT_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests;
