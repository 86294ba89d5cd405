//! Dead letters: the messages of jobs that were given up, looked at, sent again, thrown away.

use std::sync::Arc;

use hyper::StatusCode;
use pixmill_contract::{BatchId, Timestamp};
use pixmill_producer::Name;
use pixmill_producer::dead::{Handled, Letter, Wanted, discard, list, redrive};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::json;
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;

/// Letters that are shown, unless somebody asks for more or fewer.
const SHOWN: u64 = 100;

/// Letters.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "it is what the document has")]
pub(crate) struct Letters {
    /// The letters, by the time that they were sent.
    letters: Vec<LetterView>,
    /// How many there are of those that are wanted.
    total: usize,
    /// How many others somebody else has in hand, about.
    elsewhere: u64,
}

/// A letter.
#[derive(Debug, Serialize, JsonSchema)]
struct LetterView {
    /// What it is called: `BATCH/JOB`, or a name that is made of its body.
    name: String,
    /// When it was sent.
    sent_at: Timestamp,
    /// The key of its picture.
    source: Option<String>,
    /// Why it is nobody's message, if it is none.
    foreign: Option<String>,
    /// The message.
    body: String,
}

/// What became of letters.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HandledView {
    /// Jobs whose messages were sent again.
    sent: usize,
    /// Letters that were deleted without sending anything.
    deleted: usize,
    /// Letters that were left, because sending them again would lead nowhere.
    left: usize,
    /// How many others somebody else has in hand, about.
    elsewhere: u64,
    /// What was handled.
    names: Vec<String>,
}

impl From<Handled> for HandledView {
    fn from(handled: Handled) -> Self {
        let Handled { sent, deleted, left, elsewhere, names } = handled;
        let names = names.iter().map(ToString::to_string).collect();
        Self { sent, deleted, left, elsewhere, names }
    }
}

impl From<Letter> for LetterView {
    fn from(letter: Letter) -> Self {
        Self {
            name: letter.name().to_string(),
            sent_at: letter.sent_at,
            source: letter.source(),
            foreign: letter.sender.err(),
            body: letter.body,
        }
    }
}

/// The letters that the query names; all of them, if it names none.
fn wanted(asked: &Asked) -> Result<Wanted, Problem> {
    let bad = |error: &dyn std::fmt::Display| Problem::new(Code::BadParameter, error.to_string());
    let batch = asked.text("batch").map(BatchId::new).transpose().map_err(|e| bad(&e))?;
    let name = asked.text("name").map(str::parse::<Name>).transpose().map_err(|e| bad(&e))?;
    Ok(Wanted { batch, names: name.into_iter().collect() })
}

/// The same, but whoever means all has to say so.
fn named(asked: &Asked) -> Result<Wanted, Problem> {
    let all = asked.text("all") == Some("true");
    let wanted = wanted(asked)?;
    if wanted.batch.is_none() && wanted.names.is_empty() && !all {
        let why = "say which: `name`, `batch` or `all=true`";
        return Err(Problem::new(Code::BadParameter, why));
    }
    Ok(wanted)
}

fn handled(wanted: &Wanted, handled: Handled) -> Outcome {
    if let Some(missing) = wanted.missing(&handled.names).first() {
        return Err(Problem::new(Code::NotFound, format!("there is no letter {missing}")));
    }
    Ok(json(StatusCode::OK, &HandledView::from(handled)))
}

/// `GET /v1/dead-letters`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    let limit = usize::try_from(asked.number("limit").unwrap_or(SHOWN)).unwrap_or(usize::MAX);
    let listing = list(state.pipeline(), &wanted(&asked)?).await?;
    let total = listing.letters.len();
    let letters = listing.letters.into_iter().take(limit).map(LetterView::from).collect();
    Ok(json(StatusCode::OK, &Letters { letters, total, elsewhere: listing.elsewhere }))
}

/// `POST /v1/dead-letters/redrive`.
pub(crate) async fn send_again(state: Arc<State>, asked: Asked) -> Outcome {
    let wanted = named(&asked)?;
    let redriven = redrive(state.pipeline(), &wanted).await?;
    tracing::info!(who = asked.who, sent = redriven.sent, "dead letters were redriven");
    state.events.stir();
    handled(&wanted, redriven)
}

/// `DELETE /v1/dead-letters`.
pub(crate) async fn throw_away(state: Arc<State>, asked: Asked) -> Outcome {
    let wanted = named(&asked)?;
    let discarded = discard(state.pipeline(), &wanted).await?;
    tracing::info!(who = asked.who, deleted = discarded.deleted, "dead letters were discarded");
    handled(&wanted, discarded)
}
