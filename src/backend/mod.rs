//! The composition of a pipeline's ports from the adapters of a backend.

#[cfg(feature = "aws")]
mod aws;
mod local;

use std::time::Duration;

use pixmill_contract::{Pipeline, WorkerId};

use crate::args::{Backend, Data};

pub(crate) use local::open as open_local;

/// What a pipeline is opened for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// To ask about it: it must be there.
    Ask,
    /// To send jobs into it.
    Send,
    /// To work on its jobs, which are held in this name.
    Work(&'a WorkerId),
}

/// A pipeline that is open, with what its roles have to know of the backend.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its ports.
    pub(crate) pipeline: Pipeline,
    /// How the queue is best asked by a worker.
    pub(crate) pace: Pace,
    /// Who holds deliveries, where that is known.
    holders: Option<pixmill_local::SqliteQueue>,
}

/// How a worker is best served by a queue and a store that are this far away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The queue's own limit of receives.
    pub(crate) max_receive_count: u32,
    /// Deliveries held beyond the slots.
    pub(crate) prefetch: u16,
    /// How long one receive waits.
    pub(crate) poll: Duration,
}

impl Opened {
    /// How many deliveries each worker holds; empty where the backend does not know.
    pub(crate) async fn held(&self) -> anyhow::Result<Vec<(WorkerId, u64)>> {
        match &self.holders {
            Some(jobs) => Ok(jobs.held().await?),
            None => Ok(vec![]),
        }
    }
}

/// Opens the pipeline that the command line names.
pub(crate) async fn open(data: &Data, purpose: Purpose<'_>) -> anyhow::Result<Opened> {
    match data.backend {
        Backend::Local => local::opened(data, purpose),
        #[cfg(feature = "aws")]
        Backend::Aws => aws::opened(data, purpose).await,
        #[cfg(not(feature = "aws"))]
        Backend::Aws => {
            anyhow::bail!("this pixmill was built without AWS: build it with `make release`")
        }
    }
}
