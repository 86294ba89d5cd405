//! The composition of a pipeline's ports from the adapters of a backend.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use pixmill_contract::{ObjectStore, Pipeline, SystemClock, WorkerId};
use pixmill_local::{Durability, LocalBackend};

use crate::args;

/// Opens the pipeline that somebody asks about, which must be there.
pub(crate) fn open_existing(data: &args::Data) -> anyhow::Result<(Pipeline, LocalBackend)> {
    if !data.data.is_dir() {
        bail!("there is no pipeline in {}", data.data.display());
    }
    open(&data.data, data.durable, None)
}

/// The store of a bucket that is listed, and its name if it is not the pipeline's own.
pub(crate) fn bucket(name: &str) -> anyhow::Result<(Option<String>, Arc<dyn ObjectStore>)> {
    bail!("the bucket {name} is in S3, which takes --backend aws: this pipeline is a directory")
}

/// Opens the pipeline in a directory of this machine. What is received through it is held in the
/// name of `holder`, if one is given.
pub(crate) fn open(
    data: &Path,
    durable: bool,
    holder: Option<&WorkerId>,
) -> anyhow::Result<(Pipeline, LocalBackend)> {
    let durability = if durable { Durability::Power } else { Durability::Process };
    let backend = LocalBackend::open(data, Arc::new(SystemClock), durability)
        .with_context(|| format!("failed to open the pipeline in {}", data.display()))?;
    let pipeline = match holder {
        Some(worker) => {
            let jobs = Arc::new(backend.jobs.with_holder(worker.clone()));
            Pipeline { jobs, ..backend.pipeline() }
        }
        None => backend.pipeline(),
    };
    Ok((pipeline, backend))
}
