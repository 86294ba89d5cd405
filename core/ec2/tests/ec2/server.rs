//! A server of the query protocol: hands each request to a function, and sends what that replies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pixmill_aws::SdkConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::scripted::{Asked, Site};

/// A call, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) action: String,
    pub(crate) form: BTreeMap<String, String>,
}

impl Call {
    /// The value of a parameter; empty, if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    /// A list: `NAME.1`, `NAME.2` and so on.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let numbered = (1..).map(|n| self.form.get(&format!("{name}.{n}")));
        numbered.map_while(|value| value.map(String::as_str)).collect()
    }
}

/// What is replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A status and a document.
    Say(u16, String),
    /// Nothing: the connection ends.
    Lose,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Say(200, body.into())
    }

    /// A refusal, as EC2 writes it.
    pub(crate) fn refuse(status: u16, code: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Self::Say(status, format!("<Response><Errors>{error}</Errors></Response>"))
    }
}

type Handler = Box<dyn FnMut(&Call) -> Reply + Send>;

/// A running server.
pub(crate) struct Server {
    site: Site,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        let (site, listener) = Site::open().await;
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let kept = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&kept)));
            }
        });
        Self { site, calls }
    }

    /// What leads to it, set up as the program is.
    pub(crate) async fn configuration(&self) -> SdkConfig {
        self.site.configuration().await
    }

    /// What was asked since the last time that this was asked for.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// How often each action was asked for since then.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls() {
            *counts.entry(call.action).or_default() += 1;
        }
        counts
    }
}

async fn serve(
    mut stream: TcpStream,
    handler: Arc<Mutex<Handler>>,
    calls: Arc<Mutex<Vec<Call>>>,
) -> Option<()> {
    loop {
        let call = read(&mut stream).await?;
        let reply = (handler.lock().unwrap())(&call);
        calls.lock().unwrap().push(call);
        let Reply::Say(status, body) = reply else { return None };
        let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(body.as_bytes()).await.ok()?;
    }
}

/// Reads one request; nothing if the client has gone.
async fn read(stream: &mut TcpStream) -> Option<Call> {
    let asked = Asked::read(stream).await?;
    let signature = asked.header("authorization").unwrap_or_default();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 "), "it is not signed: {}", asked.head);
    let body = String::from_utf8(asked.body).unwrap();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    let mut form: BTreeMap<_, _> =
        pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    Some(Call { action: form.remove("Action").unwrap(), form })
}

fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(&tail[..2]).unwrap();
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        rest = &tail[2..];
    }
    String::from_utf8(bytes).unwrap()
}
