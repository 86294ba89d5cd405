//! Dead letters: the messages of jobs that were given up, looked at, sent again, thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use hyper::StatusCode;
use pixmill_contract::document::Outcome as End;
use pixmill_contract::{BatchId, Error, JobId, RejectCode, ResultDocument, Timestamp};
use pixmill_producer::dead::{Handled, Letter, Listing, Wanted, discard, list, redrive};
use pixmill_producer::{Name, read_result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::json;
use crate::asked::Asked;
use crate::jobs::name_of;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;

/// Letters that are shown, unless somebody asks for more or fewer.
const SHOWN: u64 = 100;

/// Results that are read at once.
const READERS: usize = 8;

/// Letters.
#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "it is what the document has")]
pub(crate) struct Letters {
    /// The letters, by the time that they were sent.
    letters: Vec<LetterView>,
    /// How many there are of those that are wanted.
    total: usize,
    /// The same by why they were given up.
    groups: Vec<Group>,
    /// How many others somebody else has in hand, about.
    elsewhere: u64,
}

/// Letters of jobs that were given up for the same reason.
#[derive(Debug, Serialize, JsonSchema)]
struct Group {
    /// The stable code; nothing for what is no job, or has no result.
    code: Option<RejectCode>,
    /// How many.
    count: usize,
    /// The reason of one of them, for people.
    reason: Option<String>,
}

/// A letter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct LetterView {
    /// What it is called: `BATCH/JOB`, or a name that is made of its body. It stays what it is.
    name: String,
    /// Its job's batch.
    batch: Option<BatchId>,
    /// Its job.
    id: Option<JobId>,
    /// What its job's picture is called.
    picture: Option<String>,
    /// Why its job was given up: the stable code.
    code: Option<RejectCode>,
    /// The same for people.
    reason: Option<String>,
    /// How often its message had been received.
    tries: Option<u32>,
    /// When it was given up.
    died_at: Option<Timestamp>,
    /// The worker that gave it up.
    worker: Option<String>,
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

impl LetterView {
    fn new(letter: Letter, result: Option<ResultDocument>) -> Self {
        let Name { batch, id } = letter.name();
        let sender = letter.sender.as_ref().ok();
        let source = letter.source();
        let picture = batch.as_ref().zip(source.as_deref()).map(|(of, key)| name_of(of, key));
        let (code, reason) = match result.as_ref().map(|result| result.outcome.clone()) {
            Some(End::Dead { code, reason } | End::Failed { code, reason }) => {
                (Some(code), Some(reason))
            }
            Some(End::Done { .. } | End::Redriven { .. }) | None => (None, None),
        };
        Self {
            name: letter.name().to_string(),
            id: sender.map(|_| id),
            batch,
            picture,
            code,
            reason,
            tries: result.as_ref().map(|result| result.receives),
            died_at: result.as_ref().map(|result| result.finished_at),
            worker: result.map(|result| result.worker.to_string()),
            sent_at: letter.sent_at,
            source,
            foreign: letter.sender.err(),
            body: letter.body,
        }
    }
}

/// The letters that are wanted, each with why it was given up, and how many others somebody else has
/// in hand.
async fn letters(
    state: &State,
    wanted: &Wanted,
    code: Option<&str>,
) -> Result<(Vec<LetterView>, u64), Error> {
    let Listing { letters, elsewhere } = list(state.pipeline(), wanted).await?;
    let read = |letter: Letter| async move {
        let result = match &letter.sender {
            Ok(sender) => read_result(state.pipeline(), &sender.batch, &sender.id).await?,
            Err(_) => None,
        };
        Ok::<_, Error>(LetterView::new(letter, result))
    };
    let mut views = vec![];
    let mut reads = futures_util::stream::iter(letters).map(read).buffered(READERS);
    while let Some(view) = reads.next().await {
        let view = view?;
        if code.is_none_or(|code| view.code.map(RejectCode::as_str) == Some(code)) {
            views.push(view);
        }
    }
    Ok((views, elsewhere))
}

/// What the letters are called that are wanted.
pub(crate) async fn names(
    state: &State,
    wanted: &Wanted,
    code: Option<&str>,
) -> Result<Vec<Name>, Error> {
    let (letters, _) = letters(state, wanted, code).await?;
    Ok(letters.iter().filter_map(|letter| letter.name.parse().ok()).collect())
}

fn groups(letters: &[LetterView]) -> Vec<Group> {
    let mut groups: BTreeMap<Option<RejectCode>, Group> = BTreeMap::new();
    for LetterView { code, reason, foreign, .. } in letters {
        let reason = reason.clone().or_else(|| foreign.clone());
        let group = groups.entry(*code).or_insert(Group { code: *code, count: 0, reason });
        group.count += 1;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
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
    let (mut letters, elsewhere) = letters(&state, &wanted(&asked)?, asked.text("code")).await?;
    let (total, groups) = (letters.len(), groups(&letters));
    letters.truncate(limit);
    Ok(json(StatusCode::OK, &Letters { letters, total, groups, elsewhere }))
}

/// Sends letters again; their batches are not what they were.
pub(crate) async fn redriven(state: &State, wanted: &Wanted) -> Result<Handled, Error> {
    let handled = redrive(state.pipeline(), wanted).await?;
    let batches: BTreeSet<_> = handled.names.iter().filter_map(|name| name.batch.clone()).collect();
    for batch in batches {
        shelf::outdate(state, &batch).await;
    }
    Ok(handled)
}

/// `POST /v1/dead-letters/redrive`.
pub(crate) async fn send_again(state: Arc<State>, asked: Asked) -> Outcome {
    let wanted = named(&asked)?;
    let redriven = redriven(&state, &wanted).await?;
    tracing::info!(who = asked.who, sent = redriven.sent, "dead letters were redriven");
    handled(&wanted, redriven)
}

/// `DELETE /v1/dead-letters`.
pub(crate) async fn throw_away(state: Arc<State>, asked: Asked) -> Outcome {
    let wanted = named(&asked)?;
    let discarded = discard(state.pipeline(), &wanted).await?;
    tracing::info!(who = asked.who, deleted = discarded.deleted, "dead letters were discarded");
    handled(&wanted, discarded)
}
