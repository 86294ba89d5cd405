//! The threads that touch pixels. Nothing asynchronous runs on them, and no pixel is touched
//! anywhere else, so neither can starve the other. In a simulation there are no threads: an order
//! takes the time that the simulation says, and is done in place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[cfg(feature = "simulation")]
use pixmill_contract::testing::Simulation;
use pixmill_contract::{Limits, Recipe, Rejection, id};
use pixmill_ops::{Ground, Mill, Overlays, Picture};
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::vitals::Slot;

/// How long the job of a stuck picture has to say so, before its thread is reported lost.
const MOMENT: Duration = Duration::from_secs(1);

/// What became of a picture.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The outputs, with the SHA-256 of each.
    Ground(Vec<(Picture, String)>),
    /// A fact about the picture stands against it.
    Rejected(Rejection),
    /// Our own code panicked; the message.
    Panicked(String),
    /// It takes longer than it may; its thread is lost.
    Stuck,
}

/// A thread and the memory for one picture. They are taken until the thread is done with it, also
/// if its job has lost its lease by then and nobody waits any more.
#[derive(Debug)]
pub(crate) struct Room {
    /// For the report. Let go of first, so that no more slots are ever counted than there are.
    _slot: Slot,
    _memory: OwnedSemaphorePermit,
    _thread: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(
        memory: OwnedSemaphorePermit,
        thread: OwnedSemaphorePermit,
        slot: Slot,
    ) -> Self {
        Self { _slot: slot, _memory: memory, _thread: thread }
    }
}

struct Order {
    source: Vec<u8>,
    recipe: Recipe,
    overlays: Overlays,
    answer: oneshot::Sender<Ending>,
    room: Room,
}

/// A fixed number of threads, each with its own codecs and buffers.
#[derive(Debug)]
pub(crate) struct Engine {
    orders: mpsc::Sender<Order>,
    #[cfg(feature = "simulation")]
    limits: Limits,
    /// Whether a thread is lost to a picture.
    lost: watch::Sender<bool>,
}

impl Engine {
    pub(crate) fn start(slots: usize, limits: &Limits) -> std::io::Result<Self> {
        let (orders, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for slot in 0..slots {
            let (queue, limits) = (Arc::clone(&queue), limits.clone());
            let thread = std::thread::Builder::new().name(format!("grind-{slot}"));
            thread.spawn(move || work(&queue, &limits))?;
        }
        Ok(Self {
            orders,
            #[cfg(feature = "simulation")]
            limits: limits.clone(),
            lost: watch::Sender::new(false),
        })
    }

    /// Returns once a thread is lost to a picture, whether its job still knows or not.
    pub(crate) async fn thread_lost(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        drop(self.lost.subscribe().wait_for(|lost| *lost).await);
    }

    /// Has one picture ground. Whoever calls this has room for it, so a thread is free.
    pub(crate) async fn grind(
        &self,
        source: Vec<u8>,
        recipe: Recipe,
        overlays: Overlays,
        deadline: Duration,
        room: Room,
    ) -> Ending {
        let (answer, ending) = oneshot::channel();
        if !self.order(Order { source, recipe, overlays, answer, room }) {
            return Ending::Stuck;
        }
        let (tell, told) = oneshot::channel();
        let lost = self.lost.clone();
        // A task of its own, because the deadline holds also if whoever waits here goes away.
        tokio::spawn(async move {
            let Ok(Ok(ending)) = tokio::time::timeout(deadline, ending).await else {
                drop(tell.send(Ending::Stuck));
                tokio::time::sleep(MOMENT).await;
                lost.send_replace(true);
                return;
            };
            drop(tell.send(ending));
        });
        told.await.unwrap_or(Ending::Stuck)
    }

    /// Hands an order to the threads; whether there still are any.
    fn order(&self, order: Order) -> bool {
        #[cfg(feature = "simulation")]
        if let Some(takes) = Simulation::takes(&order.source) {
            let limits = self.limits.clone();
            tokio::spawn(async move {
                tokio::time::sleep(takes).await;
                serve(&mut Mill::new(limits.clone()), &limits, order);
            });
            return true;
        }
        self.orders.send(order).is_ok()
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Order>>, limits: &Limits) {
    let mut mill = Mill::new(limits.clone());
    loop {
        // The lock is held while waiting: one thread waits for an order, the others for the lock.
        let order = queue.lock().expect("no code panics with this lock").recv();
        let Ok(order) = order else { return };
        serve(&mut mill, limits, order);
    }
}

fn serve(mill: &mut Mill, limits: &Limits, order: Order) {
    let Order { source, recipe, overlays, answer, room } = order;
    let ground = catch_unwind(AssertUnwindSafe(|| mill.grind(&source, &recipe, &overlays)));
    let ending = match ground {
        Ok(Ok(Ground { pictures, .. })) => Ending::Ground(with_hashes(pictures)),
        Ok(Err(rejection)) => Ending::Rejected(rejection),
        Err(panic) => {
            *mill = Mill::new(limits.clone());
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Ending::Panicked(text.unwrap_or("panicked").to_owned())
        }
    };
    // Nobody waits any more if the worker is being stopped.
    drop(answer.send(ending));
    drop(room);
}

fn with_hashes(pictures: Vec<Picture>) -> Vec<(Picture, String)> {
    let hash = |picture: Picture| {
        let sha256 = id::hex(&Sha256::digest(&picture.bytes));
        (picture, sha256)
    };
    pictures.into_iter().map(hash).collect()
}
