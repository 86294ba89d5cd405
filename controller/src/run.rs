//! The loop: claim the lease, observe, plan, remember, act, and leave a record.
//!
//! Remembering comes before acting, so that an intent is on record before anything is launched for
//! it: whoever goes on after a crash asks for the same intent again, and gets the same instances.
//! Everything else is decided anew from what is there, so a crash between any two actions costs a
//! tick.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use pixmill_contract::{Error, Fleet, Pipeline};
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;

use crate::decision::{Decision, Failure};
use crate::history::History;
use crate::lease::{self, Claim, Held, Lease};
use crate::memory::Memory;
use crate::observe::observe;
use crate::plan::{Action, plan};
use crate::policy::Policy;

/// How long one action may take. It is begun only while the lease lasts longer.
const ACTION: Duration = Duration::from_secs(10);

/// Actions at once; each is a call to the provider.
const AT_ONCE: usize = 16;

/// What the lease lasts beyond a few intervals, for a tick whose world is slow.
const LEASE_MARGIN: Duration = Duration::from_secs(25);

/// A controller of one fleet.
#[derive(Debug)]
pub struct Controller {
    /// The pipeline whose queue is looked at and whose store has the lease.
    pub pipeline: Pipeline,
    /// The fleet that works on it.
    pub fleet: Arc<dyn Fleet>,
    /// What people ask of it.
    pub policy: Policy,
    /// Its name, of which there is no other.
    pub name: String,
}

/// What happens, for whoever runs a controller.
#[derive(Debug)]
pub enum Event<'e> {
    /// A tick is over.
    Decided(&'e Decision),
    /// Another controller acts; this one takes over when that stops.
    StandingBy {
        /// The other one.
        holder: &'e str,
    },
    /// From here on this one acts.
    Leading {
        /// Which holder of the lease it is.
        epoch: u64,
    },
    /// The store does not answer: nothing is done until it does.
    Out(&'e Error),
}

impl Event<'_> {
    /// Whether it says that there is no instance.
    pub fn is_deserted(&self) -> bool {
        match self {
            Event::Decided(decision) => {
                decision.record.counts.is_some_and(|counts| counts.is_empty())
            }
            Event::StandingBy { .. } | Event::Leading { .. } | Event::Out(_) => false,
        }
    }
}

impl Controller {
    /// Observes, plans and applies every interval until it is told to stop. Whatever fails is tried
    /// again with the next interval; the instances go on working, with a controller or without. A
    /// policy of no instances at all ends by itself, once it has sent everybody home.
    pub async fn run(&self, stop: watch::Receiver<bool>, tell: impl FnMut(&Event<'_>)) {
        self.run_woken(stop, &Notify::new(), tell).await;
    }

    /// The same, and besides at once whenever it is woken.
    pub async fn run_woken(
        &self,
        mut stop: watch::Receiver<bool>,
        wake: &Notify,
        mut tell: impl FnMut(&Event<'_>),
    ) {
        let time = self.policy.interval * 3 + LEASE_MARGIN;
        let mut lease = Lease::new(self.pipeline.clone(), self.name.clone(), time);
        let mut held = None;
        let mut history = History::default();
        let mut ticks = tokio::time::interval(self.policy.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = ticks.tick() => {}
                () = wake.notified() => ticks.reset(),
            }
            // A tick is not broken off, so that no action is left unanswered.
            let (mut is_over, mut last) = (false, None);
            held = self
                .tick(&mut lease, held, &mut |event| {
                    is_over = self.policy.max == 0 && event.is_deserted();
                    if let Event::Decided(decision) = event {
                        last = Some(decision.record.clone());
                    }
                    tell(event);
                })
                .await;
            if let Some(record) = last
                && let Err(error) = history.note(&self.pipeline, &record).await
            {
                tracing::warn!(reason = error.chain(), "failed to keep the history");
            }
            if is_over {
                break;
            }
        }
        let Some(held) = held else { return };
        if let Err(error) = history.write(&self.pipeline).await {
            tracing::warn!(reason = error.chain(), "failed to keep the history");
        }
        if let Err(error) = lease.release(held).await {
            tracing::warn!(reason = error.chain(), "failed to give up the lease");
        }
    }

    /// Plans as [`run`](Self::run) does, and applies nothing: no lease is taken, nothing is written.
    pub async fn rehearse(
        &self,
        mut stop: watch::Receiver<bool>,
        mut tell: impl FnMut(&Event<'_>),
    ) {
        let mut known: Option<(Memory, u64)> = None;
        let mut ticks = tokio::time::interval(self.policy.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            let (memory, epoch) = match known.take() {
                Some(known) => known,
                None => match lease::read(&self.pipeline).await {
                    Ok(Some((state, _))) => (state.memory, state.epoch),
                    Ok(None) => (Memory::default(), 0),
                    Err(error) => {
                        tell(&Event::Out(&error));
                        continue;
                    }
                },
            };
            let (decision, memory) = self.decide(&memory, epoch).await;
            tell(&Event::Decided(&Decision { rehearsed: true, ..decision }));
            known = Some((memory, epoch));
        }
    }

    /// One tick. Returns the lease, if it is still ours.
    async fn tick(
        &self,
        lease: &mut Lease,
        held: Option<Held>,
        tell: &mut impl FnMut(&Event<'_>),
    ) -> Option<Held> {
        let ticked = self.try_tick(lease, held, tell).await;
        ticked.unwrap_or_else(|error| {
            tell(&Event::Out(&error));
            None
        })
    }

    async fn try_tick(
        &self,
        lease: &mut Lease,
        held: Option<Held>,
        tell: &mut impl FnMut(&Event<'_>),
    ) -> Result<Option<Held>, Error> {
        let held = match held {
            Some(held) if held.lasts(Duration::ZERO) => held,
            Some(_) | None => match lease.claim().await? {
                Claim::Held(held) => {
                    tell(&Event::Leading { epoch: held.state.epoch });
                    *held
                }
                Claim::StandBy { holder } => {
                    tell(&Event::StandingBy { holder: &holder });
                    return Ok(None);
                }
            },
        };
        let (mut decision, memory) = self.decide(&held.state.memory, held.state.epoch).await;
        let Some(held) = lease.save(held, memory).await? else { return Ok(None) };
        decision.failures = self.apply(&decision.record.actions, &held).await;
        if let Err(error) = decision.keep(&self.pipeline).await {
            tracing::warn!(reason = error.chain(), "failed to keep a decision");
        }
        tell(&Event::Decided(&decision));
        Ok(Some(held))
    }

    /// What is to be done, and what is to be remembered of it.
    async fn decide(&self, memory: &Memory, epoch: u64) -> (Decision, Memory) {
        let (snapshot, troubles) = observe(&self.pipeline, &*self.fleet).await;
        let now = self.pipeline.clock.now();
        let (plan, memory) = plan(&self.policy, &snapshot, memory, epoch, now);
        let (record, controller) = (plan.record, self.name.clone());
        let (rehearsed, failures) = (false, vec![]);
        (Decision { record, controller, rehearsed, troubles, failures }, memory)
    }

    /// Carries out what can be while the lease lasts. What fails, and what is left, is decided anew.
    async fn apply(&self, actions: &[Action], held: &Held) -> Vec<Failure> {
        let act = |action: Action| async move {
            let error = if held.lasts(ACTION) {
                match tokio::time::timeout(ACTION, self.act(&action)).await {
                    Ok(Ok(())) => return None,
                    Ok(Err(error)) => error.chain(),
                    Err(_) => format!("no answer within {ACTION:?}"),
                }
            } else {
                "the lease was about to end".to_owned()
            };
            Some(Failure { of: action, error })
        };
        let acted = futures_util::stream::iter(actions.to_vec()).map(act).buffered(AT_ONCE);
        acted.filter_map(std::future::ready).collect().await
    }

    async fn act(&self, action: &Action) -> Result<(), Error> {
        match action {
            Action::Launch { intent, .. } => self.fleet.launch(intent).await,
            Action::Drain { id, .. } => self.fleet.drain(id).await,
            Action::Terminate { id, .. } => self.fleet.terminate(id).await,
        }
    }
}
