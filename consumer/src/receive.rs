//! The loop that receives: only when there is room, only while the world lets us work, and never
//! a delivery beside one that may have killed its worker.

use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::port::{Delivery, Receive};
use pixmill_contract::trace;
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
use crate::{Config, Exit, Stage};

/// How long everything may take once it has to end: the releases, and a receive that is under way.
const ABORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages that one receive should bring: queues that charge by the request bring ten at most.
const BATCH: usize = 10;

/// As often as any adapter asks a queue again within one receive, and once more.
const REPETITIONS: u32 = 5;

pub(crate) async fn run(worker: Arc<Worker>, wanted: watch::Receiver<Stage>) -> Exit {
    let follow = tokio::spawn(follow(Arc::clone(&worker), wanted));
    let mut receiver = Receiver::new(Arc::clone(&worker));
    let whole = async {
        receiver.receive_until_draining().await;
        while receiver.jobs.join_next().await.is_some() {}
    };
    tokio::select! {
        biased;
        () = whole => {}
        () = time_is_up(&worker) => tracing::warn!("ending without having released everything"),
    }
    follow.abort();
    if worker.is_stuck() { Exit::Stuck } else { Exit::Drained }
}

/// Turns a drain that takes too long into an abort, and returns when that has taken too long as
/// well. It counts from when the drain was asked for: what is held goes on while a last receive is
/// waited for, and an abort does not wait for that receive to the end. What such a receive still
/// brings comes back when its visibility runs out.
async fn time_is_up(worker: &Worker) {
    let drain = async {
        worker.reached(Stage::Draining).await;
        tokio::time::sleep(worker.config.drain_timeout).await;
    };
    tokio::select! {
        biased;
        () = drain => worker.raise(Stage::Aborting),
        () = worker.reached(Stage::Aborting) => {}
    }
    tokio::time::sleep(ABORT_TIMEOUT).await;
}

/// Hands on what is wanted of the worker, or that it has to end by itself.
async fn follow(worker: Arc<Worker>, mut wanted: watch::Receiver<Stage>) {
    loop {
        let stage = *wanted.borrow_and_update();
        worker.raise(stage);
        tokio::select! {
            biased;
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
                let batch = room.acquire_many_owned(worth_a_receive(&worker.config)).await;
                // Last, because a storm may have begun while there was no room.
                worker.weather.clear(0).await;
                batch.expect("the semaphore is never closed")
            };
            let room = tokio::select! {
                biased;
                () = worker.reached(Stage::Draining) => return,
                room = ready => room,
            };
            self.receive(room).await;
            while self.jobs.try_join_next().is_some() {}
        }
    }

    /// Receives as much as there is room for. Never dropped while it waits, unless everything has
    /// to end: a message that is on its way would be hidden and held by nobody.
    async fn receive(&mut self, mut room: OwnedSemaphorePermit) {
        // Nobody else takes room, so what is seen free is free.
        let more = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.room).try_acquire_many_owned(more) {
            room.merge(more);
        }
        let Some(leases) = self.receive_leases(room.num_permits()).await else { return };
        let leases = self.renew_spent(leases);
        if self.worker.stage() >= Stage::Draining {
            return self.worker.leases.release(leases).await;
        }
        let (suspects, others): (Vec<_>, Vec<_>) =
            leases.into_iter().partition(|lease| is_suspect(lease.delivery()));
        for lease in others {
            self.spawn(lease, room.split(1));
        }
        drop(room);
        self.work_alone(suspects).await;
    }

    fn spawn(&mut self, lease: Lease, room: Option<OwnedSemaphorePermit>) {
        let worker = Arc::clone(&self.worker);
        self.jobs.spawn(async move { work(&worker, lease, room).await });
    }

    /// Has messages that have spent their receives sent anew at once, whatever becomes of the
    /// others: each release costs a receive, and the queue must never take a job. They need no
    /// room, as no picture is touched.
    fn renew_spent(&mut self, leases: Vec<Lease>) -> Vec<Lease> {
        let worker = Arc::clone(&self.worker);
        let is_spent = |lease: &Lease| worker.config.is_spent(lease.delivery().receive_count);
        let (spent, fresh): (Vec<_>, Vec<_>) = leases.into_iter().partition(is_spent);
        for lease in spent {
            self.spawn(lease, None);
        }
        fresh
    }

    /// Receives, however often that fails; nothing once the worker drains.
    async fn receive_leases(&self, max: usize) -> Option<Vec<Lease>> {
        let Worker { config, weather, pipeline, leases, vitals, .. } = &*self.worker;
        let request = Receive { max, wait: config.poll, visibility: config.visibility };
        let mut waiting = None;
        for attempt in 0.. {
            let asked_at = Instant::now();
            // Each repetition of an adapter's may wait as long as the first.
            vitals.receiver.promise(config.longest_call + config.poll * REPETITIONS);
            let answer = pipeline.jobs.receive(request).await;
            vitals.receiver.rest();
            let error = match answer {
                Ok(deliveries) => {
                    vitals.received(&deliveries, leases.count());
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

    /// Works on suspects one after the other, each once everything else is finished: what came with
    /// it spends no receive by going back, and does not become a suspect by that.
    async fn work_alone(&mut self, suspects: Vec<Lease>) {
        let mut suspects = suspects.into_iter();
        while let Some(suspect) = suspects.next() {
            let all = tokio::select! {
                biased;
                () = self.worker.reached(Stage::Draining) => {
                    let left = std::iter::once(suspect).chain(suspects).collect();
                    return self.worker.leases.release(left).await;
                }
                all = Arc::clone(&self.room).acquire_many_owned(self.size) => all,
            };
            // With all the room taken nothing is received meanwhile.
            self.spawn(suspect, Some(all.expect("the semaphore is never closed")));
        }
    }
}

/// How much room makes a receive worth its request: half of what is prefetched, or a full batch.
///
/// No thread is without work for that. While we wait, the slots and the other half of what is
/// prefetched are held, and that half is what the threads live on until the next messages and
/// their sources are here. Of a prefetch of up to three the half is one: nothing waits.
fn worth_a_receive(config: &Config) -> u32 {
    let messages = (config.prefetch / 2).clamp(1, BATCH);
    u32::try_from(messages).expect("a batch is small")
}

/// Whether a delivery may have killed the workers that had it before.
fn is_suspect(delivery: &Delivery) -> bool {
    delivery.receive_count > OPTIMISTIC_RECEIVES
}

/// One delivery, from lease to settlement. Its room is free when its work is over: a reply and a
/// delete hold up nothing, however long they wait for others to share a request.
async fn work(worker: &Worker, lease: Lease, room: Option<OwnedSemaphorePermit>) {
    let span = span(lease.delivery());
    let whole = async {
        let fate = tokio::select! {
            biased;
            () = lease.lost() => Fate::LeaseLost,
            () = worker.reached(Stage::Aborting) => Fate::Interrupted,
            fate = process(worker, &lease) => fate,
        };
        let settled = async {
            let _settling = worker.settling.acquire().await;
            drop(room);
            settle(worker, lease, fate).await;
        };
        tokio::pin!(settled);
        tokio::select! {
            biased;
            () = &mut settled => {}
            // Settling may wait for the world, but not for ever once everything has to end.
            () = worker.reached(Stage::Aborting) => {
                drop(tokio::time::timeout(ABORT_TIMEOUT / 2, settled).await);
            }
        }
    };
    whole.instrument(span).await;
}

/// What is done about a delivery. Of an error's level, so that whatever is logged meanwhile says whose
/// job it is about, however little is logged.
fn span(delivery: &Delivery) -> tracing::Span {
    let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(|v| v.as_str()).unwrap_or("?").to_owned();
    let (batch, id) = (member("batch"), member("id"));
    let span = tracing::error_span!("job", batch, id, receive = delivery.receive_count);
    if let Some(parent) = body.get("traceparent").and_then(|parent| parent.as_str()) {
        trace::follow(&span, parent);
    }
    span
}
