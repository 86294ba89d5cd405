//! A server of the query protocol: hands each request to a function, and sends what that replies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pixmill_aws::{Credentials, Region, SdkConfig, SharedCredentialsProvider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

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
    url: String,
    region: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl FnMut(&Call) -> Reply + Send + 'static) -> Self {
        // The SDK has one budget of repetitions for each region.
        static REGION: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        let n = REGION.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let kept = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&kept)));
            }
        });
        Self { url, region: format!("us-test-{n}"), calls }
    }

    /// What leads to it, set up as the program is.
    pub(crate) async fn configuration(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "the tests");
        pixmill_aws::configuration()
            .await
            .into_builder()
            .region(Region::new(self.region.clone()))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
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
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
    assert!(head.contains("authorization: aws4-hmac-sha256 "), "it is not signed: {head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let length: usize = length.trim().parse().unwrap();
    let mut body = bytes.split_off(end);
    while body.len() < length {
        (stream.read_buf(&mut body).await.ok()? > 0).then_some(())?;
    }
    let body = String::from_utf8(body).unwrap();
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
