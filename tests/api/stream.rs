//! Events as they happen, and after a cut.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;

use super::{SOON, Server, worker};
use crate::harness::{Place, photo};

/// A stream of events that is listened to.
struct Listener {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Listener {
    fn of(server: &Server, query: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(server.at).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!("GET /v1/events{query} HTTP/1.1\r\nHost: {}\r\n{last}\r\n", server.at);
        stream.write_all(head.as_bytes()).unwrap();
        Self { lines: BufReader::new(stream).lines() }
    }

    /// The next event: its id, its kind and its data. Nothing at the end.
    fn next(&mut self) -> Option<(String, String, String)> {
        let (mut id, mut kind) = (String::new(), String::new());
        loop {
            let line = self.lines.next()?.unwrap();
            if let Some(text) = line.strip_prefix("id: ") {
                text.clone_into(&mut id);
            } else if let Some(text) = line.strip_prefix("event: ") {
                text.clone_into(&mut kind);
            } else if let Some(text) = line.strip_prefix("data: ") {
                return Some((id, kind, text.to_owned()));
            }
        }
    }

    /// The next event of this kind.
    fn until(&mut self, wanted: &str) -> (String, String) {
        loop {
            let (id, kind, data) = self.next().unwrap();
            if kind == wanted {
                return (id, data);
            }
        }
    }
}

#[test]
fn who_listens_hears_of_ends_and_after_a_cut_of_what_was_missed() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let mut listener = Listener::of(&server, "?topics=jobs", None);
    listener.until("hello");
    let ids: Vec<_> = (0..3)
        .map(|n| {
            server.submit("recipe=invert&wait=60", &photo(n)).expect(200);
            listener.until("job")
        })
        .collect();
    assert!(ids.iter().all(|(_, data)| data.contains("\"state\":\"done\"")), "{ids:?}");
    drop(listener);
    let mut again = Listener::of(&server, "?topics=jobs", Some(&ids[0].0));
    assert_eq!([again.until("job"), again.until("job")], [ids[1].clone(), ids[2].clone()]);
    let mut query = Listener::of(&server, &format!("?topics=jobs&after={}", ids[1].0), None);
    assert_eq!(query.until("job"), ids[2]);
    let mut lost = Listener::of(&server, "", Some("12-34"));
    lost.until("reset");
    server.get("/v1/events?topics=weather").problem(400, "bad_parameter");
}

#[test]
fn streams_end_with_the_server() {
    let place = Place::new();
    let server = Server::of(&place);
    let mut listener = Listener::of(&server, "", None);
    listener.until("hello");
    server.process.signal(Signal::TERM);
    while listener.next().is_some() {}
    server.process.end().expect(0);
}

#[test]
fn batches_are_told_by_their_counts() {
    let place = Place::new();
    let server = Server::of(&place);
    let mut listener = Listener::of(&server, "?topics=batches", None);
    listener.until("hello");
    server.submit("recipe=invert&batch=monday", &photo(1)).expect(202);
    let (_, data) = listener.until("batch");
    assert!(data.contains("\"batch\":\"monday\"") && data.contains("\"pending\":1"), "{data}");
    let _worker = worker(&place);
    loop {
        let (_, data) = listener.until("batch");
        if data.contains("\"ended\":true") {
            return;
        }
    }
}
