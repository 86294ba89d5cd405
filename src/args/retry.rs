//! The command line of `pixmill retry`.

use clap::{Args, ValueEnum};
use pixmill_contract::BatchId;
use pixmill_producer::Name;

use super::Data;

const HELP: &str = "\
Examples:
  pixmill retry 0198…/3f2a… --data mill/
  pixmill retry --batch 0198… --only failed --data mill/ --wait

A retry is a new job: the same message under an id that follows from the old one, so that asking
twice sends one job. What failed again is retried by its latest retry. A dead job can also be
redriven, which keeps its id: see `pixmill dead`.

Exit codes:
  0  sent, or nothing to send; with --wait, all of them are done
  1  some were not sent, as they have not ended or can never be done; with --wait, some failed
  2  it could not: a bad argument, no such pipeline, batch or job";

/// Send failed and dead jobs once more.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
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
