//! Where a worker answers over HTTP, as whom, and to whom.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use pixmill_contract::InstanceId;

/// Where a worker answers over HTTP.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
#[expect(clippy::struct_field_names, reason = "`--listen` is what the flag is called")]
pub(crate) struct Listen {
    /// Answer over HTTP here, as 127.0.0.1:8080: how it is, and to drain. `stdin` if standard input
    /// is the socket, bound and listening.
    #[arg(long, env = "PIXMILL_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<Place>,

    /// A file whose first line is the token that whoever asks must send. Without it only addresses
    /// of this machine alone are listened at.
    #[arg(long, env = "PIXMILL_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// The instance that this worker runs on, as its fleet calls it, for reports and results
    /// [default: the machine's name, in results only].
    #[arg(long, env = "PIXMILL_INSTANCE", value_name = "ID")]
    pub(crate) instance: Option<InstanceId>,
}

/// A place to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// To be bound.
    Address(SocketAddr),
    /// Bound by whoever started us: inetd's convention.
    StandardInput,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "stdin" {
            return Ok(Self::StandardInput);
        }
        let address = text.parse().map(Self::Address);
        address.map_err(|_| "an IP address with a port, as 127.0.0.1:8080, or stdin".to_owned())
    }
}
