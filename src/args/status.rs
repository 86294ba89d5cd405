//! The command line of `pixmill status`.

use clap::Args;
use pixmill_producer::Name;

use super::Data;

const HELP: &str = "\
With --watch it goes on until the batch or the job has ended, of a whole pipeline until it is
interrupted: redrawn in place on a terminal, a line now and then elsewhere. A job that was retried counts as its latest retry that has ended.

Exit codes:
  0  printed; with --watch, all jobs are done
  1  with --watch, some failed
  2  it could not: a bad argument, no such pipeline, batch or job";

/// Show what is waiting, what is done and what failed.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Status {
    /// One batch, with its failures, or one job, as JOB or BATCH/JOB, with its whole story.
    #[arg(value_name = "BATCH|JOB")]
    pub(crate) name: Option<Name>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Go on showing it.
    #[arg(long, short)]
    pub(crate) watch: bool,

    /// Print JSON; with --watch, a line for each change.
    #[arg(long)]
    pub(crate) json: bool,
}
