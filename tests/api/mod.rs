//! `pixmill producer`: the HTTP API, asked over sockets as applications ask it.

mod access;
mod clients;
mod growing;
mod hostile;
mod jobs;
mod kills;
mod mill;
mod prototype;
mod rough;
mod session;
mod stream;
mod triage;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Invocation, Place, Running, eventually};

const SOON: Duration = Duration::from_mins(1);

/// A server, and where it answers. It is killed if it is dropped.
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) at: SocketAddr,
}

impl Server {
    fn of(place: &Place) -> Self {
        Self::start(place.on_data("producer"))
    }

    pub(crate) fn start(producer: Invocation) -> Self {
        Self::at(producer.args(["--listen", "127.0.0.1:0"]).bound(2 * SOON).start())
    }

    /// That of a process which says where it serves.
    fn at(process: Running) -> Self {
        let at = eventually("an address", SOON, || {
            let said = process.stdout();
            let mut lines =
                said.lines().filter(|line| line.ends_with(|c: char| c.is_ascii_digit()));
            Some(lines.find_map(|line| line.split_once("http://"))?.1.parse().unwrap())
        });
        Self { process, at }
    }

    /// Asks with a body, and reads all of the answer.
    pub(crate) fn send(&self, request: &str, fields: &[&str], body: &[u8]) -> Reply {
        send_to(self.at, request, fields, body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path}"), &[], b"")
    }

    fn post(&self, path: &str) -> Reply {
        self.send(&format!("POST {path}"), &[], b"")
    }

    pub(crate) fn post_json(&self, path: &str, document: &Value) -> Reply {
        let body = document.to_string();
        self.send(&format!("POST {path}"), &["Content-Type: application/json"], body.as_bytes())
    }

    /// A picture as it is, to become a job.
    pub(crate) fn submit(&self, query: &str, picture: &[u8]) -> Reply {
        self.send(&format!("POST /v1/jobs?{query}"), &["Content-Type: image/jpeg"], picture)
    }
}

/// Asks with a body, and reads all of the answer; nothing if there is none.
pub(crate) fn send_to(
    at: SocketAddr,
    request: &str,
    fields: &[&str],
    body: &[u8],
) -> Option<Reply> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(SOON)).unwrap();
    let (line, host) = (format!("{request} HTTP/1.1"), format!("Host: {at}"));
    let length = format!("Content-Length: {}", body.len());
    let own = [line.as_str(), &host, &length, "Connection: close"];
    let text = format!("{}\r\n\r\n", [&own[..], fields].concat().join("\r\n"));
    // One that is refused may be told so before it has sent everything.
    drop(stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body)));
    let mut answer = vec![];
    drop(stream.read_to_end(&mut answer));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1)?.parse().unwrap();
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = answer.split_off(end + 4);
    Some(Reply { status, head, body: if chunked { unchunked(&body) } else { body } })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = vec![];
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("no JSON: {e}\n{}\n{text}", self.head))
    }

    /// Fails the test unless the status is this.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    /// Fails the test unless it is a problem document with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let reply = self.expect(status);
        assert!(reply.head.contains("content-type: application/problem+json"), "{}", reply.head);
        let document = reply.json();
        assert_eq!((&document["status"], &document["code"]), (&status.into(), &code.into()));
        assert!(!document["detail"].as_str().unwrap().is_empty());
        document
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A part of a form.
pub(crate) enum Part<'p> {
    Text(&'p str, &'p str),
    File(&'p str, &'p str, &'p [u8]),
}

/// A form, and its media type as a field of a head.
pub(crate) fn form(parts: &[Part<'_>]) -> (&'static str, Vec<u8>) {
    let mut body = vec![];
    for part in parts {
        body.extend_from_slice(b"--limit\r\nContent-Disposition: form-data; ");
        match part {
            Part::Text(name, text) => {
                body.extend_from_slice(format!("name=\"{name}\"\r\n\r\n{text}").as_bytes());
            }
            Part::File(name, file, bytes) => {
                let head = format!("name=\"{name}\"; filename=\"{file}\"\r\n\r\n");
                body.extend_from_slice(head.as_bytes());
                body.extend_from_slice(bytes);
            }
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    ("Content-Type: multipart/form-data; boundary=limit", body)
}

/// A worker of the same pipeline.
fn worker(place: &Place) -> Running {
    place.on_data("consumer").args(["--worker", "w", "--poll", "100ms"]).bound(2 * SOON).start()
}

/// A text as it stands in a query.
fn encoded(text: &str) -> String {
    let hex: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    hex.concat()
}
