//! The API of `pixmill up`: the same as a producer's, in the process that has everything else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;

use super::{SOON, Server};
use crate::harness::{Mill, eventually, marked, photo};

const SMALL: &str = "resize:48 -> png";

/// Waits until so many jobs of a batch are done.
fn until_done(server: &Server, batch: &str, jobs: u64) {
    eventually("the jobs' ends", 2 * SOON, || {
        let batch = server.get(&format!("/v1/batches/{batch}")).expect(200).json();
        (batch["done"] == jobs).then_some(())
    });
}

#[test]
fn up_answers_over_http_and_knows_its_jobs_after_any_kill() {
    let mill = Mill::new(&[("web", SMALL)]);
    let server = Server::at(mill.start());
    // A recipe of the drop folder is one of the API; nobody started a worker.
    let done = server.submit("recipe=web&batch=b&name=1.jpg&wait=60", &photo(1)).expect(200).json();
    assert_eq!(done["jobs"][0]["state"], "done");
    // And the other way round.
    let put = ["Content-Type: text/plain"];
    server.send("PUT /v1/recipes/gray", &put, b"grayscale -> png").expect(200);
    eventually("its folder", SOON, || mill.path("drop/gray").is_dir().then_some(()));
    mill.put("gray/a.jpg", &photo(2));
    mill.until_there("done/gray/a.jpg");
    until_done(&server, "drop-gray", 1);
    // Killed with everything as soon as it has answered, again and again.
    let mut server = server;
    for n in 2..6 {
        let query = format!("recipe=web&batch=b&name={n}.jpg");
        server.submit(&query, &photo(n)).expect(202);
        mill.kill(server.process);
        server = Server::at(mill.start());
    }
    until_done(&server, "b", 5);
    let batches = server.get("/v1/batches").expect(200).json();
    let names: Vec<_> = batches["batches"].as_array().unwrap().iter().collect();
    assert!(names.iter().any(|batch| batch["batch"] == "drop-gray" && batch["done"] == 1));
}

#[test]
fn ctrl_c_finishes_the_requests_that_up_has() {
    let mill = Mill::new(&[("web", SMALL)]);
    let Server { process: up, at } = Server::at(mill.start());
    let picture = photo(1);
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "POST /v1/jobs?recipe=web&batch=b HTTP/1.1\r\nHost: {at}\r\nContent-Type: image/jpeg\r\n\
         Content-Length: {}\r\n\r\n",
        picture.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&picture[..100]).unwrap();
    // It has come when another one, that came later, is answered.
    assert_eq!(crate::harness::ask(at, "GET /health", &["Connection: close"]).unwrap().status, 200);
    up.signal(Signal::INT);
    eventually("a word", SOON, || up.stdout().contains("once more").then_some(()));
    stream.write_all(&picture[100..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    up.end().expect(0);
    // It is done by the next one.
    let server = Server::at(mill.start());
    until_done(&server, "b", 1);
}

#[test]
fn a_job_is_running_while_a_worker_says_that_it_works_on_it() {
    let mill = Mill::new(&[("web", SMALL)]);
    let server = Server::at(mill.start());
    let accepted = server.submit("recipe=web&batch=b", &marked(1, "hang")).expect(202).json();
    let id = accepted["jobs"][0]["id"].as_str().unwrap();
    let job = eventually("work on it", 2 * SOON, || {
        let job = server.get(&format!("/v1/jobs/b/{id}")).expect(200).json();
        (job["state"] == "running").then_some(job)
    });
    assert!(job["worker"].is_string(), "{job}");
    let batch = server.get("/v1/batches/b").expect(200).json();
    assert_eq!((&batch["running"], &batch["pending"]), (&1.into(), &0.into()));
    let running = server.get("/v1/batches/b/jobs?state=running").expect(200).json();
    assert_eq!((&running["total"], &running["jobs"][0]["id"]), (&1.into(), &id.into()));
    let fleet = server.get("/v1/fleet").expect(200).json();
    let instances = fleet["instances"].as_array().unwrap();
    assert!(instances.iter().any(|instance| instance["jobs"][0]["id"] == id), "{fleet}");
}
