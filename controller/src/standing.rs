//! What the controller that acts thinks of the fleet, for whoever asks from outside.

use std::collections::BTreeMap;

use pixmill_contract::{Error, InstanceId, Pipeline, Timestamp};

use crate::lease;
use crate::plan::{DrainReason, Sickness};

/// What the controller that acts has written down last.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub holder: String,
    /// Which holder of the lease it is.
    pub epoch: u64,
    /// When it wrote this, by its clock.
    pub written_at: Timestamp,
    /// Whether it has stopped and nobody acts.
    pub has_stopped: bool,
    /// What it holds against instances; nothing of those that are well.
    pub notes: BTreeMap<InstanceId, Note>,
}

/// What is held against an instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Note {
    /// What it looked sick of at the last reading.
    pub sickness: Option<Sickness>,
    /// In how many readings in a row it has looked sick.
    pub bad_readings: u32,
    /// Why it is to go.
    pub drained: Option<DrainReason>,
}

/// What is known of the controller that acts; nothing, where there has never been one.
pub async fn standing(pipeline: &Pipeline) -> Result<Option<Standing>, Error> {
    let Some((state, _)) = lease::read(pipeline).await? else { return Ok(None) };
    let note = |known: &crate::memory::Known| Note {
        sickness: known.suffers.clone(),
        bad_readings: known.bad,
        drained: known.drained.as_ref().map(|drained| drained.why.clone()),
    };
    let notes = state.memory.instances.iter().map(|(id, known)| (id.clone(), note(known)));
    let notes = notes.filter(|(_, note)| *note != Note::default()).collect();
    Ok(Some(Standing {
        holder: state.holder,
        epoch: state.epoch,
        written_at: state.written_at,
        has_stopped: state.released,
        notes,
    }))
}
