//! Acting on a job's fate: the only code that touches a job's message.

use std::time::Duration;

use pixmill_contract::document::{ResultDocument, TroubleKind};
use pixmill_contract::port::send_one;
use pixmill_contract::{Backoff, BatchId, Error, JobId, Outcome};

use crate::fate::Fate;
use crate::lease::Lease;
use crate::notes::OPTIMISTIC_RECEIVES;
use crate::worker::Worker;

/// How long a job with bad luck waits for its next attempt.
const RETRY: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };

/// How long an interrupted start may take to be struck out: its message is wanted elsewhere, and
/// the store may be what is out.
const STRIKE_TIMEOUT: Duration = Duration::from_secs(1);

/// Does with a delivery what its job's fate demands.
pub(crate) async fn settle(worker: &Worker, lease: Lease, fate: Fate) {
    let settled = match fate {
        Fate::Ended(result) => {
            tell(&result);
            reply(worker, &lease.delivery().body, &result).await;
            lease.complete().await
        }
        Fate::Dead(result) => match bury(worker, &lease).await {
            Ok(()) => {
                tell(&result);
                // The delete waits for no reply: if this worker dies meanwhile, maybe of a picture like
                // this one, there will be a second letter.
                let body = lease.delivery().body.clone();
                tokio::join!(reply(worker, &body, &result), lease.complete()).1
            }
            Err(error) => Err(error),
        },
        Fate::Superseded => lease.complete().await,
        Fate::Transient(reason) => {
            tracing::warn!(reason, "trying again later");
            note(worker, &lease, TroubleKind::Transient, &reason).await;
            release_for_retry(lease).await
        }
        Fate::Panicked(reason) => {
            tracing::error!(reason, "panicked over a picture");
            note(worker, &lease, TroubleKind::Panicked, &reason).await;
            release_for_retry(lease).await
        }
        Fate::Stuck => {
            tracing::error!("a picture takes longer than it may: this worker ends");
            // From here on nothing renews this lease, and all others are released.
            worker.get_stuck();
            note(worker, &lease, TroubleKind::Deadline, "took longer than it may").await;
            lease.abandon();
            Ok(())
        }
        Fate::Interrupted => {
            if tokio::time::timeout(STRIKE_TIMEOUT, strike(worker, &lease)).await.is_err() {
                tracing::warn!("released a message with its start in its note");
            }
            lease.release(Duration::ZERO).await
        }
        Fate::LeaseLost => {
            tracing::warn!("lost the lease: somebody else works on this job");
            lease.abandon();
            Ok(())
        }
        Fate::Left(why) => {
            tracing::error!(why, "left a message for the dead-letter queue");
            // The note is the other job's, if there is one of that name.
            strike(worker, &lease).await;
            lease.abandon();
            Ok(())
        }
    };
    if let Err(error) = settled {
        // The message comes again, finds what was written, and is settled then.
        tracing::warn!(reason = error.chain(), "failed to settle a message");
    }
}

/// Says how a job ended; its batch and id are its span's.
fn tell(result: &ResultDocument) {
    let (state, ms) = (result.outcome.state(), result.timings.total_ms);
    match &result.outcome {
        Outcome::Done { outputs } => tracing::info!(state, ms, outputs = outputs.len(), "ended"),
        Outcome::Failed { code, reason } | Outcome::Dead { code, reason } => {
            tracing::info!(state, ms, code = code.as_str(), reason, "ended");
        }
        Outcome::Redriven { .. } => {}
    }
}

/// Puts the message where people look for what was given up. Comes after the `dead` result: a crash
/// in between is mended by the redelivery that finds it.
async fn bury(worker: &Worker, lease: &Lease) -> Result<(), Error> {
    let body = &lease.delivery().body;
    let send = || send_one(&*worker.pipeline.dead_letters, body.clone());
    worker.weather.through(send).await
}

/// Tells whoever asked. A reply may be lost: the result is the truth.
async fn reply(worker: &Worker, body: &str, result: &ResultDocument) {
    let Ok(body) = serde_json::from_str::<serde_json::Value>(body) else {
        return;
    };
    let Some(name) = body.get("reply_to").and_then(serde_json::Value::as_str) else { return };
    let Some(queue) = worker.pipeline.replies.open(name).await else {
        tracing::warn!(name, "a reply was asked to a queue that is not allowed");
        return;
    };
    if let Err(error) = send_one(&*queue, result.reply()).await {
        tracing::warn!(reason = error.chain(), "failed to reply");
    }
}

async fn release_for_retry(lease: Lease) -> Result<(), Error> {
    let attempt = lease.delivery().receive_count.saturating_sub(1);
    lease.release(RETRY.wait(attempt, fastrand::f64())).await
}

async fn note(worker: &Worker, lease: &Lease, kind: TroubleKind, reason: &str) {
    let Some((batch, id)) = named(lease) else { return };
    let change = worker.notes.change(&batch, &id, |note, now, me| {
        note.add(now, me, kind, reason);
    });
    if let Err(error) = change.await {
        tracing::warn!(reason = error.chain(), "failed to note what went wrong");
    }
}

/// Strikes out the start of an attempt that was none, if it got as far as writing one.
async fn strike(worker: &Worker, lease: &Lease) {
    let receive = lease.delivery().receive_count;
    if receive <= OPTIMISTIC_RECEIVES {
        return;
    }
    let Some((batch, id)) = named(lease) else { return };
    let strike = async {
        let note = worker.notes.read(&batch, &id).await?;
        let me = &worker.config.worker;
        let latest = note.starts.iter().rev().find(|start| start.worker == *me);
        // An earlier start stands: that one was an attempt.
        if latest.is_some_and(|start| start.receive == receive) {
            worker.notes.change(&batch, &id, |note, _, me| note.strike(me)).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = strike.await {
        tracing::warn!(reason = error.chain(), "failed to strike out a start");
    }
}

/// Whose message it is.
fn named(lease: &Lease) -> Option<(BatchId, JobId)> {
    match pixmill_contract::Job::read(&lease.delivery().body) {
        pixmill_contract::document::JobReading::Job { job, .. } => Some((job.batch, job.id)),
        pixmill_contract::document::JobReading::Refused { batch, id, .. } => Some((batch, id)),
        pixmill_contract::document::JobReading::Foreign(_) => None,
    }
}
