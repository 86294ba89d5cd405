//! `pixmill operations`: the very table that the recipe parser reads.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use pixmill_contract::operation::{Absent, ENCODINGS, Entry, OPERATIONS, Parameter};
use serde_json::{Value as Json, json};

use crate::{args, print};

pub(crate) fn run(args: &args::Operations) -> anyhow::Result<ExitCode> {
    let text = match (&args.name, args.json) {
        (None, true) => {
            let operations: Vec<_> = OPERATIONS.iter().map(to_json).collect();
            let encodings: Vec<_> = ENCODINGS.iter().map(to_json).collect();
            format!("{:#}\n", json!({ "operations": operations, "encodings": encodings }))
        }
        (None, false) => format!(
            "Operations\n{}\nEncodings, after `->`; without one an output keeps its source's format\n{}\n\
             A recipe is a chain, as `resize:512 | grayscale -> jpeg:q=85`, or several named ones,\n\
             as `thumb = resize:256 -> jpeg; gray = grayscale -> png`.\n",
            OPERATIONS.iter().map(brief).collect::<String>(),
            ENCODINGS.iter().map(brief).collect::<String>(),
        ),
        (Some(name), json) => one(name, json)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything about one entry, whichever table it is in.
fn one(name: &str, json: bool) -> anyhow::Result<String> {
    let (taught, data) = match (Entry::find(OPERATIONS, name), Entry::find(ENCODINGS, name)) {
        (Some(operation), Some(encoding)) => (
            format!("{}\nAfter `->`\n\n{}", teach(operation), teach(encoding)),
            json!({ "operation": to_json(operation), "encoding": to_json(encoding) }),
        ),
        (Some(entry), None) => (teach(entry), to_json(entry)),
        (None, Some(entry)) => (teach(entry), to_json(entry)),
        (None, None) => {
            // The parser's own error knows the nearest name.
            let error = name.parse::<pixmill_contract::Recipe>();
            bail!("{}", error.err().map_or_else(|| name.to_owned(), |e| e.to_string()))
        }
    };
    Ok(if json { format!("{data:#}\n") } else { taught })
}

/// The name, the parameters and the summary of an entry, in a few lines.
fn brief<T>(entry: &Entry<T>) -> String {
    let mut text = format!("  {:<10} {}\n", entry.name, entry.summary);
    for parameter in entry.parameters {
        let (name, kind) = (parameter.name, parameter.kind);
        writeln!(text, "             {name} = {kind} ({})", absent(parameter))
            .expect("writing to a string cannot fail");
    }
    text
}

/// An entry with everything that there is to know of it.
fn teach<T>(entry: &Entry<T>) -> String {
    let mut text = format!("{}: {}\n", entry.name, entry.summary);
    if !entry.aliases.is_empty() {
        text.push_str(&format!("also called {}\n", entry.aliases.join(", ")));
    }
    if !entry.parameters.is_empty() {
        text.push_str("\nParameters, in the order of values without a name\n");
    }
    for parameter in entry.parameters {
        let name = match parameter.alias {
            Some(alias) => format!("{}, {alias}", parameter.name),
            None => parameter.name.to_owned(),
        };
        text.push_str(&format!(
            "  {name:<16} {}\n                   {} ({})\n",
            parameter.help,
            parameter.kind,
            absent(parameter)
        ));
    }
    if !entry.pixels.is_empty() {
        text.push_str(&format!("\nPixels\n  {}\n", entry.pixels));
    }
    text.push_str(&format!("\nExample\n  {}\n", entry.example));
    text
}

fn absent(parameter: &Parameter) -> String {
    match parameter.absent {
        Absent::Refused => "required".to_owned(),
        Absent::Means(value) => format!("default {value}"),
        Absent::Derived(from) => format!("default {from}"),
    }
}

fn to_json<T>(entry: &Entry<T>) -> Json {
    let parameters = entry.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "alias": parameter.alias,
            "type": parameter.kind.type_name(),
            "allowed": parameter.kind.to_string(),
            "required": parameter.absent == Absent::Refused,
            "default": match parameter.absent {
                Absent::Means(value) => Json::from(value.to_string()),
                Absent::Refused | Absent::Derived(_) => Json::Null,
            },
            "help": parameter.help,
        })
    });
    json!({
        "name": entry.name,
        "aliases": entry.aliases,
        "summary": entry.summary,
        "pixels": entry.pixels,
        "parameters": parameters.collect::<Vec<_>>(),
        "example": entry.example,
    })
}
