//! What a route is: one row of the table that requests are matched with, that their parameters are
//! read by, and that the OpenAPI document is made of. So the three cannot disagree.

use std::pin::Pin;
use std::sync::Arc;

use hyper::Method;
use pixmill_contract::Key;
use schemars::{Schema, SchemaGenerator};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::state::State;

/// What a request comes to.
pub(crate) type Outcome = Result<Answer, Problem>;

/// What answers a request.
pub(crate) type Handler = fn(Arc<State>, Asked) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How a schema comes to be.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The methods that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a method is this one. Whoever asks for a head alone gets it of the whole.
    pub(crate) fn is(self, method: &Method) -> bool {
        method.as_str() == self.as_str() || (self == Self::Get && method == Method::HEAD)
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// Whoever reaches us: it says nothing that is worth a token, or gives one.
    Anyone,
    /// Whoever has a token or a session, if there are tokens.
    Known,
    /// Whoever was given a link, besides.
    Linked,
}

/// A parameter of a query, or of the head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) help: &'static str,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A text of 1 to so many bytes.
    Text(usize),
    /// A whole number from … to ….
    Integer(u64, u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// An identifier.
    Id,
    /// An object's key.
    Key,
}

impl Kind {
    /// Whether a text is one; what would have been, if it is not.
    pub(crate) fn check(self, text: &str) -> Result<(), String> {
        let fits = match self {
            Self::Text(most) => (1..=most).contains(&text.len()),
            Self::Integer(least, most) => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                digits && text.parse::<u64>().is_ok_and(|n| (least..=most).contains(&n))
            }
            Self::Word(words) => words.contains(&text),
            Self::Id => text.parse::<pixmill_contract::JobId>().is_ok(),
            Self::Key => text.parse::<Key>().is_ok(),
        };
        if fits { Ok(()) } else { Err(self.allowed()) }
    }

    fn allowed(self) -> String {
        match self {
            Self::Text(most) => format!("1 to {most} bytes of text"),
            Self::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Id => "1 to 64 of A-Z a-z 0-9 _ -".to_owned(),
            Self::Key => "a key: components separated by /, none empty, `.` or `..`".to_owned(),
        }
    }
}

/// What a request brings.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    /// Nothing; an empty body or an empty object is as good.
    Nothing,
    /// A document.
    Json(SchemaOf),
    /// Pictures: a form, one as it is, or keys of those that are in the store.
    Pictures(SchemaOf),
    /// What the prototype's client sends.
    PrototypeForm,
    /// A recipe's file, or a recipe.
    Recipe,
    /// One picture as it is, or a form with one.
    Picture,
    /// Any bytes.
    Bytes,
}

/// An answer that is no problem.
#[derive(Clone, Copy)]
pub(crate) struct Gives {
    pub(crate) status: u16,
    pub(crate) what: &'static str,
    pub(crate) body: Option<(&'static str, Option<SchemaOf>)>,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// Segments; `{name}` is any one, `{name...}` the rest.
    pub(crate) path: &'static str,
    pub(crate) may: May,
    pub(crate) summary: &'static str,
    pub(crate) query: &'static [Parameter],
    pub(crate) fields: &'static [Parameter],
    pub(crate) takes: Takes,
    pub(crate) gives: &'static [Gives],
    /// Besides those that every route may have.
    pub(crate) problems: &'static [Code],
    pub(crate) handler: Handler,
}

/// What a parameter of a path may be, by its name.
pub(crate) fn kind_of(name: &str) -> Kind {
    if name == "key" { Kind::Key } else { Kind::Id }
}

impl Route {
    /// The parts of a path that its template leaves open, if it fits; not decoded.
    pub(crate) fn matches<'p>(&self, path: &'p str) -> Option<Vec<(&'static str, &'p str)>> {
        let mut open = vec![];
        let mut left = Some(path.strip_prefix('/')?);
        for segment in self.path.trim_start_matches('/').split('/') {
            let rest = left?;
            let name = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            if let Some(name) = name.and_then(|name| name.strip_suffix("...")) {
                open.push((name, rest));
                return Some(open);
            }
            let (part, after) = match rest.split_once('/') {
                Some((part, after)) => (part, Some(after)),
                None => (rest, None),
            };
            match name {
                Some(name) => open.push((name, part)),
                None if part == segment => {}
                None => return None,
            }
            left = after;
        }
        left.is_none().then_some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &'static str) -> Route {
        Route {
            verb: Verb::Get,
            path,
            may: May::Anyone,
            summary: "",
            query: &[],
            fields: &[],
            takes: Takes::Nothing,
            gives: &[],
            problems: &[],
            handler: |_, _| Box::pin(async { Err(Problem::new(Code::NotFound, "")) }),
        }
    }

    #[test]
    fn templates_fit_whole_paths() {
        let job = route("/v1/jobs/{batch}/{id}");
        assert_eq!(job.matches("/v1/jobs/a/b%20"), Some(vec![("batch", "a"), ("id", "b%20")]));
        for other in ["/v1/jobs/a", "/v1/jobs/a/b/c", "/v1/jobs/a/b/", "/v1/batches/a/b", "v1"] {
            assert_eq!(job.matches(other), None, "{other}");
        }
        let object = route("/v1/objects/{key...}");
        assert_eq!(object.matches("/v1/objects/a/b/c"), Some(vec![("key", "a/b/c")]));
        assert_eq!(object.matches("/v1/objects/"), Some(vec![("key", "")]));
        assert_eq!(object.matches("/v1/objects"), None);
        assert_eq!(route("/health").matches("/health"), Some(vec![]));
    }

    #[test]
    fn parameters_are_what_their_kind_says() {
        let bad = |kind: Kind, texts: &[&str]| {
            for text in texts {
                assert!(kind.check(text).is_err(), "{text:?}");
            }
        };
        bad(Kind::Integer(1, 60), &["", "0", "61", "-1", "+5", "5.0", "99999999999999999999999"]);
        bad(Kind::Text(3), &["", "abcd"]);
        bad(Kind::Word(&["a", "b"]), &["", "c", "A"]);
        bad(Kind::Id, &["", "a/b", "ä"]);
        Kind::Integer(0, 60).check("060").unwrap();
        Kind::Key.check("a/b c").unwrap();
    }
}
