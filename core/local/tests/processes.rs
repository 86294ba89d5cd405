//! Several real processes at one data directory, some of them killed: nothing is lost, of racing
//! creates one wins, and a message that another process sends is seen at once.
//!
//! The tests start this very binary again; [`worker`] is what the children run.

#![allow(clippy::print_stdout, reason = "the children talk to the tests by it, and they measure")]
#![allow(clippy::unwrap_used, reason = "what a test is set up with may panic as the test may")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pixmill_contract::port::{Condition, NewMessage, OwnerTag, Payload, Put, Receive};
use pixmill_contract::{
    BatchId, ErrorKind, JobId, Key, ObjectStore as _, Queue as _, SystemClock, WorkerId,
};
use pixmill_local::{Durability, LocalBackend};
use tokio::time::Instant;

/// What a child is told, in its environment: its role, its name, and the data directory.
const ROLE: &str = "PIXMILL_TEST_ROLE";
const NAME: &str = "PIXMILL_TEST_NAME";
const DATA: &str = "PIXMILL_TEST_DATA";

const MESSAGES: usize = 2_000;
const KEYS: usize = 200;

/// A child process that tells what it does line by line, and is killed with the test.
struct Worker {
    name: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(role: &str, name: &str, data: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "worker", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(NAME, name)
            .env(DATA, data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name: name.to_owned(), child, lines }
    }

    fn start_many(role: &str, count: usize, data: &Path) -> Vec<Self> {
        (0..count).map(|n| Self::start(role, &format!("{role}-{n}"), data)).collect()
    }

    /// The next line that is the worker's own, not the test harness's; none after its end.
    fn next(&mut self) -> Option<String> {
        let own = |line: String| line.split_once("worker: ").map(|(_, said)| said.to_owned());
        self.lines.by_ref().map_while(Result::ok).find_map(own)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn open(data: &Path) -> LocalBackend {
    LocalBackend::open(data, Arc::new(SystemClock), Durability::Process).unwrap()
}

fn say(what: impl std::fmt::Display) {
    println!("worker: {what}");
}

#[test]
#[ignore = "it is what the other tests' child processes run"]
#[allow(clippy::disallowed_methods, reason = "children are told what to do by their environment")]
fn worker() {
    let told = |name: &str| std::env::var(name).unwrap_or_default();
    let (role, name, data) = (told(ROLE), told(NAME), told(DATA));
    if role.is_empty() {
        println!("worker: nobody told this process what to do");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let backend = open(Path::new(&data));
    runtime.block_on(async {
        match role.as_str() {
            "consume" => consume(&backend, &name).await,
            "send" => send_forever(&backend, &name).await,
            "create" => create(&backend, &name).await,
            "replace" => replace(&backend).await,
            "echo" => echo(&backend).await,
            other => panic!("no role {other:?}"),
        }
    });
}

/// Handles and deletes messages until none come, and says each before it is deleted.
async fn consume(backend: &LocalBackend, name: &str) {
    let jobs = backend.jobs.with_holder(WorkerId::new(name).unwrap());
    let (wait, visibility) = (Duration::from_secs(3), Duration::from_mins(10));
    loop {
        let deliveries = jobs.receive(Receive { max: 10, wait, visibility }).await.unwrap();
        if deliveries.is_empty() {
            return;
        }
        for delivery in &deliveries {
            say(&delivery.body);
        }
        let receipts = deliveries.into_iter().map(|d| d.receipt).collect();
        assert!(jobs.delete(receipts).await.iter().all(Result::is_ok));
    }
}

/// Sends until it is killed, and says each message after it was acknowledged.
async fn send_forever(backend: &LocalBackend, name: &str) {
    for n in 0.. {
        let body = format!("{name}/{n}");
        backend.jobs.send(vec![NewMessage::now(&body)]).await.remove(0).unwrap();
        say(body);
    }
}

fn tagged(key: Key, name: &str, condition: Condition) -> Put {
    Put {
        key,
        payload: Payload::Bytes(name.repeat(1000).into_bytes()),
        media_type: "text/plain",
        condition,
        owner: Some(OwnerTag {
            batch: BatchId::single(),
            id: JobId::new(name).unwrap(),
            digest: "d".into(),
            source: "f".into(),
            sha256: "s".into(),
            width: 1,
            height: 1,
        }),
    }
}

/// Creates every key that nobody else has, and says which ones.
async fn create(backend: &LocalBackend, name: &str) {
    for n in 0..KEYS {
        let key = Key::new(format!("outputs/{n}/x")).unwrap();
        match backend.store.put(tagged(key, name, Condition::IfAbsent)).await {
            Ok(_) => say(n),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", error.chain()),
        }
    }
}

/// Adds one to a number in an object, a hundred times.
async fn replace(backend: &LocalBackend) {
    let key = Key::new("attempts/count").unwrap();
    let mut added = 0;
    while added < 100 {
        let object = backend.store.get(&key, None).await.unwrap();
        let condition = Condition::IfMatch(object.meta.etag.clone());
        let count: u32 = String::from_utf8(object.bytes().await.unwrap()).unwrap().parse().unwrap();
        match backend.store.put(number(&key, count + 1, condition)).await {
            Ok(_) => added += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Changed, "{}", error.chain()),
        }
    }
}

fn number(key: &Key, number: u32, condition: Condition) -> Put {
    let payload = Payload::Bytes(number.to_string().into_bytes());
    Put { key: key.clone(), payload, media_type: "text/plain", condition, owner: None }
}

/// Answers every message on a reply queue.
async fn echo(backend: &LocalBackend) {
    let (wait, visibility) = (Duration::from_secs(20), Duration::from_mins(1));
    let replies = backend.replies("replies-test").unwrap();
    say("ready");
    loop {
        for job in backend.jobs.receive(Receive { max: 1, wait, visibility }).await.unwrap() {
            replies.send(vec![NewMessage::now(job.body)]).await.remove(0).unwrap();
            backend.jobs.delete(vec![job.receipt]).await.remove(0).unwrap();
        }
    }
}

#[tokio::test]
async fn consumers_that_are_killed_lose_nothing() {
    let data = tempfile::tempdir().unwrap();
    let backend = open(data.path());
    let bodies: Vec<_> = (0..MESSAGES).map(|n| n.to_string()).collect();
    let messages = bodies.iter().map(NewMessage::now).collect();
    assert!(backend.jobs.send(messages).await.iter().all(Result::is_ok));

    let mut workers = Worker::start_many("consume", 6, data.path());
    let mut handled = BTreeMap::<String, usize>::new();
    let mut killed = 0;
    for worker in workers.drain(..2) {
        // In the middle of its work, whatever that is just now.
        killed += kill_after(worker, 50 + killed, &backend, &mut handled).await;
    }
    for mut worker in workers {
        while let Some(body) = worker.next() {
            *handled.entry(body).or_default() += 1;
        }
        assert!(worker.child.wait().unwrap().success(), "{} failed", worker.name);
    }
    let missing: Vec<_> = bodies.iter().filter(|body| !handled.contains_key(*body)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let twice = handled.values().filter(|times| **times > 1).count();
    assert!(twice <= 2 * 10, "only what the killed ones held comes again, not {twice}");
    assert_eq!(backend.jobs.depth().await.unwrap().total(), 0);
    assert_eq!(backend.dead_letters.depth().await.unwrap().total(), 0);
}

/// Kills a worker after so many messages and releases what it held, as its parent does.
async fn kill_after(
    mut worker: Worker,
    messages: usize,
    backend: &LocalBackend,
    handled: &mut BTreeMap<String, usize>,
) -> usize {
    for _ in 0..messages {
        if let Some(body) = worker.next() {
            *handled.entry(body).or_default() += 1;
        }
    }
    worker.kill();
    while let Some(body) = worker.next() {
        *handled.entry(body).or_default() += 1;
    }
    let name = WorkerId::new(worker.name.as_str()).unwrap();
    let released = backend.jobs.release_held_by(&name).await.unwrap();
    assert!(released <= 10, "{released}");
    assert!(backend.jobs.held().await.unwrap().iter().all(|(held_by, _)| *held_by != name));
    println!("{} held {released} messages when it was killed", worker.name);
    1
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_sender_being_killed_right_after() {
    let data = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for mut worker in Worker::start_many("send", 4, data.path()) {
        for _ in 0..100 {
            acknowledged.insert(worker.next().unwrap());
        }
        worker.kill();
        acknowledged.extend(std::iter::from_fn(|| worker.next()));
    }
    let backend = open(data.path());
    let mut found = BTreeSet::new();
    let request = Receive { max: 10, wait: Duration::ZERO, visibility: Duration::from_mins(10) };
    loop {
        let deliveries = backend.jobs.receive(request).await.unwrap();
        if deliveries.is_empty() {
            break;
        }
        found.extend(deliveries.into_iter().map(|delivery| delivery.body));
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

#[tokio::test]
async fn of_processes_that_create_the_same_keys_one_wins_each() {
    let data = tempfile::tempdir().unwrap();
    let mut workers = Worker::start_many("create", 6, data.path());
    let mut won = BTreeMap::<usize, Vec<String>>::new();
    let mut doomed = workers.remove(0);
    if let Some(line) = doomed.next() {
        won.entry(line.parse().unwrap()).or_default().push(doomed.name.clone());
    }
    doomed.kill();
    workers.insert(0, doomed);
    for worker in &mut workers {
        while let Some(line) = worker.next() {
            won.entry(line.parse().unwrap()).or_default().push(worker.name.clone());
        }
    }
    let backend = open(data.path());
    let listed = backend.store.list("outputs/", None).await.unwrap();
    assert_eq!(listed.len(), KEYS, "somebody won each");
    for line in listed {
        let n: usize = line.key.directory().rsplit('/').next().unwrap().parse().unwrap();
        let object = backend.store.get(&line.key, None).await.unwrap();
        let owner = object.meta.owner.clone().unwrap().id.to_string();
        assert_eq!(object.bytes().await.unwrap(), owner.repeat(1000).into_bytes(), "{n}");
        // The one that was killed may not have been able to say so.
        let winners = won.remove(&n).unwrap_or_else(|| vec!["create-0".to_owned()]);
        assert_eq!(winners, [owner], "key {n}");
    }
}

#[tokio::test]
async fn of_processes_that_replace_one_object_none_undoes_another() {
    let data = tempfile::tempdir().unwrap();
    let backend = open(data.path());
    let key = Key::new("attempts/count").unwrap();
    backend.store.put(number(&key, 0, Condition::IfAbsent)).await.unwrap();
    for mut worker in Worker::start_many("replace", 4, data.path()) {
        assert!(worker.child.wait().unwrap().success());
    }
    let object = backend.store.get(&key, None).await.unwrap();
    assert_eq!(object.bytes().await.unwrap(), b"400");
}

#[tokio::test]
async fn a_waiting_process_sees_what_another_sends_at_once() {
    const ROUNDS: usize = 40;
    let data = tempfile::tempdir().unwrap();
    let backend = open(data.path());
    let replies = backend.replies("replies-test").unwrap();
    let mut worker = Worker::start("echo", "echo", data.path());
    assert_eq!(worker.next().as_deref(), Some("ready"));

    let mut round_trips = Vec::with_capacity(ROUNDS);
    for n in 0..ROUNDS {
        let start = Instant::now();
        backend.jobs.send(vec![NewMessage::now(n.to_string())]).await.remove(0).unwrap();
        let (wait, visibility) = (Duration::from_secs(20), Duration::from_mins(1));
        let reply = replies.receive(Receive { max: 1, wait, visibility }).await.unwrap().remove(0);
        round_trips.push(start.elapsed());
        assert_eq!(reply.body, n.to_string());
        replies.delete(vec![reply.receipt]).await.remove(0).unwrap();
    }
    round_trips.sort();
    // There and back are two wake-ups.
    let (median, worst) = (round_trips[ROUNDS / 2] / 2, round_trips[ROUNDS - 1] / 2);
    println!("another process's message is seen after {median:?}, at worst {worst:?}");
    assert!(median < Duration::from_millis(500), "{median:?}");
}

#[tokio::test]
async fn processes_that_open_a_fresh_directory_at_once_all_can() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("fresh");
    for mut worker in Worker::start_many("create", 8, &data) {
        while worker.next().is_some() {}
        assert!(worker.child.wait().unwrap().success(), "{} failed", worker.name);
    }
}
