//! Pictures that are put into the bucket with nobody to send a job: S3's own events bring them.

use rustix::process::Signal;
use serde_json::json;

use super::{SOON, consumer, drain};
use crate::harness::{Cloud, Invocation, Place, eventually, photo};

/// A command of the AWS CLI.
fn aws(cloud: &Cloud, place: &Place, command: &[&str]) -> Invocation {
    let aws = cloud.python("aws").args(command);
    aws.env("HOME", place.path("")).env("LC_ALL", "C.UTF-8")
}

/// Has the bucket tell the queue of what is put below `drop/`, as README says.
fn notify(cloud: &Cloud, bucket: &str, place: &Place) {
    let arn = cloud.attributes(&cloud.queue)["QueueArn"].as_str().unwrap().to_owned();
    let rule = json!({ "Name": "prefix", "Value": "drop/" });
    let configuration = json!({ "QueueConfigurations": [{
        "QueueArn": arn, "Events": ["s3:ObjectCreated:*"],
        "Filter": { "Key": { "FilterRules": [rule] } },
    }] });
    let command = ["s3api", "put-bucket-notification-configuration", "--bucket", bucket];
    let command = aws(cloud, place, &command).arg("--notification-configuration");
    command.arg(configuration.to_string()).go().expect(0);
}

#[test]
fn a_picture_that_is_dropped_into_the_bucket_is_worked_on() {
    let (place, cloud) = (Place::new(), Cloud::new());
    notify(&cloud, &cloud.bucket, &place);
    cloud.s3("PUT", "/recipes/web.toml", b"recipe = 'resize:16 -> png'").expect(200);
    let worker = consumer(&cloud, "w", &[]);
    place.put("für dich.jpg", &photo(1));
    let picture = place.input().join("für dich.jpg");
    let to = format!("s3://{}/drop/web/", cloud.bucket);
    aws(&cloud, &place, &["s3", "cp"]).arg(&picture).arg(&to).go().expect(0);
    cloud.until_results(1, SOON);
    // Without a recipe it fails, and says so.
    let to = format!("s3://{}/drop/nothing/", cloud.bucket);
    aws(&cloud, &place, &["s3", "cp"]).arg(&picture).arg(&to).go().expect(0);
    cloud.until_results(2, SOON);
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drain(worker);

    let status = cloud.pixmill("status").args(["s3-web", "--json"]).go().expect(0).json();
    assert_eq!(status["batches"][0]["done"], 1, "{status}");
    let status = cloud.pixmill("status").args(["s3-nothing", "--json"]).go().expect(0).json();
    assert_eq!(status["batches"][0]["failures"][0]["code"], "bad_recipe", "{status}");
    assert_eq!(cloud.keys("outputs/"), ["outputs/s3-web/web/für dich.jpg.png"]);
    assert_eq!(cloud.depth(&cloud.dead), 0);
}

#[test]
fn pictures_that_are_dropped_while_consumers_are_killed_end_each_once() {
    let (place, cloud) = (Place::new(), Cloud::new());
    notify(&cloud, &cloud.bucket, &place);
    cloud.s3("PUT", "/recipes/web.toml", b"recipe = 'resize:16 -> png'").expect(200);
    let start = || consumer(&cloud, "w", &["--visibility", "3s"]);
    let mut worker = start();
    for n in 0..40 {
        let picture = if n % 10 == 9 { b"no picture".to_vec() } else { photo(n) };
        // Whoever is not sure puts it twice, and both are told of.
        for _ in 0..2 {
            cloud.s3("PUT", &format!("/drop/web/{}/{n}.jpg", n % 3), &picture).expect(200);
        }
        if n % 10 == 5 {
            // Once it has got to work.
            cloud.until_results(n as usize / 2, SOON);
            worker.signal(Signal::KILL);
            worker = start();
        }
    }
    cloud.until_results(40, SOON);
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drain(worker);
    let results = cloud.results();
    assert_eq!(results.len(), 40);
    let failed: Vec<_> = results.iter().filter(|(_, end)| end["state"] != "done").collect();
    assert_eq!(failed.len(), 4, "{failed:?}");
    assert!(failed.iter().all(|(_, end)| end["code"] == "not_a_picture"), "{failed:?}");
    assert_eq!((cloud.keys("outputs/").len(), cloud.keys("drop/").len()), (36, 40));
    assert_eq!(cloud.depth(&cloud.dead), 0);
}

#[test]
fn pictures_of_a_bucket_that_is_allowed_are_read_from_there() {
    let (place, cloud, other) = (Place::new(), Cloud::new(), Cloud::new());
    notify(&cloud, &other.bucket, &place);
    cloud.s3("PUT", "/recipes/web.toml", b"recipe = 'resize:16 -> png'").expect(200);
    let worker = consumer(&cloud, "w", &["--allow-bucket", &other.bucket]);
    other.s3("PUT", "/drop/web/a.jpg", &photo(1)).expect(200);
    cloud.until_results(1, SOON);
    drain(worker);
    let (_, result) = &cloud.results()[0];
    assert_eq!(result["state"], "done", "{result}");
    let key = format!("outputs/s3-web/from.{}/web/a.jpg.png", other.bucket);
    assert_eq!(cloud.keys("outputs/"), [key]);
    assert!(other.keys("outputs/").is_empty());
}
