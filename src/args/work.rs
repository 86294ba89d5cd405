//! How pictures are worked on: limits and timing, and how a worker of our own is told of them.

use std::time::Duration;

use clap::Args;
use pixmill_contract::Limits;

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
pub(super) fn bytes(text: &str) -> Result<u64, String> {
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
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

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
