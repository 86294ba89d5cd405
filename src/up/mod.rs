//! `pixmill up`: everything on this machine, in one process and its workers.
//!
//! The parts are those that other commands have each for itself: the HTTP API and the drop folder
//! send jobs, the controller keeps as many workers as they need, the workers do them. They share a
//! pipeline and nothing else, so what one of them cannot do now keeps no other. Each is a future in
//! [`Parts::run`], with two signals: `stop`, when nothing new is to be begun, and `over`, when the
//! workers have gone.
//!
//! The order of the end: nothing more is taken, no more requests are accepted, and the fleet is not
//! sized any more; the workers drain, and what they end is put aside; once they have gone, it is
//! over.

mod place;
pub(crate) mod told;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use pixmill_consumer::Stage;
use pixmill_contract::port::{Instance, Lifecycle};
use pixmill_contract::{Fleet, InstanceId, Pipeline, Queue};
use pixmill_controller::{Controller, Policy};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::args::Backend;
use crate::controller::{Workers, policy};
use crate::drop::Intake;
use crate::producer::{DEFAULT, Front, Server};
use crate::{args, backend, shutdown};
use place::Place;
use told::{Told, say};

/// The controller's name. There is no other of it on a pipeline, by the lock of its directory, so
/// that one that was killed is gone on with at once.
const NAME: &str = "up";

/// How much longer than the drain timeout a drain may take: a receive is waited for, and releases.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);

/// So many ports are tried from the first on.
const PORTS: usize = 10;

/// How often it is looked whether there is a first message.
const PEEK: Duration = Duration::from_millis(50);

/// How often it is looked whether the workers have gone.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(args: args::Up, telemetry: &args::Telemetry) -> anyhow::Result<ExitCode> {
    let policy = policy(Backend::Local, &args.sizing, &args.work);
    policy.check()?;
    if policy.max == 0 {
        bail!(
            "with --max 0 there would be nobody to work; `pixmill controller` sends a fleet home"
        );
    }
    let stage = shutdown::listen()?;
    let place = Place::take(&args)?;
    let (pipeline, local) = backend::open_local(&args.data, args.durable, None)?;
    let (sizing, work, durable) = (&args.sizing, &args.work, args.durable);
    let workers = Workers { sizing, work, durable, telemetry };
    let fleet = workers.fleet(&args.data, &local)?;
    let front = Front {
        pipeline: pipeline.clone(),
        fleet: Arc::clone(&fleet),
        upload_links: None,
        directory: Some(args.data.clone()),
    };
    let server = Server::open(front, &args.serve, &args.work, &ports())?;
    place.introduce(&args, server.address)?;
    let (folder, recipes, limits) = (place.folder, args.recipes.recipes, args.work.limits());
    let intake = Intake::new(folder, pipeline.clone(), recipes, limits, args.stable).await?;
    let patience = args.work.drain_timeout + DRAIN_MARGIN;
    Parts { pipeline, fleet, policy, patience, stage }.run(intake, server).await;
    Ok(ExitCode::SUCCESS)
}

/// Where the API may listen, in this order: at the port that the documents name, at one near it, so
/// that it is the same the next time, or at any.
fn ports() -> Vec<SocketAddr> {
    let near = (DEFAULT.port()..).take(PORTS).chain([0]);
    near.map(|port| SocketAddr::new(DEFAULT.ip(), port)).collect()
}

/// What the parts have in common.
struct Parts {
    pipeline: Pipeline,
    fleet: Arc<dyn Fleet>,
    policy: Policy,
    /// How long the workers may take to go.
    patience: Duration,
    stage: watch::Receiver<Stage>,
}

impl Parts {
    /// Runs them until the first signal, and then to their end.
    async fn run(self, intake: Intake, server: Server) {
        let Self { pipeline, fleet, policy, patience, stage } = self;
        let (stop, stopped) = watch::channel(false);
        let (over, is_over) = watch::channel(false);
        let intake = intake.run(stopped.clone(), is_over);
        let served = async {
            if let Err(error) = server.run(stage.clone()).await {
                eprintln!("pixmill: nobody is served over HTTP any more: {error:#}");
            }
        };
        let controller =
            Controller { pipeline, fleet: Arc::clone(&fleet), policy, name: NAME.to_owned() };
        let mut told = Told::default();
        let first = FirstMessage::default();
        let sized = async {
            let controlled = controller.run_woken(stopped, &first.wake, |event| {
                told.tell(event);
                first.is_deserted.store(event.is_deserted(), Ordering::Relaxed);
            });
            tokio::select! {
                () = controlled => {}
                () = first.watch(&*controller.pipeline.jobs) => {}
            }
            send_home(&*fleet, patience, stage.clone()).await;
            over.send_replace(true);
        };
        let signalled = async {
            // Whoever sends signals lives as long as we do.
            drop(stage.clone().wait_for(|stage| *stage > Stage::Running).await);
            say("stop    what is in work is finished; once more to end at once");
            stop.send_replace(true);
        };
        tokio::join!(intake, served, sized, signalled);
        say("stopped");
    }
}

/// The first message that comes when nobody is there to work on it: it need not wait until the controller
/// looks again. Here it costs nothing to ask the queue more often.
#[derive(Debug, Default)]
struct FirstMessage {
    /// Whether the fleet had no workers when the controller looked last.
    is_deserted: AtomicBool,
    wake: Notify,
}

impl FirstMessage {
    /// Wakes the controller once whenever an empty fleet's queue is empty no more. Never returns.
    async fn watch(&self, jobs: &dyn Queue) {
        let mut was_seen = false;
        loop {
            tokio::time::sleep(PEEK).await;
            let is_there = self.is_deserted.load(Ordering::Relaxed)
                && jobs.depth().await.is_ok_and(|depth| depth.visible > 0);
            if is_there && !was_seen {
                self.wake.notify_one();
            }
            was_seen = is_there;
        }
    }
}

/// Has all workers of the fleet drain, and ends those that take too long, or all of them at the
/// second signal: what they hold is given back.
async fn send_home(fleet: &dyn Fleet, patience: Duration, mut stage: watch::Receiver<Stage>) {
    let until = Instant::now() + patience;
    let mut told = HashSet::new();
    loop {
        let is_urgent = *stage.borrow() == Stage::Aborting || Instant::now() >= until;
        match fleet.observe().await {
            Ok(instances) => {
                let living: Vec<_> = instances.into_iter().filter(lives).collect();
                if living.is_empty() {
                    return;
                }
                for instance in living {
                    send_one_home(fleet, instance, &mut told, is_urgent).await;
                }
            }
            Err(error) => {
                tracing::warn!(reason = error.chain(), "failed to look for the workers");
            }
        }
        if Instant::now() >= until + DRAIN_MARGIN {
            say("some workers do not end; they are left to the next `pixmill up`");
            return;
        }
        let urged = async {
            // Once that has come there is nothing more to wait for.
            if is_urgent || stage.wait_for(|stage| *stage == Stage::Aborting).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = urged => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Has a worker drain, once, or ends it.
async fn send_one_home(
    fleet: &dyn Fleet,
    instance: Instance,
    told: &mut HashSet<InstanceId>,
    is_urgent: bool,
) {
    let id = instance.id;
    let answer = if is_urgent {
        fleet.terminate(&id).await
    } else if told.contains(&id) {
        return;
    } else {
        fleet.drain(&id).await
    };
    match answer {
        Ok(()) => drop(told.insert(id)),
        Err(error) => {
            tracing::warn!(%id, reason = error.chain(), "failed to send a worker home");
        }
    }
}

fn lives(instance: &Instance) -> bool {
    match instance.lifecycle {
        Lifecycle::Pending | Lifecycle::Running | Lifecycle::Stopping => true,
        Lifecycle::Ended => false,
    }
}
