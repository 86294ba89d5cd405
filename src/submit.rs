//! `pixmill submit`: pictures into a pipeline that somebody else works on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use pixmill_contract::document::{BatchDocument, Version};
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, Job, JobId, Key, Pipeline};
use pixmill_local::key_for_path;
use pixmill_producer::Follower;
use serde_json::json;

use crate::backend::{self, Purpose};
use crate::inputs::Input;
use crate::{args, exit, follow, inputs, overlays, print};

pub(crate) async fn run(args: args::Submit) -> anyhow::Result<ExitCode> {
    let recipe = crate::recipe::read(&args.recipe, &args.recipes.recipes)?;
    let found = inputs::find(&args.inputs, None);
    if let Some((path, why)) = found.unreadable.first() {
        bail!("failed to read {}: {why}", path.display());
    }
    if found.inputs.is_empty() {
        bail!("there is no picture in what was given: name files, or folders that hold some");
    }
    let pipeline = backend::open(&args.data, Purpose::Send).await?.pipeline;
    let recipe = overlays::upload(&pipeline, recipe).await?;
    let now = pipeline.clock.now();
    let batch = args.batch.unwrap_or_else(|| BatchId::fresh(now));
    let replies = if args.wait { Some(pipeline.replies.create().await?) } else { None };
    let reply_to = replies.as_ref().map(|(name, _)| name.clone());

    let mut jobs = Vec::with_capacity(found.inputs.len());
    for input in &found.inputs {
        let key = upload(&pipeline, &batch, input).await?;
        // The same file of the same batch is the same job, so that a repeated command adds nothing.
        let id = JobId::derived(&[key.as_str().as_bytes()]);
        let job = Job::new(id, batch.clone(), key, recipe.clone(), pipeline.clock.now());
        jobs.push(Job { reply_to: reply_to.clone(), ..job });
    }
    let document = BatchDocument {
        pixmill: Version,
        batch: batch.clone(),
        jobs: jobs.len() as u64,
        closed: true,
        recipe: Some(recipe),
        created_at: now,
        by: "pixmill submit".to_owned(),
    };
    pixmill_producer::write_batch(&pipeline, &document).await?;
    pixmill_producer::send(&pipeline, &jobs).await?;

    let Some((name, queue)) = replies else {
        let text = if args.json {
            let ids: Vec<_> = jobs.iter().map(|job| &job.id).collect();
            format!("{:#}\n", json!({ "batch": batch, "jobs": ids }))
        } else {
            let data = args.data.flags();
            format!(
                "Sent {} jobs as batch {batch}\nFollow it with: pixmill status {batch} {data}\n",
                jobs.len()
            )
        };
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let ids: Vec<_> = jobs.iter().map(|job| job.id.clone()).collect();
    let follower = Follower::new(pipeline.clone(), queue, batch.clone(), ids);
    let failed = follow::to_the_end(follower, args.json, jobs.len()).await;
    pipeline.replies.remove(&name).await?;
    let failed = failed?;
    if !args.json {
        print(&format!("Batch {batch}: {} done, {failed} failed\n", jobs.len() - failed))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { exit::FAILED.into() })
}

/// Puts a picture where its job will look for it.
async fn upload(pipeline: &Pipeline, batch: &BatchId, input: &Input) -> anyhow::Result<Key> {
    let place = Path::new("inputs").join(batch.as_str()).join(&input.relative);
    let key = key_for_path(&place)?;
    let put = Put {
        key: key.clone(),
        payload: Payload::File(input.path.clone()),
        media_type: "application/octet-stream",
        condition: Condition::Always,
        owner: None,
    };
    let cannot = || format!("failed to put {} into the store", input.path.display());
    pipeline.store.put(put).await.with_context(cannot)?;
    Ok(key)
}
