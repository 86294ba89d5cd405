//! What finding a reply queue costs, and how long its answer is believed.

use std::sync::Arc;
use std::time::Duration;

use pixmill_aws::{AwsBackend, AwsOptions, Linger, SqsReplies};
use pixmill_contract::{Queue, ReplyQueues as _};
use tokio::task::JoinSet;

use crate::fake::{Act, Fake};

const NAME: &str = "jobs-replies-one";
const THERE: Act = Act::Answer(200, &[], r#"{"QueueUrl":"http://queues/1/jobs-replies-one"}"#);
const MISSING: Act = Act::Answer(
    400,
    &[("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")],
    r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#,
);
const DENIED: Act = Act::Answer(403, &[], r#"{"__type":"AccessDeniedException"}"#);

/// The reply queues of a pipeline that is open already, in front of a server with this script.
async fn replies(script: impl IntoIterator<Item = Act>) -> (Fake, SqsReplies) {
    // Opening asks for the redrive policy.
    let opened = Act::Answer(200, &[], r#"{"Attributes":{}}"#);
    let script: Vec<_> = std::iter::once(opened).chain(script).collect();
    let fake = Fake::start(script).await;
    let options = AwsOptions {
        bucket: "not-asked-for".to_owned(),
        queue: "http://queues/1/jobs".to_owned(),
        dead_letter_queue: Some("http://queues/1/dead".to_owned()),
        linger: Linger::WORKER,
    };
    let backend = AwsBackend::open(&fake.configuration().await, &options).await.unwrap();
    assert_eq!(fake.asked().len(), 1);
    (fake, backend.replies)
}

/// Twenty jobs at once that look for the same queue: what each finds.
async fn twenty(replies: &SqsReplies) -> Vec<Option<Arc<dyn Queue>>> {
    let mut askers = JoinSet::new();
    for _ in 0..20 {
        let replies = replies.clone();
        askers.spawn(async move { replies.open(NAME).await });
    }
    askers.join_all().await
}

/// Lets time pass for those who look at the clock while nobody asks anything.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn many_who_look_for_one_queue_share_one_request() {
    let (fake, replies) = replies([THERE]).await;
    assert!(twenty(&replies).await.iter().all(Option::is_some));
    let asked = fake.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("x-amz-target"), Some("AmazonSQS.GetQueueUrl"));

    pass(Duration::from_mins(4)).await;
    assert!(twenty(&replies).await.iter().all(Option::is_some));
    assert!(fake.asked().is_empty(), "it is remembered");
    pass(Duration::from_mins(2)).await;
    assert!(twenty(&replies).await.iter().all(Option::is_some));
    assert_eq!(fake.asked().len(), 1, "but not for ever");
}

#[tokio::test]
async fn a_queue_that_is_not_there_may_be_there_soon() {
    let (fake, replies) = replies([MISSING, THERE]).await;
    assert!(twenty(&replies).await.iter().all(Option::is_none));
    assert!(replies.open(NAME).await.is_none());
    assert_eq!(fake.asked().len(), 1, "for a short time it is believed to be missing");
    pass(Duration::from_secs(11)).await;
    assert!(replies.open(NAME).await.is_some());
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn what_nobody_could_say_is_asked_again() {
    let (fake, replies) = replies([DENIED, THERE]).await;
    assert!(twenty(&replies).await.iter().all(Option::is_none), "they asked together");
    assert!(replies.open(NAME).await.is_some());
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn whoever_waits_asks_itself_if_the_asker_stops() {
    let (fake, replies) = replies([Act::Silence, THERE]).await;
    let asker = tokio::spawn({
        let replies = replies.clone();
        async move { replies.open(NAME).await.is_some() }
    });
    fake.wait_for(1).await;
    let waiter = tokio::spawn(async move { replies.open(NAME).await.is_some() });
    asker.abort();
    assert!(waiter.await.unwrap());
    assert_eq!(fake.asked().len(), 2);
}
