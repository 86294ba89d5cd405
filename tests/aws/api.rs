//! The HTTP API in front of S3 and SQS: pictures in, and links that lead straight to the bucket.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use super::{SOON, consumer, drain};
use crate::api::Server;
use crate::harness::{Cloud, Invocation, Place, ground, photo};

fn curl(arguments: &[&str], file: &Path) {
    let curl = Invocation::new("curl".as_ref()).args(["-s", "--fail-with-body"]);
    curl.args(arguments).arg(file).go().expect(0);
}

#[test]
fn pictures_come_in_and_links_lead_straight_to_the_bucket() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let spool = place.path("spool");
    let server = Server::start(cloud.pixmill("producer").arg("--spool").arg(spool));
    let worker = consumer(&cloud, "w", &[]);
    let done = server.submit("recipe=resize:96+-%3E+png&wait=60", &photo(1)).expect(200).json();
    let link = done["jobs"][0]["outputs"][0]["link"].as_str().unwrap();
    assert!(link.starts_with(&cloud.gateway.url()), "{link}");
    let made = place.path("made.png");
    curl(&[link, "-o"], &made);
    assert!(fs::read(&made).unwrap() == ground(&photo(1), "resize:96 -> png"));

    // A picture that never passes through the server.
    let at = server.post_json("/v1/uploads", &json!({ "name": "b.jpg" })).expect(201).json();
    let (key, link) = (at["key"].as_str().unwrap(), at["link"].as_str().unwrap());
    assert!(link.starts_with(&cloud.gateway.url()), "{link}");
    curl(&[link, "-T"], &place.put("b.jpg", &photo(2)));
    assert!(cloud.object(key) == photo(2));
    let order = json!({ "recipe": "invert", "keys": [key] });
    let done = server.post_json("/v1/jobs?wait=60", &order).expect(200).json();
    assert_eq!(done["jobs"][0]["state"], "done");
    server.process.signal(Signal::TERM);
    server.process.end().expect(0);
    drain(worker);
    cloud.until_results(2, SOON);
}
