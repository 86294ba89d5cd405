//! Workers that are asked over HTTP how they are, and told to drain.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    Answer, Invocation, Place, Running, TWO, ask, eventually, files, large_photo, marked, now,
    result_count, results,
};

const SOON: Duration = Duration::from_mins(1);

const TOKEN: &str = "correct-horse-battery";

fn submit(place: &Place, recipe: &str) {
    place.on_data("submit").arg(place.input()).args(["--recipe", recipe]).go().expect(0);
}

fn consumer(place: &Place) -> Invocation {
    place.on_data("consumer").args(["--worker", "w"]).bound(Duration::from_mins(2))
}

/// Starts a worker with a socket that it is handed over, and returns where it answers.
fn start(consumer: Invocation) -> (Running, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let consumer = consumer.args(["--listen", "stdin"]).input(OwnedFd::from(socket));
    (consumer.start(), at)
}

fn get(at: SocketAddr, path: &str) -> Answer {
    ask(at, &format!("GET {path}"), &[]).unwrap()
}

fn report(at: SocketAddr) -> Value {
    get(at, "/status").json()
}

fn queue(place: &Place) -> (u64, u64) {
    let status = place.on_data("status").arg("--json").go().expect(0).json();
    let count = |name: &str| status["queue"][name].as_u64().unwrap();
    (count("visible"), count("in_flight"))
}

fn token_file(place: &Place, text: &str, mode: u32) -> PathBuf {
    let path = place.path("token");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_worker_answers_at_once_while_every_core_is_busy() {
    let place = Place::new();
    for n in 0..8 {
        place.put(format!("large-{n}.jpg"), &large_photo());
    }
    submit(&place, "blur:99 | blur:99 | median:15 | blur:99 | median:15 -> jpeg");
    let cores = std::thread::available_parallelism().unwrap().get();
    let slots = (2 * cores).min(8);
    let (worker, at) = start(consumer(&place).args(["--slots", &slots.to_string()]));
    eventually("full slots", SOON, || (report(at)["busy"] == slots).then_some(()));
    let mut times = vec![];
    for _ in 0..100 {
        let asked_at = now();
        assert_eq!(get(at, "/health").status, 200);
        times.push(asked_at.elapsed());
    }
    assert_eq!(report(at)["busy"], slots, "they were too quick");
    worker.kill();
    times.sort();
    println!("/health of {slots} busy slots: median {:?}, longest {:?}", times[50], times[99]);
    // A machine may be busy with more than this; one that starves answers when its work is done.
    assert!(times[99] < Duration::from_secs(5), "{times:?}");
}

/// A worker in the midst of its work; it has been told that it is an instance.
fn working(place: &Place) -> (Running, SocketAddr) {
    place.put_photos(40);
    submit(place, TWO);
    let settings = ["--slots", "1", "--prefetch", "20", "--instance", "i-1"];
    let (worker, at) = start(consumer(place).args(settings));
    eventually("a result", SOON, || (result_count(&place.data()) > 0).then_some(()));
    (worker, at)
}

/// What is true of every worker that was drained in the midst of its work.
fn drained(place: &Place, worker: Running) {
    worker.end().expect(0);
    let done = result_count(&place.data());
    assert!(done < 40, "it was too quick to be drained");
    assert_eq!(queue(place), (40 - done as u64, 0), "nothing is hidden");
    let results = results(&place.data());
    assert!(results.values().all(|result| result["instance"] == "i-1" && result["worker"] == "w"));
    assert_eq!(files(&place.data().join("objects/outputs")).len(), 2 * done);
}

#[test]
fn a_drain_that_is_asked_for_hides_nothing_and_ends_the_worker() {
    let place = Place::new();
    let (worker, at) = working(&place);
    let asked = ask(at, "POST /drain", &[]).unwrap();
    assert_eq!((asked.status, &asked.json()["draining"]), (202, &Value::Bool(true)));
    drained(&place, worker);
    assert!(ask(at, "GET /health", &[]).is_none(), "nobody is there any more");
}

#[test]
fn sigterm_is_the_same_drain() {
    let place = Place::new();
    let (worker, at) = working(&place);
    assert_eq!(report(at)["draining"], false);
    worker.signal(Signal::TERM);
    drained(&place, worker);
}

#[test]
fn a_drain_is_told_of_while_it_lasts_and_signals_still_abort_it() {
    let place = Place::new();
    place.put("endless.jpg", &marked(1, "hang"));
    submit(&place, TWO);
    let (mut worker, at) = start(consumer(&place));
    eventually("a busy slot", SOON, || (report(at)["busy"] == 1).then_some(()));
    for _ in 0..2 {
        assert_eq!(ask(at, "POST /drain", &[]).unwrap().status, 202);
    }
    let draining = report(at);
    assert_eq!((&draining["draining"], &draining["leases"]), (&Value::Bool(true), &1.into()));
    assert_eq!(get(at, "/health").status, 200);
    // Two that come at once are one signal.
    eventually("its end", SOON, || {
        worker.signal(Signal::TERM);
        (!worker.is_running()).then_some(())
    });
    worker.end().expect(0);
    assert_eq!(queue(&place), (1, 0));
}

#[test]
fn whoever_has_no_token_or_is_a_web_page_changes_nothing() {
    let place = Place::new();
    let file = token_file(&place, &format!("{TOKEN}\n"), 0o600);
    let (worker, at) = start(consumer(&place).arg("--token-file").arg(file));
    let token = format!("Authorization: Bearer {TOKEN}");
    let refused = ask(at, "POST /drain", &[]).unwrap();
    assert_eq!(refused.status, 401);
    assert!(refused.head.to_lowercase().contains("www-authenticate: bearer"), "{}", refused.head);
    let page = "Origin: http://evil.example";
    assert_eq!(ask(at, "POST /drain", &[page]).unwrap().status, 403);
    assert_eq!(ask(at, "POST /drain", &[&token, page]).unwrap().status, 403);
    assert_eq!(ask(at, "POST /drain", &[&token, "Host: evil.example"]).unwrap().status, 403);
    assert_eq!(get(at, "/health").status, 200);
    let status = ask(at, "GET /status", &[&token]).unwrap().json();
    assert_eq!((&status["draining"], status["instance"].is_null()), (&Value::Bool(false), true));
    assert_eq!(ask(at, "POST /drain", &[&token]).unwrap().status, 202);
    let ended = worker.end().expect(0);
    assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
}

#[test]
fn an_address_is_listened_at_and_told_in_the_log() {
    let place = Place::new();
    let settings = ["--listen", "127.0.0.1:0", "--log", "info"];
    let worker = consumer(&place).args(settings).start();
    let at: SocketAddr = eventually("an address", SOON, || {
        let stderr = worker.stderr();
        let lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut told = lines.filter(|line| line["fields"]["message"] == "listening");
        Some(told.next()?["fields"]["address"].as_str()?.parse().unwrap())
    });
    assert_eq!(get(at, "/health").status, 200);
    let metrics = get(at, "/metrics").body;
    assert!(metrics.contains("\npixmill_messages_received_total 0\n"), "{metrics}");
    let taken = consumer(&place).args(["--listen", &at.to_string()]).go();
    taken.expect(2).says(&[&format!("failed to listen at {at}"), "in use"]);
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}

#[test]
fn a_worker_that_others_could_drain_does_not_start() {
    let place = Place::new();
    let refused = consumer(&place).args(["--listen", "0.0.0.0:0"]).go().expect(2);
    refused.says(&["0.0.0.0:0 can be reached from other machines", "--token-file"]);
    let open = token_file(&place, TOKEN, 0o644);
    let listening = || consumer(&place).args(["--listen", "127.0.0.1:0", "--token-file"]);
    let refused = listening().arg(&open).go().expect(2);
    refused.says(&["mode 644", &format!("chmod 600 {}", open.display())]);
    let short = token_file(&place, "short", 0o600);
    listening().arg(&short).go().expect(2).says(&["16 to 1024 characters"]);
    listening().arg(place.path("none")).go().expect(2).says(&["failed to read the token"]);
    let refused = consumer(&place).args(["--listen", "stdin"]).go().expect(2);
    refused.says(&["standard input is no TCP socket that listens"]);
    let refused = consumer(&place).args(["--listen", "stdin", "--child"]).go().expect(2);
    refused.says(&["both want standard input"]);
    let refused = consumer(&place).args(["--listen", "somewhere"]).go().expect(2);
    refused.says(&["127.0.0.1:8080, or stdin"]);
}

#[test]
fn the_workers_of_a_run_listen_nowhere() {
    let place = Place::new();
    place.put_photos(3);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    place.run(TWO).env("PIXMILL_LISTEN", at).go().expect(0);
}
