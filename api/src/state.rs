//! What an API is made of, and what it knows while it serves.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pixmill_access::Tokens;
use pixmill_contract::{
    BatchId, Error, Fleet, Index, InstanceId, Key, Limits, Pipeline, Recipe, Rejection, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::{Semaphore, watch};

use crate::counts::Counts;
use crate::events::Events;
use crate::holders::Sight;
use crate::images::Thumbnails;
use crate::links::Signer;
use crate::session::Sessions;
use crate::shelf::Shelf;
use crate::submit::Looks;
use crate::tasks::Tasks;

/// A future that somebody else gives.
pub type Promise<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is known of the controller: the last decisions, so many at most, newest first, as documents.
/// Each has a time `at`, and in `events` what was done then, as [`Done`] has it.
pub type Decisions = Arc<dyn Fn(usize) -> Promise<Result<Vec<Json>, Error>> + Send + Sync>;

/// Links by which a picture of exactly so many bytes can be put straight into the store, for so long.
pub type UploadLinks =
    Arc<dyn Fn(Key, u64, Duration) -> Promise<Result<String, Error>> + Send + Sync>;

/// Something that a controller did or noticed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// What: `launch`, `drain`, `terminate`, `failure` or `warning`.
    pub kind: String,
    /// The instance that it is about, if it is one.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    /// How many instances, if it is about more.
    #[serde(default)]
    pub count: Option<u32>,
    /// Why, for people.
    pub why: String,
}

/// How things were since a moment, the oldest first, as documents with a time `at` each.
pub type History = Arc<dyn Fn(Timestamp) -> Promise<Result<Vec<Json>, Error>> + Send + Sync>;

/// What the controller that acts has written down last; nothing where there has never been one.
pub type Standing = Arc<dyn Fn() -> Promise<Result<Option<Acting>, Error>> + Send + Sync>;

/// The controller that acts.
#[derive(Debug, Clone)]
pub struct Acting {
    /// Its name.
    pub name: String,
    /// Which holder of the lease it is.
    pub epoch: u64,
    /// When it wrote this, which it does with every tick.
    pub at: Timestamp,
    /// Whether it has stopped and nobody acts.
    pub has_stopped: bool,
    /// What it holds against instances; nothing of those that are well.
    pub notes: BTreeMap<InstanceId, Note>,
}

/// What a controller holds against an instance, for people.
#[derive(Debug, Clone, Default)]
pub struct Note {
    /// What it looks sick of.
    pub sick: Option<String>,
    /// Why it is to go.
    pub goes: Option<String>,
}

/// Makes previews somewhere else: a role that sends pictures does not open them. Dropping the future
/// stops the work.
pub type Previewer = Arc<dyn Fn(Wanted) -> Promise<Result<Preview, PreviewError>> + Send + Sync>;

/// What is to be made of a picture.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The picture.
    pub file: PathBuf,
    /// The overlays of the recipe, in the order in which it names them.
    pub overlays: Vec<PathBuf>,
    /// Its outputs are made.
    pub recipe: Recipe,
    /// The size that its first output would have is told.
    pub whole: Recipe,
}

/// What was made of it.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Width and height of the picture in pixels, as displayed.
    pub source: (u32, u32),
    /// Those that the first output of the whole recipe would have.
    pub whole: (u32, u32),
    /// The outputs, in the recipe's order.
    pub pictures: Vec<Made>,
}

/// A picture as a recipe leaves it.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its media type.
    pub media_type: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Why there is no preview.
#[derive(Debug)]
pub enum PreviewError {
    /// A fact about the picture.
    Rejected(Rejection),
    /// It took too long, or the process died of it.
    GaveUp(String),
    /// It could not be tried.
    Failed(String),
}

/// What an API is made of.
#[derive(Clone)]
pub struct Settings {
    /// The pipeline that it stands in front of.
    pub pipeline: Pipeline,
    /// What is refused before it is taken.
    pub limits: Limits,
    /// Who may ask; nobody is asked for a token if there is none.
    pub tokens: Tokens,
    /// What the server is called besides its addresses, without ports.
    pub names: Vec<String>,
    /// Where uploads are kept until they are in the store; of this process alone.
    pub spool: PathBuf,
    /// What links are signed with. Another secret makes an end of all links.
    pub secret: [u8; 32],
    /// How long links are good.
    pub links: Duration,
    /// Whether the store's own links can be followed by whoever asks us.
    pub links_of_store: bool,
    /// Links for uploads that go straight to the store, where it has such.
    pub upload_links: Option<UploadLinks>,
    /// What this machine is called, for the prototype's clients.
    pub instance: String,
    /// Where the pipeline is, in a word.
    pub backend: &'static str,
    /// The words that the prototype's clients may say as `s3_bucket`; any, if there are none.
    pub buckets: Vec<String>,
    /// How often the store is asked for news while somebody listens.
    pub look_every: Duration,
    /// When it is asked for a result that somebody waits for.
    pub looks: Looks,
    /// The fleet, if the pipeline has one that is known here.
    pub fleet: Option<Arc<dyn Fleet>>,
    /// Whether its instances can be told to drain from here.
    pub drains: bool,
    /// The controller's decisions, if they are known here.
    pub decisions: Option<Decisions>,
    /// How things were, if somebody keeps that.
    pub history: Option<History>,
    /// The controller, if it is known here.
    pub standing: Option<Standing>,
    /// Where it is kept what was read of the store, if somewhere.
    pub index: Option<Arc<dyn Index>>,
    /// Who makes previews, if somebody does.
    pub previewer: Option<Previewer>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("backend", &self.backend).finish_non_exhaustive()
    }
}

/// Settings of an API for tests: of a pipeline, and of nothing else.
#[cfg(test)]
pub(crate) fn test_settings(pipeline: Pipeline, spool: &std::path::Path) -> Settings {
    Settings {
        pipeline,
        limits: Limits::default(),
        tokens: Tokens::default(),
        names: vec![],
        spool: spool.to_owned(),
        secret: [0; 32],
        links: Duration::from_hours(1),
        links_of_store: false,
        upload_links: None,
        instance: "test".to_owned(),
        backend: "local",
        buckets: vec![],
        look_every: Duration::from_millis(10),
        looks: Looks { shortest: Duration::from_millis(10), part: 2 },
        fleet: None,
        drains: true,
        decisions: None,
        history: None,
        standing: None,
        index: None,
        previewer: None,
    }
}

/// Uploads at once. Each keeps a file and a piece of memory; more of them would only share the
/// line and the disk.
const UPLOADS: usize = 32;

/// Streams of events at once.
const LISTENERS: usize = 64;

/// Previews at once: each is a process that takes a core.
const PREVIEWS: usize = 2;

/// What the API knows while it serves.
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) signer: Signer,
    pub(crate) counts: Counts,
    pub(crate) events: Events,
    pub(crate) sessions: Sessions,
    pub(crate) shelf: Shelf,
    pub(crate) thumbnails: Thumbnails,
    pub(crate) sight: Sight,
    pub(crate) tasks: Tasks,
    /// Whose turn it is in a batch: one request after the other opens and closes it.
    turns: Mutex<HashMap<BatchId, Weak<tokio::sync::Mutex<()>>>>,
    pub(crate) uploads: Semaphore,
    pub(crate) listeners: Arc<Semaphore>,
    pub(crate) previews: Semaphore,
    /// Turns when the end has begun.
    pub(crate) stopping: watch::Sender<bool>,
}

impl State {
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.settings.pipeline
    }

    /// What whoever opens a batch has to hold.
    pub(crate) fn turn(&self, batch: &BatchId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().expect("no code panics with this lock");
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(batch).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(batch.clone(), Arc::downgrade(&turn));
        turn
    }

    /// How many streams of events are open.
    pub(crate) fn listeners_now(&self) -> usize {
        LISTENERS - self.listeners.available_permits()
    }
}

/// An API that can be served.
#[derive(Clone)]
pub struct Api {
    pub(crate) state: Arc<State>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Api").field(&self.state.settings).finish()
    }
}

impl Api {
    /// An API of these settings.
    pub fn new(settings: Settings) -> Self {
        let state = State {
            signer: Signer::new(&settings.secret),
            counts: Counts::default(),
            events: Events::new(settings.pipeline.clock.now()),
            sessions: Sessions::default(),
            shelf: Shelf::default(),
            thumbnails: Thumbnails::default(),
            sight: Sight::default(),
            tasks: Tasks::default(),
            turns: Mutex::default(),
            uploads: Semaphore::new(UPLOADS),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            previews: Semaphore::new(PREVIEWS),
            stopping: watch::Sender::new(false),
            settings,
        };
        Self { state: Arc::new(state) }
    }
}
