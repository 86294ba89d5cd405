//! Who works on which job, by what the workers of the fleet say of themselves. A job that nobody
//! names is not known to be worked on: workers outside the fleet are not asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pixmill_contract::port::Instance;
use pixmill_contract::{BatchId, JobId, WorkerId};
use tokio::time::Instant;

use crate::state::State;

/// Who holds what.
#[derive(Debug, Default)]
pub(crate) struct Holders(HashMap<BatchId, HashMap<JobId, WorkerId>>);

impl Holders {
    /// Whether somebody works on it.
    pub(crate) fn hold(&self, batch: &BatchId, id: &JobId) -> bool {
        self.holder(batch, id).is_some()
    }

    fn holder(&self, batch: &BatchId, id: &JobId) -> Option<&WorkerId> {
        self.0.get(batch)?.get(id)
    }

    /// All of it.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&BatchId, &JobId, &WorkerId)> {
        self.0.iter().flat_map(|(batch, jobs)| jobs.iter().map(move |(id, who)| (batch, id, who)))
    }

    /// How many jobs of a batch somebody works on.
    pub(crate) fn count(&self, batch: &BatchId) -> usize {
        self.0.get(batch).map_or(0, HashMap::len)
    }
}

/// The fleet as it was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Its instances; none where there is no fleet, or where it does not answer.
    pub(crate) instances: Vec<Instance>,
    pub(crate) holders: Holders,
}

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    last: Mutex<(Arc<Seen>, Option<Instant>)>,
    /// Whoever looks. The others do not wait for a worker that does not answer.
    turn: tokio::sync::Mutex<()>,
}

impl Sight {
    /// The fleet as of a moment ago, or as it was before somebody began to look who is not back yet.
    pub(crate) async fn now(&self, state: &State) -> Arc<Seen> {
        let (seen, at) = self.last().clone();
        if at.is_some_and(|at| at.elapsed() < state.settings.look_every) {
            return seen;
        }
        let Ok(_turn) = self.turn.try_lock() else { return seen };
        let seen = Arc::new(see(state).await);
        *self.last() = (Arc::clone(&seen), Some(Instant::now()));
        seen
    }

    fn last(&self) -> MutexGuard<'_, (Arc<Seen>, Option<Instant>)> {
        self.last.lock().expect("no code panics with this lock")
    }

    /// Who works on a job, if that is known.
    pub(crate) async fn holder(
        &self,
        state: &State,
        batch: &BatchId,
        id: &JobId,
    ) -> Option<String> {
        self.now(state).await.holders.holder(batch, id).map(ToString::to_string)
    }
}

async fn see(state: &State) -> Seen {
    let Some(fleet) = &state.settings.fleet else { return Seen::default() };
    let instances = match fleet.observe().await {
        Ok(instances) => instances,
        Err(error) => {
            tracing::debug!(reason = error.chain(), "failed to look at the fleet");
            vec![]
        }
    };
    let mut holders = Holders::default();
    for report in instances.iter().filter_map(|instance| instance.report.as_ref()) {
        for held in &report.jobs {
            let of_batch = holders.0.entry(held.batch.clone()).or_default();
            of_batch.insert(held.id.clone(), report.worker.clone());
        }
    }
    Seen { instances, holders }
}
