//! A fleet of the instances of an Auto Scaling group.

mod desired;
mod intents;
mod launch;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pixmill_aws::SdkConfig;
use pixmill_contract::error::Result;
use pixmill_contract::port::{Fleet, Instance, Intent, Lifecycle};
use pixmill_contract::{Clock, ErrorKind, InstanceId};
use tokio::sync::Mutex;

use self::desired::Desired;
use self::intents::Intents;
use crate::calls::machine::{Machine, State};
use crate::calls::scaling::{Group, Member, Place, Scaling};
use crate::machines::Machines;
use crate::options::{AsgOptions, FleetOptions};
use crate::tags;

/// A fleet of the instances of an Auto Scaling group, which has it launch and end them.
///
/// * **Out** by the desired capacity, never above the group's maximum, which its owner sets and we
///   check: AWS itself may pass it.
/// * **In** by ending one certain instance and wanting one less with it, never by a number, which
///   would leave the choice to the group. Its instances are protected from it and from being
///   moved between zones ([`prepare`](Self::prepare)).
/// * **A lifecycle hook** keeps whoever the group ends by itself until its worker has drained.
/// * **What somebody else sets** is respected and said (`desired.rs`).
#[derive(Debug)]
pub struct AsgFleet {
    machines: Machines,
    scaling: Scaling,
    options: AsgOptions,
    /// One launch at a time, as each goes by how many there are.
    state: Mutex<Knowledge>,
}

#[derive(Debug, Default)]
struct Knowledge {
    desired: Desired,
    intents: Intents,
}

/// The group and its instances, as both services have them.
struct Sight {
    group: Group,
    machines: Vec<Machine>,
}

impl Sight {
    fn member(&self, machine: &Machine) -> Option<&Member> {
        self.group.members.get(&machine.id)
    }

    /// How far an instance has come: as far as the one says that says more. Nothing of one that
    /// people have taken aside.
    fn lifecycle(&self, machine: &Machine) -> Option<Lifecycle> {
        let by_ec2 = machine.state.lifecycle();
        let by_group = match self.member(machine) {
            Some(member) => member.place.lifecycle()?,
            None => by_ec2,
        };
        let progress = |lifecycle| match lifecycle {
            Lifecycle::Pending => 0,
            Lifecycle::Running => 1,
            Lifecycle::Stopping => 2,
            Lifecycle::Ended => 3,
        };
        // A group has an instance pending while its hooks for new ones last; it works then.
        let later = if progress(by_ec2) >= progress(by_group) { by_ec2 } else { by_group };
        Some(later)
    }
}

impl AsgFleet {
    /// The fleet of this group; nobody is asked until something is wanted of it.
    pub fn new(
        configuration: &SdkConfig,
        fleet: &FleetOptions,
        options: AsgOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let own = (tags::GROUP, options.group.clone());
        let machines = Machines::new(configuration, fleet, own, clock)?;
        let scaling = Scaling::new(configuration, &options.group)?;
        Ok(Self { machines, scaling, options, state: Mutex::default() })
    }

    /// Has the group keep off its instances: protected from scale-in, zones not rebalanced, and a
    /// hook that keeps those that it ends until they have drained. To be done by whoever is going to
    /// act; it may be repeated. `NotFound` if there is no such group.
    pub async fn prepare(&self) -> Result<()> {
        let group = self.scaling.describe().await?;
        if let Some(drain) = self.options.drain {
            self.scaling.put_hook(drain).await?;
        }
        self.keep_off(&group).await
    }

    /// Makes good what somebody undid of it.
    async fn keep_off(&self, group: &Group) -> Result<()> {
        if group.rebalances() {
            self.scaling.suspend_rebalancing().await?;
        }
        if !group.protects {
            self.scaling.protect_new().await?;
        }
        let bare = |member: &Member| member.place == Place::InService && !member.is_protected;
        let bare = group.members.iter().filter(|(_, member)| bare(member));
        let bare: Vec<_> = bare.map(|(id, _)| id).collect();
        self.scaling.protect(&bare).await
    }

    async fn look(&self) -> Result<Sight> {
        let (group, machines) = tokio::join!(self.scaling.describe(), self.machines.list());
        Ok(Sight { group: group?, machines: machines? })
    }

    /// Whether this was an instance of the group. One that has left it bears our own tag alone.
    async fn was_ours(&self, id: &InstanceId) -> Result<bool> {
        if !id.as_str().starts_with("i-") {
            return Ok(false);
        }
        let found = [(tags::FLEET, self.options.group.as_str())];
        let tagged = self.machines.tagged(&found).await?;
        Ok(tagged.iter().any(|machine| machine.id == *id && machine.has_ended()))
    }

    /// Takes a look into account: who set the desired capacity, and what has come of the intents.
    async fn learn(&self, sight: &mut Sight) {
        let mut state = self.state.lock().await;
        if let Some(change) = state.desired.see(sight.group.desired) {
            let (group, from, to) = (&self.options.group, change.from, change.to);
            tracing::warn!(group, from, to, "somebody else set the desired capacity");
        }
        if let Err(error) = self.give(&mut state, sight).await {
            tracing::warn!(reason = error.chain(), "not tagged yet; the next look tries again");
        }
    }

    /// Ends that were asked for, and that the group waits with by its hook: their workers have
    /// drained, or are not waited for.
    async fn go_on_ending(&self, sight: &Sight) {
        if self.options.drain.is_none() {
            return;
        }
        let waits = |machine: &&Machine| {
            machine.tags.has(tags::ENDING)
                && sight.member(machine).is_some_and(|member| member.place == Place::Waiting)
        };
        for machine in sight.machines.iter().filter(waits) {
            if let Err(error) = self.scaling.go_on(&machine.id).await {
                let (id, reason) = (&machine.id, error.chain());
                tracing::warn!(%id, reason, "its end was not told to go on yet");
            }
        }
    }
}

#[async_trait]
impl Fleet for AsgFleet {
    async fn observe(&self) -> Result<Vec<Instance>> {
        let (sight, checks) = tokio::join!(self.look(), self.machines.checks());
        let mut sight = sight?;
        self.learn(&mut sight).await;
        let (reports, ()) =
            tokio::join!(self.machines.reports(&sight.machines), self.go_on_ending(&sight));
        let instance = |(machine, report): (&Machine, _)| {
            let lifecycle = sight.lifecycle(machine)?;
            Some(self.machines.instance(machine, lifecycle, &checks, report))
        };
        Ok(sight.machines.iter().zip(reports).filter_map(instance).collect())
    }

    async fn launch(&self, intent: &Intent) -> Result<()> {
        let mut state = self.state.lock().await;
        let had = self.machines.tagged(&[(tags::INTENT, intent.id.as_str())]).await?;
        state.intents.ask(intent, had.into_iter().map(|machine| machine.id));
        self.settle(&mut state).await
    }

    async fn drain(&self, id: &InstanceId) -> Result<()> {
        self.machines.drain(id).await
    }

    async fn terminate(&self, id: &InstanceId) -> Result<()> {
        let machine = match self.machines.find(id).await {
            Err(error) if error.kind() == ErrorKind::NotFound && self.was_ours(id).await? => {
                return Ok(());
            }
            found => found?,
        };
        match machine.state {
            State::Pending | State::Running | State::Stopping | State::Stopped => {}
            State::ShuttingDown | State::Terminated => return Ok(()),
        }
        // First, so that the hook is answered whoever sees it.
        let now = self.machines.clock.now().millis().to_string();
        let tags = [(tags::ENDING, now.as_str()), (tags::FLEET, &self.options.group)];
        self.machines.ec2.tag(&[id], &BTreeMap::from(tags)).await?;
        let member = self.scaling.describe().await?.members.get(id).copied();
        match member {
            Some(member) if member.place.is_leaving() => return self.scaling.go_on(id).await,
            Some(_) => {}
            // No member any more, and it bears the group's tag still: it is on its way out.
            None => return Ok(()),
        }
        let mut state = self.state.lock().await;
        match self.scaling.terminate(id).await {
            Ok(()) => {
                state.desired.lower();
                self.machines.recent.forget(id);
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
