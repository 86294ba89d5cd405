//! The listener: tells whoever asks over HTTP how the worker is, and may be told to drain it.
//!
//! It has a thread and a runtime of its own. It shares locks with the rest of the worker only
//! where they are held for moments, and for `/health` none at all: no pixels, no queue, no store
//! and no full core keeps it from answering. Whatever is asked of it costs little: a connection
//! is good for one request, and is closed after [`LONGEST`], whoever is slow.

mod access;
mod metrics;
mod problem;
mod routes;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

pub use access::{Token, TokenError};

use crate::worker::Worker;
use routes::Routes;

/// Most connections at once; more of them wait to be accepted. Those who ask are a controller, a
/// load balancer and what collects metrics.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection may last, from being accepted to being closed.
const LONGEST: Duration = Duration::from_secs(5);

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
        if token.is_none() && !address.ip().to_canonical().is_loopback() {
            return Err(ListenError::Open(address));
        }
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, token })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until what this returns is dropped.
    pub(crate) fn start(self, worker: Arc<Worker>) -> std::io::Result<Answering> {
        let (alive, end) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let routes = Arc::new(Routes { worker, token: self.token });
        let socket = self.socket;
        std::thread::Builder::new()
            .name("listener".to_owned())
            .spawn(move || runtime.block_on(serve(socket, routes, end)))?;
        Ok(Answering { _alive: alive })
    }
}

/// The listener answers for as long as this is held.
#[derive(Debug)]
pub(crate) struct Answering {
    _alive: oneshot::Sender<()>,
}

async fn serve(socket: TcpListener, routes: Arc<Routes>, mut end: oneshot::Receiver<()>) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "failed to listen"),
    };
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let next = async {
            let room = Arc::clone(&room).acquire_owned().await;
            (socket.accept().await, room)
        };
        let (accepted, room) = tokio::select! {
            // An error as well: the sender is never used, only dropped.
            _ = &mut end => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let routes = Arc::clone(&routes);
                tokio::spawn(async move {
                    drop(tokio::time::timeout(LONGEST, converse(stream, routes)).await);
                    drop(room);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
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
