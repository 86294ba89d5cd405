//! Opening what a worker listens at: the socket, bound here or handed over, and the token's file.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use pixmill_consumer::{ListenError, Listener, Token};

use crate::args::{Listen, Place};
use crate::private_file;

/// Connections that may wait to be accepted, as std has it.
const BACKLOG: i32 = 128;

/// Longer than any token's first line.
const MAX_TOKEN_BYTES: u64 = 4096;

/// What the flags name, if they name anything.
pub(crate) fn open(listen: &Listen, is_child: bool) -> anyhow::Result<Option<Listener>> {
    let Some(place) = listen.listen else { return Ok(None) };
    let token = listen.token_file.as_deref().map(token).transpose()?;
    let socket = match place {
        Place::Address(address) => {
            Listener::check(address, token.as_ref()).map_err(explained)?;
            bound(address)?
        }
        Place::StandardInput if is_child => {
            bail!("--child and --listen stdin both want standard input")
        }
        Place::StandardInput => handed_over(std::io::stdin().as_fd())?,
    };
    let listener = Listener::new(socket, token).map_err(explained)?;
    tracing::info!(address = %listener.address(), "listening");
    Ok(Some(listener))
}

fn explained(error: ListenError) -> anyhow::Error {
    match error {
        ListenError::Open(_) => {
            anyhow!("{error}: give it one by --token-file, or listen at 127.0.0.1")
        }
        ListenError::Socket(_) => anyhow!(error),
    }
}

fn bound(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("failed to listen at {address}"))
}

/// A socket that somebody bound for us. What else it may be is found out now, not when the first
/// connection fails: only what could listen is told to, and what listens already goes on.
fn handed_over(socket: BorrowedFd<'_>) -> anyhow::Result<TcpListener> {
    let no_listener = "standard input is no TCP socket that listens";
    rustix::net::listen(socket, BACKLOG).context(no_listener)?;
    let socket = TcpListener::from(socket.try_clone_to_owned()?);
    socket.local_addr().context(no_listener)?;
    Ok(socket)
}

/// The token in a file that nobody else may read.
fn token(path: &Path) -> anyhow::Result<Token> {
    let text = token_text(path)?;
    Token::new(&text).with_context(|| format!("the first line of {} is no token", path.display()))
}

/// The same as it is sent.
pub(crate) fn token_text(path: &Path) -> anyhow::Result<String> {
    let text = private_file::read(path, "token", MAX_TOKEN_BYTES)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn tokens_are_first_lines_of_files_that_nobody_else_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            token(&path).map_err(|error| format!("{error:#}"))
        };
        for good in ["0123456789abcdef", " 0123456789abcdef \r\nmore\n"] {
            read(good, 0o600).unwrap();
            read(good, 0o400).unwrap();
        }
        for bad in ["", "short\n", "\n0123456789abcdef\n"] {
            assert!(read(bad, 0o600).unwrap_err().contains("16 to 1024 characters"), "{bad:?}");
        }
        for mode in [0o640, 0o604, 0o620, 0o601] {
            let refused = read("0123456789abcdef", mode).unwrap_err();
            assert!(refused.contains(&format!("chmod 600 {}", path.display())), "{refused}");
        }
    }

    #[test]
    fn only_sockets_that_listen_are_taken_over() {
        let listening = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listening.local_addr().unwrap();
        assert_eq!(handed_over(listening.as_fd()).unwrap().local_addr().unwrap(), address);
        let connected = std::net::TcpStream::connect(address).unwrap();
        assert!(handed_over(connected.as_fd()).is_err());
        assert!(handed_over(File::open("Cargo.toml").unwrap().as_fd()).is_err());
        let folder = tempfile::tempdir().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
        assert!(handed_over(unix.as_fd()).is_err());
    }
}
