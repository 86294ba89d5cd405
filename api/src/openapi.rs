//! The OpenAPI document, 3.1, made of the very table that requests are matched with.

use std::sync::LazyLock;

use hyper::StatusCode;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use crate::answer::{Answer, JSON, whole};
use crate::problem::{self, Code, ProblemDocument};
use crate::route::{Gives, Kind, May, Parameter, Route, SchemaOf, Takes, kind_of};
use crate::routes;

/// Problems that every route may have.
const EVERYWHERE: [Code; 4] =
    [Code::BadParameter, Code::Foreign, Code::Internal, Code::Unavailable];

/// `GET /openapi.json`.
pub(crate) fn show() -> Answer {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("{}\n", document()));
    whole(StatusCode::OK, JSON, TEXT.as_str())
}

/// The document: every route, what it takes and what it answers.
pub fn document() -> Json {
    let mut schemas =
        SchemaSettings::draft2020_12().with(|s| s.definitions_path = "/components/schemas".into());
    schemas.meta_schema = None;
    let mut schemas = schemas.into_generator();
    let mut paths = Map::new();
    for route in routes::all() {
        let path = route.path.replace("...}", "}");
        let of_path = paths.entry(path).or_insert_with(|| json!({}));
        let verb = route.verb.as_str().to_ascii_lowercase();
        of_path[verb] = operation(route, &mut schemas);
    }
    let problem = schemas.subschema_for::<ProblemDocument>();
    drop(problem);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pixmill",
            "description": "Grinds images at any volume. Problems are RFC 9457 documents with a stable `code`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "pixmill_session_8000",
                    "description": "The name ends in the port that is asked at.",
                },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Json {
    let open = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = open
        .map(|name| {
            let name = name.trim_end_matches("...");
            json!({ "name": name, "in": "path", "required": true, "schema": schema(kind_of(name)) })
        })
        .collect();
    let said = |place: &'static str| move |parameter| described(parameter, place);
    parameters.extend(route.query.iter().map(said("query")));
    parameters.extend(route.fields.iter().map(said("header")));
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "responses": responses(route, schemas),
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body(route.takes, schemas) {
        operation["requestBody"] = body;
    }
    match route.may {
        May::Anyone => {}
        // An empty requirement: without tokens nobody is asked for one, and a link is as good.
        May::Known | May::Linked => {
            operation["security"] = json!([{ "token": [] }, { "session": [] }, {}]);
        }
    }
    operation
}

/// The verb and the path in one word.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && *word != "v1");
    std::iter::once(route.verb.as_str().to_ascii_lowercase())
        .chain(words.map(str::to_owned))
        .collect::<Vec<_>>()
        .join("_")
}

fn described(parameter: &Parameter, place: &str) -> Json {
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.help,
        "schema": schema(parameter.kind),
    })
}

/// What a parameter may be.
fn schema(kind: Kind) -> Json {
    match kind {
        Kind::Text(most) => json!({ "type": "string", "minLength": 1, "maxLength": most }),
        Kind::Integer(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
        Kind::Key => json!({
            "type": "string", "minLength": 1, "maxLength": 1024,
            "pattern": "^[^/]+(/[^/]+)*$",
        }),
    }
}

fn body(takes: Takes, schemas: &mut SchemaGenerator) -> Option<Json> {
    let file = || json!({ "type": "string", "contentMediaType": "application/octet-stream" });
    let any = || json!({ "schema": {} });
    let form = |schema: Json| json!({ "schema": schema });
    let text = || json!({ "type": "string", "minLength": 1 });
    let of = |schema: SchemaOf, schemas: &mut SchemaGenerator| json!({ "schema": schema(schemas) });
    let content = match takes {
        Takes::Nothing => return None,
        Takes::Json(document) => json!({ JSON: of(document, schemas) }),
        Takes::Pictures(keys) => json!({
            "multipart/form-data": form(json!({
                "type": "object",
                "properties": {
                    "recipe": text(),
                    "batch": schema(Kind::Id),
                    "image": { "type": "array", "items": file(), "minItems": 1 },
                },
                "required": ["image"],
            })),
            "application/octet-stream": any(),
            "image/*": any(),
            JSON: of(keys, schemas),
        }),
        Takes::PrototypeForm => json!({
            "multipart/form-data": form(json!({
                "type": "object",
                "properties": {
                    "image": file(), "operation": text(), "output_name": text(), "s3_bucket": text(),
                },
                "required": ["image", "operation", "output_name", "s3_bucket"],
            })),
        }),
        Takes::Recipe => json!({
            "application/toml": any(), "text/plain": any(), JSON: any(),
        }),
        Takes::Picture | Takes::Bytes => {
            json!({ "application/octet-stream": any(), "image/*": any() })
        }
    };
    Some(json!({ "required": true, "content": content }))
}

fn responses(route: &Route, schemas: &mut SchemaGenerator) -> Json {
    let mut responses = Map::new();
    for gives in route.gives {
        let Gives { status, what, body } = gives;
        let mut response = json!({ "description": what });
        if let Some((media_type, schema)) = body {
            let schema = schema.map_or_else(|| json!({}), |schema| schema(schemas).into());
            response["content"] = json!({ *media_type: { "schema": schema } });
        }
        responses.insert(status.to_string(), response);
    }
    let problem: Json = schemas.subschema_for::<ProblemDocument>().into();
    let known = [Code::Unauthorized].into_iter().filter(|_| route.may != May::Anyone);
    let sized = [Code::TooLarge, Code::TooSlow, Code::BadBody, Code::UnsupportedMediaType];
    let sized = sized.into_iter().filter(|_| !matches!(route.takes, Takes::Nothing));
    let mut codes: Vec<Code> = EVERYWHERE.into_iter().chain(known).chain(sized).collect();
    codes.extend(route.problems);
    codes.sort_by_key(|code| (code.status(), code.as_str()));
    codes.dedup();
    for code in codes {
        let response = responses.entry(code.status().as_str()).or_insert_with(|| {
            let content = json!({ problem::MEDIA_TYPE: { "schema": problem } });
            json!({ "description": "", "content": content })
        });
        let before = response["description"].as_str().unwrap_or_default();
        let or = if before.is_empty() { "" } else { ", " };
        response["description"] = format!("{before}{or}`{}`", code.as_str()).into();
    }
    Json::Object(responses)
}
