//! Consumers, started with what goes wrong for them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use pixmill_consumer::{Config, Exit, Listener, Stage, StartError, Storm, Token};
use pixmill_contract::testing::{FaultyQueue, FaultyReplies, FaultyStore, Plan, never};
use pixmill_contract::{Buckets, Pipeline, Queue, WorkerId};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::World;
use super::still::Still;

/// The visibility timeout of all consumers here.
pub(crate) const VISIBILITY: Duration = Duration::from_secs(30);

/// The name of the bucket that the pipeline's store is taken for.
pub(crate) const BUCKET: &str = "pictures";

/// In real time: longer than any picture here takes, on a machine that is busy with other things.
const LONGEST: Duration = Duration::from_secs(20);

/// A consumer that is not running yet.
pub(crate) struct Start<'w> {
    world: &'w World,
    config: Config,
    store: Plan,
    queue: Plan,
    dead_letters: Plan,
    replies: Plan,
    buckets: Buckets,
    holds_time: Duration,
    listener: Option<Listener>,
}

impl<'w> Start<'w> {
    pub(super) fn new(world: &'w World, worker: &str) -> Self {
        let config = Config {
            visibility: VISIBILITY,
            ..Config::new(WorkerId::new(worker).unwrap(), "test-machine")
        };
        Self {
            world,
            config,
            store: never(),
            queue: never(),
            dead_letters: never(),
            replies: never(),
            buckets: Buckets::own(BUCKET),
            holds_time: LONGEST,
            listener: None,
        }
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// What happens to the store's calls.
    pub(crate) fn store(self, plan: Plan) -> Self {
        Self { store: plan, ..self }
    }

    /// What happens to the job queue's calls.
    pub(crate) fn queue(self, plan: Plan) -> Self {
        Self { queue: plan, ..self }
    }

    /// Lets sources be read from the store of another pipeline, as a bucket of this name.
    pub(crate) fn allows(mut self, name: &str, other: &World, plan: Plan) -> Self {
        let port = format!("{} {name}", self.config.worker);
        let plan = self.world.still.watch(&port, self.holds_time, plan);
        let store = FaultyStore::new(Arc::new(other.backend.store.clone()), plan);
        self.buckets.allow(name, Arc::new(store));
        self
    }

    /// What happens to every call of every port.
    pub(crate) fn everything(self, plan: &Plan) -> Self {
        let plan = || Arc::clone(plan);
        Self { store: plan(), queue: plan(), dead_letters: plan(), replies: plan(), ..self }
    }

    /// Time passes while pictures are ground, or wait for one that hangs.
    pub(crate) fn time_passes(self) -> Self {
        Self { holds_time: Duration::ZERO, ..self }
    }

    /// Time passes soon after a picture was begun: its job loses its lease, and makes no call that
    /// would tell of its end.
    pub(crate) fn time_passes_soon(self) -> Self {
        Self { holds_time: Duration::from_millis(500), ..self }
    }

    /// Answers over HTTP. Time must not be paused for that: the listener's own is not.
    pub(crate) fn listens(self, token: Option<&str>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let token = token.map(|token| Token::new(token).unwrap());
        Self { listener: Some(Listener::new(socket, token).unwrap()), ..self }
    }

    /// Where it is going to answer.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.as_ref().unwrap().address()
    }

    pub(crate) fn start(mut self) -> Running {
        let still = Arc::clone(&self.world.still);
        let (stage, wanted) = watch::channel(Stage::Running);
        let (storm, storms) = watch::channel(None);
        let listener = self.listener.take();
        let (pipeline, config) = self.parts();
        let run = pixmill_consumer::run(pipeline, config, wanted, storm, listener);
        let task = tokio::spawn(async move { run.await.unwrap() });
        Running { stage, storms, task, still }
    }

    /// Why it does not start.
    pub(crate) async fn refused(self) -> StartError {
        let (_stage, wanted) = watch::channel(Stage::Running);
        let (pipeline, config) = self.parts();
        pixmill_consumer::run(pipeline, config, wanted, watch::channel(None).0, None)
            .await
            .unwrap_err()
    }

    fn parts(self) -> (Pipeline, Config) {
        let still = Arc::clone(&self.world.still);
        let backend = &self.world.backend;
        let worker = self.config.worker.clone();
        let watch =
            |port: &str, plan: Plan| still.watch(&format!("{worker}{port}"), self.holds_time, plan);
        let faulty = |queue: Arc<dyn Queue>, port: &str, plan: Plan| -> Arc<dyn Queue> {
            Arc::new(FaultyQueue::new(queue, watch(port, plan)))
        };
        let replies = Arc::new(backend.clone());
        let pipeline = Pipeline {
            store: Arc::new(FaultyStore::new(
                Arc::new(backend.store.clone()),
                watch("", self.store),
            )),
            jobs: faulty(Arc::new(backend.jobs.clone()), "", self.queue),
            dead_letters: faulty(
                Arc::new(backend.dead_letters.clone()),
                " dead-letters",
                self.dead_letters,
            ),
            replies: Arc::new(FaultyReplies::new(replies, watch(" replies", self.replies))),
            buckets: self.buckets,
            clock: Arc::new(self.world.clock),
        };
        (pipeline, self.config)
    }
}

/// A consumer that is running.
pub(crate) struct Running {
    stage: watch::Sender<Stage>,
    pub(crate) storms: watch::Receiver<Option<Storm>>,
    task: JoinHandle<Exit>,
    still: Arc<Still>,
}

impl Running {
    /// Asks for a stage and goes on.
    pub(crate) fn want(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Waits for its end.
    pub(crate) async fn exit(self) -> Exit {
        let exit = self.task.await.unwrap();
        self.still.let_go();
        exit
    }

    pub(crate) async fn drain(self) -> Exit {
        self.want(Stage::Draining);
        self.exit().await
    }

    pub(crate) async fn abort(self) -> Exit {
        self.want(Stage::Aborting);
        self.exit().await
    }

    /// Waits for its end, with nobody left to tell it anything.
    pub(crate) async fn abandoned(self) -> Exit {
        drop(self.stage);
        self.task.await.unwrap()
    }

    /// Ends it as a killed process ends: nothing of it happens any more.
    pub(crate) async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.still.let_go();
    }

    /// Waits until it says that the world keeps it from working, and returns why.
    pub(crate) async fn storm(&mut self) -> String {
        let storm = self.storms.wait_for(Option::is_some).await.unwrap();
        storm.as_ref().unwrap().reason.clone()
    }

    /// Waits until it says that the world lets it work.
    pub(crate) async fn calm(&mut self) {
        drop(self.storms.wait_for(Option::is_none).await.unwrap());
    }
}
