//! Rough treatment: kills, slow and broken clients, floods.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::{Part, SOON, Server, form, worker};
use crate::harness::{Place, eventually, files, now, peak_memory, photo, result_count, results};

/// Files below the spool that are uploads.
fn uploads(place: &Place) -> usize {
    let is_upload = |name: &PathBuf| name.to_string_lossy().contains("upload-");
    files(&place.data().join("spool")).keys().filter(|name| is_upload(name)).count()
}

#[test]
fn what_was_accepted_survives_a_kill_right_after_the_answer() {
    let place = Place::new();
    for n in 0..8 {
        let server = Server::of(&place);
        server.submit(&format!("recipe=invert&name=p{n}.jpg"), &photo(n)).expect(202);
        server.process.kill();
    }
    let server = Server::of(&place);
    let batches = server.get("/v1/batches").expect(200).json();
    assert_eq!(batches["total"], 8);
    let _worker = worker(&place);
    eventually("all results", SOON, || (result_count(&place.data()) == 8).then_some(()));
    assert!(results(&place.data()).values().all(|result| result["state"] == "done"));
    let closed = batches["batches"].as_array().unwrap().iter().filter(|b| b["closed"] == true);
    assert_eq!(closed.count(), 8);
    let spools = std::fs::read_dir(place.data().join("spool")).unwrap().count();
    assert_eq!(spools, 1, "what the killed left behind is cleared");
}

#[test]
fn what_is_too_large_is_refused_as_it_comes() {
    let place = Place::new();
    let server = Server::start(place.on_data("producer").args(["--max-input", "100kB"]));
    let large = vec![0; 1 << 20];
    let announced = server.submit("recipe=invert", &large).problem(413, "too_large");
    assert_eq!(announced["limit"], 100 << 10);
    let (kind, body) = form(&[Part::Text("recipe", "invert"), Part::File("image", "a", &large)]);
    server.send("POST /v1/jobs", &[kind], &body).problem(413, "too_large");
    // One that does not say how much it is, and never ends.
    let mut stream = TcpStream::connect(server.at).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST /v1/jobs?recipe=invert HTTP/1.1\r\nHost: {}\r\nContent-Type: image/png\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        server.at
    );
    stream.write_all(head.as_bytes()).unwrap();
    let piece = [b"10000\r\n".as_slice(), &vec![7; 1 << 16], b"\r\n"].concat();
    let mut sent = 0;
    while sent < 4096 && stream.write_all(&piece).is_ok() {
        sent += 1;
    }
    assert!(sent < 4096, "256 MB were taken without a word");
    assert_eq!(uploads(&place), 0);
    let memory = peak_memory(server.process.pid());
    assert!(memory < 256 << 20, "{memory} bytes");
    server.get("/health").expect(200);
}

#[test]
fn large_uploads_are_never_whole_in_memory() {
    let place = Place::new();
    let server = Server::of(&place);
    server.get("/v1/operations").expect(200);
    let before = peak_memory(server.process.pid());
    let large = vec![9; 60 << 20];
    let (kind, body) = form(&[Part::Text("recipe", "invert"), Part::File("image", "a", &large)]);
    server.send("POST /v1/jobs", &[kind], &body).expect(202);
    server.submit("recipe=invert", &large).expect(202);
    let grown = peak_memory(server.process.pid()) - before;
    assert!(grown < 16 << 20, "{grown} bytes more");
}

#[test]
fn who_hangs_up_in_the_middle_leaves_nothing_behind() {
    let place = Place::new();
    let server = Server::of(&place);
    let (kind, body) = form(&[Part::Text("recipe", "invert"), Part::File("image", "a", &photo(1))]);
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nHost: {}\r\n{kind}\r\nContent-Length: {}\r\n\r\n",
        server.at,
        body.len()
    );
    for part in [10, body.len() / 2, body.len() - 1] {
        let mut stream = TcpStream::connect(server.at).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..part]).unwrap();
        if part > 1000 {
            eventually("an upload", SOON, || (uploads(&place) > 0).then_some(()));
        }
        stream.shutdown(Shutdown::Both).unwrap();
        eventually("its end", SOON, || (uploads(&place) == 0).then_some(()));
    }
    assert_eq!(server.get("/v1/batches").expect(200).json()["total"], 0);
    // One that goes when all is sent is not asked for its opinion.
    let mut stream = TcpStream::connect(server.at).unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
    eventually("a batch", SOON, || {
        (server.get("/v1/batches").json()["batches"][0]["closed"] == true).then_some(())
    });
}

#[test]
fn silent_and_slow_clients_keep_nobody_from_being_answered() {
    let place = Place::new();
    let server = Server::of(&place);
    let silent: Vec<_> = (0..300).map(|_| TcpStream::connect(server.at).unwrap()).collect();
    let mut slow: Vec<_> = (0..50).map(|_| TcpStream::connect(server.at).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /health HTTP/1.1\r\nHo").unwrap();
    }
    let asked_at = now();
    server.get("/health").expect(200);
    assert!(asked_at.elapsed() < Duration::from_secs(5));
    // The silent are sent home.
    let mut first = &silent[0];
    first.set_read_timeout(Some(SOON)).unwrap();
    let mut said = vec![];
    first.read_to_end(&mut said).unwrap();
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"));
}

#[test]
fn the_end_finishes_what_was_begun_and_takes_no_more() {
    let place = Place::new();
    let server = Server::of(&place);
    let body = photo(1);
    let mut stream = TcpStream::connect(server.at).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST /v1/jobs?recipe=invert HTTP/1.1\r\nHost: {}\r\nContent-Type: image/jpeg\r\n\
         Content-Length: {}\r\n\r\n",
        server.at,
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body[..1000]].concat()).unwrap();
    eventually("an upload", SOON, || (uploads(&place) > 0).then_some(()));
    server.process.signal(Signal::TERM);
    eventually("a closed door", SOON, || TcpStream::connect(server.at).is_err().then_some(()));
    stream.write_all(&body[1000..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    server.process.end().expect(0);
    assert!(!place.data().join("spool").exists() || uploads(&place) == 0);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let mut server = Server::of(&place);
    let mut stream = TcpStream::connect(server.at).unwrap();
    stream.write_all(b"POST /v1/jobs?recipe=invert HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\n").unwrap();
    eventually("an upload", SOON, || (uploads(&place) > 0).then_some(()));
    eventually("its end", SOON, || {
        server.process.signal(Signal::TERM);
        (!server.process.is_running()).then_some(())
    });
    server.process.end().expect(0);
}
