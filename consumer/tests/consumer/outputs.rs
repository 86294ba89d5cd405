//! Outputs: adopted, replaced, or never touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pixmill_contract::port::{ObjectStore as _, OwnerTag};
use pixmill_contract::testing::{Fault, Operation, Plan};
use pixmill_contract::{BatchId, Job, JobId, Key};

use crate::harness::{World, code, concerns, records};

const RECIPE: &str = "small = resize:4 -> png";
const TAKEN: &str = "outputs/single/taken.png";

/// A job whose one output is at a key that other jobs may want too.
async fn job(world: &World, id: &str) -> Job {
    let (recipe, outputs) = (RECIPE.parse().unwrap(), TAKEN.parse().unwrap());
    Job { recipe, outputs, ..world.job(id).await }
}

/// The tag of an output of this job.
fn tag(job: &Job, sha256: &str) -> OwnerTag {
    OwnerTag {
        batch: job.batch.clone(),
        id: job.id.clone(),
        digest: job.digest(),
        source: job.source.fingerprint(),
        sha256: sha256.to_owned(),
        width: 3,
        height: 2,
    }
}

/// A job that retries another one.
async fn retry(world: &World, id: &str, of: &str) -> Job {
    Job { retry_of: Some(JobId::new(of).unwrap()), ..job(world, id).await }
}

async fn owner(world: &World) -> OwnerTag {
    let key: Key = TAKEN.parse().unwrap();
    world.backend.store.head(&key).await.unwrap().owner.unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_object_that_the_job_did_not_make_is_never_touched() {
    let world = World::new();
    let a = job(&world, "a").await;
    let stranger = Job { id: JobId::new("s").unwrap(), ..a.clone() };
    let elsewhere = Job { batch: BatchId::new("other").unwrap(), ..a.clone() };
    for owner in [None, Some(tag(&stranger, "5a")), Some(tag(&elsewhere, "5a"))] {
        let world = World::new();
        job(&world, "a").await;
        world.put(TAKEN, b"precious", owner).await;
        world.send(&a.body()).await;
        let _consumer = world.consumer("w").start();
        assert_eq!(code(&world.ended("a").await), "output_exists");
        assert_eq!(world.get(TAKEN).await.unwrap(), b"precious");
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_of_this_very_job_is_adopted_whatever_its_bytes() {
    let world = World::new();
    let a = job(&world, "a").await;
    world.put(TAKEN, b"made by an older engine", Some(tag(&a, "01de"))).await;
    world.send(&a.body()).await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    let record = &records(&result)[0];
    assert_eq!((record.sha256.as_str(), record.bytes), ("01de", 23));
    assert_eq!((record.width, record.height), (3, 2), "of what is there");
    assert_eq!(world.get(TAKEN).await.unwrap(), b"made by an older engine");
}

#[tokio::test(start_paused = true)]
async fn an_overwriting_job_replaces_what_is_there_after_looking_for_its_result() {
    let world = World::new();
    world.put(TAKEN, b"somebody else's", None).await;
    world.send(&Job { overwrite: true, ..job(&world, "a").await }.body()).await;
    let _consumer = world.consumer("w").start();
    let result = world.ended("a").await;
    assert_eq!(world.get(TAKEN).await.unwrap().len() as u64, records(&result)[0].bytes);
    assert_eq!(owner(&world).await.id.as_str(), "a");
    let calls: Vec<_> = world.calls().into_iter().filter(|c| !c.contains("Receive")).collect();
    let expected = [
        "w Get results/single/a.json",
        "w Get inputs/a.png",
        "w Put outputs/single/taken.png",
        "w Head outputs/single/taken.png",
        "w Get results/single/a.json",
        "w Put outputs/single/taken.png",
        "w Put results/single/a.json",
    ];
    assert_eq!(calls[..expected.len()], expected);
}

#[tokio::test(start_paused = true)]
async fn an_overwriting_job_that_has_ended_replaces_nothing() {
    let world = World::new();
    let a = Job { overwrite: true, ..job(&world, "a").await };
    world.send(&a.body()).await;
    let _consumer = world.consumer("w").start();
    world.settled().await;
    world.put(TAKEN, b"made since then", None).await;
    world.send(&a.body()).await;
    world.settled().await;
    assert_eq!(world.get(TAKEN).await.unwrap(), b"made since then");
}

#[tokio::test(start_paused = true)]
async fn an_overwriting_job_that_ends_meanwhile_replaces_nothing() {
    let world = World::new();
    let a = Job { overwrite: true, ..job(&world, "a").await };
    world.send(&a.body()).await;
    let done = world.consumer("w1").start();
    let result = world.ended("a").await;
    world.settled().await;
    done.drain().await;
    // What the store answers to the first look is from before the result.
    let key = World::result_key("a");
    world.backend.store.delete(&key).await.unwrap();
    world.put(TAKEN, b"made since then", None).await;
    world.send(&a.body()).await;
    let hanging = crate::harness::Switch::on();
    let plan = crate::harness::slow(Operation::Put, "outputs/", std::time::Duration::from_secs(5));
    let second = world.consumer("w2").store(crate::harness::while_on(&hanging, plan)).start();
    world.called("w2 Put outputs/").await;
    world.put(key.as_str(), &result.to_bytes(), None).await;
    world.settled().await;
    assert_eq!(world.get(TAKEN).await.unwrap(), b"made since then");
    assert_eq!(world.result("a").await.unwrap(), result);
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_while_it_is_replaced_is_looked_at_again() {
    let world = World::new();
    world.put(TAKEN, b"first", None).await;
    world.send(&Job { overwrite: true, ..job(&world, "a").await }.body()).await;
    let raced = Arc::new(AtomicBool::new(false));
    let backend = world.backend.clone();
    // Right after the job has looked, somebody writes.
    let plan: Plan = Arc::new(move |call| {
        let looks = concerns(call, Operation::Get, "results/") && call.of_operation > 1;
        if looks && !raced.swap(true, Ordering::SeqCst) {
            let store = backend.store.clone();
            tokio::spawn(async move {
                let key: Key = TAKEN.parse().unwrap();
                store.delete(&key).await.unwrap();
            });
            return Fault::Delay(std::time::Duration::from_secs(1));
        }
        Fault::None
    });
    let _consumer = world.consumer("w").store(plan).start();
    assert_eq!(code(&world.ended("a").await), "done");
    assert_eq!(owner(&world).await.id.as_str(), "a");
    assert_eq!(world.calls_of("Put outputs/").len(), 3, "absent, match, absent");
}

#[tokio::test(start_paused = true)]
async fn a_retry_takes_over_what_the_jobs_before_it_made() {
    let world = World::new();
    let first = job(&world, "a").await;
    // The first retry fails, and is itself tried again.
    let failing = retry(&world, "b", "a").await;
    world.backend.store.delete(&failing.source.key).await.unwrap();
    world.send(&failing.body()).await;
    let _consumer = world.consumer("w").start();
    assert_eq!(code(&world.ended("b").await), "source_missing");

    world.put(TAKEN, b"half a job", Some(tag(&first, "0a1f"))).await;
    let again = retry(&world, "c", "b").await;
    world.send(&again.body()).await;
    let result = world.ended("c").await;
    let sha256 = records(&result)[0].sha256.clone();
    assert_eq!(owner(&world).await.id.as_str(), "c", "replaced");

    // What has the very bytes already is left as it is.
    world.put(TAKEN, b"the same", Some(tag(&first, &sha256))).await;
    let same = retry(&world, "d", "c").await;
    world.send(&same.body()).await;
    assert_eq!(code(&world.ended("d").await), "done");
    assert_eq!(owner(&world).await.id.as_str(), "a", "adopted");

    // Who retries another job owns nothing of this chain.
    let stranger = retry(&world, "e", "stranger").await;
    world.send(&stranger.body()).await;
    assert_eq!(code(&world.ended("e").await), "output_exists");
}
