//! The server: accepts connections, bounds what each may cost, and ends them in peace.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::dispatch;
use crate::state::{Api, State};
use crate::wire::Patient;

/// Most connections at once. More wait to be accepted; those that are silent go soon.
const MAX_CONNECTIONS: usize = 512;

/// How long a head may take to come, and how long a connection may be silent between requests.
const HEAD: Duration = Duration::from_secs(15);

/// How long somebody may take nothing of what is written to them.
const STALLED: Duration = Duration::from_secs(30);

/// Largest head of a request, and how much of a body is held at a time, in bytes.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Most header fields of a request.
const MAX_FIELDS: usize = 64;

/// How long the end waits for requests that are being answered.
const FAREWELL: Duration = Duration::from_secs(30);

/// How long nothing is accepted after that failed, as it does while there are no file descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Why nothing can be served there.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could use the pipeline.
    #[error("{0} can be reached from other machines, so whoever asks there needs a token")]
    Open(SocketAddr),
    /// The socket is none that can be listened at.
    #[error("failed to use the socket")]
    Socket(#[from] std::io::Error),
}

impl Api {
    /// Refuses an address that must not be listened at without a token.
    pub fn check(&self, address: SocketAddr) -> Result<(), ServeError> {
        if self.state.settings.tokens.is_empty() && !pixmill_access::is_own(address) {
            return Err(ServeError::Open(address));
        }
        Ok(())
    }
}

/// Serves at a socket that is bound and listens, until `stop` is ready: then it accepts no more,
/// finishes the requests that it has, for half a minute at most, and returns. Without tokens the
/// socket has to be one of this machine's alone.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    api.check(listener.local_addr()?)?;
    listener.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(listener)?;
    let state = api.state;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (ending, ends) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut background = JoinSet::new();
    background.spawn(crate::events::watch(Arc::clone(&state)));
    background.spawn(crate::sweep::keep_sweeping(Arc::clone(&state)));
    tokio::pin!(stop);
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit.expect("it is never closed"), socket.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, peer)) => {
                let connection = converse(stream, peer, Arc::clone(&state), ends.clone(), permit);
                connections.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(socket);
    state.stopping.send_replace(true);
    ending.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    drop(tokio::time::timeout(FAREWELL, all).await);
    Ok(())
}

/// The requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    state: Arc<State>,
    mut ends: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    // Without it an answer may wait for an acknowledgement; it comes in any case.
    drop(stream.set_nodelay(true));
    // Whoever is gone without a word is noticed when what is written is not acknowledged.
    let patience = u32::try_from(2 * STALLED.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream.as_fd(), patience) {
        tracing::debug!(%error, "failed to set how long a connection may be silent");
    }
    let answer = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(dispatch::answer(state, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_BUFFER_BYTES)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(Patient::new(stream, STALLED)), answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = told(&mut ends) => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits for the end to begin.
async fn told(ends: &mut watch::Receiver<bool>) {
    // An error as well: whoever would tell is gone.
    drop(ends.wait_for(|ends| *ends).await);
}
