//! A worker on an EC2 instance: its identity, the notices that the instance is about to go, and what
//! is left to do once it has drained.

use std::time::Duration;

use anyhow::Context as _;
use pixmill_aws::{Metadata, Notice};
use pixmill_consumer::Stage;
use pixmill_contract::{Clock as _, InstanceId, SystemClock, Timestamp};
use tokio::sync::watch;

use crate::shutdown::raise;

/// How often is looked for notices: a spot notice leaves two minutes.
const EVERY: Duration = Duration::from_secs(5);

/// So long before the instance is taken, what is still held is given back.
const LAST_MOMENT: Duration = Duration::from_secs(15);

/// Who this instance is.
pub(crate) async fn identity() -> anyhow::Result<InstanceId> {
    let identity = Metadata::new().identity().await.context("--ec2 is for instances of EC2")?;
    let (zone, kind) = (&identity.zone, &identity.kind);
    tracing::info!(instance = %identity.instance, zone, kind, "on EC2");
    Ok(identity.instance)
}

/// Drains as soon as the instance is told that it is about to go, and gives back what is held before
/// it does.
pub(crate) async fn heed(stage: watch::Sender<Stage>) {
    let metadata = Metadata::new();
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        match metadata.notice().await {
            Ok(Some(notice)) => {
                let wanted = wanted(notice, SystemClock.now());
                if raise(&stage, wanted) {
                    tracing::warn!(?notice, ?wanted, "this instance is about to go");
                }
            }
            Ok(None) => {}
            // Every worker of an instance would say so every few seconds.
            Err(error) => tracing::debug!(reason = error.chain(), "failed to look for notices"),
        }
    }
}

/// What a worker does that has drained, unless a signal told it to: it stays, so that its controller
/// sees that it holds nothing and ends the instance. An Auto Scaling group that wants to end it is
/// told that it need not wait any more. Nothing else is left to do here but that.
pub(crate) async fn stay(instance: InstanceId, mut signalled: watch::Receiver<Stage>) {
    tracing::info!(%instance, "drained; waiting for the end of the instance");
    tokio::select! {
        _ = signalled.wait_for(|stage| *stage > Stage::Running) => {}
        () = depart(&instance) => {}
    }
}

/// Tells the group of this instance to go on with its end, once that is what it wants.
async fn depart(instance: &InstanceId) {
    let metadata = Metadata::new();
    let mut ticks = tokio::time::interval(EVERY);
    let mut configuration = None;
    loop {
        ticks.tick().await;
        if !matches!(metadata.notice().await, Ok(Some(Notice::Terminating))) {
            continue;
        }
        if configuration.is_none() {
            configuration = Some(pixmill_aws::configuration().await);
        }
        let Some(configuration) = &configuration else { continue };
        match pixmill_ec2::complete_departure(configuration, instance).await {
            Ok(()) => {
                tracing::info!(%instance, "its group may end it");
                return;
            }
            Err(error) => {
                tracing::warn!(
                    reason = error.chain(),
                    "its group does not know yet that it may go"
                );
            }
        }
    }
}

/// What a notice asks of a worker at this moment.
fn wanted(notice: Notice, now: Timestamp) -> Stage {
    match notice {
        Notice::Spot { at } if at.since(now) <= LAST_MOMENT => Stage::Aborting,
        Notice::Spot { .. } | Notice::Rebalance | Notice::Terminating => Stage::Draining,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back_before_a_spot_instance_is_taken() {
        let now = Timestamp::from_millis(1_000_000);
        let spot = |left| wanted(Notice::Spot { at: now + Duration::from_secs(left) }, now);
        assert_eq!((spot(120), spot(16)), (Stage::Draining, Stage::Draining));
        assert_eq!((spot(15), spot(0)), (Stage::Aborting, Stage::Aborting));
        let late = Timestamp::from_millis(0);
        assert_eq!(wanted(Notice::Spot { at: late }, now), Stage::Aborting);
        for notice in [Notice::Rebalance, Notice::Terminating] {
            assert_eq!(wanted(notice, now), Stage::Draining);
        }
    }
}
