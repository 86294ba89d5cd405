//! The conformance suite of the queue port: one check a promise, against any adapter.
//!
//! The checks also run against servers over the network, in real time: visibilities are whole
//! seconds, everything has a second of slack, depth may settle late, and what a stale receipt
//! answers is never looked at, only what it does.

mod delivery;
mod visibility;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::port::{Delivery, NewMessage, Queue, Receive};

/// A queue and its dead-letter queue, both empty.
#[derive(Debug, Clone)]
pub struct QueuePair {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Where its messages go that were received too often.
    pub dead_letter: Arc<dyn Queue>,
}

/// How the suite gets at an adapter.
#[async_trait]
pub trait QueueHarness: Send + Sync {
    /// A fresh queue, whose messages are received so often before they move to its dead-letter
    /// queue.
    async fn queue(&self, max_receive_count: u32) -> QueuePair;

    /// Lets time pass: paused time locally, real sleeping for a server.
    async fn pass(&self, time: Duration);

    /// Whether a message that is deleted within its visibility is never delivered twice. The port
    /// does not promise it, so an adapter of a service that does it now and then says `false`.
    fn delivers_once(&self) -> bool {
        true
    }

    /// Whether renewals are held to 12 h in total from the receive; a double of a service that
    /// does not count them says `false`.
    fn counts_total_visibility(&self) -> bool {
        true
    }
}

/// Holds an adapter to every promise of the queue port. Panics at the first that it breaks.
pub async fn queue_conformance(harness: &dyn QueueHarness) {
    delivery::q1_every_message_comes_with_its_body(harness).await;
    delivery::q1_many_consumers_get_every_message(harness).await;
    delivery::q1_a_delayed_message_comes_when_its_delay_is_over(harness).await;
    visibility::q2_a_delivery_is_hidden_until_its_deadline(harness).await;
    visibility::q2_visibility_zero_releases_at_once(harness).await;
    visibility::q2_renewing_keeps_a_delivery_hidden(harness).await;
    visibility::q3_an_old_receipt_touches_no_later_delivery(harness).await;
    visibility::q3_a_delivery_can_be_deleted_after_it_expired(harness).await;
    delivery::q4_an_empty_receive_ends_with_its_wait(harness).await;
    delivery::q4_a_waiting_receive_wakes_when_something_is_sent(harness).await;
    delivery::q4_a_waiting_receive_wakes_when_something_is_released(harness).await;
    delivery::q5_what_is_received_too_often_moves_to_the_dead_letters(harness).await;
    delivery::q6_depth_tells_visible_in_flight_and_delayed(harness).await;
    delivery::q7_batches_may_have_any_size(harness).await;
    delivery::q7_one_bad_message_fails_alone(harness).await;
    visibility::q8_more_than_twelve_hours_are_refused(harness).await;
}

/// What an adapter that talks to a server may be late by.
const SLACK: Duration = Duration::from_secs(1);
/// Long enough that nothing expires by itself during a check.
const HELD: Duration = Duration::from_mins(2);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn send(queue: &dyn Queue, bodies: impl IntoIterator<Item = String>) {
    let messages: Vec<_> = bodies.into_iter().map(NewMessage::now).collect();
    let count = messages.len();
    let answers = queue.send(messages).await;
    assert_eq!(answers.len(), count, "Q7: one answer a message");
    for answer in answers {
        answer.expect("Q7: a good message is sent");
    }
}

async fn send_one(queue: &dyn Queue, body: &str) {
    send(queue, [body.to_owned()]).await;
}

/// Receives until there are so many deliveries; a receive may bring fewer than there are.
async fn collect(queue: &dyn Queue, count: usize, visibility: Duration) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for _ in 0..count + 10 {
        let max = (count - deliveries.len()).min(10);
        let request = Receive { max, wait: seconds(1), visibility };
        deliveries.extend(queue.receive(request).await.expect("a receive works"));
        if deliveries.len() >= count {
            return deliveries;
        }
    }
    panic!("Q1: only {} of {count} messages came", deliveries.len());
}

async fn collect_one(queue: &dyn Queue, visibility: Duration) -> Delivery {
    collect(queue, 1, visibility).await.remove(0)
}

/// For a second, nothing can be received.
async fn expect_nothing(queue: &dyn Queue, why: &str) {
    let request = Receive { max: 10, wait: seconds(1), visibility: HELD };
    let deliveries = queue.receive(request).await.expect("a receive works");
    assert!(deliveries.is_empty(), "{why}: {deliveries:?}");
}

async fn delete(queue: &dyn Queue, delivery: Delivery) {
    for answer in queue.delete(vec![delivery.receipt]).await {
        answer.expect("the latest receipt deletes its message");
    }
}

async fn change(queue: &dyn Queue, delivery: &Delivery, visibility: Duration) {
    for answer in queue.change_visibility(vec![(delivery.receipt.clone(), visibility)]).await {
        answer.expect("the latest receipt changes its delivery's visibility");
    }
}
