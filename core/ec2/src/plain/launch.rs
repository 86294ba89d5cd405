//! Launching plain instances, so that an intent is fulfilled once.

use std::collections::BTreeMap;

use pixmill_contract::error::Result;
use pixmill_contract::id::hash;
use pixmill_contract::port::Intent;
use pixmill_contract::{Error, ErrorKind};

use super::Ec2Fleet;
use crate::calls::ec2::{Launch, Place};
use crate::calls::machine::{Machine, State};
use crate::tags;

/// Places that one call tries, as it may not take long. The next one goes on with the others.
const MOST_PLACES: usize = 6;

/// Length of a client token, of which EC2 takes 64 characters at most.
const TOKEN: usize = 48;

impl Ec2Fleet {
    /// Makes good what is missing of an intent. That there are too few machines is an error only
    /// where there is none at all.
    pub(super) async fn complete(&self, intent: &Intent) -> Result<()> {
        let found = self.machines.of_intent(&intent.id).await?;
        self.go_on_starting(intent, &found).await?;
        let there = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let mut missing = intent.count.saturating_sub(there);
        if missing == 0 {
            return Ok(());
        }
        missing = missing.saturating_sub(self.start_stopped(intent, missing).await?);
        let asked_for = missing;
        let mut last = None;
        for place in self.places.order(&intent.id).into_iter().take(MOST_PLACES) {
            if missing == 0 {
                break;
            }
            match self.run(intent, &place, missing).await {
                Ok(launched) => {
                    if launched < missing {
                        self.places.had_none(&place);
                    }
                    missing = missing.saturating_sub(launched);
                }
                Err(error) if error.kind() == ErrorKind::InsufficientCapacity => {
                    tracing::info!(?place, reason = error.chain(), "no machine there");
                    self.places.had_none(&place);
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match last {
            Some(error) if missing == asked_for && missing > 0 => Err(error),
            Some(_) | None => Ok(()),
        }
    }

    /// Launches up to so many in one place, and says how many it were.
    async fn run(&self, intent: &Intent, place: &Place, most: u32) -> Result<u32> {
        let Some(template) = &self.options.template else {
            let why = "it was opened to be looked at: no launch template is known";
            return Err(Error::new(ErrorKind::Invalid, "launch in a fleet", why));
        };
        // The same for the same wish, so that EC2 knows a repetition from another one.
        let wish = format!("{template:?} {place:?} {most} of {}", intent.count);
        let token =
            hash(&[self.options.name.as_bytes(), intent.id.as_str().as_bytes(), wish.as_bytes()]);
        let tags = BTreeMap::from([
            (tags::FLEET, self.options.name.clone()),
            (tags::INTENT, intent.id.to_string()),
            (tags::LAUNCHED, intent.at.millis().to_string()),
        ]);
        let launch = Launch { template, place, most, token: &token[..TOKEN], tags: &tags };
        let launched = self.machines.ec2.run(launch).await?;
        self.machines.recent.note(&launched);
        Ok(u32::try_from(launched.len()).unwrap_or(u32::MAX))
    }

    /// Starts stopped instances of the fleet for an intent, and says how many it were. They bear the
    /// intent before they are started, so that whoever goes on after a crash knows.
    async fn start_stopped(&self, intent: &Intent, most: u32) -> Result<u32> {
        let mut stopped =
            self.machines.list_where(&[("instance-state-name", &["stopped"])]).await?;
        stopped
            .retain(|machine| machine.state == State::Stopped && !machine.tags.is_for(&intent.id));
        stopped.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let mut started = 0;
        for machine in stopped {
            let before = machine.tags.intent();
            let tags = BTreeMap::from([
                (tags::INTENT, intent.id.to_string()),
                (tags::STARTING, intent.id.to_string()),
                (tags::LAUNCHED, self.machines.clock.now().millis().to_string()),
            ]);
            self.machines.ec2.tag(&[&machine.id], &tags).await?;
            match self.start(&machine).await {
                Ok(()) => started += 1,
                Err(error) if error.kind() == ErrorKind::InsufficientCapacity => {
                    tracing::info!(id = %machine.id, reason = error.chain(), "it cannot be started");
                    let before = before.map_or_else(String::new, |intent| intent.to_string());
                    let tags = BTreeMap::from([(tags::INTENT, before)]);
                    self.machines.ec2.tag(&[&machine.id], &tags).await?;
                    self.machines.ec2.untag(&[&machine.id], &[tags::STARTING]).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(started)
    }

    /// Starts those that were to be started for an intent, and that nobody came to start.
    async fn go_on_starting(&self, intent: &Intent, found: &[Machine]) -> Result<()> {
        let left = |machine: &&Machine| {
            machine.state == State::Stopped
                && machine.tags.0.get(tags::STARTING).is_some_and(|id| id == intent.id.as_str())
        };
        for machine in found.iter().filter(left) {
            self.start(machine).await?;
        }
        Ok(())
    }

    async fn start(&self, machine: &Machine) -> Result<()> {
        // What was said of its former life.
        self.machines.ec2.untag(&[&machine.id], &[tags::DRAINING]).await?;
        self.machines.ec2.start(&[&machine.id]).await?;
        self.machines.ec2.untag(&[&machine.id], &[tags::STARTING]).await
    }
}
