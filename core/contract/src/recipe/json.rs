//! The JSON form, for programs:
//! `{"outputs":[{"name":"thumb","operations":[{"operation":"resize","width":256}],"encoding":{"format":"jpeg"}}]}`.
//!
//! An operation or encoding without arguments may be its bare name. Read by the same table as the
//! text form; places are JSON pointers.

use serde_json::{Map, Value as Json, json};

use crate::operation::{
    Absent, Color, ENCODINGS, Encoding, Entry, Kind, MAX_TEXT_BYTES, OPERATIONS, Operation, Value,
};

use super::error::{Place, RecipeError, RecipeErrorCode as Code};
use super::text::{Given, unknown_entry};
use super::{MAX_OUTPUT_NAME_BYTES, Output, Recipe, SOLE_OUTPUT, is_output_name};

fn error(code: Code, pointer: &str, message: impl Into<String>) -> RecipeError {
    RecipeError::new(code, Place::Pointer(pointer.to_owned()), message)
}

pub(super) fn parse(value: &Json) -> Result<Recipe, RecipeError> {
    match value {
        Json::String(text) => super::text::parse(text),
        Json::Object(members) => parse_recipe(members),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => {
            Err(error(Code::Malformed, "", "a recipe is a text or an object"))
        }
    }
}

fn parse_recipe(members: &Map<String, Json>) -> Result<Recipe, RecipeError> {
    only_members(members, "", &["outputs"])?;
    let list = members.get("outputs").and_then(Json::as_array);
    let list = list.ok_or_else(|| error(Code::Malformed, "/outputs", "`outputs` is a list"))?;
    if list.is_empty() {
        return Err(error(Code::EmptyChain, "/outputs", "a recipe needs at least one output"));
    }
    let mut outputs: Vec<Output> = Vec::with_capacity(list.len());
    for (i, value) in list.iter().enumerate() {
        let pointer = format!("/outputs/{i}");
        let output = parse_output(value, &pointer, list.len() == 1)?;
        if outputs.iter().any(|o| o.name == output.name) {
            let message = format!("two outputs are named `{}`", output.name);
            return Err(error(Code::BadOutputName, &format!("{pointer}/name"), message));
        }
        outputs.push(output);
    }
    Ok(Recipe { outputs })
}

fn parse_output(value: &Json, pointer: &str, sole: bool) -> Result<Output, RecipeError> {
    let members = object(value, pointer)?;
    only_members(members, pointer, &["name", "operations", "encoding"])?;
    let name = match members.get("name") {
        None if sole => SOLE_OUTPUT,
        Some(Json::String(name)) if is_output_name(name) => name,
        Some(_) | None => {
            let place = format!("{pointer}/name");
            let message = "each of several outputs needs a name";
            return Err(
                error(Code::BadOutputName, &place, message).hint("1 to 32 of A-Z a-z 0-9 _ -")
            );
        }
    };
    let (chain, encoding) = parse_members(members, pointer)?;
    Ok(Output { name: name.to_owned(), chain, encoding })
}

/// Reads an output whose name stands elsewhere.
pub(super) fn parse_body(value: &Json) -> Result<(Vec<Operation>, Encoding), RecipeError> {
    let members = object(value, "")?;
    only_members(members, "", &["operations", "encoding"])?;
    parse_members(members, "")
}

fn parse_members(
    members: &Map<String, Json>,
    pointer: &str,
) -> Result<(Vec<Operation>, Encoding), RecipeError> {
    let place = format!("{pointer}/operations");
    let operations = members.get("operations").and_then(Json::as_array);
    let operations = operations
        .filter(|list| !list.is_empty())
        .ok_or_else(|| error(Code::EmptyChain, &place, "an output needs a list of operations"))?;
    let chain = operations.iter().enumerate();
    let chain = chain
        .map(|(i, v)| parse_use(v, &format!("{place}/{i}"), OPERATIONS, "operation"))
        .collect::<Result<_, _>>()?;
    let encoding = match members.get("encoding") {
        None | Some(Json::Null) => Encoding::Same,
        Some(v) => parse_use(v, &format!("{pointer}/encoding"), ENCODINGS, "encoding")?,
    };
    Ok((chain, encoding))
}

/// The member that names the row of its table.
fn selector(what: &str) -> &'static str {
    if what == "encoding" { "format" } else { "operation" }
}

fn parse_use<T>(
    value: &Json,
    pointer: &str,
    table: &'static [Entry<T>],
    what: &str,
) -> Result<T, RecipeError> {
    let selector = selector(what);
    let none = Map::new();
    let (name, members, place) = match value {
        Json::String(name) => (name.as_str(), &none, pointer.to_owned()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            let members = object(value, pointer)?;
            let place = format!("{pointer}/{selector}");
            let name = members.get(selector).and_then(Json::as_str).ok_or_else(|| {
                error(Code::Malformed, &place, format!("`{selector}` names the {what}"))
            })?;
            (name, members, place)
        }
    };
    let entry = Entry::find(table, name)
        .ok_or_else(|| unknown_entry(Place::Pointer(place.clone()), table, what, name))?;
    let mut texts = vec![];
    for (parameter, value) in members.iter().filter(|(member, _)| *member != selector) {
        let place = Place::Pointer(format!("{pointer}/{}", escape(parameter)));
        let text = match value {
            Json::String(text) => text.clone(),
            Json::Number(_) | Json::Bool(_) => value.to_string(),
            Json::Null | Json::Array(_) | Json::Object(_) => {
                let message = format!("`{parameter}` takes a plain value");
                return Err(RecipeError::new(Code::OutOfRange, place, message));
            }
        };
        texts.push((parameter, place, text));
    }
    let mut given = Given::new(entry);
    for (parameter, place, text) in &texts {
        given.named(parameter, place, text, place.clone())?;
    }
    given.build(Place::Pointer(pointer.to_owned()))
}

fn object<'j>(value: &'j Json, pointer: &str) -> Result<&'j Map<String, Json>, RecipeError> {
    value.as_object().ok_or_else(|| error(Code::Malformed, pointer, "an object is expected here"))
}

fn only_members(
    members: &Map<String, Json>,
    pointer: &str,
    known: &[&str],
) -> Result<(), RecipeError> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let place = Place::Pointer(format!("{pointer}/{}", escape(key)));
            Err(RecipeError::unknown(Code::Malformed, place, "member", key, known))
        }
    }
}

/// A member's name as a segment of a JSON pointer.
pub(super) fn escape(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

pub(super) fn print(recipe: &Recipe) -> Json {
    let outputs: Vec<_> = recipe.outputs.iter().map(print_output).collect();
    json!({ "outputs": outputs })
}

fn print_output(output: &Output) -> Json {
    let operations: Vec<_> = output
        .chain
        .iter()
        .map(|o| print_use("operation", o.entry().name, &o.arguments()))
        .collect();
    let mut printed = json!({ "name": output.name, "operations": operations });
    if let Some(entry) = output.encoding.entry() {
        let encoding = print_use(selector("encoding"), entry.name, &output.encoding.arguments());
        printed["encoding"] = encoding;
    }
    printed
}

fn print_use(selector: &str, name: &str, arguments: &[(&'static str, Value<'_>)]) -> Json {
    let mut members = Map::new();
    members.insert(selector.to_owned(), name.into());
    for (parameter, value) in arguments {
        members.insert((*parameter).to_owned(), json_value(*value));
    }
    Json::Object(members)
}

fn json_value(value: Value<'_>) -> Json {
    match value {
        Value::Integer(n) => n.into(),
        Value::Number(n) => n.into(),
        Value::Word(w) => w.into(),
        Value::Flag(b) => b.into(),
        Value::Color(color) => color.to_string().into(),
        Value::Text(text) => text.into(),
    }
}

pub(super) fn schema() -> Json {
    let output = json!({
        "type": "object",
        "required": ["operations"],
        "additionalProperties": false,
        "properties": {
            "name": {
                "type": "string",
                "pattern": format!("^[A-Za-z0-9_-]{{1,{MAX_OUTPUT_NAME_BYTES}}}$"),
                "description": "needed where there are several outputs",
            },
            "operations": {
                "type": "array",
                "minItems": 1,
                "items": { "oneOf": OPERATIONS.iter().flat_map(|e| use_schema(e, "operation")).collect::<Vec<_>>() },
            },
            "encoding": {
                "oneOf": ENCODINGS.iter().flat_map(|e| use_schema(e, "encoding")).collect::<Vec<_>>(),
                "description": "without it, the source's format",
            },
        },
    });
    json!({
        "oneOf": [
            { "type": "string", "description": "the text form, as in `resize:512 | grayscale -> jpeg:q=85`" },
            {
                "type": "object",
                "required": ["outputs"],
                "additionalProperties": false,
                "properties": { "outputs": { "type": "array", "minItems": 1, "items": output } },
            },
        ],
    })
}

/// The object form of a row, and its bare name where it needs no argument.
fn use_schema<T>(entry: &'static Entry<T>, what: &str) -> Vec<Json> {
    let selector = selector(what);
    let mut names = vec![entry.name];
    names.extend(entry.aliases);
    let mut properties = Map::new();
    properties.insert(selector.to_owned(), json!({ "enum": names }));
    let mut required = vec![selector];
    for parameter in entry.parameters {
        let mut schema = match parameter.kind {
            Kind::Integer { min, max } => json!({ "minimum": min, "maximum": max }),
            Kind::Odd { min, max } => {
                json!({ "minimum": min, "maximum": max, "not": { "multipleOf": 2 } })
            }
            Kind::Number { min, max } => json!({ "minimum": min, "maximum": max }),
            Kind::Choice(words) => json!({ "enum": words }),
            Kind::Flag => json!({}),
            Kind::Text => json!({ "minLength": 1, "maxLength": MAX_TEXT_BYTES }),
            Kind::Color => json!({
                "anyOf": [
                    { "pattern": "^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$" },
                    { "enum": Color::NAMES.map(|(name, _)| name) },
                ],
            }),
        };
        schema["type"] = parameter.kind.type_name().into();
        schema["description"] = parameter.help.into();
        match parameter.absent {
            Absent::Refused => required.push(parameter.name),
            Absent::Means(value) => schema["default"] = json_value(value),
            Absent::Derived(_) => {}
        }
        if let Some(alias) = parameter.alias {
            properties.insert(alias.to_owned(), schema.clone());
        }
        properties.insert(parameter.name.to_owned(), schema);
    }
    let object = json!({
        "type": "object",
        "description": entry.summary,
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    });
    if required.len() == 1 { vec![object, json!({ "enum": names })] } else { vec![object] }
}
