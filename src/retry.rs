//! `pixmill retry`: failed and dead jobs once more, as jobs of their own.

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;

use anyhow::bail;
use pixmill_contract::{BatchId, Job, JobId, Pipeline};
use pixmill_producer::{Ledger, Name, ReplyQueue, Results, Retry, batches_of, retry, send_retries};
use serde_json::json;

use crate::args::Only;
use crate::backend::{self, Purpose};
use crate::interrupt::unless_interrupted;
use crate::shown::plural;
use crate::{args, exit, follow, print};

pub(crate) async fn run(args: args::Retry) -> anyhow::Result<ExitCode> {
    let pipeline = backend::open(&args.data, Purpose::Ask).await?.pipeline;
    let hint = "what was sent is worked on all the same; the same command sends what was not";
    let again = async |pipeline| send_again(pipeline, &args).await;
    unless_interrupted(pipeline, hint, again).await
}

async fn send_again(pipeline: Pipeline, args: &args::Retry) -> anyhow::Result<ExitCode> {
    let mut plan = Plan::default();
    for (batch, id) in chosen(&pipeline, args).await? {
        plan.add(&pipeline, batch, id).await?;
    }
    // A reply queue a batch, as each is followed by itself.
    let mut replies = vec![];
    for (batch, jobs) in &mut plan.jobs {
        if args.wait {
            let queue = ReplyQueue::create(&pipeline).await?;
            for job in jobs.iter_mut() {
                job.reply_to = Some(queue.name().to_owned());
            }
            replies.push(queue);
        }
        send_retries(&pipeline, batch, jobs).await?;
    }
    if !args.json {
        print(&plan.to_text())?;
    } else if !args.wait {
        print(&plan.to_json())?;
    } else {
        // Standard output is for the ends, a line each.
        for (name, why) in &plan.refused {
            eprintln!("pixmill: {name} {why}");
        }
    }
    let mut failed = 0;
    if args.wait {
        failed = wait(&pipeline, replies, &plan, args.json).await?;
    }
    let all_well = failed == 0 && plan.refused.is_empty();
    Ok(if all_well { ExitCode::SUCCESS } else { exit::FAILED.into() })
}

/// The jobs that somebody wants to see again.
async fn chosen(pipeline: &Pipeline, args: &args::Retry) -> anyhow::Result<Vec<(BatchId, JobId)>> {
    if let Some(batch) = &args.batch {
        let mut ledger = Ledger::new(pipeline.clone(), batch.clone());
        ledger.look().await?;
        if ledger.done() == 0
            && ledger.failures().is_empty()
            && pixmill_producer::read_batch(pipeline, batch).await?.is_none()
        {
            bail!("there is no batch {batch} in the pipeline of {}", args.data.flags());
        }
        let wanted = |is_dead: bool| args.only.is_none_or(|only| (only == Only::Dead) == is_dead);
        let failures = ledger.failures();
        let failures = failures.into_iter().filter(|(_, failure)| wanted(failure.is_dead));
        return Ok(failures.map(|(id, _)| (batch.clone(), id.clone())).collect());
    }
    let mut chosen = vec![];
    for name in &args.jobs {
        let batches = match &name.batch {
            Some(batch) => vec![batch.clone()],
            None => batches_of(pipeline, &name.id).await?,
        };
        match &batches[..] {
            [batch] => chosen.push((batch.clone(), name.id.clone())),
            [] => bail!("there is no job {name} that anything is known of: name it BATCH/JOB"),
            several => {
                let names: Vec<_> = several.iter().map(|b| format!("{b}/{}", name.id)).collect();
                bail!("there are several jobs {name}: {}", names.join(", "))
            }
        }
    }
    Ok(chosen)
}

/// What is sent and what is not.
#[derive(Default)]
struct Plan {
    jobs: BTreeMap<BatchId, Vec<Job>>,
    ids: HashSet<(BatchId, JobId)>,
    done: usize,
    refused: Vec<(Name, String)>,
}

impl Plan {
    async fn add(&mut self, pipeline: &Pipeline, batch: BatchId, id: JobId) -> anyhow::Result<()> {
        let why = match retry(pipeline, &batch, &id).await? {
            Retry::Job(job) => {
                // Two jobs of one chain have one retry.
                if self.ids.insert((batch.clone(), job.id.clone())) {
                    self.jobs.entry(batch).or_default().push(*job);
                }
                return Ok(());
            }
            Retry::Done => {
                self.done += 1;
                return Ok(());
            }
            Retry::Open => "has not ended".to_owned(),
            Retry::Hopeless(why) => format!("can never be done: {why}"),
        };
        self.refused.push((Name { batch: Some(batch), id }, why));
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().flatten()
    }

    fn to_text(&self) -> String {
        let mut text = format!("Sent {}\n", plural(self.ids.len(), "job"));
        for job in self.all() {
            let old = job.retry_of.as_ref().map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {}/{} in place of {old}\n", job.batch, job.id));
        }
        if self.done > 0 {
            text.push_str(&format!("{} done already\n", self.done));
        }
        for (name, why) in &self.refused {
            text.push_str(&format!("{name} {why}\n"));
        }
        text
    }

    fn to_json(&self) -> String {
        let sent = self
            .all()
            .map(|job| json!({ "batch": job.batch, "id": job.id, "retry_of": job.retry_of }));
        let refused = self
            .refused
            .iter()
            .map(|(name, why)| json!({ "name": name.to_string(), "reason": why }));
        let document = json!({
            "sent": sent.collect::<Vec<_>>(),
            "done": self.done,
            "not_sent": refused.collect::<Vec<_>>(),
        });
        format!("{document:#}\n")
    }
}

/// Waits for the ends of what was sent, and returns how many were failures.
async fn wait(
    pipeline: &Pipeline,
    replies: Vec<ReplyQueue>,
    plan: &Plan,
    json: bool,
) -> anyhow::Result<usize> {
    let mut failed = 0;
    for ((batch, jobs), replies) in plan.jobs.iter().zip(replies) {
        let ids = jobs.iter().map(|job| job.id.clone());
        let results = Results::new(pipeline.clone(), batch.clone(), Some(replies), ids);
        failed += follow::to_the_end(results, json).await?;
    }
    Ok(failed)
}
