//! What an API is made of, and what it knows while it serves.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pixmill_access::Tokens;
use pixmill_contract::{BatchId, Error, Fleet, Key, Limits, Pipeline, Recipe, Rejection};
use serde_json::Value as Json;
use tokio::sync::{Semaphore, watch};

use crate::counts::Counts;
use crate::events::Events;
use crate::links::Signer;
use crate::session::Sessions;
use crate::shelf::Shelf;

/// A future that somebody else gives.
pub type Promise<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is known of the controller: the last decisions, so many at most, newest first, as documents.
pub type Decisions = Arc<dyn Fn(usize) -> Promise<Result<Vec<Json>, Error>> + Send + Sync>;

/// Links by which a picture of exactly so many bytes can be put straight into the store, for so long.
pub type UploadLinks =
    Arc<dyn Fn(Key, u64, Duration) -> Promise<Result<String, Error>> + Send + Sync>;

/// Makes the first output of a recipe from the picture in a file, somewhere else: a role that sends
/// pictures does not open them. Dropping the future stops the work.
pub type Previewer =
    Arc<dyn Fn(PathBuf, Recipe) -> Promise<Result<Preview, PreviewError>> + Send + Sync>;

/// A picture as a recipe leaves it.
#[derive(Debug, Clone)]
pub struct Preview {
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
    /// The fleet, if the pipeline has one that is known here.
    pub fleet: Option<Arc<dyn Fleet>>,
    /// The controller's decisions, if they are known here.
    pub decisions: Option<Decisions>,
    /// Who makes previews, if somebody does.
    pub previewer: Option<Previewer>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("backend", &self.backend).finish_non_exhaustive()
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
