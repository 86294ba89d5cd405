//! The command line of `pixmill dead`.

use clap::{Args, Subcommand};
use pixmill_contract::BatchId;
use pixmill_producer::Name;
use pixmill_producer::dead::Wanted;

use super::{Data, help};

/// Look at the jobs that were given up, send them again, or throw them away.
#[derive(Debug, Args)]
#[command(after_help = help::dead())]
pub(crate) struct Dead {
    /// What to do with them.
    #[command(subcommand)]
    pub(crate) what: DeadCommand,
}

#[derive(Debug, Subcommand)]
#[command(after_help = help::dead())]
pub(crate) enum DeadCommand {
    /// List dead letters: whose they are, why, since when.
    #[command(after_help = help::dead())]
    List(DeadList),
    /// Show the whole of dead letters: message, result, attempts.
    #[command(after_help = help::dead())]
    Show(DeadShow),
    /// Send jobs again, with all their attempts anew. They keep their ids.
    #[command(after_help = help::dead())]
    Redrive(DeadChosen),
    /// Throw letters away. What has a result keeps its message there, for `pixmill retry`; what has
    /// none, or is no job, is gone.
    #[command(after_help = help::dead())]
    Discard(DeadChosen),
}

/// List dead letters.
#[derive(Debug, Args)]
pub(crate) struct DeadList {
    /// Only those of these jobs, as JOB or BATCH/JOB.
    #[arg(value_name = "JOB")]
    jobs: Vec<Name>,

    /// Only those of this batch.
    #[arg(long, value_name = "BATCH")]
    batch: Option<BatchId>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the whole of dead letters.
#[derive(Debug, Args)]
pub(crate) struct DeadShow {
    /// Whose, as JOB or BATCH/JOB.
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<Name>,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Do something with dead letters.
#[derive(Debug, Args)]
pub(crate) struct DeadChosen {
    /// Those of these jobs, as JOB or BATCH/JOB.
    #[arg(value_name = "JOB", required_unless_present_any = ["batch", "all"])]
    jobs: Vec<Name>,

    /// Those of this batch.
    #[arg(long, value_name = "BATCH")]
    batch: Option<BatchId>,

    /// All of them.
    #[arg(long, conflicts_with_all = ["jobs", "batch"])]
    all: bool,

    #[command(flatten)]
    pub(crate) data: Data,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl DeadList {
    /// The letters that are asked for.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { batch: self.batch.clone(), names: self.jobs.clone() }
    }
}

impl DeadShow {
    /// The letters that are asked for.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { batch: None, names: self.jobs.clone() }
    }
}

impl DeadChosen {
    /// The letters that are asked for.
    pub(crate) fn wanted(&self) -> Wanted {
        // Without both it is `--all`: the command line demands one of the three.
        Wanted { batch: self.batch.clone(), names: self.jobs.clone() }
    }
}
