//! The queue port. Its semantics are those of SQS standard queues.
//!
//! * **Q1** At least once: duplicates and reordering are normal.
//! * **Q2** A delivered message stays hidden until its visibility deadline, which counts from
//!   before the request that received it or changed it.
//! * **Q3** Each receive gives a new receipt. An old one is never relied on: using it may fail with
//!   `LeaseLost`, or do nothing, but it never touches a later delivery of the message.
//! * **Q4** `receive` is not cancel-safe: whoever drops its future may hide messages that nobody
//!   got. Its wait is bounded, so a drain waits for it and releases what it brings.
//! * **Q5** A message that was received more than the queue's `max_receive_count` times moves to the
//!   queue's dead-letter queue, where it keeps its body and its time of sending.
//! * **Q6** `depth` is approximate.
//! * **Q7** Batches are clamped by the adapter; success and failure are per message.
//! * **Q8** The visibility of one delivery is 0–12 h in total, from its receive.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// Longest time that one delivery can be kept hidden, in total (Q8).
pub const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Its body; the contract's documents stay under 64 KB.
    pub body: String,
    /// How long it stays hidden at first, at most 15 minutes.
    pub delay: Duration,
}

impl NewMessage {
    /// A message that can be received at once.
    pub fn now(body: impl Into<String>) -> Self {
        Self { body: body.into(), delay: Duration::ZERO }
    }
}

/// What one receive asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receive {
    /// Most messages to bring; an adapter may bring fewer even when there are more.
    pub max: usize,
    /// How long to wait for a first message, at most 20 s.
    pub wait: Duration,
    /// How long what is brought stays hidden, counted from the call or later.
    pub visibility: Duration,
}

/// The handle of one delivery, opaque.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub String);

/// One receipt of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's body.
    pub body: String,
    /// What this delivery is renewed, released and deleted by.
    pub receipt: Receipt,
    /// How often the message has been received, this time included.
    pub receive_count: u32,
    /// When the message was first sent.
    pub sent_at: Timestamp,
}

/// How much is in a queue, approximately (Q6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that could be received now.
    pub visible: u64,
    /// Messages that are hidden by a delivery.
    pub in_flight: u64,
    /// Messages that are hidden since they were sent.
    pub delayed: u64,
}

impl Depth {
    /// All of them.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

/// A queue. See the module for its promises.
#[async_trait]
pub trait Queue: Send + Sync + fmt::Debug {
    /// Sends messages; one answer a message, in order (Q7). `Ok` means that the message will be
    /// delivered, whatever dies from here on.
    async fn send(&self, messages: Vec<NewMessage>) -> Vec<Result<(), Error>>;

    /// Brings up to `max` messages, waiting up to `wait` for the first (Q1–Q4). Nothing within
    /// the wait is an empty list, not an error.
    async fn receive(&self, request: Receive) -> Result<Vec<Delivery>>;

    /// Hides each delivery for so long from now on (Q2, Q8); zero releases it. One answer an entry,
    /// in order; `LeaseLost` where the delivery is known not to be the message's latest.
    async fn change_visibility(&self, entries: Vec<(Receipt, Duration)>) -> Vec<Result<(), Error>>;

    /// Deletes the messages of these deliveries. One answer a receipt, in order. A delete through
    /// an old receipt is `Ok` or `LeaseLost` and deletes nothing that was delivered again (Q3).
    async fn delete(&self, receipts: Vec<Receipt>) -> Vec<Result<(), Error>>;

    /// How much is in it (Q6).
    async fn depth(&self) -> Result<Depth>;
}

/// Sends one message that can be received at once.
pub async fn send_one(queue: &dyn Queue, body: String) -> Result<()> {
    let answers = queue.send(vec![NewMessage::now(body)]).await;
    answers.into_iter().next().unwrap_or(Ok(()))
}
