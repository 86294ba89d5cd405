//! `POST /v1/jobs`: pictures become jobs. What is answered with 202 is in the store and in the
//! queue, and ends in exactly one result, whatever dies from then on.
//!
//! The order of writes: the files of the uploads, complete; for a request that may be repeated what
//! it is; then what the producer writes: the batch as growing, pictures, jobs, the batch as closed.
//! A request whose sender has gone is finished all the same once its body is there.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::LOCATION;
use pixmill_contract::document::{BatchDocument, Version};
use pixmill_contract::id::hash;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, ErrorKind, JobId, Key, Recipe};
use pixmill_producer::{Picture, Producer, read_batch, read_result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json as object};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::answer::{json, with_text};
use crate::asked::Asked;
use crate::growing::by;
use crate::jobs::{JobView, view};
use crate::problem::{Code, Problem};
use crate::recipes::{resolve, resolve_value};
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;
use crate::upload::{MAX_PICTURES, Upload, receive};

/// The longest pause between looks for a result that somebody waits for.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When it is looked for a result that somebody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// The shortest pause between two looks.
    pub shortest: Duration,
    /// Later the pause is this part of what was waited until then: so much later the answer may be.
    pub part: u32,
}

impl Looks {
    fn pause(self, waited: Duration) -> Duration {
        (waited / self.part).clamp(self.shortest, LONGEST_PAUSE)
    }
}

/// Jobs for pictures that are in the store already.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "it is what the document has")]
pub(crate) struct Keys {
    /// What to make of them, in the text form, the JSON form, or a name.
    recipe: Json,
    /// Where they are, below `inputs/`.
    #[schemars(length(min = 1, max = 100))]
    keys: Vec<Key>,
    /// The batch that the jobs belong to; a new one if there is none.
    #[serde(default)]
    batch: Option<BatchId>,
}

/// Jobs that were accepted.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Accepted {
    /// Their batch.
    batch: BatchId,
    /// The jobs, in the order of their pictures.
    jobs: Vec<JobView>,
}

/// What is to be done.
struct Order {
    recipe: Recipe,
    batch: Option<BatchId>,
    pictures: Vec<(String, Picture)>,
    /// What the files of the pictures go with.
    files: Vec<Upload>,
    /// What the request is, in one hash, whoever sends it.
    fingerprint: String,
}

/// `POST /v1/jobs`.
pub(crate) async fn post(state: Arc<State>, mut asked: Asked) -> Outcome {
    let order = if asked.media_type().as_deref() == Some("application/json") {
        from_keys(&state, &mut asked).await?
    } else {
        from_uploads(&state, &mut asked).await?
    };
    let wait = asked.number("wait").map(Duration::from_secs);
    let who = asked.who.clone();
    let key = asked.fields.get("idempotency-key").cloned();
    let accepted = {
        let state = Arc::clone(&state);
        // Of its own, so that it goes on when whoever asked has gone.
        let placed = async move { place(&state, order, &who, key).await };
        tokio::spawn(placed.in_current_span())
    };
    let bug = |_| Problem::new(Code::Internal, "something is wrong here");
    let (batch, jobs) = accepted.await.map_err(bug)??;
    state.counts.accepted(&batch, jobs.len());
    answer(&state, batch, jobs, wait).await
}

async fn answer(
    state: &Arc<State>,
    batch: BatchId,
    jobs: Vec<(JobId, String)>,
    wait: Option<Duration>,
) -> Outcome {
    let waited = match wait {
        Some(wait) => {
            let ids: Vec<_> = jobs.iter().map(|(id, _)| id.clone()).collect();
            wait_for(state, &batch, &ids, wait).await
        }
        None => false,
    };
    let mut views = vec![];
    for (id, name) in jobs {
        views.push(match wait {
            Some(_) => view(state, &batch, &id, Some(name)).await?,
            None => JobView::pending(batch.clone(), id, Some(name)),
        });
    }
    let all = waited && views.iter().all(|job| !job.state.is_open());
    let status = if all { StatusCode::OK } else { StatusCode::ACCEPTED };
    let location = format!("/v1/batches/{batch}");
    let answer = json(status, &Accepted { batch, jobs: views });
    Ok(with_text(answer, LOCATION, &location))
}

/// Waits until all of these have ended; false if they have not within the time. Looks for one at a
/// time, so that what a look costs does not depend on how many there are.
pub(crate) async fn wait_for(
    state: &Arc<State>,
    batch: &BatchId,
    ids: &[JobId],
    time: Duration,
) -> bool {
    let looks = state.settings.looks;
    let until = Instant::now() + time;
    let mut stopping = state.stopping.subscribe();
    for id in ids {
        let begun = Instant::now();
        // An outage is waited out: the result comes, or the time is over.
        while !matches!(read_result(state.pipeline(), batch, id).await, Ok(Some(_))) {
            let pause = looks.pause(begun.elapsed());
            let next = (Instant::now() + pause).min(until);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return false,
            }
            if next == until {
                return matches!(read_result(state.pipeline(), batch, id).await, Ok(Some(_)));
            }
        }
    }
    true
}

async fn from_uploads(state: &Arc<State>, asked: &mut Asked) -> Result<Order, Problem> {
    let name = asked.text("name").unwrap_or("image").to_owned();
    let mut uploaded = receive(state, asked, &name).await?;
    let texts = &mut uploaded.texts;
    let mut once = |name: &str| match (asked.text(name), texts.remove(name)) {
        (Some(_), Some(_)) => {
            let why = format!("`{name}` is given in the query and in the form");
            Err(Problem::new(Code::BadParameter, why).and("parameter", name))
        }
        (given, field) => Ok(given.map(str::to_owned).or(field)),
    };
    let (recipe, batch) = (once("recipe")?, once("batch")?);
    if let Some(name) = texts.keys().next() {
        let why = format!("there is no field `{name}`; there are recipe, batch and files");
        return Err(Problem::new(Code::BadBody, why).and("parameter", name.as_str()));
    }
    let missing = || {
        let why = "say what to make of it: `recipe`, in the query or the form";
        Problem::new(Code::BadParameter, why).and("parameter", "recipe")
    };
    let batch = batch.map(BatchId::new).transpose();
    let batch = batch.map_err(|error| Problem::new(Code::BadParameter, error.to_string()))?;
    let recipe = resolve(state, &recipe.ok_or_else(missing)?).await?;
    if uploaded.pictures.is_empty() {
        return Err(Problem::new(Code::NoPicture, "there is no picture in it"));
    }
    let files = uploaded.pictures;
    let parts = files.iter().flat_map(|file| [file.name.as_str(), file.sha256.as_str()]);
    let fingerprint = fingerprint(&recipe, batch.as_ref(), parts);
    let picture = |file: &Upload| {
        (file.name.clone(), Picture::given(file.name.clone(), file.path.to_path_buf()))
    };
    let pictures = files.iter().map(picture).collect();
    Ok(Order { recipe, batch, pictures, files, fingerprint })
}

async fn from_keys(state: &Arc<State>, asked: &mut Asked) -> Result<Order, Problem> {
    let Keys { recipe, keys, batch } = asked.document().await?;
    let recipe = resolve_value(state, &recipe).await?;
    if keys.is_empty() {
        return Err(Problem::new(Code::NoPicture, "there is no key in it"));
    }
    if keys.len() > MAX_PICTURES {
        let why = format!("more than {MAX_PICTURES} keys in one request");
        return Err(Problem::new(Code::TooLarge, why).and("limit", MAX_PICTURES));
    }
    let foreign = |key: &&Key| !key.as_str().starts_with(pixmill_contract::key::INPUTS);
    if let Some(key) = keys.iter().find(foreign) {
        let why = format!("{key} is not below `inputs/`");
        return Err(Problem::new(Code::BadBody, why));
    }
    let fingerprint = fingerprint(&recipe, batch.as_ref(), keys.iter().map(Key::as_str));
    let picture = |key: Key| (key.file_name().to_owned(), Picture::key(key));
    let pictures = keys.into_iter().map(picture).collect();
    Ok(Order { recipe, batch, pictures, files: vec![], fingerprint })
}

fn fingerprint<'p>(
    recipe: &Recipe,
    batch: Option<&BatchId>,
    parts: impl Iterator<Item = &'p str>,
) -> String {
    let mut all = vec![recipe.to_string(), batch.map_or("", BatchId::as_str).to_owned()];
    all.extend(parts.map(str::to_owned));
    hash(&all.iter().map(String::as_bytes).collect::<Vec<_>>())
}

/// Puts the pictures into the store and their jobs into the queue.
async fn place(
    state: &Arc<State>,
    order: Order,
    who: &str,
    key: Option<String>,
) -> Result<(BatchId, Vec<(JobId, String)>), Problem> {
    let Order { recipe, batch, pictures, files, fingerprint } = order;
    let pipeline = state.pipeline();
    let batch = match key {
        Some(key) => {
            let follows = BatchId::derived(&[b"request", who.as_bytes(), key.as_bytes()]);
            claim(state, &follows, &fingerprint).await?;
            batch.unwrap_or(follows)
        }
        None => batch.unwrap_or_else(|| BatchId::fresh(pipeline.clock.now())),
    };
    let mut jobs = vec![];
    for (name, picture) in &pictures {
        jobs.push((picture.job(&batch)?, name.clone()));
    }
    let by = by(who);
    let producer = Producer::new(pipeline.clone());
    let pictures = pictures.into_iter().map(|(_, picture)| picture);
    if let Some(open) = announced(state, &batch, &recipe).await? {
        producer.join(open, recipe).submit_all(pictures, |_| {}).await?;
    } else {
        let turn = state.turn(&batch);
        let _turn = turn.lock().await;
        let mut open = producer.batch(recipe).id(batch.clone()).by(by).open().await?;
        open.submit_all(pictures, |_| {}).await?;
        open.close().await?;
    }
    drop(files);
    shelf::outdate(state, &batch).await;
    Ok((batch, jobs))
}

/// The batch, if somebody opened it who closes it: many may add to it at once then.
async fn announced(
    state: &State,
    batch: &BatchId,
    recipe: &Recipe,
) -> Result<Option<BatchDocument>, Problem> {
    let open = read_batch(state.pipeline(), batch).await?;
    let open = open.filter(|open| open.expected.is_some() && !open.closed);
    if open.as_ref().and_then(|open| open.recipe.as_ref()).is_some_and(|known| known != recipe) {
        return Err(Problem::new(Code::Conflict, "the batch has another recipe"));
    }
    Ok(open)
}

/// Writes down what a request is that may be repeated. Refuses one whose key was used for another.
async fn claim(state: &State, batch: &BatchId, fingerprint: &str) -> Result<(), Problem> {
    let store = &state.pipeline().store;
    let key = Key::request(batch);
    let at = state.pipeline().clock.now();
    let document = object!({ "pixmill": Version, "fingerprint": fingerprint, "at": at });
    let put = Put {
        key: key.clone(),
        payload: Payload::Bytes(document.to_string().into_bytes()),
        media_type: "application/json",
        condition: Condition::IfAbsent,
        owner: None,
    };
    match store.put(put).await {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let known = store.get(&key, None).await?.bytes().await?;
    let known: Json = serde_json::from_slice(&known).unwrap_or_default();
    if known["fingerprint"] == fingerprint {
        return Ok(());
    }
    let why = "this Idempotency-Key was used for another request";
    Err(Problem::new(Code::IdempotencyKeyReused, why))
}
