//! The TOML form, for files that people keep:
//!
//! ```toml
//! description = "For web pages"
//!
//! [outputs]
//! thumb = "resize:256 -> webp"            # an output in the text form,
//!
//! [outputs.gray]                          # or in the shape of the JSON form
//! operations = ["grayscale", { operation = "blur", kernel = 9 }]
//! encoding = { format = "png" }
//! ```
//!
//! In place of `outputs`, `recipe = "resize:1600 -> webp"` holds a whole recipe in the text form,
//! which is how an output goes without a name. Read by the readers of the other two forms; places
//! are those in the file.

use std::collections::HashMap;
use std::ops::Range;
use std::str::FromStr;

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, RecipeError, RecipeErrorCode as Code};
use super::{MAX_RECIPE_BYTES, Output, Recipe, is_output_name, json, text};

/// A recipe with what its file says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeFile {
    /// For people, who choose among recipes.
    pub description: Option<String>,
    /// What it makes.
    pub recipe: Recipe,
}

impl FromStr for RecipeFile {
    type Err = RecipeError;

    fn from_str(source: &str) -> Result<Self, RecipeError> {
        if source.len() > MAX_RECIPE_BYTES {
            let message = format!("the file is longer than {MAX_RECIPE_BYTES} bytes");
            return Err(error(Code::TooLong, 0..0, message));
        }
        let table = DeTable::parse(source).map_err(|why| {
            let message = format!("failed to read TOML: {}", why.message());
            error(Code::Malformed, why.span().unwrap_or_default(), message)
        })?;
        File { source }.read(table.get_ref())
    }
}

fn error(code: Code, place: Range<usize>, message: impl Into<String>) -> RecipeError {
    RecipeError::new(code, Place::Text { start: place.start, end: place.end }, message)
}

fn text_of<'v>(value: &'v Spanned<DeValue<'_>>, otherwise: &str) -> Result<&'v str, RecipeError> {
    let text = value.get_ref().as_str();
    text.ok_or_else(|| error(Code::Malformed, value.span(), otherwise))
}

/// A file that is read; its text says where things stand.
#[derive(Clone, Copy)]
struct File<'s> {
    source: &'s str,
}

impl File<'_> {
    fn read(self, table: &DeTable<'_>) -> Result<RecipeFile, RecipeError> {
        let (mut description, mut recipe) = (None, None);
        for (key, value) in table {
            let read = match key.get_ref().as_ref() {
                "description" => {
                    description = Some(text_of(value, "a description is a text")?.to_owned());
                    continue;
                }
                "recipe" => self.whole(value)?,
                "outputs" => self.outputs(value)?,
                other => {
                    let place = Place::Text { start: key.span().start, end: key.span().end };
                    let known = ["description", "outputs", "recipe"];
                    return Err(RecipeError::unknown(Code::Malformed, place, "key", other, &known));
                }
            };
            if recipe.replace(read).is_some() {
                let message = "`recipe` and `outputs` exclude each other";
                return Err(error(Code::Malformed, key.span(), message));
            }
        }
        let recipe = recipe.ok_or_else(|| {
            error(Code::EmptyChain, 0..0, "there is no output in this file")
                .hint("as in `[outputs]` and below it `thumb = \"resize:256 -> webp\"`")
        })?;
        Ok(RecipeFile { description, recipe })
    }

    /// A value that holds a recipe in the text form.
    fn whole(self, value: &Spanned<DeValue<'_>>) -> Result<Recipe, RecipeError> {
        let text = text_of(value, "a recipe in the text form belongs here, in quotes")?;
        text::parse(text).map_err(|error| self.moved(error, text, value.span()))
    }

    fn outputs(self, value: &Spanned<DeValue<'_>>) -> Result<Recipe, RecipeError> {
        let hint = "as in `[outputs]` and below it `thumb = \"resize:256 -> webp\"`";
        let table = value.get_ref().as_table().ok_or_else(|| {
            error(Code::Malformed, value.span(), "`outputs` is a table").hint(hint)
        })?;
        if table.is_empty() {
            let message = "a recipe needs at least one output";
            return Err(error(Code::EmptyChain, value.span(), message).hint(hint));
        }
        let output = |(key, value): (&Spanned<_>, _)| self.output(key, value);
        Ok(Recipe { outputs: table.iter().map(output).collect::<Result<_, _>>()? })
    }

    fn output(
        self,
        key: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Output, RecipeError> {
        let name = key.get_ref().as_ref();
        if !is_output_name(name) {
            let message = format!("`{name}` cannot name an output");
            let refusal = error(Code::BadOutputName, key.span(), message);
            return Err(refusal.hint("1 to 32 of A-Z a-z 0-9 _ -"));
        }
        let (chain, encoding) = if let Some(text) = value.get_ref().as_str() {
            let named = || {
                let message = "one output belongs here, and its key is its name";
                error(Code::BadOutputName, value.span(), message)
            };
            if text::is_list(text) {
                return Err(named());
            }
            let recipe = self.whole(value)?;
            if !recipe.is_unnamed() {
                return Err(named());
            }
            let sole = recipe.outputs.into_iter().next().ok_or_else(named)?;
            (sole.chain, sole.encoding)
        } else if value.get_ref().is_table() {
            let mut places = Places::default();
            let members = places.note("", Some(key.span()), value);
            json::parse_body(&members).map_err(|error| places.moved(error))?
        } else {
            let message = "an output is a text, or a table with `operations` and `encoding`";
            return Err(error(Code::Malformed, value.span(), message));
        };
        Ok(Output { name: name.to_owned(), chain, encoding })
    }

    /// An error about a text that stands in the file, with its place there. A text with escapes in
    /// it does not stand there as it is; then the place is all of it.
    fn moved(self, mut error: RecipeError, text: &str, value: Range<usize>) -> RecipeError {
        let verbatim = self.source[value.clone()].find(text).map(|at| value.start + at);
        error.place = match (error.place, verbatim) {
            (Place::Text { start, end }, Some(at)) => {
                Place::Text { start: at + start, end: at + end }
            }
            (Place::Text { .. } | Place::Pointer(_), _) => {
                Place::Text { start: value.start, end: value.end }
            }
        };
        error
    }
}

/// Where in the file the values are that JSON pointers name, each with its key if it has one.
#[derive(Default)]
struct Places(HashMap<String, (Option<Range<usize>>, Range<usize>)>);

impl Places {
    /// The value as JSON, with the places of everything in it noted. What JSON lacks becomes its
    /// text, which no parameter accepts.
    fn note(
        &mut self,
        pointer: &str,
        key: Option<Range<usize>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Json {
        self.0.insert(pointer.to_owned(), (key, value.span()));
        match value.get_ref() {
            DeValue::String(text) => Json::from(text.as_ref()),
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix())
                .map_or_else(|_| Json::from(n.as_str()), Json::from),
            DeValue::Float(n) => match n.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => Json::from(number),
                Ok(_) | Err(_) => Json::from(n.as_str()),
            },
            DeValue::Boolean(flag) => Json::from(*flag),
            DeValue::Datetime(date) => Json::from(date.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().enumerate();
                items.map(|(i, item)| self.note(&format!("{pointer}/{i}"), None, item)).collect()
            }
            DeValue::Table(table) => {
                let members = table.iter().map(|(key, value)| {
                    let pointer = format!("{pointer}/{}", json::escape(key.get_ref()));
                    (key.get_ref().to_string(), self.note(&pointer, Some(key.span()), value))
                });
                Json::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// An error about the JSON, with its place in the file: the key where that is what is wrong, and
    /// what should hold it where something is missing.
    fn moved(&self, mut error: RecipeError) -> RecipeError {
        let Place::Pointer(pointer) = &error.place else { return error };
        let mut pointer = pointer.as_str();
        // The pointer of the whole is empty and always noted.
        while !self.0.contains_key(pointer) {
            pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        let place = match &self.0[pointer] {
            (Some(key), _) if error.code == Code::UnknownParameter => key.clone(),
            (Some(key), value) if error.code == Code::Malformed => {
                key.start..value.end.max(key.end)
            }
            (_, value) => value.clone(),
        };
        error.place = Place::Text { start: place.start, end: place.end };
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> RecipeFile {
        source.parse().unwrap_or_else(|error: RecipeError| panic!("{}", error.underlined(source)))
    }

    #[test]
    fn the_three_forms_give_equal_recipes_in_the_order_of_the_file() {
        let toml = read(
            r#"
            # For the shop.
            description = "Two of each"

            [outputs]
            thumb = "resize:256 -> jpeg:q=70"

            [outputs.gray]
            encoding = { format = "png" }
            [[outputs.gray.operations]]
            operation = "grayscale"
            [[outputs.gray.operations]]
            operation = "blur"
            kernel = 0x9
            sigma = 2.5
            "#,
        );
        let text = "thumb = resize:256 -> jpeg:q=70; gray = grayscale | blur:9,2.5 -> png";
        assert_eq!(toml.description.as_deref(), Some("Two of each"));
        assert_eq!(toml.recipe, text.parse().unwrap());
        assert_eq!(Recipe::from_json(&toml.recipe.to_json()).unwrap(), toml.recipe);
    }

    #[test]
    fn a_recipe_in_the_text_form_needs_no_name() {
        let file = read("recipe = \"\"\"\nresize:800\n  | sharpen\n  -> webp\"\"\"");
        assert!(file.recipe.is_unnamed());
        assert_eq!(file.recipe, "resize:800 | sharpen -> webp".parse().unwrap());
    }

    /// Each file with what is underlined in it and what is said of that.
    #[test]
    fn errors_point_into_the_file() {
        let operations = |list: &str| format!("[outputs.a]\noperations = [{list}]\n");
        for (source, place, phrase) in [
            ("outputs.a = 'resize:5 | grayscal'", "grayscal", "did you mean `grayscale`?"),
            ("recipe = \"\"\"\ninvert |\n  blur:4\"\"\"", "4", "allowed: odd"),
            ("recipe = 'invert'\n[outputs]\na = 'invert'", "outputs", "exclude each other"),
            ("[output]\na = 'invert'", "output", "did you mean `outputs`?"),
            ("[outputs]\n'a b' = 'invert'", "'a b'", "1 to 32 of"),
            ("[outputs]\na = 'b = invert'", "'b = invert'", "its key is its name"),
            ("[outputs]\na = 'invert; b = blur'", "'invert; b = blur'", ""),
            ("[outputs]\na = 5", "5", "an output is a text, or a table"),
            ("[outputs]\na = \"gray\\u0020scale\"", "\"gray\\u0020scale\"", "unknown operation"),
            ("description = 5", "5", "a description is a text"),
            ("description = 'what for?'", "", "there is no output"),
            ("[outputs]", "[outputs]", "at least one output"),
            ("[outputs.a]\nencoding = 'png'", "[outputs.a]", "a list of operations"),
            (&operations("'invert', 'flop'"), "'flop'", "did you mean `flip`?"),
            (&operations("{ operation = 'blur', kernal = 3 }"), "kernal", "`kernel`"),
            (&operations("{ operation = 'blur', kernel = 4 }"), "4", "allowed: odd"),
            (&operations("{ operation = 'blur', kernel = 2020-01-01 }"), "2020-01-01", "odd"),
            (&operations("{ operation = 'blur', sigma = nan }"), "nan", "allowed: number"),
            (&operations("{ kernel = 4 }"), "{ kernel = 4 }", "names the operation"),
            (
                "[outputs.a]\noperations = ['flip']\nencodin = 'png'",
                "encodin = 'png'",
                "`encoding`",
            ),
            ("recipe = 'flip", "", "failed to read TOML"),
        ] {
            let error = source.parse::<RecipeFile>().unwrap_err();
            let Place::Text { start, end } = error.place else { panic!("{source}: {error}") };
            assert!(place.is_empty() || &source[start..end] == place, "{source}\n{error:?}");
            assert!(error.underlined(source).contains(phrase), "{}", error.underlined(source));
        }
        let source = "# one\n[outputs]\na = 'grün'";
        let error = source.parse::<RecipeFile>().unwrap_err();
        assert_eq!(error.position(source), Some((3, 6)));
    }
}
