//! A worker on an EC2 instance: who it is, and what it does when the instance is about to go.

use std::time::Duration;

use pixmill_contract::{Clock as _, SystemClock};

use super::SOON;
use rustix::process::Signal;

use crate::harness::{Cloud, Invocation, MetadataService, Place, Running, TWO, eventually, marked};

const INSTANCE: &str = "i-0123456789abcdef0";

fn consumer(cloud: &Cloud, service: &MetadataService) -> Invocation {
    let consumer = cloud.pixmill("consumer").args(["--slots", "1", "--poll", "1s", "--ec2"]);
    consumer.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url()).bound(SOON)
}

/// A worker that has drained waits for the end of its instance, or for a signal.
fn until_drained(worker: &Running) {
    let says = || worker.stderr().contains("waiting for the end of the instance").then_some(());
    eventually("a drain", SOON, says);
}

#[test]
fn results_name_the_instance_and_notices_drain_its_workers() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let service = MetadataService::start(INSTANCE);
    place.put_photos(3);
    cloud.submit(&place, TWO).go().expect(0);
    let worker = consumer(&cloud, &service).args(["--log", "info"]).start();
    cloud.until_results(3, SOON);
    assert!(cloud.results().iter().all(|(_, result)| result["instance"] == INSTANCE));
    let notice = r#"{"noticeTime": "2026-01-01T00:00:00Z"}"#;
    service.say("events/recommendations/rebalance", notice);
    until_drained(&worker);
    assert_eq!(cloud.depth(&cloud.queue), 0);
    worker.signal(Signal::TERM);
    worker.end().expect(0).says(&["this instance is about to go"]);
}

#[test]
fn what_is_held_is_given_back_before_a_spot_instance_is_taken() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let service = MetadataService::start(INSTANCE);
    place.put("endless.jpg", &marked(1, "hang"));
    cloud.submit(&place, TWO).go().expect(0);
    let flags = ["--visibility", "10m", "--log", "info"];
    let worker = consumer(&cloud, &service).args(flags).start();
    let visible = || cloud.attributes(&cloud.queue)["ApproximateNumberOfMessages"].clone();
    eventually("a job in work", SOON, || (visible() == "0").then_some(()));
    // Later than at once, and sooner than its drain would be over.
    let at = SystemClock.now() + Duration::from_secs(22);
    service.say("spot/instance-action", &format!(r#"{{"action": "terminate", "time": "{at}"}}"#));
    until_drained(&worker);
    assert!(SystemClock.now() < at, "it was too late");
    assert_eq!(visible(), "1", "the job is there for others");
    worker.signal(Signal::TERM);
    worker.end().expect(0).says(&["Draining", "Aborting"]);
}

#[test]
fn off_ec2_it_is_said_so() {
    let cloud = Cloud::new();
    // A port where nobody listens.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let consumer = cloud.pixmill("consumer").arg("--ec2");
    let consumer = consumer.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{nowhere}"));
    consumer.go().expect(2).says(&["--ec2 is for instances of EC2", "metadata service"]);
}
