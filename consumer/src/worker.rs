//! What all jobs of a worker share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use pixmill_contract::Pipeline;
use tokio::sync::{Notify, Semaphore, watch};

use crate::admission::Admission;
use crate::engine::Engine;
use crate::lease::Leases;
use crate::notes::Notes;
use crate::recipes::Recipes;
use crate::shelf::Shelf;
use crate::vitals::Vitals;
use crate::weather::{Storm, Weather};
use crate::{Config, Stage};

/// Most deliveries that are settled at once: as many as a large machine finishes in the second for
/// which a delete may wait to share its request. Each is a message and a result in memory, and a
/// lease to renew; if there are so many, the queue hardly answers, and the next ones keep their
/// room.
const MAX_SETTLING: usize = 256;

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Config,
    pub(crate) weather: Arc<Weather>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) notes: Notes,
    pub(crate) leases: Arc<Leases>,
    pub(crate) overlays: Shelf,
    pub(crate) recipes: Recipes,
    pub(crate) engine: Engine,
    /// A thread of the engine that is free.
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) admission: Admission,
    /// Taken while a delivery is settled.
    pub(crate) settling: Semaphore,
    /// What is wanted of the worker: by whoever runs it, or by itself when a picture is stuck.
    stage: Mutex<Stage>,
    /// The stage was raised. Wakes who waits in the order in which they came, as a watch does not:
    /// jobs that are broken off let go in an order that can be repeated.
    raised: Notify,
    stuck: AtomicBool,
}

impl Worker {
    pub(crate) fn start(
        pipeline: Pipeline,
        config: Config,
        storms: watch::Sender<Option<Storm>>,
    ) -> std::io::Result<Self> {
        let weather = Arc::new(Weather::new(storms));
        let vitals = Arc::new(Vitals::new(Arc::clone(&pipeline.clock)));
        let notes = Notes::new(pipeline.clone(), Arc::clone(&weather), config.worker.clone());
        Ok(Self {
            leases: Leases::start(Arc::clone(&pipeline.jobs), &config, Arc::clone(&vitals)),
            overlays: Shelf::default(),
            recipes: Recipes::default(),
            engine: Engine::start(config.slots, &config.limits)?,
            slots: Arc::new(Semaphore::new(config.slots)),
            admission: Admission::new(config.memory_bytes),
            settling: Semaphore::new(MAX_SETTLING),
            stage: Mutex::new(Stage::Running),
            raised: Notify::new(),
            stuck: AtomicBool::new(false),
            weather,
            vitals,
            notes,
            pipeline,
            config,
        })
    }

    /// Asks for a stage; an earlier one never takes a later one back.
    pub(crate) fn raise(&self, wanted: Stage) {
        let mut stage = self.lock();
        if wanted > *stage {
            *stage = wanted;
            drop(stage);
            self.raised.notify_waiters();
        }
    }

    /// What is wanted of it now.
    pub(crate) fn stage(&self) -> Stage {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().expect("no code panics with this lock")
    }

    /// Ends the worker because one of its threads is lost to a picture.
    pub(crate) fn get_stuck(&self) {
        self.stuck.store(true, Ordering::Relaxed);
        self.raise(Stage::Aborting);
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Returns once that stage is reached.
    pub(crate) async fn reached(&self, wanted: Stage) {
        loop {
            // Made before the look, so that nothing that is raised after it is missed.
            let raised = self.raised.notified();
            if self.stage() >= wanted {
                return;
            }
            raised.await;
        }
    }
}
