//! What is known of a batch and its retries, and what it costs to know.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pixmill_contract::port::Etag;
use pixmill_contract::testing::{Fault, Operation, Plan};
use pixmill_contract::{Job, Outcome, RejectCode};
use pixmill_producer::dropped::Drops;
use pixmill_producer::{Ledger, Link, Retry, members, retry};

use crate::harness::{SOON, World};

/// Counts the objects that are read.
fn counting() -> (Plan, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reads);
    let plan: Plan = Arc::new(move |call| {
        if call.operation == Operation::Get {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Fault::None
    });
    (plan, reads)
}

fn done() -> Outcome {
    Outcome::Done { outputs: vec![] }
}

fn failed() -> Outcome {
    Outcome::Failed { code: RejectCode::Corrupt, reason: "it is".to_owned() }
}

/// The retry of a job that has one.
async fn retry_of(world: &World, job: &Job) -> Job {
    let retry = retry(&world.pipeline(), &job.batch, &job.id).await.unwrap();
    let Retry::Job(job) = retry else { panic!("{retry:?}") };
    *job
}

#[tokio::test(start_paused = true)]
async fn a_look_reads_only_what_is_new_or_was_replaced() {
    let world = World::new();
    for n in 0..30 {
        world.end(&world.job(&format!("j{n}")), done()).await;
    }
    let dead = world.dead("dead").await;
    let (plan, reads) = counting();
    let mut ledger = Ledger::new(world.faulty(&plan), dead.batch.clone());
    ledger.look().await.unwrap();
    assert_eq!((ledger.done(), ledger.failures().len()), (30, 1));
    assert_eq!(reads.swap(0, Ordering::SeqCst), 31);
    ledger.look().await.unwrap();
    assert_eq!(reads.swap(0, Ordering::SeqCst), 0);

    world.end(&world.job("new"), done()).await;
    world.end(&dead, Outcome::Redriven { redrives: 1 }).await;
    ledger.look().await.unwrap();
    assert_eq!(reads.swap(0, Ordering::SeqCst), 2);
    assert_eq!((ledger.done(), ledger.failures().len()), (31, 0), "a tombstone is no end");
    world.end(&Job { redrive: 1, ..dead }, done()).await;
    ledger.look().await.unwrap();
    assert_eq!((ledger.done(), ledger.failures().len()), (32, 0));
}

#[tokio::test(start_paused = true)]
async fn only_reading_what_need_not_be_read_again_counts_as_reading() {
    let world = World::new();
    let slow: Plan =
        Arc::new(
            |call| {
                if call.operation == Operation::Get { Fault::Delay(SOON) } else { Fault::None }
            },
        );
    let redriven = world.job("redriven");
    world.end(&redriven, Outcome::Redriven { redrives: 1 }).await;
    world.end(&world.job("done"), done()).await;
    let mut ledger = Ledger::new(world.faulty(&slow), redriven.batch.clone());
    ledger.look().await.unwrap();
    assert_eq!(ledger.reading(), SOON / 2);
    ledger.look().await.unwrap();
    assert_eq!(ledger.reading(), Duration::ZERO, "a tombstone is read with every look");
}

#[tokio::test(start_paused = true)]
async fn of_a_chain_of_retries_the_last_end_counts() {
    let world = World::new();
    let job = world.job("a");
    world.end(&job, failed()).await;
    let first = retry_of(&world, &job).await;
    assert_eq!((&first.id, &first.retry_of), (&job.id.retry(), &Some(job.id.clone())));
    let mut ledger = Ledger::new(world.pipeline(), job.batch.clone());
    ledger.look().await.unwrap();
    assert_eq!((ledger.done(), ledger.failures().len()), (0, 1), "until its retry has ended");
    world.end(&first, failed()).await;
    ledger.look().await.unwrap();
    assert_eq!((ledger.done(), ledger.failures().len()), (0, 1));
    let second = retry_of(&world, &job).await;
    world.end(&second, done()).await;
    ledger.look().await.unwrap();
    assert_eq!((ledger.done(), ledger.failures().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn retries_of_one_chain_are_one_job_whichever_is_named() {
    let world = World::new();
    let job = world.job("a");
    world.end(&job, failed()).await;
    let first = retry_of(&world, &job).await;
    assert_eq!(retry_of(&world, &job).await, first, "until it has ended");
    world.end(&first, failed()).await;
    let second = retry_of(&world, &job).await;
    assert_eq!(second.retry_of, Some(first.id.clone()));
    let by_the_first = retry_of(&world, &first).await;
    assert_eq!(
        (by_the_first.id.clone(), by_the_first.digest()),
        (second.id.clone(), second.digest())
    );
    world.end(&second, done()).await;
    for job in [&job, &first, &second] {
        let retry = retry(&world.pipeline(), &job.batch, &job.id).await.unwrap();
        assert_eq!(retry, Retry::Done);
    }
}

#[tokio::test(start_paused = true)]
async fn a_redriven_job_in_a_chain_is_sent_under_its_number() {
    let world = World::new();
    let job = world.job("a");
    world.end(&job, Outcome::Redriven { redrives: 2 }).await;
    let link = Link::first(job.id.clone());
    let (link, outputs) = link.past_failures(&world.pipeline(), &job.batch).await.unwrap();
    assert_eq!((link.id, link.redrive, outputs), (job.id.clone(), 2, None));
    let open = retry(&world.pipeline(), &job.batch, &job.id).await.unwrap();
    assert_eq!(open, Retry::Open);
}

#[tokio::test(start_paused = true)]
async fn what_waits_of_a_drop_folder_is_known() {
    let world = World::new();
    let drops = Drops::new(world.pipeline()).await.unwrap();
    let job = |path: &str| {
        let (path, etag) = (path.parse().unwrap(), Etag("1".to_owned()));
        drops.job("haul", &path, etag, "invert".parse().unwrap()).unwrap()
    };
    let jobs = vec![job("web/a.jpg"), job("web/b.jpg"), job("print/a.jpg")];
    let haul = drops.plan(jobs.clone()).await.unwrap();
    // A crash may have it sent twice.
    for _ in 0..2 {
        drops.send(&haul).await.unwrap();
    }
    let mut read = BTreeSet::new();
    let web = members(&world.pipeline(), &jobs[0].batch, &mut read).await.unwrap();
    let keys: Vec<_> = web.iter().map(|member| member.key.as_str()).collect();
    assert_eq!(keys, ["drop/haul/web/a.jpg", "drop/haul/web/b.jpg"]);
}
