//! Why a recipe was refused: a stable code, the place, what is allowed, what was probably meant.

use std::fmt;

use crate::{nearest, source};

/// Where in the recipe it went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A range of bytes of the text form, or of a file in the TOML form.
    Text {
        /// First byte.
        start: usize,
        /// One past the last byte; equal to `start` where something is missing.
        end: usize,
    },
    /// A JSON pointer (RFC 6901) into the JSON form.
    Pointer(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { start, .. } => write!(f, "at character {}", start + 1),
            Self::Pointer(pointer) if pointer.is_empty() => f.write_str("at the top"),
            Self::Pointer(pointer) => write!(f, "at {pointer}"),
        }
    }
}

/// The kinds of refusal; their names are part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipeErrorCode {
    /// No output, or an output without an operation.
    EmptyChain,
    /// No such operation.
    UnknownOperation,
    /// No such encoding.
    UnknownEncoding,
    /// The operation or encoding has no such parameter.
    UnknownParameter,
    /// A value outside what its parameter allows.
    OutOfRange,
    /// A parameter is missing, or several do not go together.
    BadParameters,
    /// The same parameter twice, or more positional values than parameters.
    TooManyParameters,
    /// A name of an output that is missing, malformed or taken.
    BadOutputName,
    /// Longer than a job message could carry.
    TooLong,
    /// Not JSON, or JSON of another shape.
    Malformed,
}

impl RecipeErrorCode {
    /// The stable name, as documents and problem reports carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyChain => "empty_chain",
            Self::UnknownOperation => "unknown_operation",
            Self::UnknownEncoding => "unknown_encoding",
            Self::UnknownParameter => "unknown_parameter",
            Self::OutOfRange => "out_of_range",
            Self::BadParameters => "bad_parameters",
            Self::TooManyParameters => "too_many_parameters",
            Self::BadOutputName => "bad_output_name",
            Self::TooLong => "recipe_too_long",
            Self::Malformed => "malformed_recipe",
        }
    }
}

/// A refused recipe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({place}){}", .hint.as_ref().map(|h| format!(": {h}")).unwrap_or_default())]
pub struct RecipeError {
    /// What kind of refusal it is.
    pub code: RecipeErrorCode,
    /// Where.
    pub place: Place,
    /// What is wrong, in a phrase.
    pub message: String,
    /// What to do instead: the nearest name, or the allowed values.
    pub hint: Option<String>,
}

impl RecipeError {
    pub(super) fn new(code: RecipeErrorCode, place: Place, message: impl Into<String>) -> Self {
        Self { code, place, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An unknown name among known ones: suggests the nearest, else lists them all.
    pub(super) fn unknown(
        code: RecipeErrorCode,
        place: Place,
        what: &str,
        name: &str,
        known: &[&str],
    ) -> Self {
        let hint = match nearest(name, known.iter().copied()) {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None if known.is_empty() => "it takes none".to_owned(),
            None => format!("one of {}", known.join(", ")),
        };
        Self::new(code, place, format!("unknown {what} `{name}`")).hint(hint)
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        let place = Place::Pointer(String::new());
        Self::new(RecipeErrorCode::Malformed, place, format!("failed to read JSON: {error}"))
    }

    /// The line and the column of the place, both from 1; none where it is a pointer.
    pub fn position(&self, text: &str) -> Option<(usize, usize)> {
        let Place::Text { start, .. } = self.place else { return None };
        Some(source::position(text, start))
    }

    /// The message with the source line and the place underlined, for a terminal.
    pub fn underlined(&self, text: &str) -> String {
        let Place::Text { start, end } = self.place else { return self.to_string() };
        source::underlined(text, start..end, &self.message, self.hint.as_deref())
    }
}
