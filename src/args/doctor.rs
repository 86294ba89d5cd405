//! The command line of `pixmill doctor`.

use clap::Args;

use super::{Data, help};

/// Find out what is wrong with a pipeline, and how to mend it.
#[derive(Debug, Args)]
#[command(after_help = help::doctor())]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) data: Data,

    /// Print JSON: a list of what was checked, with status, detail and fix.
    #[arg(long)]
    pub(crate) json: bool,
}
