//! The command line of `pixmill up`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{Recipes, Serve, Sizing, Work, help};

/// Run everything on this machine: HTTP API, drop folder, and workers as they are needed.
#[derive(Debug, Args)]
#[command(after_help = help::up())]
pub(crate) struct Up {
    /// The directory of the pipeline, which is made if it is missing.
    #[arg(long, env = "PIXMILL_DATA", default_value = "pixmill-data", value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Where the folders drop, out, done and failed are, as on a share of the network; all of them
    /// on one file system [default: the directory of the pipeline].
    #[arg(long, env = "PIXMILL_FOLDERS", value_name = "DIR")]
    pub(crate) folders: Option<PathBuf>,

    /// A file is taken once it has not changed for so long.
    #[arg(long, env = "PIXMILL_STABLE", default_value = "2s", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) stable: Duration,

    #[command(flatten)]
    pub(crate) recipes: Recipes,

    /// Survive power loss too, not only killed processes. Slower.
    #[arg(long, env = "PIXMILL_DURABLE")]
    pub(crate) durable: bool,

    #[command(flatten)]
    pub(crate) serve: Serve,

    #[command(flatten)]
    pub(crate) sizing: Sizing,

    #[command(flatten)]
    pub(crate) work: Work,
}
