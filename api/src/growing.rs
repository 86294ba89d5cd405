//! Batches that grow by many requests: opened with a name, filled in chunks, sealed at the end. What
//! was sent is worked on meanwhile.

use std::sync::Arc;

use futures_util::StreamExt as _;
use hyper::StatusCode;
use hyper::header::LOCATION;
use pixmill_contract::key::INPUTS;
use pixmill_contract::{BatchId, ErrorKind, Key, RejectCode};
use pixmill_producer::{Picture, Producer, read_batch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::Instrument as _;

use crate::answer::{json, with_text};
use crate::asked::Asked;
use crate::batches::view;
use crate::hints::hint;
use crate::jobs::JobView;
use crate::problem::{Code, Problem};
use crate::recipes::resolve_value;
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;

/// Most keys of one chunk.
const MAX_KEYS: usize = 1000;

/// Pictures that are looked for at once.
const LOOKS: usize = 16;

/// Longest name of a batch in bytes.
const MAX_NAME_BYTES: usize = 200;

/// A batch to be opened.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    /// What people call it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// What is made of its pictures, in the text form, the JSON form, or a name.
    recipe: Json,
    /// How many jobs it is to have, about.
    #[serde(default)]
    expected: u64,
    /// Its identifier; a new one if there is none. The same again is the same batch.
    #[serde(default)]
    batch: Option<BatchId>,
}

/// Pictures that are added to a batch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chunk {
    /// Where they are, below `inputs/`.
    #[schemars(length(min = 1, max = 1000))]
    keys: Vec<Key>,
}

/// What became of a chunk.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Added {
    /// The jobs that were accepted, in the order of their keys.
    jobs: Vec<JobView>,
    /// Pictures of which no job was made.
    rejected: Vec<Refused>,
}

/// A picture of which no job was made.
#[derive(Debug, Serialize, JsonSchema)]
struct Refused {
    /// Its key.
    key: Key,
    /// Why: the stable code.
    code: RejectCode,
    /// The same for people.
    reason: String,
    /// What somebody can do about it.
    hint: &'static str,
}

/// What is to become of a batch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// That this was all of it.
    sealed: Sealed,
}

/// A batch that is sealed stays so.
#[derive(Debug, Clone, Copy)]
struct Sealed;

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("a batch is sealed, never opened again"))
        }
    }
}

impl JsonSchema for Sealed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sealed".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": true })
    }
}

/// `POST /v1/batches`.
pub(crate) async fn open(state: Arc<State>, mut asked: Asked) -> Outcome {
    let Opening { name, recipe, expected, batch } = asked.document().await?;
    if name.as_ref().is_some_and(|name| !(1..=MAX_NAME_BYTES).contains(&name.len())) {
        let why = format!("`name` has 1 to {MAX_NAME_BYTES} bytes");
        return Err(Problem::new(Code::BadBody, why));
    }
    let recipe = resolve_value(&state, &recipe).await?;
    let pipeline = state.pipeline();
    let batch = batch.unwrap_or_else(|| BatchId::fresh(pipeline.clock.now()));
    let turn = state.turn(&batch);
    let turn = turn.lock().await;
    let known = read_batch(pipeline, &batch).await?;
    if known.as_ref().is_some_and(|known| known.closed || known.expected.is_none()) {
        return Err(Problem::new(Code::Conflict, format!("there is a batch {batch} already")));
    }
    let new = Producer::new(pipeline.clone()).batch(recipe).id(batch.clone());
    let new = new.by(by(&asked.who)).expected(expected);
    let new = match name {
        Some(name) => new.name(name),
        None => new,
    };
    drop(new.open().await?);
    drop(turn);
    shelf::outdate(&state, &batch).await;
    let answer = json(StatusCode::CREATED, &view(&state, &batch).await?);
    Ok(with_text(answer, LOCATION, &format!("/v1/batches/{batch}")))
}

/// Who sends what is sent by whoever is known by this name.
pub(crate) fn by(who: &str) -> String {
    if who.is_empty() { "pixmill api".to_owned() } else { format!("pixmill api ({who})") }
}

/// `POST /v1/batches/{batch}/jobs`.
pub(crate) async fn add(state: Arc<State>, mut asked: Asked) -> Outcome {
    let batch = asked.batch()?;
    let Chunk { keys } = asked.document().await?;
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        let why = format!("1 to {MAX_KEYS} keys in one request");
        return Err(Problem::new(Code::BadBody, why).and("limit", MAX_KEYS));
    }
    let pipeline = state.pipeline().clone();
    let missing = || Problem::new(Code::NotFound, format!("there is no batch {batch}"));
    let open = read_batch(&pipeline, &batch).await?.ok_or_else(missing)?;
    let is_open = open.expected.is_some() && !open.closed;
    let (true, Some(recipe)) = (is_open, open.recipe.clone()) else {
        let why = "the batch is sealed, or was not opened to be added to";
        return Err(Problem::new(Code::Conflict, why));
    };
    let looks = keys.into_iter().map(|key| look(&state, key)).collect::<Vec<_>>();
    let mut looks = futures_util::stream::iter(looks).buffered(LOOKS);
    let (mut pictures, mut jobs, mut rejected) = (vec![], vec![], vec![]);
    while let Some(looked) = looks.next().await {
        match looked? {
            Err(refused) => rejected.push(refused),
            Ok(key) => {
                let name = crate::jobs::name_of(&batch, key.as_str());
                let picture = Picture::key(key);
                let id = picture.job(&batch)?;
                // The same key twice is one job.
                if jobs.iter().all(|job: &JobView| job.id != id) {
                    jobs.push(JobView::pending(batch.clone(), id, Some(name)));
                    pictures.push(picture);
                }
            }
        }
    }
    drop(looks);
    let mut growing = Producer::new(pipeline).join(open, recipe);
    // Of its own, so that it goes on when whoever asked has gone.
    let sent = async move { growing.submit_all(pictures, |_| {}).await };
    let sent = tokio::spawn(sent.in_current_span());
    sent.await.map_err(|_| Problem::new(Code::Internal, "something is wrong here"))??;
    state.counts.accepted(&batch, jobs.len());
    shelf::outdate(&state, &batch).await;
    Ok(json(StatusCode::ACCEPTED, &Added { jobs, rejected }))
}

/// Whether a picture is there and small enough.
async fn look(state: &State, key: Key) -> Result<Result<Key, Refused>, Problem> {
    let refused = |key, code: RejectCode, reason: String| {
        Ok(Err(Refused { key, code, reason, hint: hint(code) }))
    };
    if !key.as_str().starts_with(INPUTS) {
        return refused(key, RejectCode::BadJob, format!("it is not below `{INPUTS}`"));
    }
    let limit = state.settings.limits.input_bytes;
    match state.pipeline().store.head(&key).await {
        Ok(meta) if meta.size > limit => {
            let why = format!("it has {} bytes, the limit is {limit}", meta.size);
            refused(key, RejectCode::InputTooLarge, why)
        }
        Ok(_) => Ok(Ok(key)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refused(key, RejectCode::SourceMissing, "there is no such picture".to_owned())
        }
        // A name that no object can have.
        Err(error) if error.kind() == ErrorKind::Invalid => {
            refused(key, RejectCode::SourceMissing, error.chain())
        }
        Err(error) => Err(error.into()),
    }
}

/// `PATCH /v1/batches/{batch}`.
pub(crate) async fn seal(state: Arc<State>, mut asked: Asked) -> Outcome {
    let batch = asked.batch()?;
    let Change { sealed: Sealed } = asked.document().await?;
    let pipeline = state.pipeline();
    let turn = state.turn(&batch);
    let turn = turn.lock().await;
    let missing = || Problem::new(Code::NotFound, format!("there is no batch {batch}"));
    let known = read_batch(pipeline, &batch).await?.ok_or_else(missing)?;
    if !known.closed {
        let Some(recipe) = known.recipe else {
            return Err(Problem::new(Code::Conflict, "the batch never ends: it has many senders"));
        };
        let open = Producer::new(pipeline.clone()).batch(recipe).id(batch.clone()).open().await?;
        drop(open.close().await?);
    }
    drop(turn);
    shelf::outdate(&state, &batch).await;
    Ok(json(StatusCode::OK, &view(&state, &batch).await?))
}
