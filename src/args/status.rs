//! The command line of `pixmill status`.

use clap::Args;
use pixmill_producer::Name;

use super::{Data, Machines, help};

/// Show what is waiting, what is done and what failed.
#[derive(Debug, Args)]
#[command(after_help = help::status())]
pub(crate) struct Status {
    /// One batch, with its failures, or one job, as JOB or BATCH/JOB, with its whole story.
    #[arg(value_name = "BATCH|JOB")]
    pub(crate) name: Option<Name>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// The fleet alone: how each instance is, and why. The batches are not read.
    #[arg(long, conflicts_with = "name")]
    pub(crate) fleet: bool,

    #[command(flatten)]
    pub(crate) machines: Machines,

    /// Go on showing it.
    #[arg(long, short)]
    pub(crate) watch: bool,

    /// Print JSON; with --watch, a line for each change.
    #[arg(long)]
    pub(crate) json: bool,
}
