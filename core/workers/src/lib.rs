//! The fleets' side of a worker's listener: asks workers over HTTP how they are, and has them drain.
//!
//! It knows addresses and a token, and neither who started a worker nor what is to be done with it.
//! Every call returns within a bounded time, however silent the other side is.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use pixmill_contract::document::Report;
use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind};
use tokio::net::TcpStream;

/// How long one worker may take to answer. Its listener does no work, so this is a network's delay.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long all workers together may take. Who has not answered by then counts as silent.
const PATIENCE_WITH_ALL: Duration = Duration::from_secs(5);

/// Workers that are asked at once.
const AT_ONCE: usize = 256;

/// Longer than any report.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The way to the workers of one fleet, who share a token.
#[derive(Clone)]
pub struct Contact {
    authorization: String,
}

impl std::fmt::Debug for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contact")
    }
}

impl Contact {
    /// The workers that know this token.
    pub fn new(token: &str) -> Self {
        Self { authorization: format!("Bearer {token}") }
    }

    /// What the worker at this address says of itself.
    pub async fn report(&self, at: SocketAddr) -> Result<Report> {
        let body = self.ask(Method::GET, at, "/status", StatusCode::OK).await?;
        serde_json::from_slice(&body)
            .map_err(|e| Error::new(ErrorKind::Invalid, format!("read the report of {at}"), e))
    }

    /// What each of these workers says of itself, in their order; nothing of those that do not
    /// answer in time, or with something else.
    pub async fn reports(&self, of: &[SocketAddr]) -> Vec<Option<Report>> {
        let mut reports = vec![None; of.len()];
        let answers = futures_util::stream::iter(of.iter().copied().enumerate())
            .map(|(n, at)| async move { (n, self.report(at).await.ok()) })
            .buffer_unordered(AT_ONCE)
            .for_each(|(n, report)| {
                reports[n] = report;
                std::future::ready(())
            });
        // What came until then is kept, which is the point of it.
        drop(tokio::time::timeout(PATIENCE_WITH_ALL, answers).await);
        reports
    }

    /// Has the worker at this address receive no more. It goes on answering until it has ended.
    pub async fn drain(&self, at: SocketAddr) -> Result<()> {
        self.ask(Method::POST, at, "/drain", StatusCode::ACCEPTED).await.map(drop)
    }

    async fn ask(
        &self,
        method: Method,
        at: SocketAddr,
        path: &'static str,
        expected: StatusCode,
    ) -> Result<Bytes> {
        let attempt = || format!("ask the worker at {at} for {path}");
        let silent = |why: &str| Error::new(ErrorKind::Unavailable, attempt(), why);
        let unreachable = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Unavailable, attempt(), e)
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, at.to_string())
            .header(AUTHORIZATION, &self.authorization)
            .body(Empty::<Bytes>::new())
            .map_err(|e| Error::new(ErrorKind::Invalid, attempt(), e))?;
        let exchange = async {
            let stream = TcpStream::connect(at).await.map_err(|e| unreachable(e.into()))?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(|e| unreachable(e.into()))?;
            let answer = async {
                let answer =
                    sender.send_request(request).await.map_err(|e| unreachable(e.into()))?;
                let status = answer.status();
                let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
                Ok::<_, Error>((status, body.map_err(unreachable)?.to_bytes()))
            };
            // The connection is driven by whoever waits for the answer. It may be over before that
            // was looked at, which then tells how it was.
            tokio::pin!(answer);
            tokio::select! {
                answer = &mut answer => answer,
                _ = connection => answer.await,
            }
        };
        let exchanged = tokio::time::timeout(PATIENCE, exchange).await;
        let (status, body) = exchanged.map_err(|_| silent("it did not answer in time"))??;
        if status == expected {
            return Ok(body);
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
            status if status.is_server_error() => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        };
        Err(Error::new(kind, attempt(), format!("it answered {status}")))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with these bytes, and returns what was asked.
    async fn answer_once(listener: TcpListener, answer: &'static [u8]) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        stream.write_all(answer).await.unwrap();
        String::from_utf8(asked[..length].to_vec()).unwrap()
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        (listener, at)
    }

    #[tokio::test]
    async fn a_drain_is_a_post_with_the_token() {
        let (listener, at) = listener().await;
        let server = tokio::spawn(answer_once(listener, b"HTTP/1.1 202 Accepted\r\n\r\n"));
        Contact::new("secret").drain(at).await.unwrap();
        let asked = server.await.unwrap().to_lowercase();
        assert!(asked.starts_with("post /drain http/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: bearer secret\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error_of_its_kind() {
        for (answer, kind) in [
            (&b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"[..], ErrorKind::Denied),
            (b"HTTP/1.1 503 Later\r\ncontent-length: 0\r\n\r\n", ErrorKind::Unavailable),
            (b"HTTP/1.1 404 Nothing\r\ncontent-length: 0\r\n\r\n", ErrorKind::Invalid),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", ErrorKind::Invalid),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", ErrorKind::Unavailable),
            (b"220 smtp.example\r\n", ErrorKind::Unavailable),
            (b"", ErrorKind::Unavailable),
        ] {
            let (listener, at) = listener().await;
            let server = tokio::spawn(answer_once(listener, answer));
            let error = Contact::new("secret").report(at).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}", error.chain());
            server.await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_silent_and_the_gone_do_not_hold_up_the_others() {
        let (silent, silent_at) = listener().await;
        let (gone, gone_at) = listener().await;
        drop(gone);
        let reports = Contact::new("secret").reports(&[silent_at, gone_at, silent_at]).await;
        assert_eq!(reports, vec![None; 3]);
        drop(silent);
    }
}
