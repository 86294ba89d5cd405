//! The settings file: flags of the command line, written down.
//!
//! A key is a flag's long name. At the top it holds for every command that has the flag, in a table
//! named as a command for that one. Values become the defaults of the clap definitions, so that there
//! is no second list of flags, and clap itself settles what comes first: the flag, the environment,
//! the file, the default.

use std::any::TypeId;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use pixmill_contract::{nearest, source};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Place;

/// The file that is read without being asked for, if it is in the working directory.
const DEFAULT: &str = "pixmill.toml";

/// Longer than any file that sets every flag of every command.
const MAX_BYTES: u64 = 64 * 1024;

/// What the file has no say in.
const NOT_IN_FILES: [&str; 3] = ["config", "help", "version"];

/// Parses a command line with what the settings file says. Ends the process as clap does if there is
/// nothing to run.
pub(super) fn parse(definitions: &Command, line: &[OsString]) -> anyhow::Result<ArgMatches> {
    let command = with_values_for_switches(definitions.clone());
    // Only the name of the file matters now; what is wrong in the line is said below.
    let first = command.clone().ignore_errors(true).try_get_matches_from(line);
    let Ok(first) = first else { return Ok(definitions.clone().get_matches_from(line)) };
    let Some(path) = path(&first)? else { return Ok(command.get_matches_from(line)) };
    let mut text = String::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("failed to read the settings in {}", path.display()))?;
    if text.len() as u64 > MAX_BYTES {
        bail!("{}: settings longer than {MAX_BYTES} bytes are none", path.display());
    }
    let values = values(&command, &text, &names(&first)).map_err(|refusal| {
        let (line, column) = source::position(&text, refusal.place.start);
        let Refusal { place, message, hint } = refusal;
        let shown = source::underlined(&text, place, &message, hint.as_deref());
        anyhow!("{}:{line}:{column}: {shown}", path.display())
    })?;
    Ok(with_defaults(command, &names(&first), &values).get_matches_from(line))
}

/// Lets every switch take a value, so that one that the file turns on can be turned off again:
/// `--durable=false`.
fn with_values_for_switches(command: Command) -> Command {
    let switch = |arg: Arg| {
        if !is_switch(&arg) {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .value_parser(BoolishValueParser::new())
            .default_missing_value("true")
            .default_value("false")
    };
    command.mut_args(switch).mut_subcommands(with_values_for_switches)
}

fn is_switch(arg: &Arg) -> bool {
    let of_bool = arg.get_value_parser().type_id() == TypeId::of::<bool>();
    of_bool || matches!(arg.get_action(), ArgAction::SetTrue)
}

/// The settings file, if there is one. A worker of our own has none: it is told everything.
fn path(matches: &ArgMatches) -> anyhow::Result<Option<PathBuf>> {
    if let Some(("consumer", consumer)) = matches.subcommand()
        && (consumer.get_one("child") == Some(&true)
            || consumer.get_one("listen") == Some(&Place::StandardInput))
    {
        return Ok(None);
    }
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        return Ok(Some(path.clone()));
    }
    let exists = Path::new(DEFAULT).try_exists();
    let exists = exists.with_context(|| format!("failed to look for {DEFAULT}"))?;
    Ok(exists.then(|| DEFAULT.into()))
}

/// The names of the command that is given, and of the one below it if there is one.
fn names(matches: &ArgMatches) -> Vec<String> {
    let below = |matches: &ArgMatches| {
        matches.subcommand().map(|(name, below)| (name.to_owned(), below.clone()))
    };
    let first = below(matches);
    std::iter::successors(first, |(_, matches)| below(matches)).map(|(name, _)| name).collect()
}

/// What is wrong in a file.
struct Refusal {
    place: Range<usize>,
    message: String,
    hint: Option<String>,
}

fn refuse<T>(place: Range<usize>, message: String, hint: Option<String>) -> Result<T, Refusal> {
    Err(Refusal { place, message, hint })
}

/// The values that a file has for the command with these names, by flag. All of the file is checked.
fn values(
    command: &Command,
    text: &str,
    names: &[String],
) -> Result<HashMap<String, String>, Refusal> {
    let table = DeTable::parse(text).map_err(|error| Refusal {
        place: error.span().unwrap_or_default(),
        message: format!("failed to read TOML: {}", error.message()),
        hint: None,
    })?;
    let mut values = HashMap::new();
    read_table(command, command, table.get_ref(), Some(names), &mut values)?;
    Ok(values)
}

/// Reads the table of a command. `names` are those below it that are given, or none if the command
/// itself is not.
fn read_table(
    root: &Command,
    command: &Command,
    table: &DeTable<'_>,
    names: Option<&[String]>,
    values: &mut HashMap<String, String>,
) -> Result<(), Refusal> {
    let is_command = |key: &str, value: &Spanned<DeValue<'_>>| {
        value.get_ref().is_table() && command.find_subcommand(key).is_some()
    };
    let (tables, keys): (Vec<_>, Vec<_>) =
        table.iter().partition(|(key, value)| is_command(key.get_ref(), value));
    let known: Vec<_> = flags(root, false).chain(flags(command, true)).collect();
    for (key, value) in keys {
        let name = key.get_ref().as_ref();
        let with_name: Vec<_> = known.iter().filter(|flag| flag.get_long() == Some(name)).collect();
        if with_name.is_empty() {
            return unknown(command, name, key.span(), value.get_ref().is_table(), &known);
        }
        for flag in with_name {
            let text = value_of(flag, value)?;
            if names.is_some() {
                values.insert(name.to_owned(), text);
            }
        }
    }
    // Last, as what is said of one command goes before what is said of all.
    for (key, value) in tables {
        let name = key.get_ref().as_ref();
        let below = names.and_then(|names| names.split_first().filter(|(first, _)| *first == name));
        let below = below.map(|(_, below)| below);
        if let (Some(table), Some(command)) =
            (value.get_ref().as_table(), command.find_subcommand(name))
        {
            read_table(root, command, table, below, values)?;
        }
    }
    Ok(())
}

/// The flags of a command that files may hold, also those of the commands below it if `deep`.
fn flags(command: &Command, deep: bool) -> Box<dyn Iterator<Item = &Arg> + '_> {
    let allowed = |arg: &&Arg| {
        arg.get_long().is_some_and(|long| !NOT_IN_FILES.contains(&long)) && !arg.is_hide_set()
    };
    let own = command.get_arguments().filter(allowed);
    if !deep {
        return Box::new(own);
    }
    Box::new(own.chain(command.get_subcommands().flat_map(|command| flags(command, true))))
}

fn unknown(
    command: &Command,
    name: &str,
    place: Range<usize>,
    is_table: bool,
    known: &[&Arg],
) -> Result<(), Refusal> {
    if command.find_subcommand(name).is_some() {
        let hint = format!("its settings are a table, `[{name}]`");
        return refuse(place, format!("`{name}` is a command"), Some(hint));
    }
    let what = if is_table { format!("command `{name}`") } else { format!("flag `--{name}`") };
    let message = match command.get_name() {
        "pixmill" => format!("there is no {what}"),
        command => format!("`{command}` has no {what}"),
    };
    let names = known.iter().filter_map(|flag| flag.get_long());
    let names = names.chain(command.get_subcommands().map(Command::get_name));
    refuse(place, message, nearest(name, names).map(|near| format!("did you mean `{near}`?")))
}

/// A value as one would type it, if it is one that the flag takes.
fn value_of(flag: &Arg, value: &Spanned<DeValue<'_>>) -> Result<String, Refusal> {
    let name = flag.get_long().unwrap_or_default();
    let wrong = |what: &str| refuse(value.span(), format!("`{name}` {what}"), None);
    let text = match (kind(flag), value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(on)) => on.to_string(),
        (Kind::Switch, _) => return wrong("is true or false"),
        (Kind::Number, DeValue::Integer(n)) if n.radix() == 10 => n.as_str().to_owned(),
        (Kind::Number, DeValue::String(text)) if text.parse::<i64>().is_err() => text.to_string(),
        (Kind::Number, DeValue::String(_)) => return wrong("takes a number, without quotes"),
        (Kind::Number, _) => return wrong("takes a number"),
        (Kind::Text, DeValue::String(text)) => text.to_string(),
        (Kind::Text, _) => return wrong("takes a text, in quotes"),
    };
    // Clap's own parser has the last word. What the flag has to do with others is said later.
    let parser = flag.get_value_parser().clone();
    let alone = Arg::new(name.to_owned()).long(name.to_owned()).value_parser(parser);
    let probe = Command::new("pixmill").no_binary_name(true).arg(alone);
    match probe.try_get_matches_from([format!("--{name}={text}")]) {
        Ok(_) => Ok(text),
        Err(error) => {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            refuse(value.span(), format!("`{text}` cannot be `{name}`"), why)
        }
    }
}

/// What a flag takes.
enum Kind {
    Switch,
    Number,
    Text,
}

fn kind(flag: &Arg) -> Kind {
    let parsed = flag.get_value_parser().type_id();
    let numbers =
        [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
    if is_switch(flag) {
        Kind::Switch
    } else if numbers.iter().any(|number| parsed == *number) {
        Kind::Number
    } else {
        Kind::Text
    }
}

/// The command with the values as defaults where the given one has the flags.
fn with_defaults(command: Command, names: &[String], values: &HashMap<String, String>) -> Command {
    let command = command.mut_args(|arg| {
        let value = arg.get_long().and_then(|long| values.get(long)).cloned();
        match value {
            Some(value) => arg.required(false).default_value(value),
            None => arg,
        }
    });
    match names.split_first() {
        Some((name, below)) => {
            command.mut_subcommand(name, |command| with_defaults(command, below, values))
        }
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definitions;

    #[test]
    fn every_flag_of_every_command_may_stand_in_the_file() {
        let root = with_values_for_switches(definitions());
        let mut count = 0;
        for command in root.get_subcommands() {
            for flag in flags(command, false).chain(flags(&root, false)) {
                let default = flag.get_default_values().first().and_then(|value| value.to_str());
                let value = match kind(flag) {
                    Kind::Switch => "true".to_owned(),
                    Kind::Number => "5".to_owned(),
                    Kind::Text => {
                        let words = flag.get_possible_values();
                        let word = words.first().map(|word| word.get_name().to_owned());
                        let is = |what: &str| {
                            flag.get_value_names().is_some_and(|names| names == [what])
                        };
                        let fallback = match () {
                            () if is("TIME") => "5s",
                            () if is("ADDRESS") => "127.0.0.1:0",
                            () if is("RATIO") => "0.5",
                            () if is("URL") => "http://127.0.0.1:4318",
                            () => "x",
                        };
                        let word = word.unwrap_or_else(|| default.unwrap_or(fallback).to_owned());
                        format!("'{word}'")
                    }
                };
                let (name, long) = (command.get_name(), flag.get_long().unwrap());
                let text = format!("[{name}]\n{long} = {value}\n");
                let read = values(&root, &text, &[name.to_owned()]);
                let read = read.unwrap_or_else(|refusal| panic!("{text}{}", refusal.message));
                assert_eq!(read[long], value.trim_matches('\''));
                count += 1;
            }
        }
        assert!(count > 30, "{count}");
    }
}
