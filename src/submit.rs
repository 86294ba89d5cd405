//! `pixmill submit`: pictures into a pipeline that somebody else works on.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use pixmill_contract::{BatchId, JobId, Pipeline, Recipe};
use pixmill_local::key_for_path;
use pixmill_producer::{Batch, Picture, Producer};
use serde_json::json;

use crate::backend::{self, Purpose};
use crate::backfill::Place;
use crate::inputs::Input;
use crate::interrupt::unless_interrupted;
use crate::sending::Sending;
use crate::shown::plural;
use crate::{args, backfill, exit, follow, inputs, overlays, print};

pub(crate) async fn run(args: args::Submit) -> anyhow::Result<ExitCode> {
    let recipe = crate::recipe::read(&args.recipe, &args.recipes.recipes)?;
    if let Some(place) = Place::among(&args.inputs)? {
        return backfill::run(args, place, recipe).await;
    }
    let found = inputs::find(&args.inputs, None);
    if let Some((path, why)) = found.unreadable.first() {
        bail!("failed to read {}: {why}", path.display());
    }
    if found.inputs.is_empty() {
        bail!("there is no picture in what was given: name files, or folders that hold some");
    }
    let pictures = pictures(&found.inputs)?;
    let pipeline = backend::open(&args.data, Purpose::Send).await?.pipeline;
    let id = args.batch.clone().unwrap_or_else(|| BatchId::fresh(pipeline.clock.now()));
    let hint = format!(
        "what was sent is worked on all the same. The same command with --batch {id} goes on; \
         pixmill status {id} {} tells",
        args.data.flags()
    );
    let submit = async |pipeline| submit(pipeline, recipe, id, pictures, &args).await;
    unless_interrupted(pipeline, &hint, submit).await
}

async fn submit(
    pipeline: Pipeline,
    recipe: Recipe,
    id: BatchId,
    pictures: BTreeMap<String, &Input>,
    args: &args::Submit,
) -> anyhow::Result<ExitCode> {
    let recipe = overlays::upload(&pipeline, recipe).await?;
    let batch = Producer::new(pipeline).batch(recipe).id(id.clone()).by("pixmill submit");
    let batch = if args.wait { batch.with_replies() } else { batch };
    let mut batch = batch.open().await?;
    let total = pictures.len();
    let ids = send(&mut batch, pictures, args.json).await.with_context(|| {
        format!("batch {id} is not complete; the same command with --batch {id} goes on with it")
    })?;
    let results = batch.close().await?;
    if args.wait {
        let failed = follow::to_the_end(results, args.json).await?;
        if !args.json {
            print(&format!("Batch {id}: {} done, {failed} failed\n", total - failed))?;
        }
        return Ok(if failed == 0 { ExitCode::SUCCESS } else { exit::FAILED.into() });
    }
    if args.json {
        print(&format!("{:#}\n", json!({ "batch": id, "jobs": ids })))?;
    } else {
        let (jobs, data) = (plural(total, "job"), args.data.flags());
        print(&format!("Sent {jobs} as batch {id}\nFollow it with: pixmill status {id} {data}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files by the names that they get in their batch. Refuses two of one name before anything is
/// sent: one would take the other's place.
fn pictures(inputs: &[Input]) -> anyhow::Result<BTreeMap<String, &Input>> {
    let mut pictures = BTreeMap::new();
    for input in inputs {
        let name = key_for_path(&input.relative)?.to_string();
        if let Some(other) = pictures.insert(name.clone(), input) {
            bail!(
                "{} and {} would both be {name} in the batch; submit them one by one",
                other.path.display(),
                input.path.display()
            );
        }
    }
    Ok(pictures)
}

/// Submits the files, with a bar, and returns the ids of their jobs if they are asked for.
async fn send(
    batch: &mut Batch,
    pictures: BTreeMap<String, &Input>,
    json: bool,
) -> anyhow::Result<Vec<JobId>> {
    let sending = Sending::start(Some(pictures.len()), json);
    let mut ids = vec![];
    let pictures = pictures.into_iter().map(|(name, input)| Picture::file(name, &input.path));
    let submitted = batch.submit_all(pictures, |id| {
        sending.add();
        if json {
            ids.push(id.clone());
        }
    });
    let submitted = submitted.await;
    sending.finish();
    submitted?;
    Ok(ids)
}
