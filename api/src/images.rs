//! `GET /v1/jobs/{batch}/{id}/image`: what a job's picture was and what was made of it, to be looked
//! at beside each other. Smaller ones are made as previews are, and kept nowhere.

use std::sync::Arc;

use pixmill_contract::{Key, Recipe};
use serde_json::json as object;

use crate::asked::Asked;
use crate::jobs::{JobView, find};
use crate::objects::whole;
use crate::preview::{fetched, through};
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::shelf;
use crate::state::State;

/// `GET /v1/jobs/{batch}/{id}/image`.
pub(crate) async fn show(state: Arc<State>, asked: Asked) -> Outcome {
    let (batch, id) = (asked.batch()?, asked.job()?);
    let job = find(&state, &batch, &id).await?;
    let key = match asked.text("of") {
        Some("source") => source(&state, &job).await?,
        of => output(&job, of)?,
    };
    let Some(side) = asked.number("side") else { return whole(&state, &asked, &key).await };
    let none = || Problem::new(Code::NotHere, "nobody makes smaller ones here");
    let previewer = Arc::clone(state.settings.previewer.as_ref().ok_or_else(none)?);
    let file = fetched(&state, &key).await?;
    let resize = object!({ "operation": "resize", "width": side, "height": side });
    let output = object!({ "operations": [resize], "encoding": { "format": "auto" } });
    let recipe = Recipe::from_json(&object!({ "outputs": [output] }))?;
    through(&state, &previewer, file, recipe).await
}

/// Where the picture of a job is.
async fn source(state: &State, job: &JobView) -> Result<Key, Problem> {
    let missing = || Problem::new(Code::NotFound, "its picture is not kept here");
    let known = shelf::look(state, &job.batch).await?;
    known.inputs.get(&job.id).cloned().ok_or_else(missing)
}

/// Where one of its outputs is.
fn output(job: &JobView, name: Option<&str>) -> Result<Key, Problem> {
    let mut outputs = job.outputs.iter();
    let found = match name {
        None => outputs.next(),
        Some(name) => outputs.find(|output| output.record.name == name),
    };
    let missing = || Problem::new(Code::NotFound, "there is no such output, or not yet");
    found.map(|output| output.record.key.clone()).ok_or_else(missing)
}
