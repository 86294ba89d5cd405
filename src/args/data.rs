//! Which pipeline a command is about.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which pipeline.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pipeline")]
#[expect(clippy::struct_field_names, reason = "`--data` is what the flag is called")]
pub(crate) struct Data {
    /// Where the pipeline is: in a directory of this machine, or on AWS.
    #[arg(long, env = "PIXMILL_BACKEND", default_value = "local", value_name = "WHERE")]
    pub(crate) backend: Backend,

    /// The pipeline's directory on this machine; `OUT/.pixmill` is that of `pixmill run --out OUT`.
    #[arg(long, env = "PIXMILL_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Survive power loss too, not only killed processes. Slower. On this machine only.
    #[arg(long, env = "PIXMILL_DURABLE")]
    pub(crate) durable: bool,

    /// On AWS: the S3 bucket. Region, endpoints and credentials are found as every AWS tool finds
    /// them: in its own environment variables and profiles.
    #[arg(long, env = "PIXMILL_BUCKET", value_name = "BUCKET")]
    pub(crate) bucket: Option<String>,

    /// On AWS: the SQS queue of the jobs, by its name or its URL.
    #[arg(long, env = "PIXMILL_QUEUE", value_name = "QUEUE")]
    pub(crate) queue: Option<String>,

    /// On AWS: the dead-letter queue [default: the one that the queue names in its redrive policy].
    #[arg(long, env = "PIXMILL_DEAD_LETTER_QUEUE", value_name = "QUEUE")]
    pub(crate) dead_letter_queue: Option<String>,
}

/// Where a pipeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// A directory, SQLite and processes of this machine.
    Local,
    /// S3 and SQS.
    Aws,
}

impl Data {
    /// The flags that lead to the same pipeline, for a command that somebody will type.
    pub(crate) fn flags(&self) -> String {
        let pairs = match self.backend {
            Backend::Local => {
                let data = self.data.as_ref().map(|data| data.display().to_string());
                vec![("--data", data)]
            }
            Backend::Aws => vec![
                ("--backend", Some("aws".to_owned())),
                ("--bucket", self.bucket.clone()),
                ("--queue", self.queue.clone()),
                ("--dead-letter-queue", self.dead_letter_queue.clone()),
            ],
        };
        let given =
            pairs.into_iter().filter_map(|(flag, value)| Some(format!("{flag} {}", value?)));
        given.collect::<Vec<_>>().join(" ")
    }
}
