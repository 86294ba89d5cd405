//! The drop folder at work: what is complete is taken, its jobs are sent, and what they end in is put
//! aside. Which steps there are, and what a kill between any two of them costs, is written in
//! `pixmill_local::drop`, whose folder this is; the jobs are `pixmill_producer::dropped`'s.
//!
//! Nothing that fails for want of room, permission or an answer is given up: it is said once, and
//! tried again with the next look.

mod end;
mod troubles;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use pixmill_contract::{Error, ErrorKind, JobId, Key, Limits, Pipeline, Recipe};
use pixmill_local::drop::{Document, DropFolder, Haul, Taken};
use pixmill_local::{key_for_path, path_for_key};
use pixmill_producer::dropped::{self, Drops};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::shown::plural;
use crate::up::told::say;
use crate::{overlays, recipe};
use end::End;
use troubles::Troubles;

/// Files that are taken in one go: so few that workers have something to do soon.
const HAUL: usize = 500;

/// Files that are in work at once; the others wait in the folder.
const MAX_IN_WORK: usize = 10_000;

/// How long one look for replies may keep us from noticing that all is over.
const LISTEN: Duration = Duration::from_millis(500);

/// How often the folder is looked into: for so small a part of the time that a file has to be left
/// alone, so that files are taken not much later than they may be.
const LOOKS: u32 = 4;

/// The folder may be looked into so seldom, and so often.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What takes from a drop folder.
pub(crate) struct Intake {
    folder: Arc<Mutex<DropFolder>>,
    pipeline: Pipeline,
    drops: Drops,
    recipes: PathBuf,
    limits: Limits,
    pause: Duration,
    /// Paths in work: another file of the same name waits, so that of two contents of one name the
    /// later one's outputs stand.
    busy: HashSet<PathBuf>,
    /// Hauls that are to be sent.
    going: VecDeque<Going>,
    /// Files that are to be put aside.
    ended: Vec<End>,
    /// Recipes that have a folder.
    made: HashSet<String>,
    troubles: Troubles,
}

/// A haul on its way into the queue.
struct Going {
    haul: String,
    taken: Vec<Taken>,
    /// What is sent for it, once that is known.
    plan: Option<dropped::Haul>,
    /// Whether that is on the disk.
    is_kept: bool,
    /// Whether this process has sent it.
    is_sent: bool,
}

impl Going {
    fn new(haul: String, taken: Vec<Taken>) -> Self {
        Self { haul, taken, plan: None, is_kept: false, is_sent: false }
    }
}

impl Intake {
    pub(crate) async fn new(
        folder: DropFolder,
        pipeline: Pipeline,
        recipes: PathBuf,
        limits: Limits,
        stable: Duration,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            folder: Arc::new(Mutex::new(folder)),
            drops: Drops::new(pipeline.clone()).await?,
            pipeline,
            recipes,
            limits,
            pause: (stable / LOOKS).clamp(PAUSES.0, PAUSES.1),
            busy: HashSet::new(),
            going: VecDeque::new(),
            ended: vec![],
            made: HashSet::new(),
            troubles: Troubles::default(),
        })
    }

    /// Takes until it is told to stop, and puts aside what ends until all is over.
    pub(crate) async fn run(mut self, stop: watch::Receiver<bool>, over: watch::Receiver<bool>) {
        let mut is_recovered = false;
        let mut look_at = Instant::now();
        loop {
            let is_over = *over.borrow();
            if Instant::now() >= look_at || is_over {
                let begun = Instant::now();
                if !is_recovered {
                    let recovered = self.recover().await;
                    is_recovered = recovered.is_ok();
                    self.troubles.tell("recover", recovered.err().as_ref());
                } else if !*stop.borrow() {
                    let looked = self.look().await;
                    self.troubles.tell("take", looked.err().as_ref());
                }
                self.put_aside().await;
                // A slow network is not asked all the time.
                look_at = Instant::now() + self.pause.max(begun.elapsed());
            }
            let rest = look_at.saturating_duration_since(Instant::now()).min(LISTEN);
            let patience = if is_over { Duration::ZERO } else { rest };
            match self.drops.next(patience).await {
                Ok(ended) => {
                    self.troubles.tell("follow", None);
                    let is_silent = ended.is_empty();
                    self.note(ended);
                    if !is_silent {
                        self.put_aside().await;
                    } else if is_over {
                        return;
                    }
                }
                Err(_) if is_over => return,
                Err(error) => {
                    self.troubles.tell("follow", Some(&error));
                    tokio::time::sleep(rest).await;
                }
            }
        }
    }

    /// Does something with the folder where waiting for a disk keeps nobody.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DropFolder) -> T + Send + 'static,
    ) -> T {
        let folder = Arc::clone(&self.folder);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut folder.lock().expect("no code panics with this lock"))
        });
        done.await.expect("it neither panics nor is aborted")
    }

    /// Goes on where an earlier process was.
    async fn recover(&mut self) -> Result<(), Error> {
        let hauls = self.on_disk(|folder| folder.hauls()).await?;
        for haul in hauls {
            self.recover_haul(haul).await?;
        }
        let ended = self.drops.catch_up().await?;
        self.note(ended);
        Ok(())
    }

    async fn recover_haul(&mut self, haul: Haul) -> Result<(), Error> {
        let Haul { name, files, document } = haul;
        let (bytes, is_sent) = match document {
            Document::None => (vec![], false),
            Document::Planned(bytes) => (bytes, false),
            Document::Sent(bytes) => (bytes, true),
        };
        // One that cannot be read is none: after a power loss a file may be empty.
        let Some(plan) = dropped::Haul::read(&bytes) else {
            self.busy.extend(files.iter().map(|taken| taken.path.clone()));
            self.going.push_back(Going::new(name, files));
            return Ok(());
        };
        let planned: Vec<_> = plan.jobs.iter().filter_map(place_of).collect();
        let planned: HashSet<_> = planned.into_iter().map(|(_, taken)| taken.path).collect();
        let mut there = HashSet::new();
        for Taken { path, .. } in files {
            if planned.contains(&path) {
                self.busy.insert(path.clone());
                there.insert(path);
            } else {
                // There was no job for it, which is found out anew.
                let name = name.clone();
                self.on_disk(move |folder| folder.give_back(&name, &path)).await?;
            }
        }
        if is_sent {
            let is_there = |job: &pixmill_contract::Job| {
                place_of(job).is_some_and(|(_, taken)| there.contains(&taken.path))
            };
            self.drops.follow(plan.jobs.into_iter().filter(is_there));
        } else {
            let going = Going::new(name, vec![]);
            self.going.push_back(Going { plan: Some(plan), is_kept: true, ..going });
        }
        Ok(())
    }

    /// Sends what was taken, and takes what is complete.
    async fn look(&mut self) -> Result<(), Error> {
        self.make_folders().await;
        self.send_all().await?;
        let room = MAX_IN_WORK.saturating_sub(self.drops.open() + self.ended.len());
        let busy = self.busy.clone();
        let looked = self.on_disk(move |folder| folder.look(room.min(HAUL), &busy)).await?;
        self.troubles.tell_all("look", &looked.troubles);
        if looked.ready.is_empty() {
            self.troubles.tell("move", None);
            return Ok(());
        }
        let haul = JobId::fresh(self.pipeline.clock.now()).to_string();
        let name = haul.clone();
        let take = self.on_disk(move |folder| folder.take(&name, &looked.ready));
        let (taken, troubles) = take.await;
        self.troubles.tell_all("move", &troubles);
        self.busy.extend(taken.iter().map(|taken| taken.path.clone()));
        self.going.push_back(Going::new(haul, taken));
        self.send_all().await
    }

    /// Makes a folder for each recipe that has none yet.
    async fn make_folders(&mut self) {
        let names = recipe::names(&self.recipes);
        let new: Vec<_> = names.into_iter().filter(|name| !self.made.contains(name)).collect();
        if new.is_empty() {
            return;
        }
        let names = new.clone();
        let make = move |folder: &mut DropFolder| names.iter().try_for_each(|n| folder.make(n));
        let made = self.on_disk(make).await;
        if made.is_ok() {
            self.made.extend(new);
        }
        self.troubles.tell("make", made.err().as_ref());
    }

    /// Sends the hauls that were taken, the oldest first.
    async fn send_all(&mut self) -> Result<(), Error> {
        while let Some(mut going) = self.going.pop_front() {
            let sent = self.send(&mut going).await;
            if sent.is_err() {
                self.going.push_front(going);
                return sent;
            }
        }
        Ok(())
    }

    async fn send(&mut self, going: &mut Going) -> Result<(), Error> {
        if going.plan.is_none() {
            let (jobs, refused) = self.jobs(&going.haul, &going.taken).await?;
            going.plan = Some(self.drops.plan(jobs).await?);
            self.ended.extend(refused);
        }
        let Some(plan) = going.plan.clone().filter(|plan| !plan.jobs.is_empty()) else {
            return Ok(());
        };
        let haul = going.haul.clone();
        if !going.is_kept {
            let (haul, bytes) = (haul.clone(), plan.to_bytes());
            self.on_disk(move |folder| folder.plan(&haul, &bytes)).await?;
            going.is_kept = true;
        }
        if !going.is_sent {
            self.drops.send(&plan).await?;
            going.is_sent = true;
        }
        self.drops.count(&plan).await?;
        self.on_disk(move |folder| folder.mark_sent(&haul)).await?;
        let mut by_recipe = BTreeMap::<_, usize>::new();
        for job in &plan.jobs {
            *by_recipe.entry(job.batch.to_string()).or_default() += 1;
        }
        for (batch, count) in by_recipe {
            say(&format!("took    {} into batch {batch}", plural(count, "picture")));
        }
        self.drops.follow(plan.jobs);
        Ok(())
    }

    /// The jobs of what was taken, and the ends of what can have none.
    async fn jobs(
        &self,
        haul: &str,
        taken: &[Taken],
    ) -> Result<(Vec<pixmill_contract::Job>, Vec<End>), Error> {
        let mut recipes = BTreeMap::<String, Result<Recipe, String>>::new();
        let (mut jobs, mut refused) = (vec![], vec![]);
        for one in taken {
            match self.job(haul, one, &mut recipes).await {
                Ok(Ok(job)) => jobs.push(job),
                Ok(Err(why)) => refused.push(End::refused(haul, one, why)),
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    refused.push(End::refused(haul, one, error.chain()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((jobs, refused))
    }

    /// The job of a picture, or why it can have none.
    async fn job(
        &self,
        haul: &str,
        taken: &Taken,
        recipes: &mut BTreeMap<String, Result<Recipe, String>>,
    ) -> Result<Result<pixmill_contract::Job, String>, Error> {
        let path = key_for_path(&taken.path)?;
        let name = dropped::recipe_of(&path)?;
        if !recipes.contains_key(name) {
            recipes.insert(name.to_owned(), self.recipe(name).await?);
        }
        match &recipes[name] {
            Ok(recipe) => self.drops.job(haul, &path, taken.etag.clone(), recipe.clone()).map(Ok),
            Err(why) => Ok(Err(why.clone())),
        }
    }

    /// The recipe of this name with its overlays in the store, or what is wrong with it.
    async fn recipe(&self, name: &str) -> Result<Result<Recipe, String>, Error> {
        let read = async {
            let recipe = recipe::named(name, &self.recipes)?;
            self.limits.check_recipe(&recipe)?;
            overlays::upload(&self.pipeline, recipe).await.context("recipe")
        };
        match read.await {
            Ok(recipe) => Ok(Ok(recipe)),
            Err(error) => match error.downcast_ref::<Error>() {
                // Nothing is wrong with the recipe.
                Some(fault) if fault.kind().is_the_worlds() => {
                    let attempt = format!("read the recipe {name}");
                    Err(Error::new(fault.kind(), attempt, format!("{error:#}")))
                }
                Some(_) | None => Ok(Err(format!("{error:#}"))),
            },
        }
    }

    fn note(&mut self, ended: Vec<(pixmill_contract::Job, pixmill_contract::ResultDocument)>) {
        for (job, result) in ended {
            let state = result.outcome.state();
            tracing::info!(batch = %job.batch, id = %job.id, state, "a dropped picture has ended");
            if let Some((haul, taken)) = place_of(&job) {
                self.ended.push(End::of(haul, taken, &job, &result));
            }
        }
    }

    /// Puts aside what has ended; what cannot be now stays in the list.
    async fn put_aside(&mut self) {
        let ended = std::mem::take(&mut self.ended);
        if ended.is_empty() {
            return;
        }
        let move_all = move |folder: &mut DropFolder| {
            let put = |end: End| (end.put_aside(folder), end);
            ended.into_iter().map(put).collect::<Vec<_>>()
        };
        let mut troubles = vec![];
        for (put, end) in self.on_disk(move_all).await {
            match put {
                Ok(aside) => {
                    self.busy.remove(&end.taken.path);
                    say(&end.line(&aside));
                }
                Err(error) => {
                    troubles.push(error);
                    self.ended.push(end);
                }
            }
        }
        self.troubles.tell_all("put aside", &troubles);
    }
}

/// The haul of a job's picture, and what was taken.
fn place_of(job: &pixmill_contract::Job) -> Option<(String, Taken)> {
    let (haul, path) = dropped::place_of(job)?;
    let path: &Key = &path;
    let taken = Taken { path: path_for_key(path).ok()?, etag: job.source.etag.clone()? };
    Some((haul.to_owned(), taken))
}
