//! Q2, Q3, Q8: who may see a message, and when.

use super::{HELD, QueueHarness, SLACK, change, collect_one, delete, expect_nothing, seconds};
use super::{send, send_one};
use crate::error::ErrorKind;
use crate::port::{MAX_VISIBILITY, Receive};

const OFTEN: u32 = 100;

pub(super) async fn q2_a_delivery_is_hidden_until_its_deadline(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "a").await;
    let first = collect_one(&*queue, seconds(4)).await;
    assert_eq!(first.receive_count, 1);
    expect_nothing(&*queue, "Q2: it is hidden").await;
    harness.pass(seconds(1)).await;
    expect_nothing(&*queue, "Q2: it still is hidden").await;
    harness.pass(seconds(1) + SLACK).await;
    let second = collect_one(&*queue, HELD).await;
    assert_eq!((second.receive_count, second.body.as_str()), (2, "a"));
    assert_eq!(second.sent_at, first.sent_at, "it was sent once");
    assert_ne!(second.receipt, first.receipt, "Q3: each receive gives a new receipt");
}

pub(super) async fn q2_visibility_zero_releases_at_once(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send(&*queue, ["a".to_owned()]).await;
    for count in 1..=3 {
        let delivery = collect_one(&*queue, HELD).await;
        assert_eq!(delivery.receive_count, count, "a release does not take a receive back");
        change(&*queue, &delivery, seconds(0)).await;
    }
    collect_one(&*queue, HELD).await;
}

pub(super) async fn q2_renewing_keeps_a_delivery_hidden(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "a").await;
    let delivery = collect_one(&*queue, seconds(4)).await;
    for _ in 0..3 {
        harness.pass(seconds(2)).await;
        // From now on, not on top of what was left.
        change(&*queue, &delivery, seconds(4)).await;
    }
    expect_nothing(&*queue, "Q2: it was renewed").await;
    harness.pass(seconds(3) + SLACK).await;
    assert_eq!(collect_one(&*queue, HELD).await.receive_count, 2);
}

pub(super) async fn q3_an_old_receipt_touches_no_later_delivery(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "a").await;
    let old = collect_one(&*queue, seconds(1)).await;
    harness.pass(seconds(1) + SLACK).await;
    let new = collect_one(&*queue, HELD).await;
    // What these answer is each adapter's own affair.
    drop(queue.delete(vec![old.receipt.clone()]).await);
    drop(queue.change_visibility(vec![(old.receipt, seconds(0))]).await);
    expect_nothing(&*queue, "Q3: the later delivery is still hidden").await;
    change(&*queue, &new, seconds(0)).await;
    let again = collect_one(&*queue, HELD).await;
    assert_eq!(again.body, "a", "Q3: the message was not deleted");
    delete(&*queue, again).await;
    expect_nothing(&*queue, "its latest receipt deleted it").await;
}

pub(super) async fn q3_a_delivery_can_be_deleted_after_it_expired(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "a").await;
    let delivery = collect_one(&*queue, seconds(1)).await;
    harness.pass(seconds(1) + SLACK).await;
    // It may be refused, for it did expire; but it must not do half of it.
    let deleted = queue.delete(vec![delivery.receipt]).await.remove(0);
    if deleted.is_ok() {
        expect_nothing(&*queue, "Q3: it was deleted").await;
    } else {
        collect_one(&*queue, HELD).await;
    }
}

pub(super) async fn q8_more_than_twelve_hours_are_refused(harness: &dyn QueueHarness) {
    let queue = harness.queue(OFTEN).await.queue;
    send_one(&*queue, "a").await;
    let too_long = MAX_VISIBILITY + seconds(1);
    let request = Receive { max: 1, wait: seconds(0), visibility: too_long };
    let error = queue.receive(request).await.expect_err("Q8: 12 h at most");
    assert_eq!(error.kind(), ErrorKind::Invalid, "Q8: {error}");

    let delivery = collect_one(&*queue, seconds(4)).await;
    let answers = queue.change_visibility(vec![(delivery.receipt.clone(), too_long)]).await;
    let error = answers.into_iter().next().expect("one answer").expect_err("Q8: 12 h at most");
    assert_eq!(error.kind(), ErrorKind::Invalid, "Q8: {error}");
    // Refused, not truncated: the delivery still ends when it would have.
    harness.pass(seconds(4) + SLACK).await;
    let delivery = collect_one(&*queue, HELD).await;

    if !harness.counts_total_visibility() {
        return;
    }
    harness.pass(seconds(2)).await;
    let answers = queue.change_visibility(vec![(delivery.receipt, MAX_VISIBILITY)]).await;
    let error = answers.into_iter().next().expect("one answer").expect_err("Q8: 12 h in total");
    assert_eq!(error.kind(), ErrorKind::Invalid, "Q8: {error}");
}
