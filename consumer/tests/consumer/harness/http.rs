//! Asking a worker over HTTP, as plainly as can be: a request as text, an answer taken apart.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than any answer takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The fields of the head, with lower-case names.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}\n{self:?}"))
    }
}

/// Sends a request line with these fields of its head and this body, and reads to the end.
pub(crate) async fn ask(to: SocketAddr, line: &str, fields: &[&str], body: &str) -> Answer {
    let line = format!("{line} HTTP/1.1");
    let host = format!("Host: {to}");
    let length = format!("Content-Length: {}", body.len());
    let mut head = vec![line.as_str()];
    if !fields.iter().any(|field| field.starts_with("Host:")) {
        head.push(&host);
    }
    if !body.is_empty() {
        head.push(&length);
    }
    head.extend(fields);
    let text = format!("{}\r\n\r\n{body}", head.join("\r\n"));
    let talk = async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = vec![];
        // Who refuses a request need not read all of it, so that its end may be a reset.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    };
    let text = tokio::time::timeout(PATIENCE, talk).await.expect("an answer in time");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    };
    Answer { status, fields: lines.map(field).collect(), body: body.to_owned() }
}

/// Asks for what is at a path.
pub(crate) async fn get(from: SocketAddr, path: &str) -> Answer {
    ask(from, &format!("GET {path}"), &[], "").await
}
