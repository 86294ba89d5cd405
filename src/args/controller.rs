//! The command line of `pixmill controller`.

use std::time::Duration;

use clap::Args;

use super::work::{Work, bytes};
use super::{Data, Launching, Machines, help};

/// Start, drain and replace the workers of a pipeline, as its queue demands.
#[derive(Debug, Args)]
#[command(after_help = help::controller())]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Controller {
    #[command(flatten)]
    pub(crate) data: Data,

    #[command(flatten)]
    pub(crate) machines: Machines,

    #[command(flatten)]
    pub(crate) launching: Launching,

    #[command(flatten)]
    pub(crate) sizing: Sizing,

    #[command(flatten)]
    pub(crate) work: Work,

    /// Print the policy with all that follows from it, and end.
    #[arg(long)]
    pub(crate) show_policy: bool,

    /// Look and decide, and do nothing.
    #[arg(long, conflicts_with = "show_policy")]
    pub(crate) dry_run: bool,

    /// Print every decision with its reasons, not only those to do something.
    #[arg(long)]
    pub(crate) explain: bool,

    /// Print every decision as JSON, a line each.
    #[arg(long, conflicts_with = "explain")]
    pub(crate) json: bool,
}

/// What is asked of a fleet.
#[derive(Debug, Args)]
#[command(next_help_heading = "Size of the fleet")]
pub(crate) struct Sizing {
    /// How soon a burst of jobs is to be worked off. Sooner takes more workers, and idle ones.
    #[arg(long, env = "PIXMILL_TARGET_LATENCY", default_value = "1m", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) target_latency: Duration,

    /// Instead of that: what a second that a job waits may cost, as a share of what a worker's second
    /// costs. 0.1 is frugal, 1 is lavish.
    #[arg(long, env = "PIXMILL_WAIT_COST", value_name = "RATIO")]
    pub(crate) wait_cost: Option<f64>,

    /// Fewest workers; with 0 an idle fleet is sent home.
    #[arg(long, env = "PIXMILL_MIN", default_value_t = 0, value_name = "N")]
    pub(crate) min: u32,

    /// Most workers [default: one a core, on AWS 10].
    #[arg(long, env = "PIXMILL_MAX", value_name = "N")]
    pub(crate) max: Option<u32>,

    /// Pictures that each worker works on at once.
    #[arg(long, env = "PIXMILL_SLOTS", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) slots: u32,

    /// Memory for all pictures that one worker works on at once, as 800MB or 2GB [default: half of
    /// the machine's, by the workers there may be].
    #[arg(long, env = "PIXMILL_MEMORY", value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<u64>,

    /// How long a worker takes to start; only to begin with, as it is learned [default: 1s, on AWS
    /// 1m].
    #[arg(long, env = "PIXMILL_BOOT", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) boot: Option<Duration>,

    /// How often the fleet is looked at [default: 2s, on AWS 10s].
    #[arg(long, env = "PIXMILL_INTERVAL", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) interval: Option<Duration>,
}
