//! Q1, Q4–Q7: what comes out is what was sent, however it was asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::{
    HELD, QueueHarness, SLACK, collect, collect_one, delete, expect_nothing, seconds, send,
    send_one,
};
use crate::error::ErrorKind;
use crate::port::{Delivery, Depth, NewMessage, Queue, Receive};

/// More often than anything is received here by chance.
const OFTEN: u32 = 100;

/// Times that a depth is read again until it has settled.
const DEPTH_TRIES: usize = 60;

pub(super) async fn q1_every_message_comes_with_its_body(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    let long = "ä€😀\"'<&>\\\t\r\n".repeat(3_600);
    assert!((60_000..=64 * 1024).contains(&long.len()), "as long as the contract allows");
    let bodies = ["x".to_owned(), "{\"a\": [1, null]}".to_owned(), " spaced ".to_owned(), long];
    send(&*queue, bodies.clone()).await;
    let mut received: Vec<_> =
        collect(&*queue, bodies.len(), HELD).await.into_iter().map(|d| d.body).collect();
    received.sort();
    let mut sent = bodies.to_vec();
    sent.sort();
    assert!(received == sent, "Q1: bodies come as they were sent");
}

pub(super) async fn q1_many_consumers_get_every_message(harness: &dyn QueueHarness) {
    const MESSAGES: usize = 200;
    let queue = harness.queue(OFTEN).await.queue;
    send(&*queue, (0..MESSAGES).map(|n| n.to_string())).await;
    let consumers: Vec<_> = (0..8).map(|_| tokio::spawn(consume_all(Arc::clone(&queue)))).collect();
    let mut handled = BTreeMap::<String, u32>::new();
    for consumer in consumers {
        for body in consumer.await.expect("a consumer ends") {
            *handled.entry(body).or_default() += 1;
        }
    }
    assert_eq!(handled.len(), MESSAGES, "Q1: every message is delivered");
    if harness.delivers_once() {
        let twice: Vec<_> = handled.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "deleted within their visibility: {twice:?}");
    }
    expect_nothing(&*queue, "Q1: what was deleted is gone").await;
}

async fn consume_all(queue: Arc<dyn Queue>) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let request = Receive { max: 10, wait: seconds(2), visibility: HELD };
        let deliveries = queue.receive(request).await.expect("a receive works");
        if deliveries.is_empty() {
            return bodies;
        }
        let receipts = deliveries.iter().map(|d| d.receipt.clone()).collect();
        bodies.extend(deliveries.into_iter().map(|d| d.body));
        for answer in queue.delete(receipts).await {
            answer.expect("the latest receipt deletes its message");
        }
    }
}

pub(super) async fn q1_a_delayed_message_comes_when_its_delay_is_over(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    let answers = queue.send(vec![NewMessage { body: "later".into(), delay: seconds(4) }]).await;
    assert!(answers.iter().all(Result::is_ok));
    expect_nothing(&*queue, "a delayed message stays hidden").await;
    harness.pass(seconds(4) + SLACK).await;
    let delivery = collect_one(&*queue, HELD).await;
    assert_eq!((delivery.body.as_str(), delivery.receive_count), ("later", 1));
}

pub(super) async fn q4_an_empty_receive_ends_with_its_wait(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    for wait in [0, 2] {
        let start = Instant::now();
        let request = Receive { max: 1, wait: seconds(wait), visibility: HELD };
        assert_eq!(queue.receive(request).await.expect("an empty receive is Ok"), []);
        let waited = start.elapsed();
        assert!(waited < seconds(wait) + 2 * SLACK, "Q4: {wait} s took {waited:?}");
    }
}

pub(super) async fn q4_a_waiting_receive_wakes_when_something_is_sent(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    let waiting = tokio::spawn(wait_for_one(Arc::clone(&queue)));
    harness.pass(seconds(1)).await;
    let sent = Instant::now();
    send_one(&*queue, "wake up").await;
    let deliveries = waiting.await.expect("a receive ends");
    assert_eq!(deliveries[0].body, "wake up");
    assert!(sent.elapsed() < 3 * SLACK, "Q4: woke only after {:?}", sent.elapsed());
}

pub(super) async fn q4_a_waiting_receive_wakes_when_something_is_released(
    harness: &dyn QueueHarness,
) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "mine").await;
    let held = collect_one(&*queue, HELD).await;
    let waiting = tokio::spawn(wait_for_one(Arc::clone(&queue)));
    harness.pass(seconds(1)).await;
    let released = Instant::now();
    super::change(&*queue, &held, seconds(0)).await;
    let deliveries = waiting.await.expect("a receive ends");
    assert_eq!(deliveries[0].receive_count, 2);
    assert!(released.elapsed() < 3 * SLACK, "Q4: woke only after {:?}", released.elapsed());
}

async fn wait_for_one(queue: Arc<dyn Queue>) -> Vec<Delivery> {
    let request = Receive { max: 10, wait: seconds(20), visibility: HELD };
    let deliveries = queue.receive(request).await.expect("a receive works");
    assert_eq!(deliveries.len(), 1, "Q4: a waiting receive brings what comes");
    deliveries
}

pub(super) async fn q5_what_is_received_too_often_moves_to_the_dead_letters(
    harness: &dyn QueueHarness,
) {
    let pair = harness.queue(2).await;
    send_one(&*pair.queue, "poison").await;
    let mut sent_at = None;
    for count in 1..=2 {
        let delivery = collect_one(&*pair.queue, seconds(1)).await;
        assert_eq!(delivery.receive_count, count, "this receive included");
        assert_eq!(*sent_at.get_or_insert(delivery.sent_at), delivery.sent_at);
        expect_nothing(&*pair.dead_letter, "Q5: it may still be received").await;
        harness.pass(seconds(1) + SLACK).await;
    }
    expect_nothing(&*pair.queue, "Q5: it was received often enough").await;
    let dead = collect_one(&*pair.dead_letter, HELD).await;
    assert_eq!(dead.body, "poison", "Q5: it keeps its body");
    assert_eq!(Some(dead.sent_at), sent_at, "Q5: it keeps its time of sending");
    delete(&*pair.dead_letter, dead).await;
}

pub(super) async fn q6_depth_tells_visible_in_flight_and_delayed(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send(&*queue, (0..5).map(|n| n.to_string())).await;
    let later = NewMessage { body: "later".into(), delay: seconds(600) };
    assert!(queue.send(vec![later]).await[0].is_ok());
    let held = collect(&*queue, 2, HELD).await;
    expect_depth(harness, &*queue, Depth { visible: 3, in_flight: 2, delayed: 1 }).await;
    for delivery in held {
        delete(&*queue, delivery).await;
    }
    expect_depth(harness, &*queue, Depth { visible: 3, in_flight: 0, delayed: 1 }).await;
}

async fn expect_depth(harness: &dyn QueueHarness, queue: &dyn Queue, expected: Depth) {
    let mut depth = Depth::default();
    for _ in 0..DEPTH_TRIES {
        depth = queue.depth().await.expect("depth works");
        if depth == expected {
            return;
        }
        harness.pass(seconds(1)).await;
    }
    panic!("Q6: depth settled at {depth:?} instead of {expected:?}");
}

pub(super) async fn q7_batches_may_have_any_size(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    assert!(queue.send(Vec::new()).await.is_empty());
    assert!(queue.delete(Vec::new()).await.is_empty());
    assert!(queue.change_visibility(Vec::new()).await.is_empty());

    send(&*queue, (0..25).map(|n| n.to_string())).await;
    let request = Receive { max: 1_000, wait: seconds(1), visibility: HELD };
    let first = queue.receive(request).await.expect("Q7: the adapter clamps the batch");
    assert!(!first.is_empty());
    let mut deliveries = collect(&*queue, 25 - first.len(), HELD).await;
    deliveries.extend(first);

    let receipts: Vec<_> = deliveries.into_iter().map(|d| d.receipt).collect();
    let renewals = receipts.iter().map(|receipt| (receipt.clone(), HELD)).collect();
    let answers = queue.change_visibility(renewals).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 25, "Q7: one each");
    let answers = queue.delete(receipts).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 25, "Q7: one each");
    expect_nothing(&*queue, "all were deleted").await;
}

pub(super) async fn q7_one_bad_message_fails_alone(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    let mut messages: Vec<_> = (0..12).map(|n| NewMessage::now(n.to_string())).collect();
    messages[5].delay = seconds(16 * 60);
    let answers = queue.send(messages).await;
    assert_eq!(answers.len(), 12, "Q7: one answer a message");
    for (n, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(()) => assert_ne!(n, 5, "a delay is 15 min at most"),
            Err(error) => assert_eq!((n, error.kind()), (5, ErrorKind::Invalid), "{error}"),
        }
    }
    collect(&*queue, 11, HELD).await;
    expect_nothing(&*queue, "Q7: the bad one was not sent").await;
}
