//! Asking over HTTP, as plainly as can be: a request as text, an answer taken apart.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}\n{self:?}"))
    }
}

/// Sends a request, `GET /status` and the like, with more fields of its head, and reads all of the
/// answer. Nothing, if nobody answers there.
pub(crate) fn ask(to: SocketAddr, request: &str, fields: &[&str]) -> Option<Answer> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (line, host) = (format!("{request} HTTP/1.1"), format!("Host: {to}"));
    let head = [&[line.as_str(), &host], fields].concat();
    let text = format!("{}\r\n\r\n", head.join("\r\n"));
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
