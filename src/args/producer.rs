//! The command line of `pixmill producer`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{Data, Work, help};

/// Serve a pipeline over HTTP: pictures in, jobs, results and outputs out.
#[derive(Debug, Args)]
#[command(after_help = help::producer())]
pub(crate) struct Producer {
    #[command(flatten)]
    pub(crate) data: Data,

    #[command(flatten)]
    pub(crate) serve: Serve,

    #[command(flatten)]
    pub(crate) work: Work,
}

/// Where and to whom a pipeline is served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct Serve {
    /// Where to listen, as an IP address and a port [default: 127.0.0.1:8000; `up` takes one of the
    /// next ports if another program has that].
    #[arg(long, env = "PIXMILL_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,

    /// A file with the tokens of those who may ask, a line each: `NAME TOKEN`, or a token alone.
    /// Without it only addresses of this machine alone are listened at.
    #[arg(long, env = "PIXMILL_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// What the server is called besides its addresses, as behind a proxy; may be given several
    /// times, or with commas in between.
    #[arg(long, env = "PIXMILL_HOST", value_delimiter = ',', value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// How long links to objects are good.
    #[arg(long, env = "PIXMILL_LINKS", default_value = "1h", value_parser = humantime::parse_duration, value_name = "TIME")]
    pub(crate) links: Duration,

    /// A word that clients of `/process_image` may say as `s3_bucket` [default: any, as it is only a
    /// label]; may be given several times, or with commas in between.
    #[arg(long, env = "PIXMILL_LABELS", value_delimiter = ',', value_name = "BUCKET")]
    pub(crate) label: Vec<String>,

    /// Where uploads are kept until they are in the store [default: below --data, else the system's
    /// directory for temporary files].
    #[arg(long, env = "PIXMILL_SPOOL", value_name = "DIR")]
    pub(crate) spool: Option<PathBuf>,
}

impl Serve {
    /// Where uploads are kept until they are in the store.
    /// `directory` is that of a pipeline of this machine.
    pub(crate) fn spool(&self, directory: Option<&Path>) -> PathBuf {
        match (&self.spool, directory) {
            (Some(spool), _) => spool.clone(),
            (None, Some(directory)) => directory.join("spool"),
            (None, None) => std::env::temp_dir().join("pixmill-spool"),
        }
    }
}

/// Make a preview: the picture of a file through a recipe, to standard output, behind a line that
/// says what comes. What the server starts for each, so that pictures are opened in a process of
/// their own.
#[derive(Debug, Args)]
#[command(after_help = help::preview())]
pub(crate) struct Preview {
    /// The picture.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What to make of it.
    #[arg(long, short, value_name = "RECIPE")]
    pub(crate) recipe: String,

    /// An overlay of the recipe; they are given in the order of their names.
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Vec<PathBuf>,

    /// The recipe that this is a part of, whose first output's size is told [default: the same].
    #[arg(long, value_name = "RECIPE")]
    pub(crate) whole: Option<String>,

    #[command(flatten)]
    pub(crate) work: Work,
}
