//! What a worker tells over HTTP, to whom, and what it can be told. In real time, as its listener
//! has a thread of its own.

use std::time::Duration;

use pixmill_consumer::{Config, Exit};
use pixmill_contract::document::Report;
use pixmill_contract::port::Depth;
use pixmill_contract::testing::{Operation, Plan};
use pixmill_contract::{ErrorKind, InstanceId};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::harness::{
    Answer, Switch, World, all_of, ask, eventually, fails, get, hangs_at, picture, while_on,
};

const TOKEN: &str = "0123456789abcdef";

/// Everything goes on quickly, as nothing waits for time that is paused.
fn quick(config: &mut Config) {
    config.poll = Duration::from_millis(50);
    config.visibility = Duration::from_secs(1);
    config.longest_call = Duration::from_millis(200);
}

fn report(answer: &Answer) -> Report {
    assert_eq!(answer.field("content-type"), Some("application/json"));
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn a_worker_tells_that_it_is_well_and_has_nothing_to_do() {
    let world = World::new();
    let start = world.consumer("w").listens(None);
    let at = start.address();
    let consumer = start.start();
    let health = get(at, "/health").await;
    assert_eq!((health.status, health.body.as_str()), (200, "{\"status\":\"ok\"}\n"));
    assert_eq!(health.field("cache-control"), Some("no-store"));
    let head = ask(at, "HEAD /health", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let report = report(&get(at, "/status").await);
    assert_eq!((report.worker.as_str(), report.instance), ("w", None));
    assert_eq!((report.slots, report.busy, report.leases, report.draining), (1, 0, 0, false));
    assert_eq!((report.received, report.ended, report.storm), (0, 0, None));
    assert_eq!(report.pid, std::process::id());
    assert!(report.started_at <= report.progressed_at && report.progressed_at <= report.at);
    consumer.drain().await;
    assert!(TcpStream::connect(at).await.is_err(), "it answers until its end, and no longer");
}

#[tokio::test]
async fn a_report_tells_of_the_work_and_results_of_the_instance() {
    let world = World::new();
    world.submit("a").await;
    world.submit_with("b", b"no picture").await;
    let held = Switch::on();
    let plan = while_on(&held, hangs_at(Operation::Get, "inputs/"));
    let instance = |c: &mut Config| c.instance = Some(InstanceId::new("i-7").unwrap());
    let start = world.consumer("first").config(instance).store(plan).listens(None);
    let at = start.address();
    let first = start.start();
    eventually("both leases", || async {
        let report = report(&get(at, "/status").await);
        (report.leases == 2 && report.received == 2 && report.ended == 0).then_some(())
    })
    .await;
    first.abort().await;
    assert_eq!(world.depth().await, Depth { visible: 2, in_flight: 0, delayed: 0 });

    let start = world.consumer("second").config(instance).listens(None);
    let at = start.address();
    let second = start.start();
    world.settled().await;
    let answer = get(at, "/status").await;
    let report = report(&answer);
    assert_eq!((report.received, report.ended, report.leases), (2, 2, 0));
    assert_eq!(report.instance.unwrap().as_str(), "i-7");
    assert_eq!(report.waited_seconds, None, "neither came for the first time");
    assert_eq!((report.busy, report.busy_peak, report.job_seconds.count), (0, 1, 2));
    assert!(report.job_seconds.sum > 0.0);
    let pace = report.paces["invert+resize"];
    assert_eq!((report.paces.len(), pace.jobs), (1, 1));
    assert!((pace.megapixels - 48e-6).abs() < 1e-9, "{pace:?}");
    assert!((pace.seconds - report.job_seconds.sum).abs() < 1e-9);
    for id in ["a", "b"] {
        assert_eq!(world.result(id).await.unwrap().instance, "i-7");
    }
    let metrics = get(at, "/metrics").await;
    assert_eq!(metrics.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "pixmill_messages_ended_total 2",
        "pixmill_work_jobs_total{operations=\"invert+resize\"} 1",
        "pixmill_worker_info{instance_id=\"i-7\",worker=\"second\"} 1",
    ] {
        assert!(metrics.body.lines().any(|have| have == line), "{line}\n{}", metrics.body);
    }
    second.drain().await;
}

#[tokio::test]
async fn slots_are_busy_for_as_long_as_pictures_are_ground() {
    let world = World::new();
    let endless = [picture(8, 6), b"pixmill-test:hang".to_vec()].concat();
    world.submit_with("hang", &endless).await;
    let start = world.consumer("w").listens(None);
    let at = start.address();
    let consumer = start.start();
    eventually("a busy slot", || async {
        let report = report(&get(at, "/status").await);
        assert!(report.waited_seconds.is_some() || report.received == 0);
        (report.busy == 1 && report.busy_peak == 1 && report.leases == 1).then_some(())
    })
    .await;
    assert_eq!(get(at, "/health").await.status, 200);
    consumer.abort().await;
}

#[tokio::test]
async fn a_drain_that_is_asked_for_finishes_what_runs_and_is_told_of_until_the_end() {
    let world = World::new();
    world.submit("a").await;
    let held = Switch::on();
    let writing = while_on(&held, fails(Operation::Put, "outputs/", ErrorKind::Unavailable));
    let start = world.consumer("w").config(quick).store(writing).listens(None);
    let at = start.address();
    let consumer = start.start();
    world.called("w Put outputs/").await;
    for _ in 0..2 {
        let asked = ask(at, "POST /drain", &[], "{}").await;
        assert_eq!((asked.status, report(&asked).draining), (202, true));
    }
    world.submit("b").await;
    let now = report(&get(at, "/status").await);
    assert_eq!((now.draining, now.leases), (true, 1));
    assert!(now.storm.unwrap().contains("the plan says that it fails"));
    assert_eq!(get(at, "/health").await.status, 200, "an outage is not its fault, nor a drain");
    held.set(false);
    assert_eq!(consumer.exit().await, Exit::Drained);
    assert!(world.result("a").await.is_some());
    assert_eq!(world.depth().await, Depth { visible: 1, in_flight: 0, delayed: 0 });
}

#[tokio::test]
async fn all_but_health_takes_the_token() {
    let world = World::new();
    let start = world.consumer("w").listens(Some(TOKEN));
    let at = start.address();
    let consumer = start.start();
    assert_eq!(get(at, "/health").await.status, 200);
    let wrong = format!("Authorization: Bearer {TOKEN}0");
    let right = format!("Authorization: Bearer {TOKEN}");
    for (line, status) in [("GET /status", 200), ("GET /metrics", 200), ("POST /drain", 202)] {
        for fields in [&[][..], &[&wrong[..]], &["Authorization: Basic abc"]] {
            let refused = ask(at, line, fields, "").await;
            assert_eq!(refused.status, 401, "{line} {fields:?}");
            assert_eq!(refused.field("www-authenticate"), Some("Bearer realm=\"pixmill\""));
            assert!(!refused.body.contains(TOKEN));
        }
        // Nothing was drained by those that were refused.
        let answer = ask(at, "GET /status", &[&right], "").await;
        assert!(!report(&answer).draining);
        assert_eq!(ask(at, line, &[&right], "").await.status, status, "{line}");
    }
    assert_eq!(consumer.exit().await, Exit::Drained);
}

#[tokio::test]
async fn what_cannot_be_answered_is_said_in_problem_documents() {
    let world = World::new();
    let start = world.consumer("w").listens(None);
    let at = start.address();
    let consumer = start.start();
    let long = "x".repeat(2000);
    let cases: [(&str, &[&str], &str, u16); 9] = [
        ("POST /drain", &["Origin: http://evil.example"], "", 403),
        ("GET /health", &["Origin: null"], "", 403),
        ("POST /drain", &["Host: evil.example"], "", 403),
        ("GET /", &[], "", 404),
        ("GET /status/", &[], "", 404),
        ("GET /drain", &[], "", 405),
        ("POST /health", &[], "", 405),
        ("DELETE /status", &[], "", 405),
        ("POST /drain", &[], &long, 413),
    ];
    for (line, fields, body, status) in cases {
        let refused = ask(at, line, fields, body).await;
        assert_eq!(refused.status, status, "{line} {fields:?}");
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        let problem = refused.json();
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty() && problem["title"].is_string());
        let allowed = if line.contains("drain") { "POST" } else { "GET, HEAD" };
        assert_eq!(refused.field("allow"), (status == 405).then_some(allowed), "{line}");
    }
    let huge = format!("X-Huge: {}", "x".repeat(20_000));
    assert_eq!(ask(at, "GET /health", &[&huge], "").await.status, 431);
    let many: Vec<_> = (0..100).map(|n| format!("X-{n}: x")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(at, "GET /health", &many, "").await.status, 431);
    assert!(!report(&get(at, "/status").await).draining);
    consumer.drain().await;
}

#[tokio::test]
async fn connections_that_say_nothing_are_closed_and_keep_nobody() {
    let world = World::new();
    let start = world.consumer("w").listens(None);
    let at = start.address();
    let consumer = start.start();
    let mut silent = vec![];
    for _ in 0..100 {
        silent.push(TcpStream::connect(at).await.unwrap());
    }
    assert_eq!(get(at, "/health").await.status, 200);
    for which in [0, 99] {
        let mut all = vec![];
        let end = silent[which].read_to_end(&mut all);
        drop(tokio::time::timeout(Duration::from_mins(1), end).await.expect("it is closed"));
        assert!(all.is_empty(), "{}", String::from_utf8_lossy(&all));
    }
    consumer.drain().await;
}

async fn becomes_sick(plan: Plan, why: &str) {
    let world = World::new();
    world.submit("a").await;
    let writing = hangs_at(Operation::Put, "outputs/");
    let start = world.consumer("w").config(quick).queue(plan).store(writing).listens(None);
    let at = start.address();
    let consumer = start.start();
    let sick = eventually("a sick worker", || async {
        let health = get(at, "/health").await;
        (health.status != 200).then_some(health)
    });
    let sick = sick.await;
    assert_eq!(sick.status, 503);
    assert_eq!(sick.field("content-type"), Some("application/problem+json"));
    assert!(sick.json()["detail"].as_str().unwrap().contains(why), "{}", sick.body);
    assert!(get(at, "/metrics").await.body.contains("pixmill_healthy 0\n"));
    consumer.crash().await;
}

#[tokio::test]
async fn a_worker_whose_renewals_never_come_back_is_sick() {
    let stuck = hangs_at(Operation::ChangeVisibility, "");
    becomes_sick(stuck, "the loop that renews the leases is stuck").await;
}

#[tokio::test]
async fn a_worker_whose_receives_never_come_back_is_sick() {
    let stuck = hangs_at(Operation::Receive, "");
    becomes_sick(stuck, "the loop that receives is stuck").await;
}

#[tokio::test]
async fn a_worker_in_an_outage_is_well() {
    let world = World::new();
    world.submit("a").await;
    let out = |operation| fails(operation, "", ErrorKind::Unavailable);
    let queue = all_of(vec![out(Operation::Receive), out(Operation::ChangeVisibility)]);
    let start = world.consumer("w").config(quick).queue(queue).listens(None);
    let at = start.address();
    let consumer = start.start();
    eventually("many failures", || async {
        assert_eq!(get(at, "/health").await.status, 200);
        (world.calls_of("w Receive").len() > 6).then_some(())
    })
    .await;
    assert!(report(&get(at, "/status").await).storm.is_some());
    consumer.abort().await;
}
