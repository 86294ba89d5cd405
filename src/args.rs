//! The command line and its environment twins. Nothing else reads the environment.

mod dead;
mod retry;
mod status;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use pixmill_contract::{BatchId, Limits, WorkerId};

pub(crate) use self::dead::{Dead, DeadCommand};
pub(crate) use self::retry::{Only, Retry};
pub(crate) use self::status::Status;

/// Grinds images at any volume.
///
/// A producer puts pictures into a store and jobs into a queue, consumers pull the jobs, process
/// the pictures and write the results back. `pixmill run` does all of it on this machine, for a
/// folder of pictures, in one command.
#[derive(Debug, Parser)]
#[command(name = "pixmill", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What to log, to standard error: error, warn, info, debug, or a filter such as
    /// `pixmill_consumer=debug`.
    #[arg(long, global = true, env = "PIXMILL_LOG", default_value = "warn", value_name = "FILTER")]
    pub(crate) log: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Process files and folders on this machine, and report.
    Run(Run),
    /// Send pictures as jobs into a pipeline.
    Submit(Submit),
    /// Work on the jobs of a pipeline until told to stop.
    Consumer(Consumer),
    /// Show what is waiting, what is done and what failed.
    Status(Status),
    /// Send failed and dead jobs once more.
    Retry(Retry),
    /// Look at the jobs that were given up, send them again, or throw them away.
    Dead(Dead),
    /// List the operations and encodings of recipes, or teach one of them.
    Operations(Operations),
}

const RUN_HELP: &str = "\
Examples:
  pixmill run photos/ --recipe 'resize:1600 -> jpeg:q=82' --out out/
  pixmill run photos/ --recipe 'thumb = resize:256 -> jpeg; gray = grayscale -> png' --out out/

Run it again after a crash, a Ctrl-C or with more pictures: what is done is not done again, what
failed is tried again. A picture counts as done while its path, size and modification time, the
recipe and pixmill's engine are the same and its outputs are there.

Exit codes:
  0    every picture was processed, now or before
  1    some failed; the report says which and why
  2    it could not start: a bad argument, nothing to do, names that collide, a directory in use
  3    something outside stopped it, as a full disk; run it again when that is mended
  130  interrupted; run it again to continue";

/// Process files and folders on this machine, and report.
#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Run {
    /// Pictures, and folders that are searched for pictures.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// What to make of each picture; `pixmill operations` lists what there is.
    #[arg(long, short, env = "PIXMILL_RECIPE", value_name = "RECIPE")]
    pub(crate) recipe: String,

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
#[command(after_help = "\
Exit codes:
  0  the jobs were sent; with --wait, all of them are done
  1  with --wait, some failed
  2  it could not: a bad argument, an input that cannot be read, a pipeline that cannot be reached")]
pub(crate) struct Submit {
    /// Pictures, and folders that are searched for pictures. They are copied into the store.
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// What to make of each picture; `pixmill operations` lists what there is.
    #[arg(long, short, env = "PIXMILL_RECIPE", value_name = "RECIPE")]
    pub(crate) recipe: String,

    #[command(flatten)]
    pub(crate) data: Data,

    /// The batch that the jobs belong to [default: a new one].
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
#[command(after_help = "\
SIGTERM or Ctrl-C drains: nothing more is received, what is held is finished or given back. A second
one gives everything back at once.

Exit codes:
  0   drained
  2   it could not start: a bad argument, a pipeline that cannot be reached
  75  one of its threads is lost in a picture; start another one")]
pub(crate) struct Consumer {
    #[command(flatten)]
    pub(crate) data: Data,

    /// Pictures that are worked on at once [default: one a core].
    #[arg(long, env = "PIXMILL_SLOTS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) slots: Option<u16>,

    /// Jobs that are held beyond the slots, so that reading and writing overlap with the work.
    #[arg(long, env = "PIXMILL_PREFETCH", default_value_t = 2, value_name = "N")]
    pub(crate) prefetch: u16,

    /// This worker's name in leases and results [default: a new one].
    #[arg(long, env = "PIXMILL_WORKER", value_name = "ID")]
    pub(crate) worker: Option<WorkerId>,

    /// Memory for all pictures that are worked on at once, as 800MB or 2GB [default: half of the machine's].
    #[arg(long, env = "PIXMILL_MEMORY", value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<u64>,

    #[command(flatten)]
    pub(crate) work: Work,

    /// End at once when standard input ends, and report storms on standard output: how `run` keeps
    /// its workers.
    #[arg(long, hide = true)]
    pub(crate) child: bool,
}

/// List the operations and encodings of recipes, or teach one of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  printed
  2  there is none of that name")]
pub(crate) struct Operations {
    /// One operation or encoding, by name or alias.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which pipeline.
#[derive(Debug, Args)]
pub(crate) struct Data {
    /// The pipeline's directory on this machine; `OUT/.pixmill` is that of `pixmill run --out OUT`.
    #[arg(long, env = "PIXMILL_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,

    /// Survive power loss too, not only killed processes. Slower.
    #[arg(long, env = "PIXMILL_DURABLE")]
    pub(crate) durable: bool,
}

/// How pictures are worked on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits and timing")]
pub(crate) struct Work {
    /// How long a job stays with a worker that gives no sign of life.
    #[arg(long, env = "PIXMILL_VISIBILITY", default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) visibility: Duration,

    /// How long a drain may take before what is held is given back.
    #[arg(long, env = "PIXMILL_DRAIN_TIMEOUT", default_value = "30s", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) drain_timeout: Duration,

    /// A job is given up after so many attempts.
    #[arg(long, env = "PIXMILL_MAX_ATTEMPTS", default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(3..=7))]
    pub(crate) max_attempts: u32,

    /// Longest time that one picture may take.
    #[arg(long, env = "PIXMILL_DEADLINE", default_value = "5m", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) deadline: Duration,

    /// Largest input file.
    #[arg(long, env = "PIXMILL_MAX_INPUT", default_value = "64MB", value_parser = bytes, value_name = "BYTES")]
    pub(crate) max_input: u64,

    /// Longest side of a picture in pixels, in and out.
    #[arg(long, env = "PIXMILL_MAX_SIDE", default_value_t = 16_384, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=65_535))]
    pub(crate) max_side: u32,

    /// Most pixels of a picture, in and out.
    #[arg(long, env = "PIXMILL_MAX_PIXELS", default_value_t = 50_000_000, value_name = "PIXELS")]
    pub(crate) max_pixels: u64,

    /// Most outputs of a recipe.
    #[arg(long, env = "PIXMILL_MAX_OUTPUTS", default_value_t = 16, value_name = "N")]
    pub(crate) max_outputs: usize,

    /// Most operations of a chain.
    #[arg(long, env = "PIXMILL_MAX_OPERATIONS", default_value_t = 32, value_name = "N")]
    pub(crate) max_operations: usize,

    /// Largest kernel in pixels.
    #[arg(long, env = "PIXMILL_MAX_KERNEL", default_value_t = 255, value_name = "PIXELS")]
    pub(crate) max_kernel: u32,

    /// Most memory that one picture may need.
    #[arg(long, env = "PIXMILL_MAX_MEMORY", default_value = "1GB", value_parser = bytes, value_name = "BYTES")]
    pub(crate) max_memory: u64,
}

impl Work {
    /// The limits of a worker.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            input_bytes: self.max_input,
            side: self.max_side,
            pixels: self.max_pixels,
            outputs: self.max_outputs,
            operations: self.max_operations,
            kernel: self.max_kernel,
            memory_bytes: self.max_memory,
            deadline: self.deadline,
        }
    }

    /// These settings as a command line, for a worker of our own.
    pub(crate) fn to_arguments(&self) -> Vec<String> {
        let time = |duration: Duration| humantime::format_duration(duration).to_string();
        let pairs = [
            ("--visibility", time(self.visibility)),
            ("--drain-timeout", time(self.drain_timeout)),
            ("--max-attempts", self.max_attempts.to_string()),
            ("--deadline", time(self.deadline)),
            ("--max-input", self.max_input.to_string()),
            ("--max-side", self.max_side.to_string()),
            ("--max-pixels", self.max_pixels.to_string()),
            ("--max-outputs", self.max_outputs.to_string()),
            ("--max-operations", self.max_operations.to_string()),
            ("--max-kernel", self.max_kernel.to_string()),
            ("--max-memory", self.max_memory.to_string()),
        ];
        pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

/// Reads a number of bytes with an optional unit: `64MB`, `2GB`, `800kB`, `1048576`.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return Err(format!("{unit:?} is no unit: use kB, MB or GB")),
    };
    let number: u64 = number.parse().map_err(|_| "a number of bytes is needed".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn default_limits_are_the_contracts() {
        let cli = Cli::parse_from(["pixmill", "consumer", "--data", "x"]);
        let Command::Consumer(consumer) = cli.command else { panic!("another command") };
        assert_eq!(consumer.work.limits(), Limits::default());
    }

    #[test]
    fn settings_survive_being_handed_to_a_worker() {
        let start =
            ["pixmill", "consumer", "--data", "x", "--deadline", "90s", "--max-input", "3kB"];
        let parse = |arguments: &[String]| {
            let cli = Cli::parse_from(arguments);
            let Command::Consumer(consumer) = cli.command else { panic!("another command") };
            consumer.work
        };
        let first = parse(&start.map(str::to_owned));
        let mut again = start[..4].iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        again.extend(first.to_arguments());
        assert_eq!(parse(&again).limits(), first.limits());
        assert_eq!(first.limits().input_bytes, 3072);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("64MB"), Ok(64 << 20));
        assert_eq!(bytes("7"), Ok(7));
        assert!(bytes("").is_err() && bytes("5 parsecs").is_err() && bytes("-1").is_err());
        assert!(bytes("99999999999GB").is_err());
    }
}
