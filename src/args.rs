//! The command line, its environment twins and the settings file. Nothing else reads the environment.

mod config;
mod controller;
mod data;
mod dead;
mod doctor;
mod help;
mod listen;
mod machines;
mod producer;
mod retry;
mod status;
mod telemetry;
mod up;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use pixmill_contract::{BatchId, WorkerId};

pub(crate) use controller::{Controller, Sizing};
pub(crate) use data::{Backend, Data};
pub(crate) use dead::{Dead, DeadCommand};
pub(crate) use doctor::Doctor;
pub(crate) use listen::{Listen, Place};
pub(crate) use machines::{Launching, Machines};
pub(crate) use producer::{Preview, Producer, Serve};
pub(crate) use retry::{Only, Retry};
pub(crate) use status::Status;
pub(crate) use telemetry::Telemetry;
pub(crate) use up::Up;
pub(crate) use work::Work;

use work::bytes;

/// The heading of the flags that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Grinds images at any volume.
///
/// A producer puts pictures into a store and jobs into a queue, consumers pull the jobs, process
/// the pictures and write the results back. `pixmill run` does all of it on this machine, for a
/// folder of pictures, in one command.
#[derive(Debug, Parser)]
#[command(name = "pixmill", version, propagate_version = true, max_term_width = 100, after_help = help::all())]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) telemetry: Telemetry,

    /// A file with settings in TOML: flags by their long names [default: pixmill.toml in the working
    /// directory, if it is there].
    #[arg(long, global = true, env = "PIXMILL_CONFIG", value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,
}

impl Cli {
    /// Reads what this process was started with. Ends it as clap does if there is nothing to run.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let line: Vec<_> = std::env::args_os().collect();
        let matches = config::parse(&definitions(), &line)?;
        Ok(Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))
    }
}

/// The definitions of the whole command line.
pub(crate) fn definitions() -> clap::Command {
    Cli::command()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Process files and folders on this machine, and report.
    Run(Run),
    /// Run everything on this machine: HTTP API, drop folder, and workers as they are needed.
    Up(Up),
    /// Send pictures as jobs into a pipeline.
    Submit(Submit),
    /// Serve a pipeline over HTTP: pictures in, jobs, results and outputs out.
    Producer(Producer),
    /// Work on the jobs of a pipeline until told to stop.
    Consumer(Consumer),
    /// Start, drain and replace the workers of a pipeline, as its queue demands.
    Controller(Controller),
    /// Show what is waiting, what is done and what failed.
    Status(Status),
    /// Send failed and dead jobs once more.
    Retry(Retry),
    /// Look at the jobs that were given up, send them again, or throw them away.
    Dead(Dead),
    /// Find out what is wrong with a pipeline, and how to mend it.
    Doctor(Doctor),
    /// List the operations, encodings and recipes, or teach one of them.
    Operations(Operations),
    /// Print what a shell needs to complete commands and flags.
    Completions(Completions),
    /// Print a manual page.
    Man(Man),
    /// Make a preview, for the server that started this.
    #[command(hide = true)]
    Preview(Preview),
}

/// Process files and folders on this machine, and report.
#[derive(Debug, Args)]
#[command(after_help = help::run())]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Run {
    /// Pictures, and folders that are searched for pictures.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// What to make of each picture: a recipe, its name, or a file that ends in `.toml`; `pixmill
    /// operations` lists what there is.
    #[arg(long, short, env = "PIXMILL_RECIPE", value_name = "RECIPE")]
    pub(crate) recipe: String,

    #[command(flatten)]
    pub(crate) recipes: Recipes,

    /// Where the outputs go; the state is kept below it, in `.pixmill`.
    #[arg(long, short, env = "PIXMILL_OUT", value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Names of the outputs below DIR, of {dir} {stem} {srcext} {name} {ext}
    /// [default: {dir}/{stem}.{ext}, or {dir}/{stem}-{name}.{ext} where outputs are named].
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) name: Option<String>,

    /// Worker processes, one picture each [default: one a core].
    #[arg(long, short, env = "PIXMILL_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,

    /// Do everything again, also what is done.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Replace files in the way that an earlier run did not make.
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Survive power loss too, not only killed processes. Slower.
    #[arg(long, env = "PIXMILL_DURABLE")]
    pub(crate) durable: bool,

    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) work: Work,
}

/// Send pictures as jobs into a pipeline.
#[derive(Debug, Args)]
#[command(after_help = help::submit())]
pub(crate) struct Submit {
    /// Pictures, and folders that are searched for pictures, to be copied into the store; or one
    /// `s3://BUCKET/PREFIX`, whose pictures stay where they are.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// What to make of each picture: a recipe, its name, or a file that ends in `.toml`; `pixmill
    /// operations` lists what there is.
    #[arg(long, short, env = "PIXMILL_RECIPE", value_name = "RECIPE")]
    pub(crate) recipe: String,

    #[command(flatten)]
    pub(crate) recipes: Recipes,

    #[command(flatten)]
    pub(crate) data: Data,

    /// The batch that the jobs belong to [default: a new one; of a place in S3 the one that follows
    /// from it and the recipe].
    #[arg(long, value_name = "ID")]
    pub(crate) batch: Option<BatchId>,

    /// Wait until all jobs have ended, and fail if one of them did.
    #[arg(long)]
    pub(crate) wait: bool,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Work on the jobs of a pipeline until told to stop.
#[derive(Debug, Args)]
#[command(after_help = help::consumer())]
pub(crate) struct Consumer {
    #[command(flatten)]
    pub(crate) data: Data,

    /// On AWS: another bucket that pictures may be read from; may be given several times, or with
    /// commas in between. Outputs are written to the pipeline's own bucket only.
    #[arg(long, env = "PIXMILL_ALLOW_BUCKETS", value_delimiter = ',', value_name = "BUCKET")]
    pub(crate) allow_bucket: Vec<String>,

    /// Pictures that are worked on at once [default: one a core].
    #[arg(long, env = "PIXMILL_SLOTS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: Option<u16>,

    /// Jobs that are held beyond the slots, so that reading and writing overlap with the work
    /// [default: 2, on AWS 40].
    #[arg(long, env = "PIXMILL_PREFETCH", value_name = "N")]
    pub(crate) prefetch: Option<u16>,

    /// How long one look for messages waits [default: 1s, on AWS 20s]. A drain may have to wait as
    /// long.
    #[arg(long, env = "PIXMILL_POLL", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) poll: Option<Duration>,

    /// This worker's name in leases and results [default: a new one].
    #[arg(long, env = "PIXMILL_WORKER", value_name = "ID")]
    pub(crate) worker: Option<WorkerId>,

    /// Memory for all pictures that are worked on at once, as 800MB or 2GB [default: half of the machine's].
    #[arg(long, env = "PIXMILL_MEMORY", value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<u64>,

    #[command(flatten)]
    pub(crate) listen: Listen,

    /// This machine is an instance of EC2: give its id as --instance, and drain when it is told that
    /// it is about to go: a spot notice, advice to rebalance, the end that its Auto Scaling group
    /// wants.
    #[arg(long, env = "PIXMILL_EC2", conflicts_with = "instance", help_heading = "Fleet")]
    pub(crate) ec2: bool,

    #[command(flatten)]
    pub(crate) work: Work,

    /// End at once when standard input ends, and report storms on standard output: how `run` keeps
    /// its workers.
    #[arg(long, hide = true)]
    pub(crate) child: bool,
}

/// List the operations, encodings and recipes, or teach one of them.
#[derive(Debug, Args)]
#[command(after_help = help::operations())]
pub(crate) struct Operations {
    /// One operation, encoding or recipe, by name or alias.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) recipes: Recipes,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print what a shell needs to complete commands and flags.
#[derive(Debug, Args)]
#[command(after_help = help::completions())]
pub(crate) struct Completions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Print a manual page.
#[derive(Debug, Args)]
#[command(after_help = help::man())]
pub(crate) struct Man {
    /// The command that it is about [default: all of pixmill].
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Where recipes have their names.
#[derive(Debug, Args)]
pub(crate) struct Recipes {
    /// The directory of recipes: the one named `web` is DIR/web.toml.
    #[arg(long, env = "PIXMILL_RECIPES", default_value = "recipes", value_name = "DIR")]
    pub(crate) recipes: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
