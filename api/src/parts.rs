//! Parts that rows of the table are made of, and parameters that several have.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::answer::JSON;
use crate::jobs::JobState;
use crate::route::{Gives, Kind, Parameter, SchemaOf};

pub(crate) fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

pub(crate) const fn gives(status: u16, what: &'static str, schema: SchemaOf) -> Gives {
    Gives { status, what, body: Some((JSON, Some(schema))) }
}

pub(crate) const fn bytes(what: &'static str, media_type: &'static str) -> Gives {
    Gives { status: 200, what, body: Some((media_type, None)) }
}

pub(crate) const fn nothing(status: u16, what: &'static str) -> Gives {
    Gives { status, what, body: None }
}

pub(crate) const fn may(name: &'static str, kind: Kind, help: &'static str) -> Parameter {
    Parameter { name, kind, required: false, help }
}

pub(crate) const fn must(name: &'static str, kind: Kind, help: &'static str) -> Parameter {
    Parameter { name, kind, required: true, help }
}

pub(crate) const LIMIT: Parameter = may("limit", Kind::Integer(1, 500), "Most of them.");
pub(crate) const STATE: Parameter =
    may("state", Kind::Word(JobState::WORDS), "Only those in this state.");
pub(crate) const TEXT: Parameter =
    may("q", Kind::Text(200), "Only those whose id, name or reason holds this.");
pub(crate) const CODE: Parameter =
    may("code", Kind::Text(64), "Only those that failed with this code.");
pub(crate) const SINCE: Parameter = may(
    "since",
    Kind::Integer(0, 253_402_300_799),
    "Only those that have not ended, or since then: seconds since 1970.",
);
pub(crate) const OF_BATCH: Parameter = may("batch", Kind::Id, "Only those of this batch.");
pub(crate) const RECIPE: Parameter =
    may("recipe", Kind::Text(4096), "A recipe, or the name of one; longer ones go into a form.");
pub(crate) const EXPIRES: Parameter =
    may("expires", Kind::Integer(0, 253_402_300_799), "Of a link: until when it is good.");
pub(crate) const SIGNATURE: Parameter =
    may("signature", Kind::Text(64), "Of a link: that it was given out.");
pub(crate) const LETTER: Parameter =
    may("name", Kind::Text(129), "The letter of this name, `BATCH/JOB`.");
pub(crate) const ALL: Parameter = may("all", Kind::Word(&["true"]), "All of them.");
