//! `GET /v1/operations`: the very table that the recipe parser reads, for programs that let people
//! choose.

use hyper::StatusCode;
use pixmill_contract::operation::{Absent, ENCODINGS, Entry, Kind, OPERATIONS, Parameter, Value};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json as object};

use crate::answer::{Answer, json};

/// All that recipes are made of.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Operations {
    /// What a chain is made of, in the order in which people read about it.
    operations: Vec<Row>,
    /// What may stand after `->`.
    encodings: Vec<Row>,
}

/// An operation or an encoding.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// Its name in recipes.
    name: &'static str,
    /// Other names that are accepted; the prototype's are among them.
    aliases: &'static [&'static str],
    /// One sentence for people.
    summary: &'static str,
    /// What happens to alpha, gray and colours.
    pixels: &'static str,
    /// Its parameters, in the order of values without a name.
    parameters: Vec<ParameterRow>,
    /// A chain that shows it.
    example: &'static str,
}

/// A parameter.
#[derive(Debug, Serialize, JsonSchema)]
struct ParameterRow {
    /// Its name.
    name: &'static str,
    /// Another accepted name, often shorter.
    alias: Option<&'static str>,
    /// What it may be, as JSON Schema.
    schema: Json,
    /// The same in words.
    allowed: String,
    /// Whether it must be given.
    required: bool,
    /// What holds without it, if that is a value.
    default: Option<Json>,
    /// What holds without it, if that is derived from something else.
    derived: Option<&'static str>,
    /// One sentence for people.
    help: &'static str,
}

fn row<T>(entry: &Entry<T>) -> Row {
    Row {
        name: entry.name,
        aliases: entry.aliases,
        summary: entry.summary,
        pixels: entry.pixels,
        parameters: entry.parameters.iter().map(parameter).collect(),
        example: entry.example,
    }
}

fn parameter(parameter: &Parameter) -> ParameterRow {
    let (default, derived) = match parameter.absent {
        Absent::Refused => (None, None),
        Absent::Means(value) => (Some(value_of(value)), None),
        Absent::Derived(from) => (None, Some(from)),
    };
    ParameterRow {
        name: parameter.name,
        alias: parameter.alias,
        schema: schema(parameter.kind),
        allowed: parameter.kind.to_string(),
        required: parameter.absent == Absent::Refused,
        default,
        derived,
        help: parameter.help,
    }
}

fn value_of(value: Value<'_>) -> Json {
    match value {
        Value::Integer(n) => n.into(),
        Value::Number(n) => n.into(),
        Value::Word(word) => word.into(),
        Value::Flag(flag) => flag.into(),
        Value::Color(color) => color.to_string().into(),
        Value::Text(text) => text.into(),
    }
}

fn schema(kind: Kind) -> Json {
    match kind {
        Kind::Integer { min, max } => {
            object!({ "type": "integer", "minimum": min, "maximum": max })
        }
        // Odd numbers are those that leave a remainder.
        Kind::Odd { min, max } => object!({
            "type": "integer", "minimum": min, "maximum": max, "not": { "multipleOf": 2 },
        }),
        Kind::Number { min, max } => object!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Choice(words) => object!({ "type": "string", "enum": words }),
        Kind::Flag => object!({ "type": "boolean" }),
        Kind::Color => object!({ "type": "string", "format": "color" }),
        Kind::Text => object!({ "type": "string", "minLength": 1 }),
    }
}

/// `GET /v1/operations`.
pub(crate) fn show() -> Answer {
    let operations = OPERATIONS.iter().map(row).collect();
    let encodings = ENCODINGS.iter().map(row).collect();
    json(StatusCode::OK, &Operations { operations, encodings })
}
