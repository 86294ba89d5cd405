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

/// Statements whose calls are not recorded here: those of a program that is not ours, the agent of
/// Systems Manager; and the controller's metrics, which it publishes after its first minute.
const NOT_RECORDED: [&str; 2] = ["Sessions", "Publish"];

/// Fails the test unless all that was asked is allowed to a role, and all that it is allowed was
/// asked for.
#[track_caller]
fn assert_least(role: &str, seen: &Value, requests: &[Request]) {
    let grants = grants(&seen["roles"][role]);
    let group = seen["outputs"]["Consumers"].as_str().unwrap();
    let calls: BTreeSet<Call> = requests.iter().flat_map(|request| needs(request, group)).collect();
    assert!(!calls.is_empty());
    let is_denied = |call: &&Call| !grants.iter().any(|grant| grant.covers(call));
    let missing: Vec<_> = calls.iter().filter(is_denied).map(Call::to_string).collect();
    assert!(missing.is_empty(), "{role} may not, and does:\n{}", missing.join("\n"));
    let of_ours = grants.iter().filter(|grant| !NOT_RECORDED.contains(&grant.sid.as_str()));
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
const IMPATIENT: [&str; 6] = ["--visibility", "2s", "--max-attempts", "3", "--poll", "1s"];

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
    // Its group wants to end it, and is told that it has drained.
    machine.cloud.gateway.treat(|request| match request.action.as_str() {
        "DescribeAutoScalingInstances" => Treatment::Say(ITS_GROUP),
        "CompleteLifecycleAction" => Treatment::Say("<Done/>"),
        _ => Treatment::Pass,
    });
    machine.metadata.say("autoscaling/target-lifecycle-state", "Terminated");
    machine.start(&["--poll", "1s"]).end().expect(0);
    machine.send_log(LINE).expect(0);
    assert_least("Consumer", &seen, &machine.cloud.gateway.take_requests());
}

/// What Auto Scaling says of an instance of a group.
const ITS_GROUP: &str = "<R><DescribeAutoScalingInstancesResult><AutoScalingInstances><member>\
    <AutoScalingGroupName>fleet</AutoScalingGroupName></member></AutoScalingInstances>\
    </DescribeAutoScalingInstancesResult></R>";

/// A line of the journal.
const LINE: &str = r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1764160000123456","MESSAGE":"so"}"#;

/// A group with an instance that is not protected, one that waits for a word to go, and one that EC2
/// has stopped.
const GROUPS: &str = "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
    <MinSize>0</MinSize><MaxSize>4</MaxSize><DesiredCapacity>2</DesiredCapacity>\
    <NewInstancesProtectedFromScaleIn>true</NewInstancesProtectedFromScaleIn><Instances>\
    <member><InstanceId>i-0a</InstanceId><LifecycleState>InService</LifecycleState>\
    <ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>\
    <member><InstanceId>i-0b</InstanceId><LifecycleState>Terminating:Wait</LifecycleState>\
    <ProtectedFromScaleIn>true</ProtectedFromScaleIn></member>\
    <member><InstanceId>i-0c</InstanceId><LifecycleState>InService</LifecycleState>\
    <ProtectedFromScaleIn>true</ProtectedFromScaleIn></member></Instances>\
    </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></R>";

/// The same instances as EC2 has them. The first was launched after whatever is wished for.
const INSTANCES: &str = "<R><reservationSet><item><instancesSet>\
    <item><instanceId>i-0a</instanceId><instanceState><name>running</name></instanceState>\
    <launchTime>2099-01-01T00:00:00Z</launchTime></item>\
    <item><instanceId>i-0b</instanceId><instanceState><name>running</name></instanceState>\
    <launchTime>2026-01-01T00:00:00Z</launchTime>\
    <tagSet><item><key>pixmill:ending</key><value>1</value></item></tagSet></item>\
    <item><instanceId>i-0c</instanceId><instanceState><name>stopped</name></instanceState>\
    <launchTime>2026-01-01T00:00:00Z</launchTime></item>\
    </instancesSet></item></reservationSet></R>";

/// What the load balancer says: nothing about anybody.
const TARGETS: &str = "<R><DescribeTargetHealthResult><TargetHealthDescriptions/>\
    </DescribeTargetHealthResult></R>";

#[test]
fn the_controller_may_what_it_does() {
    let (stack, seen) = ready(&[("LoadBalancer", "yes")]);
    let machine = Machine::new(&stack, "controller");
    machine.boot(&seen, "Controller").expect(0);
    let of_machines = ["autoscaling", "ec2", "elasticloadbalancing", "monitoring"];
    machine.cloud.gateway.treat(move |request| match request.action.as_str() {
        "DescribeAutoScalingGroups" => Treatment::Say(GROUPS),
        // Nobody has been launched for a wish yet.
        "DescribeInstances" if request.document.contains("intent") => {
            Treatment::Say("<R><reservationSet/></R>")
        }
        "DescribeInstances" => Treatment::Say(INSTANCES),
        "DescribeTargetHealth" => Treatment::Say(TARGETS),
        _ if of_machines.contains(&request.service.as_str()) => Treatment::Say("<Done/>"),
        _ => Treatment::Pass,
    });
    stack.place.put_photos(30);
    stack.cloud.submit(&stack.place, TWO).go().expect(0);
    let controller = machine.start(&["--interval", "1s", "--min", "3"]);
    let mut requests = vec![];
    // Until it has done the last of everything.
    let all =
        ["SetDesiredCapacity", "CompleteLifecycleAction", "CreateTags", "DescribeTargetHealth"];
    eventually("every call", SOON, || {
        requests.extend(machine.cloud.gateway.take_requests());
        let done = |action: &&str| requests.iter().any(|request| request.action == *action);
        all.iter().all(done).then_some(())
    });
    controller.signal(Signal::TERM);
    controller.end().expect(0);
    machine.send_log(LINE).expect(0);
    requests.extend(machine.cloud.gateway.take_requests());
    assert_least("Controller", &seen, &requests);
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
    submitter.pixmill("status").arg("b").go().expect(0);
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
    work_until_dead(&stack, || worker(&stack, &IMPATIENT[..4]));
    ask(&[], "/v1/dead-letters");
    ask(&["-X", "POST"], "/v1/dead-letters/redrive?all=true");
    work_until_dead(&stack, || worker(&stack, &IMPATIENT[..4]));
    ask(&["-X", "DELETE"], "/v1/dead-letters?batch=dead");
    let works = worker(&stack, &[]);
    ask(&text, "/v1/recipes/web");
    ask(&[], "/v1/recipes");
    ask(
        &[&["-H", "Idempotency-Key: 42"], &image[..]].concat(),
        "/v1/jobs?recipe=web&batch=b&wait=60",
    );
    let bad = ["-H", "Content-Type: image/jpeg", "-d", "no picture"];
    ask(&bad, "/v1/jobs?recipe=web&batch=bad&name=bad.jpg&wait=60");
    ask(&["-X", "POST"], "/v1/batches/bad/retry");
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
    machine.send_log(LINE).expect(0);
    assert_least("Producer", &seen, &machine.cloud.gateway.take_requests());
}
