//! Output templates: where a job's outputs go, as a key with placeholders.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{BatchId, JobId};
use crate::key::{Key, KeyError, OUTPUTS};

/// A placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Batch,
    Id,
    Dir,
    Stem,
    SourceExtension,
    Name,
    Extension,
}

const SLOTS: [(&str, Slot); 7] = [
    ("batch", Slot::Batch),
    ("id", Slot::Id),
    ("dir", Slot::Dir),
    ("stem", Slot::Stem),
    ("srcext", Slot::SourceExtension),
    ("name", Slot::Name),
    ("ext", Slot::Extension),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(Slot),
}

impl Piece {
    fn ends_a_component(&self) -> bool {
        matches!(self, Self::Text(text) if text.ends_with('/'))
    }
}

/// Where a job's outputs go: a key under `outputs/` with `{batch}`, `{id}`, `{dir}`, `{stem}`,
/// `{srcext}`, `{name}` and `{ext}`; `{{` and `}}` stand for braces.
///
/// Two jobs must not meet in one key, so a template holds `{id}`, or `{dir}` with `{stem}` and
/// `{srcext}`. The third way is to hold nothing of the source at all: then the sender has chosen a
/// name for this one job, and vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without its pair, or a placeholder that does not exist.
    #[error(
        "unknown placeholder {0}: use {{batch}} {{id}} {{dir}} {{stem}} {{srcext}} {{name}} {{ext}}, and {{{{ }}}} for braces"
    )]
    Placeholder(String),
    /// It could write outside of `outputs/`.
    #[error("an output template starts with `{OUTPUTS}`")]
    Outside,
    /// Two jobs could write to one key.
    #[error(
        "two jobs could meet in one key: use {{id}}, or {{dir}}, {{stem}} and {{srcext}} together"
    )]
    Ambiguous,
    /// Several outputs of one job would write to one key.
    #[error("several outputs need {{name}} in their template")]
    NameMissing,
    /// What it expands to is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What a template is filled in with.
#[derive(Debug, Clone, Copy)]
pub struct Name<'n> {
    /// The job's batch.
    pub batch: &'n BatchId,
    /// The job.
    pub id: &'n JobId,
    /// The source's key.
    pub source: &'n Key,
    /// The output's name in the recipe.
    pub output: &'n str,
    /// The extension of the output's format, without the dot.
    pub extension: &'n str,
}

impl Template {
    /// Whether it fits a job with so many outputs.
    pub fn check(&self, outputs: usize) -> Result<(), TemplateError> {
        let has = |slot| self.pieces.contains(&Piece::Slot(slot));
        match self.pieces.first() {
            Some(Piece::Text(text)) if text.starts_with(OUTPUTS) => {}
            Some(Piece::Text(_) | Piece::Slot(_)) | None => return Err(TemplateError::Outside),
        }
        let whole_source = has(Slot::Dir) && has(Slot::Stem) && has(Slot::SourceExtension);
        let no_source = !has(Slot::Dir) && !has(Slot::Stem) && !has(Slot::SourceExtension);
        if !has(Slot::Id) && !whole_source && !no_source {
            return Err(TemplateError::Ambiguous);
        }
        if outputs > 1 && !has(Slot::Name) {
            return Err(TemplateError::NameMissing);
        }
        Ok(())
    }

    /// The key of one output. `{dir}` is the source's directory below its first component
    /// (`inputs/a/b/c.jpg` gives `a/b`); where it is empty, its slash goes with it.
    pub fn expand(&self, name: Name<'_>) -> Result<Key, TemplateError> {
        let bound = self.bind(name.source).fill(|slot| match slot {
            Slot::Batch => Some(name.batch.as_str()),
            Slot::Id => Some(name.id.as_str()),
            Slot::Name => Some(name.output),
            Slot::Extension => Some(name.extension),
            Slot::Dir | Slot::Stem | Slot::SourceExtension => None,
        });
        let key = Key::new(bound.to_text())?;
        if !key.as_str().starts_with(OUTPUTS) {
            return Err(TemplateError::Outside);
        }
        Ok(key)
    }

    /// This template with everything of the source filled in.
    #[must_use]
    pub fn bind(&self, source: &Key) -> Self {
        let file = source.file_name();
        let (stem, extension) = match file.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, extension),
            Some(_) | None => (file, ""),
        };
        let directory = source.directory();
        let directory = directory.split_once('/').map_or("", |(_, below)| below);
        self.fill(|slot| match slot {
            Slot::Dir => Some(directory),
            Slot::Stem => Some(stem),
            Slot::SourceExtension => Some(extension),
            Slot::Batch | Slot::Id | Slot::Name | Slot::Extension => None,
        })
    }

    /// Puts texts into the slots that have one.
    fn fill<'t>(&self, text_of: impl Fn(Slot) -> Option<&'t str>) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut emptied = false;
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Slot(slot) => {
                    if let Some(text) = text_of(*slot) {
                        text
                    } else {
                        pieces.push(piece.clone());
                        emptied = false;
                        continue;
                    }
                }
            };
            // An empty `{dir}` leaves no double slash behind.
            let text = if emptied { text.strip_prefix('/').unwrap_or(text) } else { text };
            emptied = text.is_empty() && pieces.last().is_some_and(Piece::ends_a_component);
            match pieces.last_mut() {
                Some(Piece::Text(before)) => before.push_str(text),
                Some(Piece::Slot(_)) | None => pieces.push(Piece::Text(text.to_owned())),
            }
        }
        Self { pieces }
    }

    /// The text of a template without placeholders; those that are left count as empty.
    fn to_text(&self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Slot(_) => String::new(),
        };
        self.pieces.iter().map(text).collect()
    }
}

impl Default for Template {
    fn default() -> Self {
        "outputs/{batch}/{id}/{name}.{ext}".parse().expect("the default template parses")
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let end = rest.find('}').filter(|end| *end > 0);
                let end = end.ok_or_else(|| TemplateError::Placeholder(rest.to_owned()))?;
                let slot = SLOTS.iter().find(|(name, _)| *name == &rest[1..end]);
                let (_, slot) =
                    slot.ok_or_else(|| TemplateError::Placeholder(rest[..=end].to_owned()))?;
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Slot(*slot));
                rest = &rest[end + 1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Piece::Slot(slot) => {
                    let name = SLOTS.iter().find(|(_, s)| s == slot).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

impl Serialize for Template {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "pattern": "^outputs/",
            "description": "a key with {batch} {id} {dir} {stem} {srcext} {name} {ext}",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, source: &str) -> Result<String, TemplateError> {
        let template: Template = template.parse()?;
        template.check(1)?;
        let name = Name {
            batch: &BatchId::new("b").unwrap(),
            id: &JobId::new("i").unwrap(),
            source: &Key::new(source).unwrap(),
            output: "thumb",
            extension: "jpg",
        };
        template.expand(name).map(|key| key.to_string())
    }

    #[test]
    fn fills_in_every_placeholder() {
        let got =
            expand("outputs/{batch}/{dir}/{stem}.{srcext}.{name}-{id}.{ext}", "inputs/x/y.z.png");
        assert_eq!(got.unwrap(), "outputs/b/x/y.z.png.thumb-i.jpg");
        assert_eq!(expand("outputs/{dir}/{stem}{srcext}", "inputs/a.png").unwrap(), "outputs/apng");
        assert_eq!(expand("outputs/{id}{{x}}", "inputs/a").unwrap(), "outputs/i{x}");
    }

    #[test]
    fn a_template_that_lets_jobs_meet_is_refused() {
        assert_eq!(expand("outputs/{stem}.{ext}", "inputs/a"), Err(TemplateError::Ambiguous));
        assert_eq!(expand("results/{id}", "inputs/a"), Err(TemplateError::Outside));
        assert_eq!(expand("{dir}/{stem}{srcext}", "x/outputs/a"), Err(TemplateError::Outside));
        assert!(matches!(expand("outputs/{idd}", "inputs/a"), Err(TemplateError::Placeholder(_))));
        assert!(matches!(expand("outputs/{id", "inputs/a"), Err(TemplateError::Placeholder(_))));
        assert!(matches!(expand("outputs/id}", "inputs/a"), Err(TemplateError::Placeholder(_))));
        let several: Template = "outputs/{id}.{ext}".parse().unwrap();
        assert_eq!(several.check(2), Err(TemplateError::NameMissing));
    }

    #[test]
    fn no_source_leads_outside_of_outputs() {
        assert!(matches!(expand("outputs/../{id}", "inputs/a"), Err(TemplateError::Key(_))));
    }

    #[test]
    fn a_bound_template_names_one_job_and_its_braces_are_literal() {
        let template: Template = "outputs/{dir}/{stem}-{name}.{ext}".parse().unwrap();
        assert_eq!(template.check(2), Err(TemplateError::Ambiguous));
        let bound = template.bind(&Key::new("inputs/a/c{d}.png").unwrap());
        assert_eq!(bound.to_string(), "outputs/a/c{{d}}-{name}.{ext}");
        assert_eq!(bound.check(2), Ok(()));
        assert_eq!(bound.to_string().parse(), Ok(bound));
    }
}
