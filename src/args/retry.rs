//! The command line of `pixmill retry`.

use clap::{Args, ValueEnum};
use pixmill_contract::BatchId;
use pixmill_producer::Name;

use super::{Data, help};

/// Send failed and dead jobs once more.
#[derive(Debug, Args)]
#[command(after_help = help::retry())]
pub(crate) struct Retry {
    /// Jobs to retry, as JOB or BATCH/JOB.
    #[arg(value_name = "JOB", required_unless_present = "batch")]
    pub(crate) jobs: Vec<Name>,

    /// All failed and dead jobs of this batch.
    #[arg(long, value_name = "BATCH", conflicts_with = "jobs")]
    pub(crate) batch: Option<BatchId>,

    /// Of a batch, only these.
    #[arg(long, value_name = "STATE", requires = "batch")]
    pub(crate) only: Option<Only>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Wait until all of them have ended, and fail if one of them did.
    #[arg(long)]
    pub(crate) wait: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The state of jobs to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Those whose picture or message was found wanting.
    Failed,
    /// Those that were given up.
    Dead,
}
