//! Leases: a delivery plus what keeps it hidden.
//!
//! One keeper task renews all leases of a worker, so that ten renewals are one request. It runs on
//! the async runtime, where no pixel is ever touched; prefetched deliveries are renewed like those
//! in work. A lease ends by `complete`, by `release`, by `abandon`, or by being lost: then the
//! message belongs to somebody else, and whoever holds the lease touches nothing any more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use pixmill_contract::port::{Delivery, Queue, Receipt};
use pixmill_contract::{Error, ErrorKind};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Config;
use crate::vitals::Vitals;

/// All leases of a worker.
#[derive(Debug)]
pub(crate) struct Leases {
    queue: Arc<dyn Queue>,
    visibility: Duration,
    vitals: Arc<Vitals>,
    /// In an order, so that the same leases make the same requests.
    held: Mutex<BTreeMap<Receipt, Held>>,
}

#[derive(Debug)]
struct Held {
    /// Until when the delivery is hidden for certain.
    hidden_until: Instant,
    lost: watch::Sender<bool>,
}

/// A delivery that stays hidden for as long as this is held.
#[derive(Debug)]
pub(crate) struct Lease {
    delivery: Delivery,
    lost: watch::Receiver<bool>,
    leases: Arc<Leases>,
}

impl Leases {
    /// Starts the keeper; it ends with the last reference to what this returns.
    pub(crate) fn start(queue: Arc<dyn Queue>, config: &Config, vitals: Arc<Vitals>) -> Arc<Self> {
        let (visibility, longest_call) = (config.visibility, config.longest_call);
        let leases = Arc::new(Self { queue, visibility, vitals, held: Mutex::default() });
        tokio::spawn(keep(Arc::downgrade(&leases), visibility / 6, longest_call));
        leases
    }

    /// Takes a delivery that was asked for at `asked_at`: its visibility counts from then.
    pub(crate) fn take(self: &Arc<Self>, delivery: Delivery, asked_at: Instant) -> Lease {
        let (sender, lost) = watch::channel(false);
        let held = Held { hidden_until: asked_at + self.visibility, lost: sender };
        self.lock().insert(delivery.receipt.clone(), held);
        Lease { delivery, lost, leases: Arc::clone(self) }
    }

    /// How many are held.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Gives messages back, to be received again at once: one request for all of them.
    pub(crate) async fn release(&self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let entry = |lease: &Lease| {
            lease.forget();
            (lease.delivery.receipt.clone(), Duration::ZERO)
        };
        let answers = self.queue.change_visibility(leases.iter().map(entry).collect()).await;
        for error in answers.into_iter().filter_map(Result::err) {
            tracing::warn!(reason = error.chain(), "failed to release a message");
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Receipt, Held>> {
        self.held.lock().expect("no code panics with this lock")
    }

    /// Renews what has used up a third of its visibility.
    async fn renew_due(&self) {
        let due_by = Instant::now() + self.visibility * 2 / 3;
        let due: Vec<_> = {
            let held = self.lock();
            let due = held.iter().filter(|(_, lease)| lease.hidden_until < due_by);
            due.map(|(receipt, _)| receipt.clone()).collect()
        };
        if !due.is_empty() {
            self.renew(due).await;
        }
    }

    async fn renew(&self, receipts: Vec<Receipt>) {
        let asked_at = Instant::now();
        let entries = receipts.iter().map(|r| (r.clone(), self.visibility)).collect();
        let answers = self.queue.change_visibility(entries).await;
        let mut held = self.lock();
        for (receipt, answer) in receipts.iter().zip(answers) {
            let Some(lease) = held.get_mut(receipt) else { continue };
            match answer {
                Ok(()) => lease.hidden_until = asked_at + self.visibility,
                Err(error) if error.kind() == ErrorKind::LeaseLost => {
                    lease.lost.send_replace(true);
                }
                // It is asked again in a moment; until its visibility runs out nothing is lost.
                Err(error) => tracing::warn!(reason = error.chain(), "failed to renew a lease"),
            }
        }
    }
}

async fn keep(leases: Weak<Leases>, every: Duration, longest_call: Duration) {
    loop {
        {
            let Some(leases) = leases.upgrade() else { return };
            leases.vitals.keeper.promise(every + longest_call);
        }
        tokio::time::sleep(every).await;
        let Some(leases) = leases.upgrade() else { return };
        leases.renew_due().await;
    }
}

impl Lease {
    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Returns when the lease is known to be lost; never, if it is not.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // Ended by other means, so it cannot be lost any more.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the message is still ours. Asks the queue if the visibility may have run out, as
    /// after a process was stopped and continued.
    pub(crate) async fn confirm(&self) -> bool {
        let receipt = &self.delivery.receipt;
        let hidden_until = self.leases.lock().get(receipt).map(|held| held.hidden_until);
        let Some(hidden_until) = hidden_until else { return false };
        let margin = self.leases.visibility / 6;
        if Instant::now() + margin >= hidden_until {
            self.leases.renew(vec![receipt.clone()]).await;
        }
        let now = Instant::now();
        let held = self.leases.lock();
        !*self.lost.borrow() && held.get(receipt).is_some_and(|held| now < held.hidden_until)
    }

    /// Deletes the message: its job has ended. It is kept until that is done, because a delete may
    /// wait for others to share its request.
    pub(crate) async fn complete(self) -> Result<(), Error> {
        one(self.leases.queue.delete(vec![self.delivery.receipt.clone()]).await)
    }

    /// Gives the message back, to be received again after `delay`.
    pub(crate) async fn release(self, delay: Duration) -> Result<(), Error> {
        self.forget();
        let entry = (self.delivery.receipt.clone(), delay);
        one(self.leases.queue.change_visibility(vec![entry]).await)
    }

    /// Lets the message come back when its visibility runs out.
    pub(crate) fn abandon(self) {
        self.forget();
    }

    fn forget(&self) {
        self.leases.lock().remove(&self.delivery.receipt);
    }
}

/// A lease that is dropped, as with a cancelled task, is not renewed any more.
impl Drop for Lease {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The answer to a batch of one.
fn one(answers: Vec<Result<(), Error>>) -> Result<(), Error> {
    answers.into_iter().next().unwrap_or(Ok(()))
}
