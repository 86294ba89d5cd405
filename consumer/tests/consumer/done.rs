//! Completed: outputs, then the result, then the reply, then the delete.

use pixmill_consumer::Exit;
use pixmill_contract::Outcome;
use sha2::{Digest as _, Sha256};

use crate::harness::{World, code, records, with_reply};

#[tokio::test(start_paused = true)]
async fn a_job_becomes_outputs_a_result_and_a_reply_and_its_message_goes() {
    let world = World::new();
    let job = with_reply(world.job("a").await);
    world.send(&job.body()).await;
    let consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    world.settled().await;
    assert_eq!(consumer.drain().await, Exit::Drained);

    assert_eq!(result.digest, job.digest());
    assert_eq!(result.job, Some(serde_json::from_str(&job.body()).unwrap()));
    assert_eq!((result.receives, result.redrive), (1, 0));
    assert_eq!(result.worker.as_str(), "w");
    assert_eq!(result.instance, "test-machine");
    assert_eq!(result.engine, pixmill_ops::ENGINE);
    assert!(result.troubles.is_empty());
    let source = result.source.clone().unwrap();
    assert_eq!((source.width, source.height), (Some(8), Some(6)));

    let outputs = world.outputs().await;
    let names: Vec<_> = records(&result).iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["small", "negative"]);
    for record in records(&result) {
        let (_, bytes) = outputs.iter().find(|(key, _)| *key == record.key.as_str()).unwrap();
        assert_eq!(record.bytes, bytes.len() as u64);
        assert_eq!(record.sha256, pixmill_contract::id::hex(&Sha256::digest(bytes)));
    }
    assert_eq!((records(&result)[0].width, records(&result)[0].height), (4, 3));

    let replies = world.replies().await;
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].outcome, result.outcome);
    assert_eq!(replies[0].job, None);
    assert!(world.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn outputs_come_before_the_result_before_the_reply_before_the_delete() {
    let world = World::new();
    world.send(&with_reply(world.job("a").await).body()).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    let calls = world.calls_of("Put outputs/");
    assert_eq!(calls.len(), 2);
    let order = [
        world.place("w Get inputs/a.png"),
        world.place(&calls[0]),
        world.place(&calls[1]),
        world.place("w Put results/single/a.json"),
        world.place("w replies Send"),
        world.place("w DeleteMessage"),
    ];
    assert!(order.is_sorted(), "{:#?}", world.calls());
}

#[tokio::test(start_paused = true)]
async fn a_source_is_read_once_and_the_first_attempt_writes_no_note() {
    let world = World::new();
    world.submit("a").await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    assert_eq!(world.calls_of("Get").len(), 1, "{:#?}", world.calls());
    assert!(world.calls_of("attempts/").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_a_queue_that_is_not_allowed_is_left_out() {
    let world = World::new();
    let mut job = world.job("a").await;
    job.reply_to = Some("jobs".to_owned());
    world.send(&job.body()).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    assert_eq!(code(&world.ended("a").await), "done");
    assert!(world.calls_of("Send").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_loses_nothing_else() {
    use pixmill_contract::ErrorKind;
    use pixmill_contract::testing::Operation;

    let world = World::new();
    world.send(&with_reply(world.job("a").await).body()).await;
    let failing = crate::harness::fails(Operation::Send, "", ErrorKind::Unavailable);
    let _consumer = world.consumer("w").everything(&failing).start();
    world.settled().await;
    assert!(matches!(world.ended("a").await.outcome, Outcome::Done { .. }));
    assert!(world.replies().await.is_empty());
}
