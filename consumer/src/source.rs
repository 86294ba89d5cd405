//! Reading a job's source, as its overlays are read, and finding out whom to blame when that fails.

use pixmill_contract::document::{Job, Source};
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, ObjectStore, RejectCode, Rejection};

use crate::fate::{Fate, Stop};
use crate::weather;
use crate::worker::Worker;

/// An object that does not answer so often, while the store as such does, is one job's bad luck.
const SILENCES: u32 = 3;

/// An object that is denied so often, while the store as such takes what we write. Once is not
/// enough: the permission may have come back between that and the probe.
const DENIALS: u32 = 2;

/// The store that a job's source is in. Refuses buckets that the source may not be read from or the
/// outputs not be written to.
pub(crate) fn store_of<'w>(
    worker: &'w Worker,
    job: &Job,
) -> Result<&'w dyn ObjectStore, Rejection> {
    let pipeline = &worker.pipeline;
    if let Some(bucket) = job.output_bucket.as_ref().filter(|name| !pipeline.buckets.is_own(name)) {
        let reason = format!("outputs are not written to bucket {bucket}");
        return Err(Rejection::new(RejectCode::BadJob, reason));
    }
    let bucket = job.source.bucket.as_deref();
    pipeline.sources_in(bucket).map(|store| &**store).ok_or_else(|| {
        let bucket = bucket.unwrap_or_default();
        let reason = format!("bucket {bucket} is not one that this pipeline may read from");
        Rejection::new(RejectCode::BadJob, reason)
    })
}

/// The codes of what can be wrong with an object that a job names.
pub(crate) struct Blame {
    pub(crate) missing: RejectCode,
    pub(crate) changed: RejectCode,
    pub(crate) invalid: RejectCode,
    pub(crate) denied: RejectCode,
}

const BLAME: Blame = Blame {
    missing: RejectCode::SourceMissing,
    changed: RejectCode::SourceChanged,
    invalid: RejectCode::NotAPicture,
    denied: RejectCode::SourceDenied,
};

/// The source's bytes.
pub(crate) async fn fetch(
    worker: &Worker,
    store: &dyn ObjectStore,
    source: &Source,
) -> Result<Vec<u8>, Stop> {
    let read = || read(worker, store, &source.key, source.etag.as_ref());
    Ok(patiently(worker, &BLAME, read).await?.0)
}

/// Tries to read until there is an answer, or it is clear whom to blame. Whether the world is out is
/// asked of the pipeline's own store, also where an object of another bucket is read: what is wrong
/// with that bucket alone is its jobs' bad luck, and no others wait for it.
pub(crate) async fn patiently<T, F>(
    worker: &Worker,
    blame: &Blame,
    read: impl Fn() -> F,
) -> Result<T, Stop>
where
    F: Future<Output = Result<Result<T, Rejection>, Error>>,
{
    // Held from the first sign that the store as such is out until it answers.
    let mut storm = None;
    let (mut gusts, mut silences, mut denials) = (0, 0, 0);
    loop {
        let error = match read().await {
            Ok(answer) => return Ok(answer?),
            Err(error) => error,
        };
        let kind = error.kind();
        let rejected = |code| Err(Rejection::new(code, error.chain()).into());
        match kind {
            ErrorKind::NotFound => return rejected(blame.missing),
            ErrorKind::Changed => return rejected(blame.changed),
            ErrorKind::Invalid => return rejected(blame.invalid),
            ErrorKind::AlreadyExists | ErrorKind::LeaseLost => return Err(error.into()),
            ErrorKind::Throttled | ErrorKind::InsufficientCapacity => {
                storm.get_or_insert_with(|| worker.weather.waiting());
                worker.weather.gust(&error, gusts).await;
                gusts += 1;
            }
            ErrorKind::Unavailable | ErrorKind::Denied => {
                if let Err(outage) = probe(worker).await {
                    // The store itself does not answer: no object is to blame.
                    storm.get_or_insert_with(|| worker.weather.waiting());
                    worker.weather.gust(&outage, gusts).await;
                    (gusts, silences, denials) = (gusts + 1, 0, 0);
                    continue;
                }
                storm = None;
                if kind == ErrorKind::Denied {
                    denials += 1;
                    if denials == DENIALS {
                        return rejected(blame.denied);
                    }
                } else {
                    silences += 1;
                    if silences == SILENCES {
                        return Err(Fate::Transient(error.chain()).into());
                    }
                    weather::pause(silences).await;
                }
            }
        }
    }
}

/// One try. The size is checked before the body is read.
pub(crate) async fn read(
    worker: &Worker,
    store: &dyn ObjectStore,
    key: &Key,
    only: Option<&Etag>,
) -> Result<Result<(Vec<u8>, Etag), Rejection>, Error> {
    let limits = &worker.config.limits;
    let object = store.get(key, only).await?;
    if let Err(rejection) = limits.check_input(object.meta.size) {
        return Ok(Err(rejection));
    }
    let etag = object.meta.etag.clone();
    match tokio::time::timeout(limits.deadline, object.bytes()).await {
        Ok(bytes) => Ok(Ok((bytes?, etag))),
        Err(elapsed) => Err(Error::new(ErrorKind::Unavailable, "read an object", elapsed)),
    }
}

/// Whether our own store takes what we write.
async fn probe(worker: &Worker) -> Result<(), Error> {
    let put = Put {
        key: Key::probe(&worker.config.worker),
        payload: Payload::Bytes(vec![]),
        media_type: "text/plain",
        condition: Condition::Always,
        owner: None,
    };
    worker.pipeline.store.put(put).await.map(drop)
}
