//! `pixmill status`: what is waiting, what is done and what failed; of one batch its failures, of
//! one job its whole story.

mod batch;
mod fleet;
mod job;
mod watch;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::bail;
use pixmill_contract::port::Depth;
use pixmill_contract::{BatchId, Timestamp, WorkerId};
use pixmill_producer::{Name, batches, batches_of};
use serde_json::{Value as Json, json};

use crate::backend::{self, Opened, Purpose};
use crate::shown::plural;
use crate::{args, print};
use batch::Tally;
use fleet::FleetView;
use job::Story;

pub(crate) async fn run(args: args::Status) -> anyhow::Result<ExitCode> {
    let opened = backend::open(&args.data, Purpose::Ask).await?;
    let mut status = Status::find(opened, &args).await?;
    if args.watch {
        return watch::until_the_end(&mut status, args.json).await;
    }
    status.look().await?;
    print(&if args.json { format!("{:#}\n", status.to_json()) } else { status.to_text() })?;
    Ok(ExitCode::SUCCESS)
}

/// What is looked at.
enum Subject {
    /// All batches, unless they are not asked for, and who works on them.
    Pipeline(Option<Vec<Tally>>, Option<FleetView>),
    Batch(Box<Tally>),
    Job(Box<Story>),
}

/// What is looked at, as it was at the last look.
struct Status {
    opened: Opened,
    subject: Subject,
    jobs: Depth,
    dead: Depth,
    held: Vec<(WorkerId, u64)>,
    now: Timestamp,
}

impl Status {
    /// Finds out what a name means: a batch, else a job.
    async fn find(opened: Opened, args: &args::Status) -> anyhow::Result<Self> {
        let pipeline = &opened.pipeline;
        let subject = match &args.name {
            None => {
                let fleet = FleetView::find(args, &opened).await?;
                if args.fleet && fleet.is_none() {
                    bail!("this pipeline has no fleet yet: `pixmill controller` makes one");
                }
                Subject::Pipeline((!args.fleet).then(Vec::new), fleet)
            }
            Some(Name { batch: Some(batch), id }) => {
                Subject::Job(Box::new(Story::new(batch.clone(), id.clone())))
            }
            Some(Name { batch: None, id }) => {
                // Both kinds of identifier are written alike.
                let mut tally = Tally::new(pipeline, BatchId::new(id.as_str())?);
                tally.look(pipeline).await?;
                match &batches_of(pipeline, id).await?[..] {
                    _ if tally.exists() => Subject::Batch(Box::new(tally)),
                    [batch] => Subject::Job(Box::new(Story::new(batch.clone(), id.clone()))),
                    [] => bail!("there is no batch {id} and no job {id} that anything is known of"),
                    several => {
                        let names: Vec<_> = several.iter().map(|b| format!("{b}/{id}")).collect();
                        bail!("there are several jobs {id}: {}", names.join(", "))
                    }
                }
            }
        };
        let (jobs, dead, now) = (Depth::default(), Depth::default(), pipeline.clock.now());
        Ok(Self { opened, subject, jobs, dead, held: vec![], now })
    }

    async fn look(&mut self) -> anyhow::Result<()> {
        let pipeline = &self.opened.pipeline;
        self.jobs = pipeline.jobs.depth().await?;
        self.dead = pipeline.dead_letters.depth().await?;
        self.held = self.opened.held().await?;
        match &mut self.subject {
            Subject::Pipeline(tallies, fleet) => {
                if let Some(fleet) = fleet {
                    fleet.look(pipeline).await?;
                }
                let Some(tallies) = tallies else {
                    self.now = pipeline.clock.now();
                    return Ok(());
                };
                for batch in batches(pipeline).await? {
                    if !tallies.iter().any(|tally| *tally.batch() == batch) {
                        tallies.push(Tally::new(pipeline, batch));
                    }
                }
                for tally in tallies {
                    tally.look(pipeline).await?;
                }
            }
            Subject::Batch(tally) => tally.look(pipeline).await?,
            Subject::Job(story) => story.look(pipeline).await?,
        }
        self.now = pipeline.clock.now();
        Ok(())
    }

    /// Whether all of it is done, once it has ended. A pipeline never ends.
    fn end(&self) -> Option<bool> {
        match &self.subject {
            Subject::Pipeline(..) => None,
            Subject::Batch(tally) => tally.end(),
            Subject::Job(story) => story.end(),
        }
    }

    fn to_json(&self) -> Json {
        let workers: BTreeMap<_, _> =
            self.held.iter().map(|(id, count)| (id.to_string(), count)).collect();
        let jobs = self.jobs;
        let mut document = json!({
            "queue": { "visible": jobs.visible, "in_flight": jobs.in_flight, "delayed": jobs.delayed },
            "dead_letters": self.dead.total(),
            "workers": workers,
        });
        match &self.subject {
            Subject::Pipeline(tallies, fleet) => {
                if let Some(tallies) = tallies {
                    let batches = tallies.iter().map(|tally| tally.to_json(self.now));
                    document["batches"] = batches.collect();
                }
                if let Some(fleet) = fleet {
                    document["fleet"] = fleet.to_json(self.now);
                }
            }
            Subject::Batch(tally) => document["batches"] = json!([tally.to_json(self.now)]),
            Subject::Job(story) => document["job"] = story.to_json(),
        }
        document
    }

    fn to_text(&self) -> String {
        let mut text = self.queue();
        match &self.subject {
            Subject::Pipeline(tallies, fleet) => {
                let tallies = tallies.iter().flatten();
                text.extend(tallies.map(|tally| tally.to_text(self.now, 0)));
                text.extend(fleet.iter().map(|fleet| fleet.to_text(self.now)));
            }
            Subject::Batch(tally) => {
                text.push_str(&tally.to_text(self.now, batch::FAILURES_NAMED));
            }
            // The queue says nothing about one job.
            Subject::Job(story) => text = story.to_text(self.now),
        }
        text
    }

    /// One line about where things stand.
    fn to_line(&self) -> String {
        match &self.subject {
            Subject::Pipeline(tallies, fleet) => {
                let open = tallies.iter().flatten().filter(|tally| tally.end().is_none());
                let mut lines =
                    vec![format!("{} waiting, {} in work", self.jobs.visible, self.jobs.in_flight)];
                lines.extend(fleet.iter().map(FleetView::to_line));
                lines.extend(open.map(|tally| tally.to_line(self.now)));
                lines.join("; ")
            }
            Subject::Batch(tally) => tally.to_line(self.now),
            Subject::Job(story) => story.to_line(),
        }
    }

    fn queue(&self) -> String {
        let (jobs, dead) = (self.jobs, self.dead.total());
        let mut text = format!(
            "Queue: {} waiting, {} in work, {} delayed, {}\n",
            jobs.visible,
            jobs.in_flight,
            jobs.delayed,
            plural(usize::try_from(dead).unwrap_or(usize::MAX), "dead letter"),
        );
        for (worker, count) in &self.held {
            text.push_str(&format!("  {worker} holds {count}\n"));
        }
        text
    }
}
