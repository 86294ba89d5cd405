//! What every server of these tests begins with that stands for AWS: a place to listen, the way there as
//! the program is set up, and requests as they come. What is answered is each server's own. The tests
//! of `core/ec2` share this file.

use std::sync::atomic::{AtomicU32, Ordering};

use pixmill_aws::{Credentials, Region, SdkConfig, SharedCredentialsProvider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// Where a server is.
#[derive(Debug)]
pub(crate) struct Site {
    url: String,
    region: String,
}

impl Site {
    /// A place to listen at, in a region of its own: the SDK has one budget of repetitions for each.
    pub(crate) async fn open() -> (Self, TcpListener) {
        static REGION: AtomicU32 = AtomicU32::new(1);
        Self::open_in(format!("us-test-{}", REGION.fetch_add(1, Ordering::Relaxed))).await
    }

    /// The same in this region.
    pub(crate) async fn open_in(region: String) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (Self { url, region }, listener)
    }

    /// What leads there, set up as the program is.
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
}

/// A request, as it came.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// The first line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// Reads one; nothing if the client goes before it is whole.
    pub(crate) async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut asked = Self { at: Instant::now(), head, body: bytes[end..].to_vec() };
        let length = asked.header("content-length").map(|length| length.parse::<usize>().unwrap());
        if asked.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        }
        let chunked = asked.header("transfer-encoding").is_some();
        while length.is_some_and(|length| asked.body.len() < length)
            || (chunked && !asked.body.ends_with(b"0\r\n\r\n"))
        {
            (stream.read_buf(&mut asked.body).await.ok()? > 0).then_some(())?;
        }
        Some(asked)
    }

    /// The value of a header; nothing if it is not there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What is asked for: the method and the path.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap().trim_end_matches(" HTTP/1.1")
    }
}
