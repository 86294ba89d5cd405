//! The documents that cross a process boundary. They are public contracts: each bears the version
//! [`VERSION`], and the JSON Schemas under `schema/` are made from these types.

mod attempts;
mod backfill;
mod batch;
mod event;
mod job;
mod manifest;
mod report;
mod result;
mod template;

pub use attempts::{AttemptNote, Start, Trouble, TroubleKind};
pub use backfill::BackfillDocument;
pub use batch::BatchDocument;
pub use event::{Created, EventRecord, read_event};
pub use job::{Job, JobReading, MAX_MESSAGE_BYTES, Source};
pub use manifest::{Manifest, Member};
pub use report::{HeldJob, JobSeconds, Pace, Report};
pub use result::{Outcome, OutputRecord, ResultDocument, SourceFacts, Timings};
pub use template::{Name, Template, TemplateError};

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The version of all documents.
pub const VERSION: u32 = 1;

/// Longest reason that a document carries, in bytes; what is longer is cut.
pub const MAX_REASON_BYTES: usize = 1024;

/// The member `"pixmill": 1` by which a document says what it is. Reads no other version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format!("unknown document version {other}"))),
        }
    }
}

impl schemars::JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": VERSION })
    }
}

/// Cuts a reason to what a document carries, at a character's boundary.
pub fn bounded_reason(reason: &str) -> String {
    if reason.len() <= MAX_REASON_BYTES {
        return reason.to_owned();
    }
    let mut end = MAX_REASON_BYTES;
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &reason[..end])
}

/// The JSON Schema of every document, by file name.
pub fn schemas() -> Vec<(&'static str, serde_json::Value)> {
    let mut recipe = crate::Recipe::schema();
    recipe["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    recipe["title"] = "Recipe".into();
    vec![
        ("job.json", schemars::schema_for!(Job).into()),
        ("result.json", schemars::schema_for!(ResultDocument).into()),
        ("batch.json", schemars::schema_for!(BatchDocument).into()),
        ("manifest.json", schemars::schema_for!(Manifest).into()),
        ("backfill.json", schemars::schema_for!(BackfillDocument).into()),
        ("report.json", schemars::schema_for!(Report).into()),
        ("attempts.json", schemars::schema_for!(AttemptNote).into()),
        ("recipe.json", recipe),
    ]
}
