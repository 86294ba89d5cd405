//! The conformance suite of reply queues: one check a promise, against any adapter, also against a
//! server over the network.

use std::time::Duration;

use crate::error::ErrorKind;
use crate::port::{Queue, Receive, ReplyQueues, send_one};

/// Holds an adapter to the promises of the port. Panics at the first that it breaks.
pub async fn replies_conformance(replies: &dyn ReplyQueues) {
    r1_what_is_sent_by_name_comes_to_its_creator_alone(replies).await;
    r2_names_that_may_not_be_replied_to_open_nothing(replies).await;
    r3_what_was_removed_brings_nothing(replies).await;
}

async fn bodies(queue: &dyn Queue) -> Vec<String> {
    let request =
        Receive { max: 10, wait: Duration::from_secs(2), visibility: Duration::from_secs(30) };
    let deliveries = queue.receive(request).await.unwrap_or_default();
    deliveries.into_iter().map(|delivery| delivery.body).collect()
}

async fn r1_what_is_sent_by_name_comes_to_its_creator_alone(replies: &dyn ReplyQueues) {
    let (one_name, one) = replies.create().await.expect("R1: a queue is created");
    let (other_name, other) = replies.create().await.expect("R1: another queue is created");
    assert_ne!(one_name, other_name, "R1: each has a name of its own");
    let opened = replies.open(&one_name).await.expect("R1: it opens by its name");
    send_one(&*opened, "hello".to_owned()).await.expect("R1: it takes a reply");
    assert_eq!(bodies(&*one).await, ["hello"], "R1: the reply comes");
    assert!(bodies(&*other).await.is_empty(), "R1: to nobody else");
    for name in [one_name, other_name] {
        replies.remove(&name).await.expect("R3: it is removed");
    }
}

async fn r2_names_that_may_not_be_replied_to_open_nothing(replies: &dyn ReplyQueues) {
    for name in ["", "jobs", "replies-", "a/b", "https://example.com/1/jobs", &"x".repeat(200)] {
        assert!(replies.open(name).await.is_none(), "R2: {name:?} is open to replies");
    }
}

async fn r3_what_was_removed_brings_nothing(replies: &dyn ReplyQueues) {
    let (name, queue) = replies.create().await.expect("R1: a queue is created");
    send_one(&*queue, "late".to_owned()).await.expect("R1: it takes a reply");
    replies.remove(&name).await.expect("R3: it is removed");
    assert!(bodies(&*queue).await.is_empty(), "R3: what was in it is gone");
    replies.remove(&name).await.expect("R3: what is not there is removed");
    let refused = replies.remove("jobs").await.map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::Invalid), "R3: it is no reply queue");
}
