//! Many jobs by their names, in little memory: sixteen bytes each, and as much again at worst for
//! the room that a table keeps.

use std::collections::HashSet;

use pixmill_contract::key::RESULTS;
use pixmill_contract::{BatchId, Error, JobId, Pipeline, id};

use crate::patience::patiently;

/// Most ends that are remembered, which takes about 300 MB. What ended beyond that is sent again,
/// which is harmless and only costs its work.
const MAX_ENDED: usize = 10_000_000;

/// A set of jobs. It holds hashes, so it cannot say which jobs they are.
#[derive(Debug, Default)]
pub(crate) struct Ids(HashSet<u128>);

impl Ids {
    /// Adds a job; false if it was there.
    pub(crate) fn insert(&mut self, id: &JobId) -> bool {
        self.0.insert(short(id))
    }

    pub(crate) fn remove(&mut self, id: &JobId) {
        self.0.remove(&short(id));
    }

    pub(crate) fn contains(&self, id: &JobId) -> bool {
        self.0.contains(&short(id))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Half of a hash: a hundred million jobs meet in one with a chance of one to 10²².
fn short(id: &JobId) -> u128 {
    let hash = id::hash(&[id.as_str().as_bytes()]);
    u128::from_str_radix(&hash[..32], 16).expect("a hash is hexadecimal")
}

/// The jobs of a batch that have a result; an empty one counts as none.
pub(crate) async fn ended(pipeline: &Pipeline, batch: &BatchId) -> Result<Ids, Error> {
    let mut ids = Ids::default();
    let prefix = format!("{RESULTS}{batch}/");
    let mut after = None;
    loop {
        let page = patiently(|| pipeline.store.list(&prefix, after.as_ref())).await?;
        let Some(last) = page.last().filter(|_| ids.len() < MAX_ENDED) else { return Ok(ids) };
        after = Some(last.key.clone());
        for listed in page.iter().filter(|listed| listed.size > 0) {
            if let Some(Ok(id)) = listed.key.file_name().strip_suffix(".json").map(JobId::new) {
                ids.insert(&id);
            }
        }
    }
}
