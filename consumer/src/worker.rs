//! What all jobs of a worker share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pixmill_contract::Pipeline;
use tokio::sync::{Semaphore, watch};

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
    pub(crate) stage: watch::Sender<Stage>,
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
            stage: watch::Sender::new(Stage::Running),
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
        self.stage.send_if_modified(|stage| {
            let raised = wanted > *stage;
            *stage = wanted.max(*stage);
            raised
        });
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
        let mut stage = self.stage.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        drop(stage.wait_for(|stage| *stage >= wanted).await);
    }
}
