//! The listener: tells whoever asks over HTTP how the worker is, and may be told to drain it.
//!
//! It has a thread and a runtime of its own. It shares locks with the rest of the worker only
//! where they are held for moments, and for `/health` none at all: no pixels, no queue, no store
//! and no full core keeps it from answering. Whatever is asked of it costs little: a connection
//! is good for one request, and is closed after [`LONGEST`], whoever is slow.

mod metrics;
mod problem;
mod routes;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

pub use pixmill_access::{Token, TokenError};

use crate::worker::Worker;
use routes::Routes;

/// Most connections at once. Those who ask are a controller, a load balancer and what collects
/// metrics.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection may last, from being accepted to being closed.
const LONGEST: Duration = Duration::from_secs(5);

/// How long the end of a worker may wait for its last answers.
const FAREWELL: Duration = Duration::from_secs(1);

/// Largest head of a request, in bytes: the least that hyper can be told.
const MAX_HEAD_BYTES: usize = 8192;

/// Most header fields of a request.
const MAX_FIELDS: usize = 64;

/// How long nothing is accepted after that failed, as it does while there are no file descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A socket that is bound, and who may ask for what there.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
}

/// Why nothing can listen there.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Anybody could drain the worker.
    #[error("{0} can be reached from other machines, so whoever asks there needs a token")]
    Open(SocketAddr),
    /// The socket is none that can be listened at.
    #[error("failed to use the socket")]
    Socket(#[from] std::io::Error),
}

impl Listener {
    /// A listener at a socket that is bound and listens. Without a token the socket has to be one
    /// of this machine's alone. The socket ceases to block, also where others hold it.
    pub fn new(socket: TcpListener, token: Option<Token>) -> Result<Self, ListenError> {
        let address = socket.local_addr()?;
        Self::check(address, token.as_ref())?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, token })
    }

    /// Refuses an address that one must not listen at without a token.
    pub fn check(address: SocketAddr, token: Option<&Token>) -> Result<(), ListenError> {
        if token.is_none() && !pixmill_access::is_own(address) {
            return Err(ListenError::Open(address));
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until what this returns is ended or dropped.
    pub(crate) fn start(self, worker: Arc<Worker>) -> std::io::Result<Answering> {
        let (end, ending) = oneshot::channel();
        let (answered, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let routes = Arc::new(Routes { worker, token: self.token });
        let socket = self.socket;
        std::thread::Builder::new().name("listener".to_owned()).spawn(move || {
            runtime.block_on(serve(socket, routes, ending));
            drop((runtime, answered));
        })?;
        Ok(Answering { end, ended })
    }
}

/// The listener answers for as long as this is held.
#[derive(Debug)]
pub(crate) struct Answering {
    end: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Answering {
    /// Accepts no more, and waits a moment for what is being answered: whoever asks for a drain
    /// hears of it, however fast that is over.
    pub(crate) async fn end(self) {
        drop(self.end);
        // An error as well: the sender is never used, only dropped.
        drop(self.ended.await);
    }
}

async fn serve(socket: TcpListener, routes: Arc<Routes>, mut ending: oneshot::Receiver<()>) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "failed to listen"),
    };
    let mut connections = Connections::default();
    loop {
        let accepted = tokio::select! {
            _ = &mut ending => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => connections.add(converse(stream, Arc::clone(&routes))),
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(socket);
    connections.end().await;
}

/// The connections that there are.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    /// Those that may not have ended, oldest first.
    open: VecDeque<AbortHandle>,
}

impl Connections {
    /// One more. If there are too many, the oldest goes: an answer takes a moment, so that it is
    /// one that has been silent for long, and nobody can keep others from being answered.
    fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|task| !task.is_finished());
        if self.open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.abort();
        }
        let bounded = async { drop(tokio::time::timeout(LONGEST, connection).await) };
        self.open.push_back(self.tasks.spawn(bounded));
    }

    async fn end(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(FAREWELL, all).await);
    }
}

/// One request and its answer.
async fn converse(stream: TcpStream, routes: Arc<Routes>) {
    // Without it the answer may wait for an acknowledgement; it comes in any case.
    drop(stream.set_nodelay(true));
    let answer = service_fn(move |request| {
        let routes = Arc::clone(&routes);
        async move { Ok::<_, Infallible>(routes.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_only_this_machine_is_listened_to() {
        let token = Token::new("0123456789abcdef").unwrap();
        for address in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            Listener::check(address.parse().unwrap(), None).unwrap();
        }
        for address in ["0.0.0.0:80", "10.0.0.5:80", "[::]:80", "[::ffff:10.0.0.5]:80"] {
            let address = address.parse().unwrap();
            let refused = Listener::check(address, None).unwrap_err();
            assert!(matches!(refused, ListenError::Open(open) if open == address));
            Listener::check(address, Some(&token)).unwrap();
        }
    }
}
