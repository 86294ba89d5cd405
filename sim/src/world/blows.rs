//! What befalls a world, and its controllers, which are among those who die.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pixmill_contract::testing::FaultyFleet;
use pixmill_controller::{Action, Controller, DrainReason, Event};
use tokio::sync::watch;
use tokio::time::sleep;

use super::World;
use crate::calls::{Actor, Port};
use crate::fleet;
use crate::script::Blow;

impl World {
    pub(super) fn strike(&mut self, blow: Blow) {
        self.events.happens(&format!("{blow:?}"));
        let victim = self.fleet.any(&mut self.dice);
        let victim = || victim.as_ref();
        match blow {
            Blow::Kill => {
                if let Some(id) = victim() {
                    self.events.count("workers killed");
                    self.fleet.kill(id);
                }
            }
            Blow::Freeze(time) => {
                if let Some(id) = victim() {
                    self.events.count("workers frozen");
                    self.events.freeze(&format!("w-{}", &id.as_str()[..6]), time);
                }
            }
            Blow::Reclaim => {
                if let Some(id) = victim() {
                    self.events.count("workers reclaimed");
                    self.fleet.reclaim(id);
                }
            }
            Blow::Outage(port, kind, time) => {
                self.events.count("outages");
                self.events.outage(port, kind, time);
            }
            Blow::QueueClock(error) => {
                self.events.count("jumps of clocks");
                self.queue_clock.set_error(error);
            }
            Blow::WorkerClock(error) => {
                if let Some(id) = victim() {
                    self.events.count("jumps of clocks");
                    self.fleet.set_clock(id, error);
                }
            }
            Blow::ControllerClock(error) => {
                self.events.count("jumps of clocks");
                self.controller_clock.set_error(error);
                self.fleet.clock_was_set.store(true, Ordering::Relaxed);
            }
            Blow::CrashController(down, anew) => self.crash_controller(down, anew),
            Blow::SecondController(time) => {
                self.events.count("second controllers");
                let second = self.controller(true);
                let second = tokio::spawn(async move {
                    drop(tokio::time::timeout(time, second).await);
                });
                self.controllers.push(second);
            }
        }
    }

    pub(super) fn start_controller(&mut self, anew: bool) {
        let controller = tokio::spawn(self.controller(anew));
        self.controllers.push(controller);
    }

    fn crash_controller(&mut self, down: Duration, anew: bool) {
        self.events.count("controllers killed");
        self.controllers.drain(..).for_each(|controller| controller.abort());
        let next = self.controller(anew);
        self.controllers.push(tokio::spawn(async move {
            sleep(down).await;
            next.await;
        }));
    }

    /// A controller, under a name of its own or under that of the last one.
    fn controller(&mut self, anew: bool) -> impl Future<Output = ()> + Send + use<> {
        self.names += u32::from(anew);
        let name = format!("controller-{}", self.names);
        let actor = Actor::new(name.clone(), None, &self.events, self.dice.u64(..));
        let clock = Arc::new(self.controller_clock.clone());
        let pipeline = self.place.pipeline(&actor, None, clock);
        let fleet = Arc::clone(&self.fleet);
        let port = Arc::new(fleet::Port { fleet, controller: name.clone() });
        let fleet = Arc::new(FaultyFleet::new(port, actor.plan(Port::Fleet)));
        let policy = self.place.script.policy.clone();
        let events = Arc::clone(&self.events);
        async move {
            let (_stop, stopped) = watch::channel(false);
            let controller = Controller { pipeline, fleet, policy: policy.clone(), name };
            let bounds = policy.min..=policy.max;
            let tell = |event: &Event<'_>| {
                let Event::Decided(decision) = event else { return };
                events.count("plans");
                if let Some(desired) = decision.record.desired
                    && !bounds.contains(&desired)
                {
                    events.breaks(format!("{desired} instances are wanted, not {bounds:?}"));
                }
                let drains = |action: &Action| {
                    matches!(action, Action::Drain { why: DrainReason::Idle { .. }, .. })
                };
                let blind = decision.record.depth.is_none() || decision.record.counts.is_none();
                if blind && decision.record.actions.iter().any(drains) {
                    events.breaks("scaled in without having seen everything".to_owned());
                }
            };
            controller.run(stopped, tell).await;
        }
    }
}
