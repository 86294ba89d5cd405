//! `GET /v1/operations`: the very table that the recipe parser reads, for programs that let people
//! choose.

use hyper::StatusCode;
use pixmill_contract::operation::{
    Absent, ENCODINGS, Entry, Kind, OPERATIONS, Parameter, Unit, Value,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json as object};

use crate::answer::{Answer, json};

/// From so many times the least value on, a range is spread by its orders of magnitude.
const LOG: f64 = 100.0;

/// A range of numbers that is no longer than this is changed in hundredths.
const FINE: f64 = 10.0;

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
    /// Its name for people.
    title: String,
    /// Whom people find it beside: `geometry`, `tone`, `filter`, `vision`; `picture`, `facts`.
    group: &'static str,
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
    /// What it may be: `integer`, `number`, `enum`, `bool`, `color` or `text`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its least value, if it is a number.
    min: Option<f64>,
    /// Its greatest value, if it is a number.
    max: Option<f64>,
    /// The steps in which people change it.
    step: Option<f64>,
    /// How its values are best spread over a slider: `linear` or `log`.
    scale: Option<&'static str>,
    /// What it counts: `pixels`, `degrees`, `percent`, `levels` or `times`.
    unit: Option<&'static str>,
    /// Whether the same value is more of a smaller picture, as in a preview.
    pixel_scaled: bool,
    /// The words that it may be, if it is one of some.
    #[serde(rename = "enum")]
    words: Option<&'static [&'static str]>,
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
        title: entry.title(),
        group: entry.group.as_str(),
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
    let range = range(parameter.kind);
    ParameterRow {
        name: parameter.name,
        alias: parameter.alias,
        kind: kind(parameter.kind),
        min: range.map(|(min, _, _)| min),
        max: range.map(|(_, max, _)| max),
        step: range.map(|(_, _, step)| step),
        scale: range
            .map(|(min, max, _)| if min > 0.0 && max > LOG * min { "log" } else { "linear" }),
        unit: parameter.unit.as_str(),
        pixel_scaled: parameter.unit == Unit::Pixels,
        words: words(parameter.kind),
        schema: schema(parameter.kind),
        allowed: parameter.kind.to_string(),
        required: parameter.absent == Absent::Refused,
        default,
        derived,
        help: parameter.help,
    }
}

/// Its type in a word.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer { .. } | Kind::Odd { .. } => "integer",
        Kind::Number { .. } => "number",
        Kind::Choice(_) => "enum",
        Kind::Flag => "bool",
        Kind::Color => "color",
        Kind::Text => "text",
    }
}

/// The least and the greatest value, and the steps in between, of what is a number.
#[expect(clippy::cast_precision_loss, reason = "the table's whole numbers are small")]
fn range(kind: Kind) -> Option<(f64, f64, f64)> {
    match kind {
        Kind::Integer { min, max } => Some((min as f64, max as f64, 1.0)),
        Kind::Odd { min, max } => Some((min as f64, max as f64, 2.0)),
        Kind::Number { min, max } if max - min > FINE && min <= 0.0 => Some((min, max, 0.1)),
        Kind::Number { min, max } => Some((min, max, 0.01)),
        Kind::Choice(_) | Kind::Flag | Kind::Color | Kind::Text => None,
    }
}

fn words(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Choice(words) => Some(words),
        Kind::Integer { .. }
        | Kind::Odd { .. }
        | Kind::Number { .. }
        | Kind::Flag
        | Kind::Color
        | Kind::Text => None,
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
