//! `pixmill operations`: the very table that the recipe parser reads, and the recipes in files.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use pixmill_contract::nearest;
use pixmill_contract::operation::{Absent, ENCODINGS, Entry, OPERATIONS, Parameter};
use serde_json::{Value as Json, json};

use crate::recipe::{self, Named};
use crate::{args, print};

/// What files hold and operations see, which is the same for all of them.
const SEES: &str = "\
Operations see 8-bit gray, RGB or RGBA, upright and in sRGB. Of 16-bit samples the high byte is kept;
palettes become RGB, with transparency RGBA; gray with alpha becomes RGBA, CMYK RGB. What becomes of
gray, colours and alpha then is said of each, as by `pixmill operations blur`.";

pub(crate) fn run(args: &args::Operations) -> anyhow::Result<ExitCode> {
    let directory = &args.recipes.recipes;
    let text = match (&args.name, args.json) {
        (None, true) => {
            let operations: Vec<_> = OPERATIONS.iter().map(to_json).collect();
            let encodings: Vec<_> = ENCODINGS.iter().map(to_json).collect();
            let recipes: Vec<_> = recipe::list(directory).iter().map(named_json).collect();
            let all = json!({ "operations": operations, "encodings": encodings, "recipes": recipes, "sees": SEES });
            format!("{all:#}\n")
        }
        (None, false) => format!(
            "Operations\n{}\n{SEES}\n\nEncodings, after `->`; without one an output keeps its source's format\n{}\n\
             Recipes, in {}\n{}\n\
             A recipe is a chain, as `resize:512 | grayscale -> jpeg:q=85`, or several named ones,\n\
             as `thumb = resize:256 -> jpeg; gray = grayscale -> png`, or the name of one of those above.\n",
            OPERATIONS.iter().map(brief).collect::<String>(),
            ENCODINGS.iter().map(brief).collect::<String>(),
            directory.display(),
            listed(directory),
        ),
        (Some(name), json) => one(name, directory, json)?,
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Everything about one entry, whichever table it is in, or about a recipe.
fn one(name: &str, directory: &Path, json: bool) -> anyhow::Result<String> {
    let (taught, data) = match (Entry::find(OPERATIONS, name), Entry::find(ENCODINGS, name)) {
        (Some(operation), Some(encoding)) => (
            format!("{}\nAfter `->`\n\n{}", teach(operation), teach(encoding)),
            json!({ "operation": to_json(operation), "encoding": to_json(encoding) }),
        ),
        (Some(entry), None) => (teach(entry), to_json(entry)),
        (None, Some(entry)) => (teach(entry), to_json(entry)),
        (None, None) => match recipe::find(name, directory) {
            Some(recipe) => (teach_recipe(&recipe)?, named_json(&recipe)),
            None => bail!("{}", unknown(name, directory)),
        },
    };
    Ok(if json { format!("{data:#}\n") } else { taught })
}

fn unknown(name: &str, directory: &Path) -> String {
    let recipes = recipe::list(directory);
    let rows = OPERATIONS.iter().flat_map(names_of).chain(ENCODINGS.iter().flat_map(names_of));
    let all: Vec<&str> = rows.chain(recipes.iter().map(|recipe| recipe.name.as_str())).collect();
    let hint = match nearest(name, all) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`pixmill operations` lists what there is".to_owned(),
    };
    format!("unknown operation, encoding or recipe `{name}`: {hint}")
}

fn names_of<T>(entry: &Entry<T>) -> impl Iterator<Item = &str> {
    std::iter::once(entry.name).chain(entry.aliases.iter().copied())
}

/// The recipes in a directory, a line each.
fn listed(directory: &Path) -> String {
    let recipes = recipe::list(directory);
    if recipes.is_empty() {
        return "  none: a file such as web.toml there is the recipe `web`\n".to_owned();
    }
    let line = |recipe: &Named| format!("  {:<12} {}\n", recipe.name, recipe.summary());
    recipes.iter().map(line).collect()
}

/// A recipe with its outputs in the text form.
fn teach_recipe(named: &Named) -> anyhow::Result<String> {
    let recipe = match &named.file {
        Ok(file) => &file.recipe,
        Err(error) => bail!("{error:#}"),
    };
    let (name, path) = (&named.name, named.path.display());
    let outputs = recipe.to_string().replace("; ", "\n  ");
    Ok(format!(
        "{name}: {}\nin {path}\n\nOutputs\n  {outputs}\n\nExample\n  \
         pixmill run photos/ --recipe {name} --out out/\n",
        named.summary()
    ))
}

fn named_json(named: &Named) -> Json {
    let file = named.file.as_ref();
    json!({
        "name": named.name,
        "file": named.path.to_string_lossy(),
        "description": file.ok().and_then(|file| file.description.as_ref()),
        "recipe": file.ok().map(|file| &file.recipe),
        "error": file.err().map(|error| format!("{error:#}")),
    })
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
