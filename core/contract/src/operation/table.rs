//! The machinery of the operations table: entries, their parameters, and the one place
//! where a parameter's value is checked. It knows no single operation.
//!
//! The recipe parser, the printer, `pixmill operations`, the JSON Schema and the help all read
//! these entries, so what they accept and what they say cannot differ.

use std::fmt;

use super::Color;

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number in `min..=max`.
    Integer {
        /// Smallest accepted value.
        min: i64,
        /// Largest accepted value.
        max: i64,
    },
    /// An odd whole number in `min..=max`, as kernel sizes are.
    Odd {
        /// Smallest accepted value, odd.
        min: i64,
        /// Largest accepted value, odd.
        max: i64,
    },
    /// A finite number in `min..=max`.
    Number {
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// `#rrggbb`, `#rrggbbaa` or a name.
    Color,
    /// The name of a file or of an object; see [`is_text`].
    Text,
}

impl Kind {
    /// The type's name as JSON Schema and people call it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Integer { .. } | Self::Odd { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Choice(_) | Self::Color | Self::Text => "string",
            Self::Flag => "boolean",
        }
    }

    /// Reads one value, or says what would have been allowed.
    fn read(self, text: &str) -> Option<Value<'_>> {
        match self {
            Self::Integer { min, max } => {
                let n = text.parse().ok()?;
                (min..=max).contains(&n).then_some(Value::Integer(n))
            }
            Self::Odd { min, max } => {
                let n: i64 = text.parse().ok()?;
                ((min..=max).contains(&n) && n % 2 == 1).then_some(Value::Integer(n))
            }
            Self::Number { min, max } => {
                let n: f64 = text.parse().ok()?;
                // NaN is in no range, so it is refused here as well.
                (min..=max).contains(&n).then_some(Value::Number(n))
            }
            Self::Choice(words) => words.iter().find(|w| **w == text).map(|w| Value::Word(w)),
            Self::Flag => text.parse().ok().map(Value::Flag),
            Self::Color => text.parse().ok().map(Value::Color),
            Self::Text => is_text(text).then_some(Value::Text(text)),
        }
    }
}

/// The allowed values in words, as error messages and the table print them.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max } => write!(f, "{min}..{max}"),
            Self::Odd { min, max } => write!(f, "odd, {min}..{max}"),
            Self::Number { min, max } => write!(f, "number, {min}..{max}"),
            Self::Choice(words) => f.write_str(&words.join("|")),
            Self::Flag => f.write_str("true|false"),
            Self::Color => {
                f.write_str("#rrggbb|#rrggbbaa")?;
                Color::NAMES.iter().try_for_each(|(name, _)| write!(f, "|{name}"))
            }
            Self::Text => write!(f, "a name, of at most {MAX_TEXT_BYTES} bytes"),
        }
    }
}

/// Longest text that is a parameter's value, in bytes: that of a key.
pub(crate) const MAX_TEXT_BYTES: usize = crate::key::MAX_KEY_BYTES;

/// Whether a text may be a parameter's value. A quote would end it in the text form, and nobody
/// sees control characters or spaces at its ends.
pub(crate) fn is_text(text: &str) -> bool {
    let hidden = |c: char| c.is_control() || c == '"';
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && text.trim() == text && !text.contains(hidden)
}

/// A checked value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'t> {
    /// Of [`Kind::Integer`] or [`Kind::Odd`].
    Integer(i64),
    /// Of [`Kind::Number`].
    Number(f64),
    /// Of [`Kind::Choice`]: one of its words.
    Word(&'static str),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Color`].
    Color(Color),
    /// Of [`Kind::Text`].
    Text(&'t str),
}

impl From<u32> for Value<'_> {
    fn from(n: u32) -> Self {
        Self::Integer(n.into())
    }
}

/// As the text form has it: a text is quoted unless it is plain.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Number(n) => write!(f, "{n}"),
            Self::Word(w) => f.write_str(w),
            Self::Flag(b) => write!(f, "{b}"),
            Self::Color(color) => write!(f, "{color}"),
            Self::Text(text) => {
                let plain = |c: char| c.is_alphanumeric() || "/._-+@".contains(c);
                if text.chars().all(plain) { f.write_str(text) } else { write!(f, "\"{text}\"") }
            }
        }
    }
}

/// What holds when a parameter is not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent {
    /// It must be given.
    Refused,
    /// This value is taken.
    Means(Value<'static>),
    /// It is derived from something else; the text says from what.
    Derived(&'static str),
}

/// What a number counts, for whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nothing that has a name, or it is no number.
    None,
    /// Pixels of the picture as it is then: the same number is more of a smaller picture.
    Pixels,
    /// Degrees clockwise.
    Degrees,
    /// Hundredths.
    Percent,
    /// Levels of a sample, of which there are 256.
    Levels,
    /// A multiplier, of which 1 changes nothing.
    Times,
}

impl Unit {
    /// Its name in documents; none has none.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Pixels => Some("pixels"),
            Self::Degrees => Some("degrees"),
            Self::Percent => Some("percent"),
            Self::Levels => Some("levels"),
            Self::Times => Some("times"),
        }
    }
}

/// What entries have in common, for whoever chooses among many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// They move pixels, or lay others over them.
    Geometry,
    /// They look at one pixel at a time.
    Tone,
    /// They look at its neighbours too.
    Filter,
    /// They find something.
    Vision,
    /// Encodings of pictures.
    Picture,
    /// Encodings of facts about a picture.
    Facts,
}

impl Group {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Geometry => "geometry",
            Self::Tone => "tone",
            Self::Filter => "filter",
            Self::Vision => "vision",
            Self::Picture => "picture",
            Self::Facts => "facts",
        }
    }
}

/// One parameter of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name, as sharp and imgproxy users know it.
    pub name: &'static str,
    /// Another accepted name, often shorter.
    pub alias: Option<&'static str>,
    /// What it may hold.
    pub kind: Kind,
    /// What holds without it.
    pub absent: Absent,
    /// What it counts.
    pub unit: Unit,
    /// One sentence for people.
    pub help: &'static str,
}

impl Parameter {
    /// Whether `name` is this parameter's name or alias.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

/// One row of a table: an operation or an encoding.
#[derive(Debug, Clone, Copy)]
pub struct Entry<T: 'static> {
    /// Its name in recipes.
    pub name: &'static str,
    /// Whom people find it beside.
    pub group: Group,
    /// Other accepted names; the prototype's are among them.
    pub aliases: &'static [&'static str],
    /// One sentence for people.
    pub summary: &'static str,
    /// What happens to alpha, gray and RGB, where there is something to say.
    pub pixels: &'static str,
    /// Its parameters; positional arguments follow this order.
    pub parameters: &'static [Parameter],
    /// A chain that shows it.
    pub example: &'static str,
    /// From checked arguments to the typed value; refuses what only several parameters together
    /// make wrong.
    pub(crate) build: fn(&Arguments<'_>) -> Result<T, String>,
}

impl<T> Entry<T> {
    /// Its name as a title for people.
    pub fn title(&self) -> String {
        let mut title = self.name.replace('_', " ");
        title[..1].make_ascii_uppercase();
        title
    }

    /// The row that answers to `name`, if any.
    pub fn find<'t>(table: &'t [Self], name: &str) -> Option<&'t Self> {
        table.iter().find(|entry| entry.name == name || entry.aliases.contains(&name))
    }
}

/// The arguments of one use of an entry, each checked against its parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments<'t> {
    parameters: Vec<(&'static str, Option<Value<'t>>)>,
}

impl<'t> Arguments<'t> {
    /// No argument given yet: every parameter at its default.
    pub(crate) fn new(parameters: &'static [Parameter]) -> Self {
        let start = |p: &Parameter| match p.absent {
            Absent::Means(value) => (p.name, Some(value)),
            Absent::Refused | Absent::Derived(_) => (p.name, None),
        };
        Self { parameters: parameters.iter().map(start).collect() }
    }

    /// Sets `parameter` from its text; `Err` holds the allowed values in words.
    pub(crate) fn set(&mut self, parameter: &Parameter, text: &'t str) -> Result<(), String> {
        let value = parameter.kind.read(text).ok_or_else(|| parameter.kind.to_string())?;
        for slot in &mut self.parameters {
            if slot.0 == parameter.name {
                slot.1 = Some(value);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value<'t>> {
        self.parameters.iter().find(|(n, _)| *n == name).and_then(|(_, value)| *value)
    }

    /// A whole number that the table keeps inside `0..=u32::MAX`.
    pub(crate) fn size(&self, name: &str) -> Option<u32> {
        let Some(Value::Integer(n)) = self.get(name) else { return None };
        u32::try_from(n).ok()
    }

    /// A whole number that the table keeps inside `0..=255`.
    pub(crate) fn byte(&self, name: &str) -> Option<u8> {
        self.integer(name).and_then(|n| u8::try_from(n).ok())
    }

    /// A colour.
    pub(crate) fn color(&self, name: &str) -> Option<Color> {
        let Some(Value::Color(color)) = self.get(name) else { return None };
        Some(color)
    }

    /// A whole number.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        let Some(Value::Integer(n)) = self.get(name) else { return None };
        Some(n)
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let Some(Value::Number(n)) = self.get(name) else { return None };
        Some(n)
    }

    /// One of a choice's words.
    pub(crate) fn word(&self, name: &str) -> Option<&'static str> {
        let Some(Value::Word(w)) = self.get(name) else { return None };
        Some(w)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&'t str> {
        let Some(Value::Text(text)) = self.get(name) else { return None };
        Some(text)
    }

    /// A switch; absent is off.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.get(name) == Some(Value::Flag(true))
    }
}

/// What an entry's value was built from: the arguments that differ from the defaults, for printing.
pub(crate) fn spoken<'t>(
    parameters: &'static [Parameter],
    values: &[(&'static str, Option<Value<'t>>)],
) -> Vec<(&'static str, Value<'t>)> {
    let differs = |(name, value): &(&'static str, Option<Value<'t>>)| {
        let value = (*value)?;
        let parameter = parameters.iter().find(|p| p.name == *name)?;
        let default = matches!(parameter.absent, Absent::Means(default) if default == value);
        (!default).then_some((*name, value))
    };
    values.iter().filter_map(differs).collect()
}
