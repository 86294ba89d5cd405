//! Submitting, working, following and asking.

use rustix::process::Signal;
use serde_json::json;

use super::{SOON, consumer, drain};
use crate::harness::{Cloud, Place, TWO, eventually};

#[test]
fn what_is_submitted_is_worked_on_and_anybody_can_ask() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(12);
    place.put("sub/bad.jpg", b"no picture");
    let sent = cloud.submit(&place, TWO).args(["--batch", "b1", "--json"]).go().expect(0).json();
    assert_eq!(sent["batch"], "b1");
    assert_eq!(cloud.depth(&cloud.queue), 13);

    let worker = consumer(&cloud, "w", &[]);
    cloud.until_results(13, SOON);
    drain(worker);
    assert_eq!(cloud.depth(&cloud.queue), 0);
    assert_eq!(cloud.depth(&cloud.dead), 0);
    let keys = cloud.keys("outputs/");
    assert_eq!(keys.len(), 24, "{keys:?}");
    let thumb = keys.iter().find(|key| key.strip_suffix(".jpg").is_some()).unwrap();
    assert!(cloud.object(thumb).starts_with(b"\xff\xd8"));

    // Somebody else, who knows nothing but the name.
    let status = cloud.pixmill("status").args(["b1", "--json"]).go().expect(0).json();
    let batch = &status["batches"][0];
    assert_eq!((batch["jobs"].as_u64(), batch["done"].as_u64()), (Some(13), Some(12)));
    assert_eq!(batch["failures"][0]["code"], "not_a_picture");
}

#[test]
fn waiting_takes_replies_and_leaves_no_queue_behind() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(5);
    let worker = consumer(&cloud, "w", &[]);
    let waited = cloud.submit(&place, TWO).arg("--wait").go().expect(0);
    assert!(waited.stdout.contains("5 done, 0 failed"), "{}", waited.stdout);
    drain(worker);
    assert_eq!(reply_queues(&cloud), 0);
    // Replies brought the ends: nobody went to look for them in the store.
    let looks = cloud.gateway.take_requests();
    let lists = looks.iter().filter(|request| request.path.contains("list-type=2")).count();
    assert_eq!(lists, 0, "{looks:?}");
}

#[test]
fn whoever_stops_waiting_leaves_no_queue_behind_and_is_told_how_to_go_on() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(5);
    let waiting = cloud.submit(&place, TWO).args(["--wait", "--batch", "b"]).start();
    eventually("a reply queue", SOON, || (reply_queues(&cloud) == 1).then_some(()));
    eventually("jobs", SOON, || (cloud.depth(&cloud.queue) == 5).then_some(()));
    waiting.signal(Signal::INT);
    waiting.end().expect(130).says(&["interrupted", "pixmill status b --backend aws"]);
    assert_eq!(reply_queues(&cloud), 0);
    let worker = consumer(&cloud, "w", &[]);
    let again = cloud.submit(&place, TWO).args(["--wait", "--batch", "b"]).go().expect(0);
    assert!(again.stdout.contains("5 done, 0 failed"), "{}", again.stdout);
    drain(worker);
}

/// How many queues there are that somebody waits at.
fn reply_queues(cloud: &Cloud) -> usize {
    let queues = cloud.sqs("ListQueues", &json!({ "QueueNamePrefix": cloud.queue }));
    let urls = queues["QueueUrls"].as_array().cloned().unwrap_or_default();
    urls.iter().filter(|url| url.as_str().unwrap().contains("-replies-")).count()
}

#[test]
fn what_is_missing_is_said_before_anything_is_done() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(1);
    let nowhere = crate::harness::pixmill().args(["status", "--backend", "aws"]);
    nowhere.go().expect(2).says(&["--bucket and --queue"]);
    let no_queue = cloud.reach(crate::harness::pixmill().args(["status", "--backend", "aws"]));
    let no_queue = no_queue.args(["--bucket", "b", "--queue", "not-there"]);
    no_queue.go().expect(2).says(&["failed to open the pipeline on AWS", "not-there"]);
    crate::harness::pixmill().arg("status").go().expect(2).says(&["--data DIR"]);
}
