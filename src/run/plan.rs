//! What there is to do: a job for every input that is not done.
//!
//! A batch stands for a recipe and an engine, a job in it for an input as it is now, by path, size
//! and modification time, and for the recipe's overlays as they are now. So whether something is
//! done is whether its result is there. `--fresh` begins another batch of the same recipe. A job
//! that failed, or whose outputs are gone, is followed by its retry.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use pixmill_contract::document::{BatchDocument, Name, OutputRecord, Source, Template, Version};
use pixmill_contract::port::{Etag, Meta, ObjectStore as _};
use pixmill_contract::{
    BatchId, ErrorKind, Format, Job, JobId, Key, Pipeline, Recipe, RejectCode, Rejection, id,
};
use pixmill_local::{LocalBackend, key_for_path};
use pixmill_producer::Link;

use super::REPLIES;
use crate::args;
use crate::inputs::{self, Found, Input};
use crate::overlays;

/// Inputs that are looked at at once.
const LOOKERS: usize = 8;

/// So many inputs are looked at before the jobs among them are sent, so that nobody waits for the rest
/// of a large folder.
const PART: usize = 128;

/// Colliding names that an error lists.
const NAMES_SHOWN: usize = 5;

/// What there is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The batch of all jobs.
    pub(crate) batch: BatchId,
    /// The jobs that were sent, each with its input's path.
    pub(crate) jobs: Vec<(Job, PathBuf)>,
    /// Inputs that are done already.
    pub(crate) done: usize,
    /// Inputs for which there cannot even be a job.
    pub(crate) refused: Vec<(PathBuf, Rejection)>,
}

/// Finds out what there is to do, and sends it. Whatever speaks against the whole is found before the
/// first job is sent.
pub(crate) async fn make_and_send(
    pipeline: &Pipeline,
    local: &LocalBackend,
    args: &args::Run,
    recipe: &Recipe,
    found: &Found,
    out: &Path,
) -> anyhow::Result<Plan> {
    let names = names(args.name.as_deref(), recipe)?;
    let (targets, refused) = targets(&names, recipe, found);
    refuse_collisions(&targets, found, out)?;

    let (batch, is_new) = batch(pipeline, recipe, args.fresh).await?;
    let planner = Arc::new(Planner {
        pipeline: pipeline.clone(),
        local: local.clone(),
        batch: batch.clone(),
        is_new,
        recipe: recipe.clone(),
        overlays: overlays::pins(pipeline, recipe).await?,
        overwrite: args.overwrite,
    });
    let document = BatchDocument {
        pixmill: Version,
        batch: batch.clone(),
        name: None,
        expected: None,
        jobs: targets.len() as u64,
        closed: true,
        recipe: Some(recipe.clone()),
        created_at: pipeline.clock.now(),
        by: "pixmill run".to_owned(),
    };
    pixmill_producer::write_batch(pipeline, &document).await?;
    let (mut jobs, mut done) = (Vec::with_capacity(targets.len()), 0);
    let mut targets = targets.into_iter();
    loop {
        let part: Vec<_> = targets.by_ref().take(PART).collect();
        if part.is_empty() {
            break;
        }
        let (planned, done_of_part) = Arc::clone(&planner).jobs(part).await?;
        let messages: Vec<_> = planned.iter().map(|(job, _)| job.clone()).collect();
        pixmill_producer::send(pipeline, &messages).await?;
        jobs.extend(planned);
        done += done_of_part;
    }
    Ok(Plan { batch, jobs, done, refused })
}

/// The template of the outputs' names below `outputs/`.
fn names(given: Option<&str>, recipe: &Recipe) -> anyhow::Result<Template> {
    let default =
        if recipe.is_unnamed() { "{dir}/{stem}.{ext}" } else { "{dir}/{stem}-{name}.{ext}" };
    let template: Template = format!("outputs/{}", given.unwrap_or(default)).parse()?;
    Ok(template)
}

/// An input, its key, and where its outputs go.
struct Target {
    input: Input,
    key: Key,
    template: Template,
    /// Every name that an output may get: more than one where its format depends on the picture.
    outputs: Vec<Key>,
}

/// The target of every input that can have one.
fn targets(
    names: &Template,
    recipe: &Recipe,
    found: &Found,
) -> (Vec<Target>, Vec<(PathBuf, Rejection)>) {
    let mut targets = Vec::with_capacity(found.inputs.len());
    let mut refused = found.unreadable.clone();
    for input in &found.inputs {
        match target(names, recipe, input) {
            Ok(target) => targets.push(target),
            Err(rejection) => refused.push((input.path.clone(), rejection)),
        }
    }
    (targets, refused)
}

fn target(names: &Template, recipe: &Recipe, input: &Input) -> Result<Target, Rejection> {
    let bad = |why: String| Rejection::new(RejectCode::BadOutputKey, why);
    let in_store =
        |path: &Path| key_for_path(&Path::new("inputs").join(path)).map_err(|e| bad(e.chain()));
    let key = in_store(input.path.strip_prefix("/").unwrap_or(&input.path))?;
    let template = names.bind(&in_store(&input.relative)?);
    template.check(recipe.outputs().len()).map_err(|e| bad(e.to_string()))?;
    let mut outputs = vec![];
    for output in recipe.outputs() {
        // A file that announces nothing fails later, and has no output then.
        let source = || inputs::sniff(&input.path).unwrap_or(Format::Jpeg);
        let formats = match output.encoding.format() {
            Some(format) => vec![format],
            None => output.encoding.formats(source()),
        };
        for format in formats {
            let name = Name {
                batch: &BatchId::single(),
                id: &JobId::derived(&[]),
                source: &key,
                output: &output.name,
                extension: format.extension(),
            };
            let key = template.expand(name).map_err(|e| bad(e.to_string()))?;
            if !outputs.contains(&key) {
                outputs.push(key);
            }
        }
    }
    Ok(Target { input: input.clone(), key, template, outputs })
}

/// Refuses to begin if two inputs would write to one name, or one over another.
fn refuse_collisions(targets: &[Target], found: &Found, out: &Path) -> anyhow::Result<()> {
    let mut makers: HashMap<&Key, &Path> = HashMap::new();
    let mut collisions = Vec::new();
    let inputs: std::collections::HashSet<_> = found.inputs.iter().map(|i| &i.path).collect();
    for target in targets {
        for key in &target.outputs {
            let below = key.as_str().strip_prefix("outputs/").unwrap_or(key.as_str());
            let path = out.join(below);
            if let Some(other) = makers.insert(key, &target.input.path) {
                let (this, name) = (target.input.path.display(), path.display());
                collisions.push(format!("{} and {this} would both become {name}", other.display()));
            } else if inputs.contains(&path) {
                let this = target.input.path.display();
                collisions
                    .push(format!("{this} would be written over the input {}", path.display()));
            }
        }
    }
    if collisions.is_empty() {
        return Ok(());
    }
    let more = collisions.len().saturating_sub(NAMES_SHOWN);
    let mut list = collisions[..collisions.len() - more].join("\n  ");
    if more > 0 {
        list.push_str(&format!("\n  and {more} more"));
    }
    let several = targets.iter().any(|target| target.outputs.len() > 1);
    let name = if several { "-{name}" } else { "" };
    bail!(
        "output names collide:\n  {list}\n\
         keep the original extension with --name '{{dir}}/{{stem}}.{{srcext}}{name}.{{ext}}', or \
         process these folders into different --out directories"
    )
}

/// The batch of this recipe and engine: the latest one, or with `fresh` another one after it; and whether
/// it is new. It is written down before its first job is sent, so one that is has no results.
async fn batch(
    pipeline: &Pipeline,
    recipe: &Recipe,
    fresh: bool,
) -> anyhow::Result<(BatchId, bool)> {
    let work = [recipe.to_string(), pixmill_ops::ENGINE.to_owned()];
    let hash = &id::hash(&[work[0].as_bytes(), work[1].as_bytes()])[..12];
    let mut number: u64 = 0;
    let mut after = None;
    let prefix = format!("{}run-{hash}-", pixmill_contract::key::BATCHES);
    loop {
        let page = pipeline.store.list(&prefix, after.as_ref()).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for listed in &page {
            let text = listed.key.as_str().strip_prefix(&prefix);
            let known = text.and_then(|t| t.strip_suffix(".json")?.parse().ok());
            number = number.max(known.unwrap_or(0));
        }
    }
    let is_new = fresh || number == 0;
    if is_new {
        number += 1;
    }
    let batch = BatchId::new(format!("run-{hash}-{number}")).context("failed to name the batch")?;
    Ok((batch, is_new))
}

/// What the jobs of a plan have in common.
struct Planner {
    pipeline: Pipeline,
    local: LocalBackend,
    batch: BatchId,
    /// Whether nobody can have done anything of it yet.
    is_new: bool,
    recipe: Recipe,
    /// What its overlays are now.
    overlays: BTreeMap<Key, Etag>,
    overwrite: bool,
}

impl Planner {
    /// The jobs of the inputs that are not done, in order, and how many are done. Looks at several
    /// inputs at once: it mostly waits for the file system.
    async fn jobs(
        self: Arc<Self>,
        targets: Vec<Target>,
    ) -> anyhow::Result<(Vec<(Job, PathBuf)>, usize)> {
        let share = targets.len().div_ceil(LOOKERS).max(1);
        let mut targets = targets.into_iter();
        let mut lookers = Vec::with_capacity(LOOKERS);
        loop {
            let part: Vec<_> = targets.by_ref().take(share).collect();
            if part.is_empty() {
                break;
            }
            lookers.push(tokio::spawn(Arc::clone(&self).jobs_of_part(part)));
        }
        let (mut jobs, mut done) = (Vec::new(), 0);
        for looker in lookers {
            let (part, done_of_part) = looker.await??;
            jobs.extend(part);
            done += done_of_part;
        }
        Ok((jobs, done))
    }

    async fn jobs_of_part(
        self: Arc<Self>,
        targets: Vec<Target>,
    ) -> anyhow::Result<(Vec<(Job, PathBuf)>, usize)> {
        let (mut jobs, mut done) = (Vec::with_capacity(targets.len()), 0);
        for target in targets {
            match self.job(&target).await? {
                Some(job) => jobs.push((job, target.input.path)),
                None => done += 1,
            }
        }
        Ok((jobs, done))
    }

    /// The job of one input; nothing if it is done.
    async fn job(&self, target: &Target) -> anyhow::Result<Option<Job>> {
        let mut parts = vec![
            target.key.to_string(),
            target.input.size.to_string(),
            target.input.modified.to_string(),
            target.template.to_string(),
        ];
        // Another overlay is other work; the batch knows its name only.
        parts.extend(self.overlays.iter().map(|(key, Etag(etag))| format!("{key} {etag}")));
        let parts: Vec<_> = parts.iter().map(String::as_bytes).collect();
        let first = Link::first(JobId::derived(&parts));
        let Some(link) = self.undone(first).await? else { return Ok(None) };
        let etag = self.head(&target.key).await?.map(|meta| meta.etag);
        let source = Source { bucket: None, key: target.key.clone(), etag };
        let overwrite = self.overwrite || self.ours_are_in_the_way(target, &source).await?;
        let (batch, recipe) = (self.batch.clone(), self.recipe.clone());
        Ok(Some(Job {
            source,
            overlays: self.overlays.clone(),
            outputs: target.template.clone(),
            overwrite,
            retry_of: link.retry_of,
            redrive: link.redrive,
            reply_to: Some(REPLIES.to_owned()),
            ..Job::new(link.id, batch, target.key.clone(), recipe, self.pipeline.clock.now())
        }))
    }

    /// From here on the first job that has not ended, or whose outputs are gone; nothing if it is done.
    async fn undone(&self, mut link: Link) -> anyhow::Result<Option<Link>> {
        if self.is_new {
            return Ok(Some(link));
        }
        loop {
            let (here, outputs) = link.past_failures(&self.pipeline, &self.batch).await?;
            let Some(outputs) = outputs else { return Ok(Some(here)) };
            if self.all_there(&outputs).await? {
                return Ok(None);
            }
            link = here.next();
        }
    }

    async fn all_there(&self, outputs: &[OutputRecord]) -> anyhow::Result<bool> {
        for output in outputs {
            let Some(there) = self.head(&output.key).await? else { return Ok(false) };
            // What another job has put there since is not what this one made.
            if there.owner.is_some_and(|owner| owner.sha256 != output.sha256) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether something is in the way of this input's outputs, and all of it was made for this
    /// input by a run, and nobody has changed it since: then it may be replaced.
    async fn ours_are_in_the_way(&self, target: &Target, source: &Source) -> anyhow::Result<bool> {
        let fingerprint = source.fingerprint();
        let mut in_the_way = false;
        for key in &target.outputs {
            if let Some(there) = self.head(key).await? {
                in_the_way = true;
                if there.owner.is_none_or(|owner| owner.source != fingerprint) {
                    return Ok(false);
                }
            }
        }
        Ok(in_the_way)
    }

    async fn head(&self, key: &Key) -> anyhow::Result<Option<Meta>> {
        match self.local.store.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) => match error.kind() {
                // What cannot be looked at fails in its job, with its own code.
                ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Invalid => Ok(None),
                ErrorKind::Throttled
                | ErrorKind::Unavailable
                | ErrorKind::InsufficientCapacity
                | ErrorKind::AlreadyExists
                | ErrorKind::Changed
                | ErrorKind::LeaseLost => Err(error.into()),
            },
        }
    }
}
