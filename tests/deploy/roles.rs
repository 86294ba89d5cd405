//! What each role asks of AWS, recorded on the wire, and what its policies allow: the same. Nothing
//! is missing, and nothing is allowed that nobody needs.

use std::collections::BTreeSet;

use rustix::process::Signal;
use serde_json::Value;

use super::machine::{Machine, ready};
use super::policy::{Call, grants, needs};
use super::{SOON, Stack};
use crate::harness::{
    Cloud, Invocation, Place, Request, Running, TWO, Treatment, eventually, marked, photo, samples,
};

/// The statement for a program that is not ours: the agent of Systems Manager.
const OF_THE_AGENT: &str = "Sessions";

/// Fails the test unless all that was asked is allowed to a role, and all that it is allowed was
/// asked for.
#[track_caller]
fn assert_least(role: &str, seen: &Value, requests: &[Request]) {
    let grants = grants(&seen["roles"][role]);
    let calls: BTreeSet<Call> = requests.iter().flat_map(needs).collect();
    assert!(!calls.is_empty());
    let is_denied = |call: &&Call| !grants.iter().any(|grant| grant.covers(call));
    let missing: Vec<_> = calls.iter().filter(is_denied).map(Call::to_string).collect();
    assert!(missing.is_empty(), "{role} may not, and does:\n{}", missing.join("\n"));
    let of_ours = grants.iter().filter(|grant| grant.sid != OF_THE_AGENT);
    let unused = of_ours.filter(|grant| !calls.iter().any(|call| grant.covers(call)));
    let unused: Vec<_> = unused.map(ToString::to_string).collect();
    assert!(unused.is_empty(), "{role} may, and does not:\n{}", unused.join("\n"));
}

/// A worker of a stack that nobody records.
fn worker(stack: &Stack, settings: &[&str]) -> Running {
    stack.cloud.pixmill("consumer").args(["--poll", "1s"]).args(settings).bound(2 * SOON).start()
}

fn drain(worker: Running) {
    worker.signal(Signal::TERM);
    worker.end().expect(0);
}

/// Starts workers, one after the other as systemd does, until there is a dead letter and no job.
fn work_until_dead(stack: &Stack, mut start: impl FnMut() -> Running) {
    let over =
        || stack.cloud.depth(&stack.cloud.dead) == 1 && stack.cloud.depth(&stack.cloud.queue) == 0;
    eventually("a dead letter", SOON, || {
        let mut worker = start();
        eventually("a death or an end", SOON, || (over() || !worker.is_running()).then_some(()));
        over().then_some(())
    });
}

/// What makes a picture that kills its workers die soon.
const IMPATIENT: [&str; 6] = ["--visibility", "1s", "--max-attempts", "3", "--poll", "1s"];

/// A pipeline's jobs of a certain name and content.
fn submit(stack: &Stack, batch: &str, pictures: &[(&str, &[u8])]) {
    let place = Place::new();
    for (name, bytes) in pictures {
        place.put(name, bytes);
    }
    stack.cloud.submit(&place, TWO).args(["--batch", batch]).go().expect(0);
}

#[test]
fn a_consumer_may_what_it_does() {
    let (stack, seen) = ready(&[]);
    let machine = Machine::new(&stack, "consumer");
    machine.boot(&seen, "Consumer").expect(0);
    // A picture that the role may not read, one that kills, one that comes by an event.
    machine.cloud.gateway.treat(|request| {
        let is_denied = request.method == "GET" && request.path.contains("denied.jpg");
        if is_denied { Treatment::Deny } else { Treatment::Pass }
    });
    submit(&stack, "b", &[("denied.jpg", &photo(1)), ("killer.jpg", &marked(1, "abort"))]);
    stack.cloud.s3("PUT", "/recipes/web.toml", b"recipe = 'resize:16 -> png'").expect(200);
    stack.cloud.s3("PUT", "/drop/web/a.jpg", &photo(2)).expect(200);
    work_until_dead(&stack, || machine.start(&IMPATIENT));
    // Somebody waits; and many jobs, of which a drain gives some back.
    let waiting = machine.start(&["--poll", "1s"]);
    stack.place.put_photos(60);
    stack.cloud.submit(&stack.place, TWO).arg("--wait").bound(SOON).go().expect(0);
    stack.cloud.submit(&stack.place, TWO).args(["--batch", "more"]).go().expect(0);
    eventually("work", SOON, || (stack.cloud.keys("results/more/").len() > 3).then_some(()));
    drain(waiting);
    machine
        .send_log(r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1764160000123456","MESSAGE":"so"}"#);
    let requests = machine.cloud.gateway.take_requests();
    assert_least("Consumer", &seen, &requests);
}

#[test]
fn who_submits_may_what_it_does() {
    let (stack, seen) = ready(&[]);
    let worker = worker(&stack, &[]);
    let submitter = Cloud::of_stack(&stack.name);
    let place = &stack.place;
    place.put("a.jpg", &photo(1));
    place.put("bad.jpg", b"no picture");
    let logo = std::fs::read(samples().join("photos/portrait-exif6.jpg")).unwrap();
    std::fs::write(place.path("logo.jpg"), logo).unwrap();
    let recipe = "resize:96 | composite:image=logo.jpg -> png";
    let submit = submitter.submit(place, recipe).working_in(&place.path(""));
    submit.args(["--batch", "b", "--wait"]).bound(SOON).go().expect(1);
    submitter.pixmill("retry").args(["--batch", "b", "--wait"]).bound(SOON).go().expect(1);
    stack.cloud.s3("PUT", "/inputs/there/b.jpg", &photo(2)).expect(200);
    let there = format!("s3://{}/inputs/there/", stack.cloud.bucket);
    let there =
        submitter.pixmill("submit").args([&there, "--recipe", "invert", "--batch", "there"]);
    there.arg("--wait").bound(SOON).go().expect(0);
    submitter.pixmill("status").arg("b").go().expect(1);
    // And fetches what was made, by any means.
    let key = &stack.cloud.keys("outputs/b/")[0];
    let output = format!("{}/{}/{key}", submitter.gateway.url(), stack.cloud.bucket);
    Invocation::new("curl".as_ref()).args(["-sSf", &output]).go().expect(0);
    drain(worker);
    assert_least("Submitter", &seen, &submitter.gateway.take_requests());
}

#[test]
fn the_producer_may_what_it_does() {
    let (stack, seen) = ready(&[("Producer", "yes")]);
    let machine = Machine::new(&stack, "producer");
    machine.boot(&seen, "Producer").expect(0);
    let server = machine.start(&[]);
    let at = eventually("an address", SOON, || {
        let said = server.stdout();
        Some(said.lines().find_map(|line| line.strip_prefix("Serving at "))?.to_owned())
    });
    let picture = stack.place.put("a.jpg", &photo(1)).display().to_string();
    let ask = |arguments: &[&str], path: &str| {
        let curl = Invocation::new("curl".as_ref()).args(["-sS", "--fail-with-body"]);
        let curl = curl.args(arguments).arg(format!("{at}{path}")).bound(SOON);
        curl.go().expect(0).stdout
    };
    let data = format!("@{picture}");
    let image = ["-H", "Content-Type: image/jpeg", "--data-binary", data.as_str()];
    let text = ["-X", "PUT", "-H", "Content-Type: text/plain", "-d", "resize:16 -> png"];
    // Nobody works yet: what is accepted waits, and one of it kills whoever opens it.
    let killer = stack.place.put("killer.jpg", &marked(1, "abort")).display().to_string();
    let killer = format!("@{killer}");
    let killer = ["-H", "Content-Type: image/jpeg", "--data-binary", killer.as_str()];
    ask(&killer, "/v1/jobs?recipe=invert&batch=dead&name=killer.jpg");
    for _ in ["redriven", "discarded"] {
        work_until_dead(&stack, || worker(&stack, &IMPATIENT[..4]));
        ask(&[], "/v1/dead-letters");
        let id = stack.cloud.results()[0].1["id"].as_str().unwrap_or_default().to_owned();
        if stack.cloud.depth(&stack.cloud.dead) == 1 && id.is_empty() {
            panic!("a dead letter without a result");
        }
        ask(&["-X", "POST"], "/v1/dead-letters/redrive?batch=dead");
    }
    work_until_dead(&stack, || worker(&stack, &IMPATIENT[..4]));
    ask(&["-X", "DELETE"], "/v1/dead-letters?batch=dead");
    let works = worker(&stack, &[]);
    ask(&text, "/v1/recipes/web");
    ask(&[], "/v1/recipes");
    ask(
        &[&["-H", "Idempotency-Key: 42"], &image[..]].concat(),
        "/v1/jobs?recipe=web&batch=b&wait=60",
    );
    ask(&["-X", "DELETE"], "/v1/recipes/web");
    ask(&image, "/v1/preview?recipe=invert");
    ask(
        &["-X", "POST", "-H", "Content-Type: application/json", "-d", r#"{"name": "c.jpg"}"#],
        "/v1/uploads",
    );
    ask(&[], "/v1/jobs");
    ask(&[], "/v1/batches/b");
    ask(&[], "/v1/fleet");
    ask(&[], "/v1/decisions");
    drain(works);
    server.signal(Signal::TERM);
    server.end().expect(0);
    machine
        .send_log(r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1764160000123456","MESSAGE":"so"}"#);
    assert_least("Producer", &seen, &machine.cloud.gateway.take_requests());
}
