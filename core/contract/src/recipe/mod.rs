//! Recipes: one or more named outputs, each a chain of operations and an encoding.
//!
//! A [`Recipe`] has a text form, a JSON form, and a TOML form for files; all are read into the same
//! typed value by the same table, and what is printed reads back as the same value. A recipe that does not parse is
//! refused with its position and what would have been allowed; nothing is dropped or clamped.

mod error;
mod json;
mod text;
mod toml;

use std::fmt;
use std::str::FromStr;

pub use error::{Place, RecipeError, RecipeErrorCode};
pub use toml::RecipeFile;

use crate::operation::{Encoding, Operation};

/// The name of the only output of a recipe that names none.
pub const SOLE_OUTPUT: &str = "output";

/// Longest text, JSON or TOML that is read as a recipe, in bytes. It has to fit into a job message.
pub const MAX_RECIPE_BYTES: usize = 32 * 1024;

/// Longest name of an output, in bytes; it becomes part of a file name.
pub const MAX_OUTPUT_NAME_BYTES: usize = 32;

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
