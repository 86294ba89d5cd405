//! `pixmill status`: what is waiting, what is done and what failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use pixmill_contract::document::{BatchDocument, Outcome};
use pixmill_contract::key::{BATCHES, RESULTS};
use pixmill_contract::{BatchId, JobId, Key, Pipeline, ResultDocument};
use serde_json::json;

use crate::{args, backend, print};

/// Failures that are named; all of them are in the JSON.
const FAILURES_NAMED: usize = 20;

pub(crate) async fn run(args: args::Status) -> anyhow::Result<ExitCode> {
    if !args.data.data.is_dir() {
        bail!("there is no pipeline in {}", args.data.data.display());
    }
    let (pipeline, local) = backend::open(&args.data.data, args.data.durable, None)?;
    let (jobs, dead) = (pipeline.jobs.depth().await?, pipeline.dead_letters.depth().await?);
    let names = match &args.batch {
        Some(batch) => vec![batch.clone()],
        None => batches(&pipeline).await?,
    };
    let mut tallies = Vec::with_capacity(names.len());
    for name in names {
        let tally = Tally::take(&pipeline, &name).await?;
        if args.batch.is_some() && tally.document.is_none() && tally.ended() == 0 {
            bail!("there is no batch {name} in {}", args.data.data.display());
        }
        tallies.push(tally);
    }
    let held = local.jobs.held().await?;
    if args.json {
        let workers: BTreeMap<_, _> = held.iter().map(|(id, n)| (id.to_string(), n)).collect();
        let document = json!({
            "queue": { "visible": jobs.visible, "in_flight": jobs.in_flight, "delayed": jobs.delayed },
            "dead_letters": dead.total(),
            "workers": workers,
            "batches": tallies.iter().map(Tally::to_json).collect::<Vec<_>>(),
        });
        print(&format!("{document:#}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "Queue: {} waiting, {} in work, {} delayed, {} dead letters\n",
        jobs.visible,
        jobs.in_flight,
        jobs.delayed,
        dead.total()
    );
    for (worker, count) in held {
        writeln!(text, "  {worker} holds {count}")?;
    }
    for tally in tallies {
        text.push_str(&tally.to_text(args.batch.is_some()));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Every batch that was written down.
async fn batches(pipeline: &Pipeline) -> anyhow::Result<Vec<BatchId>> {
    let keys = keys(pipeline, BATCHES).await?;
    Ok(keys
        .iter()
        .filter_map(|key| BatchId::new(key.file_name().strip_suffix(".json")?).ok())
        .collect())
}

async fn keys(pipeline: &Pipeline, prefix: &str) -> anyhow::Result<Vec<Key>> {
    let mut keys: Vec<Key> = Vec::new();
    loop {
        let page = pipeline.store.list(prefix, keys.last()).await?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page.into_iter().map(|listed| listed.key));
    }
}

/// How far a batch has got.
struct Tally {
    batch: BatchId,
    document: Option<BatchDocument>,
    done: usize,
    failures: Vec<ResultDocument>,
}

impl Tally {
    async fn take(pipeline: &Pipeline, batch: &BatchId) -> anyhow::Result<Self> {
        let document = pixmill_producer::read_batch(pipeline, batch).await?;
        let mut tally = Self { batch: batch.clone(), document, done: 0, failures: vec![] };
        for key in keys(pipeline, &format!("{RESULTS}{batch}/")).await? {
            let Some(Ok(id)) = key.file_name().strip_suffix(".json").map(JobId::new) else {
                continue;
            };
            match pixmill_producer::read_result(pipeline, batch, &id).await? {
                Some(result) if matches!(result.outcome, Outcome::Done { .. }) => tally.done += 1,
                Some(result) => tally.failures.push(result),
                None => {}
            }
        }
        Ok(tally)
    }

    fn ended(&self) -> usize {
        self.done + self.failures.len()
    }

    fn to_json(&self) -> serde_json::Value {
        let failures = self.failures.iter().map(|result| match &result.outcome {
            Outcome::Failed { code, reason } | Outcome::Dead { code, reason } => json!({
                "id": result.id, "state": result.outcome.state(), "code": code, "reason": reason,
            }),
            Outcome::Done { .. } | Outcome::Redriven { .. } => json!({ "id": result.id }),
        });
        json!({
            "batch": self.batch,
            "jobs": self.document.as_ref().map(|document| document.jobs),
            "done": self.done,
            "failed": self.failures.len(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }

    fn to_text(&self, in_full: bool) -> String {
        let jobs =
            self.document.as_ref().map_or("?".to_owned(), |document| document.jobs.to_string());
        let mut text = format!(
            "Batch {}: {} of {jobs} done, {} failed\n",
            self.batch,
            self.done,
            self.failures.len()
        );
        for result in self.failures.iter().take(if in_full { FAILURES_NAMED } else { 0 }) {
            if let Outcome::Failed { code, reason } | Outcome::Dead { code, reason } =
                &result.outcome
            {
                let (id, state) = (&result.id, result.outcome.state());
                text.push_str(&format!("  {id} {state} {code}: {reason}\n"));
            }
        }
        text
    }
}
