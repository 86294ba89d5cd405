//! The text form: `thumb = resize:256 -> jpeg; gray = grayscale | blur:9 -> png`.
//!
//! ```text
//! recipe    = output *( ";" output )
//! output    = [ name "=" ] chain [ "->" use ]
//! chain     = use *( "|" use )
//! use       = name [ ":" argument *( "," argument ) ]
//! argument  = value | parameter "=" value        ; values without a name go first
//! ```
//!
//! Only names of files may need quotes, as in `image="my logo.png"`: no other value holds one of the
//! separators. Quotes hold everything but quotes. A `;` at the end is allowed.

use std::fmt;

use crate::operation::{
    Absent, Arguments, ENCODINGS, Encoding, Entry, OPERATIONS, Operation, Parameter,
};

use super::error::{Place, RecipeError, RecipeErrorCode as Code};
use super::{MAX_RECIPE_BYTES, Output, Recipe, SOLE_OUTPUT, is_output_name};

/// A piece of the source that knows where it stands.
#[derive(Clone, Copy)]
struct Span<'s> {
    text: &'s str,
    start: usize,
}

impl<'s> Span<'s> {
    fn trim(self) -> Self {
        let text = self.text.trim_start();
        let start = self.start + self.text.len() - text.len();
        Self { text: text.trim_end(), start }
    }

    fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let (mut start, mut quoted) = (self.start, false);
        let separates = move |c: char| {
            quoted ^= c == '"';
            c == separator && !quoted
        };
        self.text.split(separates).map(move |text| {
            let span = Span { text, start };
            start += text.len() + separator.len_utf8();
            span.trim()
        })
    }

    fn split_once(self, separator: &str) -> Option<(Self, Self)> {
        let outside = |at: &usize| self.text[..*at].matches('"').count().is_multiple_of(2);
        let at = self.text.match_indices(separator).map(|(at, _)| at).find(outside)?;
        let after = at + separator.len();
        let left = Span { text: &self.text[..at], start: self.start };
        let right = Span { text: &self.text[after..], start: self.start + after };
        Some((left.trim(), right.trim()))
    }

    /// What stands between the quotes, if that is all.
    fn unquoted(self) -> &'s str {
        let within = self.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        within.filter(|text| !text.contains('"')).unwrap_or(self.text)
    }

    fn place(self) -> Place {
        Place::Text { start: self.start, end: self.start + self.text.len() }
    }

    fn error(self, code: Code, message: impl Into<String>) -> RecipeError {
        RecipeError::new(code, self.place(), message)
    }
}

/// Whether a text holds more than one output.
pub(super) fn is_list(source: &str) -> bool {
    Span { text: source, start: 0 }.split(';').nth(1).is_some()
}

pub(super) fn parse(source: &str) -> Result<Recipe, RecipeError> {
    let whole = Span { text: source, start: 0 }.trim();
    if source.len() > MAX_RECIPE_BYTES {
        let start = Span { text: "", start: 0 };
        let message = format!("recipe is longer than {MAX_RECIPE_BYTES} bytes");
        return Err(start.error(Code::TooLong, message));
    }
    if let Some(last) = whole.text.rfind('"')
        && whole.text.matches('"').count() % 2 == 1
    {
        let open = Span { text: &whole.text[last..], start: whole.start + last };
        return Err(open.error(Code::OutOfRange, "this quote is not closed"));
    }
    let body = whole.text.strip_suffix(';').unwrap_or(whole.text);
    let parts: Vec<_> = Span { text: body, start: whole.start }.split(';').collect();
    let mut outputs: Vec<Output> = Vec::with_capacity(parts.len());
    for part in &parts {
        let (name, output) = parse_output(*part, parts.len() == 1)?;
        if outputs.iter().any(|o| o.name == output.name) {
            let message = format!("two outputs are named `{}`", output.name);
            return Err(name.error(Code::BadOutputName, message));
        }
        outputs.push(output);
    }
    Ok(Recipe { outputs })
}

/// Reads one output and the span of its name.
fn parse_output(span: Span<'_>, sole: bool) -> Result<(Span<'_>, Output), RecipeError> {
    let (name, rest) = match span.text.find(['=', ':', '|', '-', ';']) {
        Some(_) if names_itself(span.text) => {
            span.split_once("=").map_or((None, span), |(name, rest)| (Some(name), rest))
        }
        Some(_) | None => (None, span),
    };
    let name = match name {
        Some(name) if is_output_name(name.text) => name,
        Some(name) => {
            return Err(name
                .error(Code::BadOutputName, format!("`{}` cannot name an output", name.text))
                .hint("1 to 32 of A-Z a-z 0-9 _ -"));
        }
        None if sole => Span { text: SOLE_OUTPUT, start: span.start },
        None => {
            return Err(span
                .error(Code::BadOutputName, "each of several outputs needs a name")
                .hint("as in `thumb = resize:256 -> jpeg; web = resize:1600 -> jpeg`"));
        }
    };
    let (chain, encoding) = match rest.split_once("->") {
        Some((chain, encoding)) => (chain, Some(encoding)),
        None => (rest, None),
    };
    if chain.text.is_empty() {
        return Err(chain
            .error(Code::EmptyChain, "an output needs at least one operation")
            .hint("to convert the format only, use `rotate:0`"));
    }
    let output = Output {
        name: name.text.to_owned(),
        chain: chain
            .split('|')
            .map(|step| parse_use(step, OPERATIONS, "operation"))
            .collect::<Result<_, _>>()?,
        encoding: encoding.map_or(Ok(Encoding::Same), |e| parse_use(e, ENCODINGS, "encoding"))?,
    };
    Ok((name, output))
}

/// Whether an output starts with `name =`: its first `=` comes before anything of a chain.
fn names_itself(text: &str) -> bool {
    let Some(equals) = text.find('=') else { return false };
    !text[..equals].contains([':', '|']) && !text[..equals].contains("->")
}

/// Reads `name:arguments` as a row of `table`.
fn parse_use<T>(span: Span<'_>, table: &'static [Entry<T>], what: &str) -> Result<T, RecipeError> {
    let (name, arguments) = match span.split_once(":") {
        Some((name, arguments)) => (name, Some(arguments)),
        None => (span, None),
    };
    if name.text.is_empty() {
        return Err(name.error(Code::EmptyChain, format!("an {what} is missing here")));
    }
    let Some(entry) = Entry::find(table, name.text) else {
        return Err(super::text::unknown_entry(name.place(), table, what, name.text));
    };
    let mut given = Given::new(entry);
    for argument in arguments.iter().flat_map(|a| a.split(',')) {
        match argument.split_once("=") {
            Some((parameter, value)) => {
                given.named(parameter.text, &parameter.place(), value.unquoted(), value.place())?;
            }
            None => given.positional(argument.unquoted(), argument.place())?,
        }
    }
    given.build(span.place())
}

/// The error for a name that no row answers to.
pub(super) fn unknown_entry<T>(
    place: Place,
    table: &'static [Entry<T>],
    what: &str,
    name: &str,
) -> RecipeError {
    let (code, elsewhere) = if what == "encoding" {
        let is_operation = Entry::find(OPERATIONS, name).is_some();
        (Code::UnknownEncoding, is_operation.then_some("an operation: it goes before"))
    } else {
        let is_encoding = Entry::find(ENCODINGS, name).is_some();
        (Code::UnknownOperation, is_encoding.then_some("an encoding: it goes after"))
    };
    let names = |e: &'static Entry<T>| std::iter::once(e.name).chain(e.aliases.iter().copied());
    let nearest_of: Vec<_> = table.iter().flat_map(names).collect();
    let mut error = RecipeError::unknown(code, place, what, name, &nearest_of);
    if let Some(elsewhere) = elsewhere {
        error.hint = Some(format!("`{name}` is {elsewhere} `->`"));
    } else if !error.hint.as_ref().is_some_and(|h| h.starts_with("did you mean")) {
        let listed: Vec<_> = table.iter().map(|e| e.name).collect();
        error.hint = Some(format!("one of {}", listed.join(", ")));
    }
    error
}

/// The arguments of one use as they come in, from either form.
pub(super) struct Given<'t, T: 'static> {
    entry: &'static Entry<T>,
    seen: Vec<&'static str>,
    named: bool,
    arguments: Arguments<'t>,
}

impl<'t, T> Given<'t, T> {
    pub(super) fn new(entry: &'static Entry<T>) -> Self {
        let arguments = Arguments::new(entry.parameters);
        Self { entry, seen: vec![], named: false, arguments }
    }

    fn positional(&mut self, value: &'t str, place: Place) -> Result<(), RecipeError> {
        if self.named {
            let message = "a value without a name comes after one with a name";
            return Err(RecipeError::new(Code::BadParameters, place, message));
        }
        let Some(parameter) = self.entry.parameters.get(self.seen.len()) else {
            let (name, count) = (self.entry.name, self.entry.parameters.len());
            let message = format!("`{name}` takes at most {count} values");
            return Err(RecipeError::new(Code::TooManyParameters, place, message));
        };
        self.set(parameter, value, place)
    }

    pub(super) fn named(
        &mut self,
        name: &str,
        name_place: &Place,
        value: &'t str,
        value_place: Place,
    ) -> Result<(), RecipeError> {
        self.named = true;
        let place = name_place.clone();
        let Some(parameter) = self.entry.parameters.iter().find(|p| p.answers_to(name)) else {
            let known: Vec<_> = self.entry.parameters.iter().map(|p| p.name).collect();
            let what = format!("parameter of `{}`", self.entry.name);
            return Err(RecipeError::unknown(Code::UnknownParameter, place, &what, name, &known));
        };
        if self.seen.contains(&parameter.name) {
            let message = format!("`{}` is given twice", parameter.name);
            return Err(RecipeError::new(Code::TooManyParameters, place, message));
        }
        self.set(parameter, value, value_place)
    }

    fn set(
        &mut self,
        parameter: &'static Parameter,
        value: &'t str,
        place: Place,
    ) -> Result<(), RecipeError> {
        self.seen.push(parameter.name);
        self.arguments.set(parameter, value).map_err(|allowed| {
            let (name, parameter) = (self.entry.name, parameter.name);
            let message = format!("`{value}` is not a {parameter} of `{name}`");
            RecipeError::new(Code::OutOfRange, place, message).hint(format!("allowed: {allowed}"))
        })
    }

    pub(super) fn build(self, place: Place) -> Result<T, RecipeError> {
        let missing = |p: &&Parameter| p.absent == Absent::Refused && !self.seen.contains(&p.name);
        let name = self.entry.name;
        if let Some(parameter) = self.entry.parameters.iter().find(missing) {
            let message = format!("`{name}` needs `{}`", parameter.name);
            let hint = format!("{}: {}", parameter.help, parameter.kind);
            return Err(RecipeError::new(Code::BadParameters, place, message).hint(hint));
        }
        (self.entry.build)(&self.arguments).map_err(|why| {
            let hint = format!("as in `{}`", self.entry.example);
            RecipeError::new(Code::BadParameters, place, format!("`{name}` {why}")).hint(hint)
        })
    }
}

pub(super) fn print(recipe: &Recipe, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (i, output) in recipe.outputs.iter().enumerate() {
        if i > 0 {
            f.write_str("; ")?;
        }
        if !recipe.is_unnamed() {
            write!(f, "{} = ", output.name)?;
        }
        for (j, operation) in output.chain.iter().enumerate() {
            if j > 0 {
                f.write_str(" | ")?;
            }
            print_operation(operation, f)?;
        }
        if let Some(entry) = output.encoding.entry() {
            write!(f, " -> {}", entry.name)?;
            print_arguments(&output.encoding.arguments(), f)?;
        }
    }
    Ok(())
}

fn print_operation(operation: &Operation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(operation.entry().name)?;
    print_arguments(&operation.arguments(), f)
}

fn print_arguments(
    arguments: &[(&'static str, crate::operation::Value<'_>)],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (i, (name, value)) in arguments.iter().enumerate() {
        f.write_str(if i == 0 { ":" } else { "," })?;
        write!(f, "{name}={value}")?;
    }
    Ok(())
}
