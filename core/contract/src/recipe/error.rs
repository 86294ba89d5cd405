//! Why a recipe was refused: a stable code, the place, what is allowed, what was probably meant.

use std::fmt;

/// Where in the recipe it went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A range of bytes of the text form.
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
        let near = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
        let limit = (name.len() / 3).max(1);
        let nearest = known.iter().min_by_key(|c| near(c)).filter(|c| near(c) <= limit);
        let hint = match nearest {
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

    /// The message with the source line and the place underlined, for a terminal.
    pub fn underlined(&self, source: &str) -> String {
        let Place::Text { start, end } = self.place else { return self.to_string() };
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let column = source[line_start..start].chars().count();
        let width = source[start..end.min(line_end)].chars().count().max(1);
        let line = &source[line_start..line_end];
        let hint = self.hint.as_ref().map(|h| format!("\n  {h}")).unwrap_or_default();
        format!("{}\n  {line}\n  {:column$}{}{hint}", self.message, "", "^".repeat(width))
    }
}
