//! Decision records: what each tick saw, decided and did, kept in the store for whoever asks why.
//!
//! They are a ring: the key of a record is its tick's number within [`KEPT`], so that nothing has to
//! be deleted and what is kept is bounded.

use std::fmt::Write as _;

use pixmill_contract::key::CONTROLLER;
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, Pipeline};
use serde::{Deserialize, Serialize};

use crate::lease;
use crate::plan::{Action, Record};

/// So many records are kept.
const KEPT: u64 = 512;

/// One tick of a controller: what it saw and decided, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What it saw and decided, and why.
    #[serde(flatten)]
    pub record: Record,
    /// The controller.
    pub controller: String,
    /// Whether nothing was to be carried out.
    pub rehearsed: bool,
    /// What could not be observed, and why.
    pub troubles: Vec<String>,
    /// What could not be carried out, and why. It is decided anew with the next tick.
    pub failures: Vec<Failure>,
}

/// An action that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The action.
    pub of: Action,
    /// Why it failed.
    pub error: String,
}

fn key(tick: u64) -> Key {
    Key::new(format!("{CONTROLLER}decisions/{:03}.json", tick % KEPT)).expect("a good key")
}

impl Decision {
    /// Itself in a few lines for people.
    pub fn explain(&self) -> String {
        let mut text = self.record.explain();
        for trouble in &self.troubles {
            write!(text, "\n          {trouble}").expect("writing to a string cannot fail");
        }
        for Failure { of, error } in &self.failures {
            let what = of.words();
            write!(text, "\n          failed to {what}: {error}")
                .expect("writing to a string cannot fail");
        }
        text
    }

    /// Keeps it, in place of the one `KEPT` ticks ago.
    pub(crate) async fn keep(&self, pipeline: &Pipeline) -> Result<(), Error> {
        let put = Put {
            key: key(self.record.tick),
            payload: Payload::Bytes(serde_json::to_vec(self).expect("a decision is JSON")),
            media_type: "application/json",
            condition: Condition::Always,
            owner: None,
        };
        pipeline.store.put(put).await.map(drop)
    }
}

/// The last decisions, the latest first; none where no controller has ever run.
pub async fn last_decisions(pipeline: &Pipeline, count: usize) -> Result<Vec<Decision>, Error> {
    let Some(last) = last_tick(pipeline).await? else { return Ok(vec![]) };
    decisions_between(pipeline, last.saturating_sub(KEPT), last, count).await
}

/// The number of the last tick; none where no controller has ever run. Its decision may be yet to be
/// kept.
pub async fn last_tick(pipeline: &Pipeline) -> Result<Option<u64>, Error> {
    Ok(lease::read(pipeline).await?.map(|(state, _)| state.memory.ticks))
}

/// The decisions of the ticks after one and up to another, as far as they are kept, the latest first;
/// so many at most.
pub async fn decisions_between(
    pipeline: &Pipeline,
    after: u64,
    last: u64,
    count: usize,
) -> Result<Vec<Decision>, Error> {
    let first = after.max(last.saturating_sub(KEPT)) + 1;
    let mut decisions = vec![];
    for tick in (first..=last).rev() {
        if decisions.len() >= count {
            break;
        }
        let object = match pipeline.store.get(&key(tick), None).await {
            Ok(object) => object,
            // Its controller was killed before it came to that, or could not write.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let decision = serde_json::from_slice::<Decision>(&object.bytes().await?);
        // One of an earlier round, where this tick has none.
        decisions.extend(decision.ok().filter(|decision| decision.record.tick == tick));
    }
    Ok(decisions)
}
