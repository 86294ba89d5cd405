//! Manifests: jobs that are known while they wait although their pictures are not where those of their
//! batch are, and although they repeat others. One is written before its jobs are sent.

use std::collections::BTreeSet;

use pixmill_contract::document::{Manifest, Member};
use pixmill_contract::key::{INPUTS, MANIFESTS};
use pixmill_contract::port::{Condition, Payload, Put};
use pixmill_contract::{BatchId, Error, Job, Key, Pipeline};

use crate::documents::read;
use crate::patience::patiently;
use crate::submit::send_all;

/// Writes down which of these jobs of a batch nothing else tells of.
pub(crate) async fn announce(
    pipeline: &Pipeline,
    batch: &BatchId,
    jobs: &[Job],
) -> Result<(), Error> {
    let own = format!("{INPUTS}{batch}/");
    let is_told = |job: &&Job| job.retry_of.is_none() && job.source.key.as_str().starts_with(&own);
    let untold: Vec<_> = jobs.iter().filter(|job| !is_told(job)).collect();
    if untold.is_empty() {
        return Ok(());
    }
    let manifest = Manifest::new(batch.clone(), untold);
    let put = Put {
        key: manifest.key(),
        payload: Payload::Bytes(serde_json::to_vec(&manifest).expect("a manifest is JSON")),
        media_type: "application/json",
        condition: Condition::Always,
        owner: None,
    };
    patiently(|| pipeline.store.put(put.clone())).await.map(drop)
}

/// Sends retries of jobs of one batch, which are known from then on.
pub async fn send_retries(pipeline: &Pipeline, batch: &BatchId, jobs: &[Job]) -> Result<(), Error> {
    announce(pipeline, batch, jobs).await?;
    send_all(pipeline, jobs).await
}

/// The jobs of a batch's manifests that are not among `known` yet, which are added to it.
pub async fn members(
    pipeline: &Pipeline,
    batch: &BatchId,
    known: &mut BTreeSet<Key>,
) -> Result<Vec<Member>, Error> {
    let prefix = format!("{MANIFESTS}{batch}/");
    let (mut members, mut after) = (vec![], None);
    loop {
        let page = pipeline.store.list(&prefix, after.as_ref()).await?;
        let Some(last) = page.last() else { return Ok(members) };
        after = Some(last.key.clone());
        for listed in page {
            if known.contains(&listed.key) {
                continue;
            }
            let Some((bytes, _)) = read(pipeline, &listed.key).await? else { continue };
            // One that cannot be read tells of nothing; its jobs are known when they end.
            if let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) {
                members.extend(manifest.jobs);
            }
            known.insert(listed.key);
        }
    }
}
