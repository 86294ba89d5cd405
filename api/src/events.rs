//! `GET /v1/events`: what happens, as server-sent events, for whoever shows it.
//!
//! A watch asks the store for news while somebody listens, and says what has changed since its last
//! look. Events have numbers; who was cut off says the last one it heard and goes on from there, as
//! long as we still have what came after it. Otherwise it is told `reset`: ask for everything anew.
//! Events are a help, never the truth, which is in the store.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::StatusCode;
use hyper::body::Bytes;
use pixmill_contract::{BatchId, Timestamp};
use serde_json::{Value as Json, json as object};
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};

use crate::answer::streamed;
use crate::asked::Asked;
use crate::problem::{Code, Problem};
use crate::route::Outcome;
use crate::state::State;
use crate::watch::Watch;

/// The media type of streams of events.
pub(crate) const MEDIA_TYPE: &str = "text/event-stream";

/// The topics that there are.
pub(crate) const TOPICS: [&str; 4] = ["jobs", "batches", "fleet", "decisions"];

/// Events that are kept for those who were cut off.
const KEPT: usize = 2000;

/// How often something is sent in any case, so that a dead connection is noticed on both sides.
const BEAT: Duration = Duration::from_secs(15);

/// What happens is told this often at most.
const GATHERED: Duration = Duration::from_millis(250);

/// When a browser asks again after it was cut off, in milliseconds.
const RETRY_MS: u64 = 2000;

/// Something that happened.
#[derive(Debug, Clone)]
struct Event {
    number: u64,
    topic: &'static str,
    /// Its kind, as listeners see it.
    kind: &'static str,
    data: String,
}

/// What happened lately.
#[derive(Debug)]
pub(crate) struct Events {
    /// What tells the numbers of this process from those of one before.
    epoch: u64,
    kept: Mutex<(u64, VecDeque<Event>)>,
    /// The number of the last one.
    last: watch::Sender<u64>,
    /// A look is due.
    stirred: Notify,
    /// The batches that something was sent to from here since the last look.
    sent_to: Mutex<HashSet<BatchId>>,
}

impl Events {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            epoch: now.millis(),
            kept: Mutex::new((0, VecDeque::new())),
            last: watch::Sender::new(0),
            stirred: Notify::new(),
            sent_to: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, (u64, VecDeque<Event>)> {
        self.kept.lock().expect("no code panics with this lock")
    }

    /// Says that something happened.
    pub(crate) fn tell(&self, topic: &'static str, kind: &'static str, data: &Json) {
        let mut kept = self.kept();
        kept.0 += 1;
        let number = kept.0;
        if kept.1.len() == KEPT {
            kept.1.pop_front();
        }
        kept.1.push_back(Event { number, topic, kind, data: data.to_string() });
        drop(kept);
        self.last.send_replace(number);
    }

    /// Has the watch look soon.
    pub(crate) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Says that something was sent to a batch from here, or that it was sealed: the watch looks at it
    /// soon, however short the last look at it is ago.
    pub(crate) fn sent_to(&self, batch: &BatchId) {
        self.sent_to.lock().expect("no code panics with this lock").insert(batch.clone());
        self.stir();
    }

    /// The batches that something was sent to since this was asked.
    pub(crate) fn take_sent_to(&self) -> HashSet<BatchId> {
        std::mem::take(&mut *self.sent_to.lock().expect("no code panics with this lock"))
    }

    /// What came after a number; nothing if that is not known any more.
    fn after(&self, number: u64) -> Option<Vec<Event>> {
        let kept = self.kept();
        let oldest = kept.1.front().map_or(kept.0 + 1, |event| event.number);
        if number > kept.0 || number + 1 < oldest {
            return None;
        }
        Some(kept.1.iter().filter(|event| event.number > number).cloned().collect())
    }

    /// What was told of a kind after a number, and the last number.
    #[cfg(test)]
    pub(crate) fn told(&self, kind: &str, number: u64) -> (Vec<Json>, u64) {
        let new = self.after(number).unwrap();
        let of_kind = new.iter().filter(|event| event.kind == kind);
        (of_kind.map(|event| event.data.parse().unwrap()).collect(), self.number_now())
    }

    fn number_now(&self) -> u64 {
        self.kept().0
    }

    /// The number that somebody heard last, if it is one of this process.
    fn heard(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        (epoch.parse() == Ok(self.epoch)).then(|| number.parse().ok())?
    }

    fn text(&self, event: &Event) -> String {
        let Event { number, kind, data, .. } = event;
        format!("id: {}-{number}\nevent: {kind}\ndata: {data}\n\n", self.epoch)
    }
}

/// Looks for news while somebody listens. Ends with the program.
pub(crate) async fn watch(state: Arc<State>) {
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(state.settings.look_every) => {}
            () = state.events.stirred.notified() => {}
        }
        watch.expect(&state.events.take_sent_to());
        if state.listeners_now() == 0 {
            continue;
        }
        if let Err(error) = watch.look(&state).await {
            tracing::debug!(reason = error.chain(), "failed to look for news");
        }
        // However much happens, what is new is gathered for so long.
        tokio::time::sleep(GATHERED).await;
    }
}

/// `GET /v1/events`.
pub(crate) fn stream(state: &Arc<State>, asked: &Asked) -> Outcome {
    let busy = |_| Problem::new(Code::Busy, "too many listen already");
    let permit = Arc::clone(&state.listeners).try_acquire_owned().map_err(busy)?;
    let topics: Vec<&'static str> = match asked.text("topics") {
        None => TOPICS.to_vec(),
        Some(wanted) => {
            let wanted: Vec<_> = wanted.split(',').collect();
            if let Some(odd) = wanted.iter().find(|topic| !TOPICS.contains(topic)) {
                let why = format!("there is no topic `{odd}`; there are {}", TOPICS.join(", "));
                return Err(Problem::new(Code::BadParameter, why).and("parameter", "topics"));
            }
            TOPICS.into_iter().filter(|topic| wanted.contains(topic)).collect()
        }
    };
    let heard = asked.fields.get("last-event-id").map(String::as_str).or(asked.text("after"));
    let from = match heard {
        None => From::Now,
        Some(id) => state.events.heard(id).map_or(From::Nowhere, From::Number),
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(16);
    state.events.stir();
    tokio::spawn(feed(Arc::clone(state), sender, topics, from, permit));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    Ok(streamed(StatusCode::OK, MEDIA_TYPE, body))
}

/// Where a stream begins.
enum From {
    /// With what comes.
    Now,
    /// After the event of this number.
    Number(u64),
    /// After one that is not of this process.
    Nowhere,
}

/// Sends what happens until nobody listens any more.
async fn feed(
    state: Arc<State>,
    mut sender: Sender<Bytes, Infallible>,
    topics: Vec<&'static str>,
    from: From,
    _permit: OwnedSemaphorePermit,
) {
    let events = &state.events;
    let mut last = events.last.subscribe();
    let mut stopping = state.stopping.subscribe();
    // Whatever happens from here on comes after this number.
    let mut number = events.number_now();
    let missed = match from {
        From::Now => Some(vec![]),
        From::Number(heard) => events.after(heard),
        From::Nowhere => None,
    };
    let (epoch, now) = (events.epoch, state.pipeline().clock.now());
    let hello = object!({ "version": env!("CARGO_PKG_VERSION"), "now": now, "topics": topics });
    let mut text =
        format!("retry: {RETRY_MS}\nid: {epoch}-{number}\nevent: hello\ndata: {hello}\n\n");
    match missed {
        None => text.push_str("event: reset\ndata: {}\n\n"),
        // They come before the greeting's number counts as heard.
        Some(missed) => {
            let missed = missed.iter().filter(|event| event.number <= number);
            let wanted = missed.filter(|event| topics.contains(&event.topic));
            text.insert_str(0, &wanted.map(|event| events.text(event)).collect::<String>());
        }
    }
    loop {
        if sender.send_data(Bytes::from(std::mem::take(&mut text))).await.is_err() {
            return;
        }
        tokio::select! {
            changed = last.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(BEAT) => {
                let now = state.pipeline().clock.now();
                text = format!("event: beat\ndata: {}\n\n", object!({ "now": now }));
                continue;
            }
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        match events.after(number) {
            None => {
                number = events.number_now();
                text = format!("id: {epoch}-{number}\nevent: reset\ndata: {{}}\n\n");
            }
            Some(new) => {
                number = new.last().map_or(number, |event| event.number);
                let wanted = new.iter().filter(|event| topics.contains(&event.topic));
                text = wanted.map(|event| events.text(event)).collect();
            }
        }
        if text.is_empty() {
            // Nothing of what is wanted: an empty piece would end the body.
            text.push_str(": \n\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_cut_off_hears_what_was_missed_or_is_told_to_begin_anew() {
        let events = Events::new(Timestamp::from_millis(7));
        assert_eq!(events.after(0).unwrap().len(), 0);
        for n in 0..KEPT + 10 {
            events.tell("jobs", "job", &object!({ "n": n }));
        }
        let last = (KEPT + 10) as u64;
        assert_eq!(events.after(last).unwrap().len(), 0);
        assert_eq!(events.after(last - 3).unwrap().len(), 3);
        assert_eq!(events.after(10).unwrap().len(), KEPT);
        assert!(events.after(9).is_none(), "one of them is gone");
        assert!(events.after(last + 1).is_none(), "it never was");
        assert_eq!(events.heard("7-12"), Some(12));
        for other in ["8-12", "12", "7-", "7-x", ""] {
            assert_eq!(events.heard(other), None, "{other}");
        }
    }
}
