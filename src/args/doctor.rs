//! The command line of `pixmill doctor`.

use clap::Args;

use super::{Data, Launching, Machines, help};

/// Find out what is wrong with a pipeline, and how to mend it.
#[derive(Debug, Args)]
#[command(after_help = help::doctor())]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) data: Data,

    #[command(flatten)]
    pub(crate) machines: Machines,

    #[command(flatten)]
    pub(crate) launching: Launching,

    /// On AWS: the most workers that the fleet's controller is to want.
    #[arg(long, env = "PIXMILL_MAX", value_name = "N", help_heading = "Fleet on EC2")]
    pub(crate) max: Option<u32>,

    /// Print JSON: a list of what was checked, with status, detail and fix.
    #[arg(long)]
    pub(crate) json: bool,
}
