//! Launching in a group: the number that it is told, and what forbids it.

use std::collections::BTreeMap;

use pixmill_contract::error::Result;
use pixmill_contract::port::Lifecycle;
use pixmill_contract::{Error, ErrorKind, InstanceId, IntentId};

use super::intents::{Alive, Settled};
use super::{AsgFleet, Knowledge, Sight};
use crate::tags;

/// Instances that have ended by themselves and are taken out of the group in one call; the next one
/// goes on.
const MOST_BURIED: usize = 8;

impl AsgFleet {
    /// Gives the instances that have come to the intents that wait, and has the group launch what is
    /// missing of them.
    pub(super) async fn settle(&self, state: &mut Knowledge) -> Result<()> {
        let mut sight = self.look().await?;
        let buried = self.bury(&sight, state).await;
        let settled = self.give(state, &mut sight).await?;
        self.keep_off(&sight.group).await?;
        let desired = sight.group.desired.saturating_sub(buried);
        self.raise(state, desired, settled.wanted, &sight).await
    }

    /// Sets the desired capacity, if it is too low for what is wanted and nothing forbids it.
    async fn raise(
        &self,
        state: &mut Knowledge,
        desired: u32,
        wanted: u32,
        sight: &Sight,
    ) -> Result<()> {
        if wanted <= desired {
            return Ok(());
        }
        let refuse = |why: String| {
            let attempt = format!("raise the desired capacity of {}", self.options.group);
            Err(Error::new(ErrorKind::InsufficientCapacity, attempt, why))
        };
        if let Some((change, left)) = state.desired.forbids(wanted) {
            let (from, to, minutes) = (change.from, change.to, left.as_secs().div_ceil(60));
            return refuse(format!(
                "somebody lowered it from {from} to {to}: that is left so for another {minutes} \
                 min; lower --max to keep it, or raise it to go on"
            ));
        }
        let max = sight.group.max;
        let allowed = wanted.min(max);
        if allowed > desired {
            self.scaling.set_desired(allowed).await?;
            state.desired.set(allowed);
        }
        if allowed < wanted {
            return refuse(format!(
                "{wanted} are wanted, and the group's maximum is {max}: raise that, or lower --max"
            ));
        }
        Ok(())
    }

    /// Gives the instances that have come to the intents that wait, and says how many are wanted.
    pub(super) async fn give(&self, state: &mut Knowledge, sight: &mut Sight) -> Result<Settled> {
        let settled = state.intents.settle(&alive(sight));
        let mut by_intent: BTreeMap<&IntentId, Vec<&InstanceId>> = BTreeMap::new();
        for (id, intent) in &settled.given {
            // What EC2 does not list yet may not be tagged yet either.
            if sight.machines.iter().any(|machine| machine.id == *id) {
                by_intent.entry(intent).or_default().push(id);
            }
        }
        for (intent, ids) in by_intent {
            let given = [(tags::INTENT, intent.as_str()), (tags::FLEET, &self.options.group)];
            self.machines.ec2.tag(&ids, &BTreeMap::from(given)).await?;
            for machine in sight.machines.iter_mut().filter(|machine| ids.contains(&&machine.id)) {
                machine.tags.0.insert(tags::INTENT.to_owned(), intent.to_string());
            }
            self.machines.recent.note(&sight.machines);
        }
        Ok(settled)
    }

    /// Takes instances that have ended by themselves out of the group, which else finds out after
    /// minutes and counts on them until then. Says how many it were.
    async fn bury(&self, sight: &Sight, state: &mut Knowledge) -> u32 {
        let dead = sight.machines.iter().filter(|machine| {
            let member = sight.member(machine);
            machine.has_ended() && member.is_some_and(|member| !member.place.is_leaving())
        });
        let mut buried = 0;
        for machine in dead.take(MOST_BURIED) {
            match self.scaling.terminate(&machine.id).await {
                Ok(()) => {
                    state.desired.lower();
                    buried += 1;
                }
                // The group itself is at it.
                Err(error) => {
                    tracing::debug!(id = %machine.id, reason = error.chain(), "not buried");
                }
            }
        }
        buried
    }
}

/// The instances that live and are not on their way out, nor about to be: as either service has them,
/// since each of the two may be the later one to tell of an instance that comes.
fn alive(sight: &Sight) -> Vec<Alive> {
    let stays = |lifecycle| match lifecycle {
        Some(Lifecycle::Pending | Lifecycle::Running) => true,
        Some(Lifecycle::Stopping | Lifecycle::Ended) | None => false,
    };
    let listed = sight.machines.iter();
    let listed = listed.filter(|m| stays(sight.lifecycle(m)) && !m.tags.has(tags::ENDING));
    let listed = listed.map(|machine| Alive {
        id: machine.id.clone(),
        launched: machine.started,
        intent: machine.tags.intent(),
    });
    let is_listed = |id: &InstanceId| sight.machines.iter().any(|machine| machine.id == *id);
    let members = sight.group.members.iter();
    let unlisted = members.filter(|(id, member)| stays(member.place.lifecycle()) && !is_listed(id));
    let unlisted = unlisted.map(|(id, _)| Alive { id: id.clone(), launched: None, intent: None });
    listed.chain(unlisted).collect()
}
