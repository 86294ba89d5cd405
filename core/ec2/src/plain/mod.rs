//! A fleet of plain instances, launched from a template and registered with a target group.

mod launch;
mod places;

use std::sync::Arc;

use async_trait::async_trait;
use pixmill_aws::SdkConfig;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Fleet, Instance, Intent, TargetState};
use pixmill_contract::{Clock, ErrorKind, InstanceId};
use tokio::sync::Mutex;

use self::places::Places;
use crate::calls::machine::{Machine, State};
use crate::machines::{Machines, Targets};
use crate::options::{Ec2Options, FleetOptions};
use crate::tags;

/// A fleet of plain instances. Its own are those that are tagged with its name.
///
/// * **Launching is by intent:** instances that bear its tag are looked for first; what is missing is
///   made of stopped instances of the fleet's own, then launched. A call that is repeated after its
///   answer was lost repeats its client token, and brings the same instances.
/// * **Registering** with the target group is made good with every look, as only an instance that
///   runs can be registered.
/// * **An end** is a stop while the pool of stopped instances has room, else a termination.
#[derive(Debug)]
pub struct Ec2Fleet {
    machines: Machines,
    options: Ec2Options,
    places: Places,
    /// One launch, or one end, at a time: each goes by how many there are.
    counting: Mutex<()>,
}

impl Ec2Fleet {
    /// The fleet of this name; nobody is asked until something is wanted of it.
    pub fn new(
        configuration: &SdkConfig,
        fleet: &FleetOptions,
        options: Ec2Options,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let own = (tags::FLEET, options.name.clone());
        let machines = Machines::new(configuration, fleet, own, clock)?;
        let places = Places::new(&options);
        Ok(Self { machines, options, places, counting: Mutex::default() })
    }

    /// Registers what runs, is not to go, and is not registered; not in a fleet that is looked at only.
    async fn register(&self, machines: &[Machine], targets: &Targets) {
        if self.options.template.is_none() {
            return;
        }
        let (Some(group), Some(targets)) = (&self.machines.target_group, targets) else { return };
        let is_registered = |machine: &Machine| {
            targets.get(&machine.id).is_some_and(|health| match health.state {
                TargetState::Initial
                | TargetState::Healthy
                | TargetState::Unhealthy
                | TargetState::Unavailable => true,
                TargetState::Unused => health.reason.as_deref() != Some("Target.NotRegistered"),
                TargetState::Draining => false,
            })
        };
        let missing = machines.iter().filter(|machine| {
            machine.state == State::Running
                && !machine.tags.has(tags::DRAINING)
                && !is_registered(machine)
        });
        let missing: Vec<_> = missing.map(|machine| &machine.id).collect();
        if missing.is_empty() {
            return;
        }
        if let Err(error) = group.register(&missing).await {
            tracing::warn!(reason = error.chain(), "not registered yet; the next look tries again");
        }
    }

    /// Whether an instance that is to end is kept stopped. A spot instance cannot be.
    async fn is_kept(&self, machine: &Machine) -> Result<bool> {
        if self.options.stopped_pool == 0 || machine.is_spot {
            return Ok(false);
        }
        let stopped = ["stopping", "stopped"];
        let stopped = self.machines.list_where(&[("instance-state-name", &stopped)]).await?;
        Ok(u32::try_from(stopped.len()).is_ok_and(|stopped| stopped < self.options.stopped_pool))
    }
}

#[async_trait]
impl Fleet for Ec2Fleet {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let (listed, checks) = tokio::join!(self.machines.list(), self.machines.checks());
        let listed = listed?;
        let (reports, ()) =
            tokio::join!(self.machines.reports(&listed), self.register(&listed, &checks.targets));
        let instance = |(machine, report): (&Machine, _)| {
            self.machines.instance(machine, machine.state.lifecycle(), &checks, report)
        };
        Ok(listed.iter().zip(reports).map(instance).collect())
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        let _counting = self.counting.lock().await;
        self.complete(intent).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.machines.drain(id).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        let _counting = self.counting.lock().await;
        let machine = self.machines.find(id).await?;
        match machine.state {
            State::Pending | State::Running => {}
            State::Stopping | State::Stopped | State::ShuttingDown | State::Terminated => {
                return Ok(());
            }
        }
        if let Some(group) = &self.machines.target_group
            && let Err(error) = group.deregister(&[id]).await
        {
            // Its end is noticed there, too, only later.
            tracing::warn!(%id, reason = error.chain(), "it could not be deregistered");
        }
        let ended = if self.is_kept(&machine).await? {
            self.machines.ec2.stop(&[id]).await
        } else {
            self.machines.ec2.terminate(&[id]).await
        };
        match ended {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            ended => ended,
        }
    }
}
