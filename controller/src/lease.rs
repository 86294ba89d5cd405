//! Who acts: one controller at a time, by a lease with an epoch in the store.
//!
//! The lease and the memory are one document, `controller/state.json`, replaced by compare-and-swap.
//! So renewing the lease, remembering, and noticing that somebody else took over are one write, and
//! what a controller is about to do is on record before it does it.
//!
//! **No clock is compared with another's.** Whoever stands by takes over once it has watched the
//! document for the lease's time by its own timer and nobody has written it. A clock that jumps
//! moves nothing, and the holder counts its lease from before it asked for it.

use std::time::Duration;

use pixmill_contract::document::Version;
use pixmill_contract::key::CONTROLLER;
use pixmill_contract::port::{Condition, Etag, Payload, Put};
use pixmill_contract::{Error, ErrorKind, Key, Pipeline, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::memory::Memory;

/// The document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) pixmill: Version,
    /// The controller that wrote it.
    pub(crate) holder: String,
    /// Counts the holders.
    pub(crate) epoch: u64,
    /// How long it holds from when it was written.
    pub(crate) lease_millis: u64,
    /// Whether its holder has stopped, and anybody may take over at once.
    pub(crate) released: bool,
    /// When it was written, by its writer's clock; for people.
    pub(crate) written_at: Timestamp,
    pub(crate) memory: Memory,
}

impl State {
    /// That of the first controller that there ever was.
    fn first(holder: &str, written_at: Timestamp) -> Self {
        let (holder, memory) = (holder.to_owned(), Memory::default());
        let (epoch, lease_millis, released) = (1, 0, false);
        Self { pixmill: Version, holder, epoch, lease_millis, released, written_at, memory }
    }
}

/// Where it is.
fn key() -> Key {
    Key::new(format!("{CONTROLLER}state.json")).expect("a good key")
}

/// What a controller says that finds a document it cannot read. It does not guess: the document may
/// be that of a later version that is at work. All that is lost with it is what was remembered.
const UNREADABLE: &str =
    "read controller/state.json (if no other controller is at work, remove it)";

/// What is in the store, if there is anything.
pub(crate) async fn read(pipeline: &Pipeline) -> Result<Option<(State, Etag)>, Error> {
    let object = match pipeline.store.get(&key(), None).await {
        Ok(object) => object,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let etag = object.meta.etag.clone();
    let bytes = object.bytes().await?;
    let state = serde_json::from_slice(&bytes)
        .map_err(|e| Error::new(ErrorKind::Invalid, UNREADABLE, e))?;
    Ok(Some((state, etag)))
}

/// One controller's side of the lease.
#[derive(Debug)]
pub(crate) struct Lease {
    pipeline: Pipeline,
    me: String,
    time: Duration,
    /// What somebody else's document was when we last looked, and since when it has been so.
    watched: Option<(Etag, Instant)>,
    /// Whether it has been ours since this process began.
    was_ours: bool,
}

/// The lease while it is ours.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) state: State,
    etag: Etag,
    until: Instant,
}

impl Held {
    /// Whether it is ours for at least so long.
    pub(crate) fn lasts(&self, time: Duration) -> bool {
        Instant::now() + time < self.until
    }
}

/// What came of asking for it.
#[derive(Debug)]
pub(crate) enum Claim {
    Held(Box<Held>),
    /// Somebody else has it.
    StandBy {
        holder: String,
    },
}

impl Lease {
    pub(crate) fn new(pipeline: Pipeline, me: String, time: Duration) -> Self {
        Self { pipeline, me, time, watched: None, was_ours: false }
    }

    /// Takes the lease if it is free, if it was let run out, or if it is ours already. The first time
    /// its memory is that of somebody before.
    pub(crate) async fn claim(&mut self) -> Result<Claim, Error> {
        let mut claim = self.ask().await?;
        if let Claim::Held(held) = &mut claim
            && !std::mem::replace(&mut self.was_ours, true)
        {
            held.state.memory.resume();
        }
        Ok(claim)
    }

    async fn ask(&mut self) -> Result<Claim, Error> {
        let Some((found, etag)) = read(&self.pipeline).await? else {
            let first = State::first(&self.me, self.pipeline.clock.now());
            return self.take(first, Condition::IfAbsent).await;
        };
        if found.holder == self.me && !found.released {
            // Written by a call whose answer was lost. How long ago is not known: renewed first.
            return self.take(found, Condition::IfMatch(etag)).await;
        }
        // From when it was seen, not from when it was asked for: it may have been written meanwhile.
        let seen_at = Instant::now();
        let since = match &self.watched {
            Some((known, since)) if *known == etag => *since,
            Some(_) | None => {
                self.watched = Some((etag.clone(), seen_at));
                seen_at
            }
        };
        if !found.released && since.elapsed() < Duration::from_millis(found.lease_millis) {
            return Ok(Claim::StandBy { holder: found.holder });
        }
        let ours = State { holder: self.me.clone(), epoch: found.epoch + 1, ..found };
        self.take(ours, Condition::IfMatch(etag)).await
    }

    async fn take(&self, state: State, condition: Condition) -> Result<Claim, Error> {
        let holder = state.holder.clone();
        match self.write(State { released: false, ..state }, condition).await {
            Ok(held) => Ok(Claim::Held(Box::new(held))),
            Err(error) if lost(&error) => Ok(Claim::StandBy { holder }),
            Err(error) => Err(error),
        }
    }

    /// Remembers, and renews the lease with that. `None` if somebody else has taken over.
    pub(crate) async fn save(&self, held: Held, memory: Memory) -> Result<Option<Held>, Error> {
        let state = State { memory, ..held.state };
        match self.write(state, Condition::IfMatch(held.etag)).await {
            Ok(held) => Ok(Some(held)),
            Err(error) if lost(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the next one take over at once.
    pub(crate) async fn release(&self, held: Held) -> Result<(), Error> {
        let state = State { released: true, ..held.state };
        self.write(state, Condition::IfMatch(held.etag)).await.map(drop)
    }

    async fn write(&self, state: State, condition: Condition) -> Result<Held, Error> {
        // Counted from before the write, as whoever watches counts from after it.
        let until = Instant::now() + self.time;
        let lease_millis = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let state = State { lease_millis, written_at: self.pipeline.clock.now(), ..state };
        let bytes = serde_json::to_vec(&state).expect("a state is JSON");
        let put = Put {
            key: key(),
            payload: Payload::Bytes(bytes),
            media_type: "application/json",
            condition,
            owner: None,
        };
        let etag = self.pipeline.store.put(put).await?;
        Ok(Held { state, etag, until })
    }
}

/// Whether a conditional write found somebody else's.
fn lost(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Changed | ErrorKind::AlreadyExists)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

    use std::sync::Arc;

    use pixmill_contract::SystemClock;
    use pixmill_contract::testing::{Fault, FaultyStore, Operation, Simulation, on_call};
    use pixmill_local::{Durability, LocalBackend};
    use tokio::time::sleep;

    use super::*;

    const TIME: Duration = Duration::from_secs(40);

    #[tokio::test(start_paused = true)]
    async fn a_document_that_is_written_while_it_is_read_is_watched_from_then_on() {
        let _simulation = Simulation::begin(|_| Duration::ZERO);
        let data = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let backend = LocalBackend::open(data.path(), clock, Durability::Process).unwrap();
        let mut first = Lease::new(backend.pipeline(), "first".to_owned(), TIME);
        let Claim::Held(held) = first.claim().await.unwrap() else { panic!("it is free") };

        let slow = on_call(Operation::Get, &[0], Fault::Delay(Duration::from_secs(15)));
        let pipeline = backend.pipeline();
        let store = Arc::new(FaultyStore::new(Arc::clone(&pipeline.store), slow));
        let pipeline = Pipeline { store, ..pipeline };
        let mut second = Lease::new(pipeline, "second".to_owned(), TIME);
        let renew = async {
            sleep(Duration::from_secs(14)).await;
            first.save(*held, Memory::default()).await.unwrap().unwrap()
        };
        let (mut claimed, held) = tokio::join!(second.claim(), renew);
        while matches!(claimed, Ok(Claim::StandBy { .. })) {
            sleep(Duration::from_secs(1)).await;
            claimed = second.claim().await;
        }
        assert!(claimed.is_ok(), "{claimed:?}");
        assert!(!held.lasts(Duration::ZERO), "two lead at once");
    }
}
