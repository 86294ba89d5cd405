//! Attempt notes in the store: read, and changed by compare-and-swap.

use std::sync::Arc;

use pixmill_contract::document::AttemptNote;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{BatchId, Error, ErrorKind, JobId, Key, Pipeline, Timestamp, WorkerId};

use crate::weather::Weather;

/// The first receives of a job are optimistic: nothing is written down before the work.
pub(crate) const OPTIMISTIC_RECEIVES: u32 = 2;

/// The notes of all jobs, as one worker writes them.
#[derive(Debug)]
pub(crate) struct Notes {
    pipeline: Pipeline,
    weather: Arc<Weather>,
    worker: WorkerId,
}

impl Notes {
    pub(crate) fn new(pipeline: Pipeline, weather: Arc<Weather>, worker: WorkerId) -> Self {
        Self { pipeline, weather, worker }
    }

    /// A job's note; an empty one where there is none.
    pub(crate) async fn read(&self, batch: &BatchId, id: &JobId) -> Result<AttemptNote, Error> {
        self.read_with_etag(batch, id).await.map(|(note, _)| note)
    }

    /// Changes a job's note and returns it as it is now. The change is made again if somebody
    /// else was faster.
    pub(crate) async fn change(
        &self,
        batch: &BatchId,
        id: &JobId,
        change: impl Fn(&mut AttemptNote, Timestamp, &WorkerId),
    ) -> Result<AttemptNote, Error> {
        loop {
            let (mut note, etag) = self.read_with_etag(batch, id).await?;
            change(&mut note, self.pipeline.clock.now(), &self.worker);
            let put = Put {
                key: Key::attempts(batch, id),
                payload: Payload::Bytes(note.to_bytes()),
                media_type: "application/json",
                condition: etag.map_or(Condition::IfAbsent, Condition::IfMatch),
                owner: None,
            };
            match self.weather.through(|| self.pipeline.store.put(put.clone())).await {
                Ok(_) => return Ok(note),
                Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::Changed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_with_etag(
        &self,
        batch: &BatchId,
        id: &JobId,
    ) -> Result<(AttemptNote, Option<Etag>), Error> {
        let key = Key::attempts(batch, id);
        let read = || async {
            let object = self.pipeline.store.get(&key, None).await?;
            let etag = object.meta.etag.clone();
            Ok((object.bytes().await?, etag))
        };
        match self.weather.through(read).await {
            Ok((bytes, etag)) => {
                // A note that cannot be read counts as empty: it can only cost attempts.
                let note = serde_json::from_slice(&bytes);
                let note = note.unwrap_or_else(|_| AttemptNote::new(batch.clone(), id.clone()));
                Ok((note, Some(etag)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok((AttemptNote::new(batch.clone(), id.clone()), None))
            }
            Err(error) => Err(error),
        }
    }
}
