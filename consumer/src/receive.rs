//! The loop that receives: only when there is room, only while the world lets us work, and never
//! a delivery beside one that may have killed its worker.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::port::{Delivery, Receive};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::fate::Fate;
use crate::lease::Lease;
use crate::notes::OPTIMISTIC_RECEIVES;
use crate::process::process;
use crate::settle::settle;
use crate::worker::Worker;
use crate::{Exit, Stage};

/// How long a release may take once everything has to end.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn run(worker: Arc<Worker>, wanted: watch::Receiver<Stage>) -> Exit {
    let follow = tokio::spawn(follow(Arc::clone(&worker), wanted));
    let mut receiver = Receiver::new(Arc::clone(&worker));
    receiver.receive_until_draining().await;
    let exit = receiver.drain().await;
    follow.abort();
    exit
}

/// Hands on what is wanted of the worker, or that it has to end by itself.
async fn follow(worker: Arc<Worker>, mut wanted: watch::Receiver<Stage>) {
    loop {
        let stage = *wanted.borrow_and_update();
        worker.raise(stage);
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() {
                // Whoever could stop us is gone.
                worker.raise(Stage::Draining);
                return;
            },
            () = worker.engine.thread_lost() => {
                worker.get_stuck();
                return;
            }
        }
    }
}

struct Receiver {
    worker: Arc<Worker>,
    /// Room for deliveries: the slots and what is prefetched.
    room: Arc<Semaphore>,
    size: u32,
    jobs: JoinSet<()>,
}

impl Receiver {
    fn new(worker: Arc<Worker>) -> Self {
        let size = worker.config.slots + worker.config.prefetch;
        let size_permits = u32::try_from(size).unwrap_or(u32::MAX);
        Self {
            worker,
            room: Arc::new(Semaphore::new(size)),
            size: size_permits,
            jobs: JoinSet::new(),
        }
    }

    async fn receive_until_draining(&mut self) {
        let worker = Arc::clone(&self.worker);
        loop {
            let room = Arc::clone(&self.room);
            let ready = async {
                let permit = room.acquire_owned().await.expect("the semaphore is never closed");
                // Last, because a storm may have begun while there was no room.
                worker.weather.clear(0).await;
                permit
            };
            let permit = tokio::select! {
                biased;
                () = worker.reached(Stage::Draining) => return,
                permit = ready => permit,
            };
            self.receive(permit).await;
            while self.jobs.try_join_next().is_some() {}
        }
    }

    /// Receives as much as there is room for. Never dropped while it waits: a message that is on
    /// its way would be hidden and held by nobody.
    async fn receive(&mut self, first: OwnedSemaphorePermit) {
        let mut permits = vec![first];
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            permits.push(permit);
        }
        let Some(leases) = self.receive_leases(permits.len()).await else { return };
        let leases = self.renew_spent(leases).await;
        if *self.worker.stage.borrow() >= Stage::Draining {
            return release_all(leases).await;
        }
        if leases.iter().any(|lease| is_suspect(lease.delivery())) {
            drop(permits);
            return self.work_alone(leases).await;
        }
        for (lease, permit) in leases.into_iter().zip(permits) {
            let worker = Arc::clone(&self.worker);
            self.jobs.spawn(async move {
                work(&worker, lease).await;
                drop(permit);
            });
        }
    }

    /// Has messages that have spent their receives sent anew at once, whatever becomes of the
    /// others: each release costs a receive, and the queue must never take a job.
    async fn renew_spent(&self, leases: Vec<Lease>) -> Vec<Lease> {
        let config = &self.worker.config;
        let is_spent = |lease: &Lease| config.is_spent(lease.delivery().receive_count);
        let (spent, fresh): (Vec<_>, Vec<_>) = leases.into_iter().partition(is_spent);
        for lease in spent {
            work(&self.worker, lease).await;
        }
        fresh
    }

    /// Receives, however often that fails; nothing once the worker drains.
    async fn receive_leases(&self, max: usize) -> Option<Vec<Lease>> {
        let Worker { config, weather, pipeline, leases, .. } = &*self.worker;
        let request = Receive { max, wait: config.poll, visibility: config.visibility };
        let mut waiting = None;
        for attempt in 0.. {
            let asked_at = Instant::now();
            let error = match pipeline.jobs.receive(request).await {
                Ok(deliveries) => {
                    return Some(
                        deliveries.into_iter().map(|d| leases.take(d, asked_at)).collect(),
                    );
                }
                Err(error) => error,
            };
            waiting.get_or_insert_with(|| weather.waiting());
            let next = async {
                weather.gust(&error, attempt).await;
                weather.clear(1).await;
            };
            tokio::select! {
                biased;
                () = self.worker.reached(Stage::Draining) => return None,
                () = next => {}
            }
        }
        None
    }

    /// Works on the first suspect once everything else is finished; what came with it goes back.
    async fn work_alone(&mut self, leases: Vec<Lease>) {
        let (mut suspects, mut rest): (Vec<_>, Vec<_>) =
            leases.into_iter().partition(|lease| is_suspect(lease.delivery()));
        let suspect = suspects.remove(0);
        rest.extend(suspects);
        release_all(rest).await;
        let all = tokio::select! {
            biased;
            () = self.worker.reached(Stage::Draining) => return release_all(vec![suspect]).await,
            all = Arc::clone(&self.room).acquire_many_owned(self.size) => all,
        };
        let all = all.expect("the semaphore is never closed");
        let worker = Arc::clone(&self.worker);
        // With all the room taken nothing is received meanwhile.
        self.jobs.spawn(async move {
            work(&worker, suspect).await;
            drop(all);
        });
    }

    /// Finishes or releases what is held; after the drain timeout, or when told to abort, releases
    /// everything.
    async fn drain(mut self) -> Exit {
        let finished = async { while self.jobs.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => {}
            () = tokio::time::sleep(self.worker.config.drain_timeout) => {}
            () = self.worker.reached(Stage::Aborting) => {}
        }
        self.worker.raise(Stage::Aborting);
        let released = async { while self.jobs.join_next().await.is_some() {} };
        if tokio::time::timeout(ABORT_TIMEOUT, released).await.is_err() {
            tracing::warn!("ending without having released everything");
        }
        if self.worker.is_stuck() { Exit::Stuck } else { Exit::Drained }
    }
}

/// Whether a delivery may have killed the workers that had it before.
fn is_suspect(delivery: &Delivery) -> bool {
    delivery.receive_count > OPTIMISTIC_RECEIVES
}

/// One delivery, from lease to settlement.
async fn work(worker: &Worker, lease: Lease) {
    let span = span(lease.delivery());
    let whole = async {
        let fate = tokio::select! {
            biased;
            () = lease.lost() => Fate::LeaseLost,
            () = worker.reached(Stage::Aborting) => Fate::Interrupted,
            fate = process(worker, &lease) => fate,
        };
        let settled = settle(worker, lease, fate);
        tokio::pin!(settled);
        tokio::select! {
            () = &mut settled => {}
            // Settling may wait for the world, but not for ever once everything has to end.
            () = worker.reached(Stage::Aborting) => {
                drop(tokio::time::timeout(ABORT_TIMEOUT / 2, settled).await);
            }
        }
    };
    whole.instrument(span).await;
}

fn span(delivery: &Delivery) -> tracing::Span {
    let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(|v| v.as_str()).unwrap_or("?").to_owned();
    let (batch, id) = (member("batch"), member("id"));
    tracing::info_span!("job", batch, id, receive = delivery.receive_count)
}

async fn release_all(leases: Vec<Lease>) {
    for lease in leases {
        if let Err(error) = lease.release(Duration::ZERO).await {
            tracing::warn!(reason = error.chain(), "failed to release a message");
        }
    }
}
