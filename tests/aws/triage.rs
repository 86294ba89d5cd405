//! Dead letters on SQS: listed, shown, sent again, thrown away.

use serde_json::Value;

use super::{SOON, consumer, drain};
use crate::harness::{Cloud, Ended, Place, TWO, eventually, marked, photo};

fn dead(cloud: &Cloud, arguments: &[&str]) -> Ended {
    let dead = crate::harness::pixmill().arg("dead").args(arguments).args(["--backend", "aws"]);
    cloud.reach(dead.args(["--bucket", &cloud.bucket, "--queue", &cloud.queue])).go()
}

fn letters(cloud: &Cloud) -> Vec<Value> {
    dead(cloud, &["list", "--json"]).expect(0).json()["letters"].as_array().unwrap().clone()
}

/// Runs consumers, one after the other, until there is a dead letter and nothing else.
fn work_until_dead(cloud: &Cloud) {
    eventually("a dead letter", SOON, || {
        let mut worker = consumer(cloud, "w", &["--visibility", "1s", "--max-attempts", "3"]);
        let over = || cloud.depth(&cloud.dead) == 1 && cloud.depth(&cloud.queue) == 0;
        eventually("a death or an end", SOON, || (over() || !worker.is_running()).then_some(()));
        drop(worker);
        over().then_some(())
    });
}

#[test]
fn a_picture_that_was_mended_is_redriven_and_done() {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put("killer.jpg", &marked(1, "abort"));
    cloud.submit(&place, TWO).args(["--batch", "b"]).go().expect(0);
    work_until_dead(&cloud);

    let letter = &letters(&cloud)[0];
    assert_eq!(letter["source"], "inputs/b/killer.jpg");
    assert_eq!(letter["code"], "too_many_attempts");
    let id = letter["id"].as_str().unwrap();
    // A look hides it, and gives it back.
    let shown = dead(&cloud, &["show", id, "--json"]).expect(0).json();
    assert_eq!(shown["letters"][0]["result"]["state"], "dead");
    assert_eq!(shown["letters"][0]["message"]["source"]["key"], "inputs/b/killer.jpg");

    cloud.s3("PUT", "/inputs/b/killer.jpg", &photo(1)).expect(200);
    assert_eq!(dead(&cloud, &["redrive", id]).expect(0).stdout, "Sent 1 job again\n");
    assert_eq!(cloud.depth(&cloud.dead), 0);
    let worker = consumer(&cloud, "w", &[]);
    let state = || cloud.results().first().map(|(_, result)| result["state"].clone());
    eventually("the end", SOON, || (state() == Some("done".into())).then_some(()));
    drain(worker);
    assert_eq!(cloud.depth(&cloud.queue), 0);
}

#[test]
fn what_is_no_job_ends_there_by_the_queues_own_limit_and_can_be_discarded() {
    let cloud = Cloud::with_receives(8);
    let body = serde_json::json!({ "QueueUrl": cloud.url(&cloud.queue), "MessageBody": "hello" });
    cloud.sqs("SendMessage", &body);
    let worker = consumer(&cloud, "w", &["--visibility", "1s"]);
    eventually("a dead letter", SOON, || (cloud.depth(&cloud.dead) == 1).then_some(()));
    drain(worker);
    let letter = &letters(&cloud)[0];
    assert_eq!(letter["state"], Value::Null, "{letter}");
    dead(&cloud, &["discard", "--all"]).expect(0);
    assert!(letters(&cloud).is_empty());
}
