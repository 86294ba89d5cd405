//! A pipeline in a directory of this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use pixmill_contract::{Pipeline, SystemClock, WorkerId};
use pixmill_local::{Durability, LocalBackend, MAX_RECEIVE_COUNT};

use super::{Kind, Opened, Pace, Purpose};
use crate::args::Data;

/// A queue in the same file system answers in microseconds, and others may want what is in it.
const PACE: Pace =
    Pace { max_receive_count: MAX_RECEIVE_COUNT, prefetch: 2, poll: Duration::from_secs(1) };

pub(super) fn opened(data: &Data, purpose: Purpose<'_>) -> anyhow::Result<Opened> {
    let Some(directory) = &data.data else {
        return Err(no_directory());
    };
    let holder = match purpose {
        Purpose::Ask if !directory.is_dir() => {
            bail!("there is no pipeline in {}", directory.display());
        }
        Purpose::Work(worker) => Some(worker),
        Purpose::Ask | Purpose::Send => None,
    };
    let (pipeline, local) = open(directory, data.durable, holder)?;
    Ok(Opened { pipeline, pace: PACE, kind: Kind::Local(local.jobs) })
}

/// What to say if no pipeline was named.
pub(crate) fn no_directory() -> anyhow::Error {
    anyhow!("say which pipeline: --data DIR, or --backend aws with --bucket and --queue")
}

/// What an acknowledged write survives, as the command line says it.
pub(crate) fn durability(durable: bool) -> Durability {
    if durable { Durability::Power } else { Durability::Process }
}

/// Opens the pipeline in a directory of this machine. What is received through it is held in the
/// name of `holder`, if one is given.
pub(crate) fn open(
    data: &Path,
    durable: bool,
    holder: Option<&WorkerId>,
) -> anyhow::Result<(Pipeline, LocalBackend)> {
    let backend = LocalBackend::open(data, Arc::new(SystemClock), durability(durable))
        .with_context(|| format!("failed to open the pipeline in {}", data.display()))?;
    backend.use_bells();
    let pipeline = match holder {
        Some(worker) => {
            let jobs = Arc::new(backend.jobs.with_holder(worker.clone()));
            Pipeline { jobs, ..backend.pipeline() }
        }
        None => backend.pipeline(),
    };
    Ok((pipeline, backend))
}
