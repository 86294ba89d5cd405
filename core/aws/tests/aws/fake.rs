//! A server that answers what a script says: what no emulator gives, such as throttling, broken
//! connections and answers that are lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::scripted::{Asked, Site};

/// Longest that a test waits for a request; one alone takes milliseconds.
const BOUND: Duration = Duration::from_mins(1);

/// What is done with one request. The connection ends with each.
#[derive(Clone)]
pub(crate) enum Act {
    /// An answer: status, further headers, body.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// The same, but its body is announced to have so many bytes, and then ends where it ends.
    Cut(u16, &'static [(&'static str, &'static str)], &'static str, usize),
    /// These very bytes.
    Raw(&'static [u8]),
    /// Nothing: the connection is closed.
    Close,
    /// Nothing: the connection stays open.
    Silence,
    /// The emulator's answer.
    Forward,
    /// The emulator does what it is asked to, and its answer is lost.
    Lose,
}

/// A running server.
pub(crate) struct Fake {
    site: Site,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts one with a script, whose last act is repeated for ever.
    pub(crate) async fn start(script: impl Into<VecDeque<Act>>) -> Self {
        Self::listen(Site::open().await, "", script.into())
    }

    /// Starts one in front of the emulator at this URL.
    pub(crate) async fn before(emulator: &str, script: impl Into<VecDeque<Act>>) -> Self {
        let site = Site::open_in("us-east-1".to_owned()).await;
        Self::listen(site, emulator, script.into())
    }

    fn listen(
        (site, listener): (Site, TcpListener),
        emulator: &str,
        script: VecDeque<Act>,
    ) -> Self {
        let emulator = emulator.trim_start_matches("http://").to_owned();
        let asked = Arc::default();
        tokio::spawn(serve(listener, emulator, script, Arc::clone(&asked)));
        Self { site, asked }
    }

    /// What leads to it, set up as the program is.
    pub(crate) async fn configuration(&self) -> SdkConfig {
        self.site.configuration().await
    }

    /// The same with another deadline of a try.
    pub(crate) async fn impatient(&self, one_try: Duration) -> SdkConfig {
        let timeouts =
            TimeoutConfig::builder().read_timeout(one_try).operation_attempt_timeout(one_try);
        self.configuration().await.into_builder().timeout_config(timeouts.build()).build()
    }

    /// What it was asked since this was called last.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Waits until it was asked so much since then.
    pub(crate) async fn wait_for(&self, count: usize) {
        let asked = async {
            while self.asked.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(BOUND, asked).await.expect("it is asked");
    }
}

async fn serve(
    listener: TcpListener,
    emulator: String,
    mut script: VecDeque<Act>,
    asked: Arc<Mutex<Vec<Asked>>>,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // One after the other, so that the script's order is the requests'.
        let Some(request) = Asked::read(&mut stream).await else { continue };
        let act = if script.len() > 1 { script.pop_front() } else { script.front().cloned() };
        let forwarded = (request.head.clone(), request.body.clone());
        asked.lock().unwrap().push(request);
        let emulator = emulator.clone();
        tokio::spawn(async move { perform(act.unwrap(), stream, &emulator, forwarded).await });
    }
}

async fn perform(act: Act, mut stream: TcpStream, emulator: &str, (head, body): (String, Vec<u8>)) {
    let answer = match act {
        Act::Answer(status, headers, body) => answer(status, headers, body, body.len()),
        Act::Cut(status, headers, body, bytes) => answer(status, headers, body, bytes),
        Act::Raw(bytes) => bytes.to_vec(),
        Act::Close => Vec::new(),
        Act::Silence => return std::future::pending().await,
        Act::Forward => forward(emulator, &head, &body).await,
        Act::Lose => {
            forward(emulator, &head, &body).await;
            Vec::new()
        }
    };
    // The client may have gone, and that is its right.
    drop(stream.write_all(&answer).await);
    drop(stream.shutdown().await);
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str, bytes: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\n");
    if status != 204 {
        head += &format!("Content-Length: {bytes}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    (head + "\r\n" + body).into_bytes()
}

async fn forward(emulator: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with("expect"));
    let head: Vec<_> = lines.chain(["connection: close"]).collect();
    let mut stream = TcpStream::connect(emulator).await.unwrap();
    stream.write_all((head.join("\r\n") + "\r\n\r\n").as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}
