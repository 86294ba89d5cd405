//! Rough treatment: kills, slow and broken clients, floods.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::{Part, SOON, Server, form, worker};
use crate::harness::{
    Patience, Place, eventually, files, now, peak_memory, photo, result_count, results,
};

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
fn nothing_is_accepted_into_a_queue_that_was_removed() {
    let place = Place::new();
    let server = Server::of(&place);
    server.submit("recipe=invert&name=early.jpg", &photo(1)).expect(202);
    std::fs::remove_file(place.data().join("queue.sqlite")).unwrap();
    let submit = |server: &Server| {
        let fields = ["Content-Type: image/jpeg", "Idempotency-Key: late"];
        server.send("POST /v1/jobs?recipe=invert&name=late.jpg", &fields, &photo(2))
    };
    submit(&server).expect(503);
    server.process.kill();
    let server = Server::of(&place);
    assert!(server.process.stderr().contains("the queue is gone"), "a loss is told");
    submit(&server).expect(202);
    let _worker = worker(&place);
    eventually("its result", SOON, || (result_count(&place.data()) == 1).then_some(()));
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

#[test]
fn whoever_neither_sends_nor_takes_is_sent_home_and_keeps_nobody() {
    let place = Place::new();
    let server = Server::of(&place);
    // Somebody who fetches and takes nothing of what comes.
    let large = vec![7; 40 << 20];
    let at = server.post_json("/v1/uploads", &json!({ "name": "a.jpg" })).expect(201).json();
    let link = at["link"].as_str().unwrap();
    server.send(&format!("PUT {link}"), &["Content-Type: image/jpeg"], &large).expect(201);
    let mut taker = TcpStream::connect(server.at).unwrap();
    let request = format!("GET /v1/objects/{} HTTP/1.1", at["key"].as_str().unwrap());
    write!(taker, "{request}\r\nHost: {}\r\nConnection: close\r\n\r\n", server.at).unwrap();

    let body = photo(1);
    let head = format!(
        "POST /v1/jobs?recipe=invert HTTP/1.1\r\nHost: {}\r\nContent-Type: image/jpeg\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        server.at,
        body.len()
    );
    // One who is slow, and goes on.
    let mut slow = TcpStream::connect(server.at).unwrap();
    slow.set_read_timeout(Some(SOON)).unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    let (begin, rest) = body.split_at(1000);
    slow.write_all(begin).unwrap();
    eventually("an upload", SOON, || (uploads(&place) == 1).then_some(()));

    // More than there may be, who have gone without a word in the middle: no end comes from them.
    let gone = || {
        let mut stream = TcpStream::connect(server.at).unwrap();
        stream.write_all(&[head.as_bytes(), begin].concat()).unwrap();
        stream
    };
    let half_open: Vec<_> = (0..600).map(|_| gone()).collect();
    let asked_at = now();
    server.get("/health").expect(200);
    assert!(asked_at.elapsed() < Duration::from_secs(5), "{:?}", asked_at.elapsed());
    server.submit("recipe=invert", &body).problem(503, "busy");
    for piece in rest.chunks(rest.len() / 100) {
        Patience::new(SOON).wait();
        slow.write_all(piece).unwrap();
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");

    eventually("their end", SOON, || (uploads(&place) == 0).then_some(()));
    server.submit("recipe=invert", &body).expect(202);
    assert_eq!(server.get("/v1/batches").expect(200).json()["total"], 2);
    let mut came = vec![];
    taker.set_read_timeout(Some(SOON)).unwrap();
    drop(taker.read_to_end(&mut came));
    assert!(came.starts_with(b"HTTP/1.1 200") && came.len() < large.len(), "{}", came.len());
    let memory = peak_memory(server.process.pid());
    assert!(memory < 256 << 20, "{memory} bytes");
    drop(half_open);
}
