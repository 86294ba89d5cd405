//! Jobs for what is in a bucket already.

use serde_json::Value;

use super::{SOON, consumer, drain};
use crate::harness::{Cloud, photo};

#[test]
fn a_prefix_is_worked_on_in_place_and_only_once() {
    let cloud = Cloud::new();
    for n in 0..25 {
        cloud.s3("PUT", &format!("/2024/a%20b/photo-{n}.jpg"), &photo(n)).expect(200);
    }
    cloud.s3("PUT", "/2024/notes.txt", b"no picture").expect(200);
    cloud.s3("PUT", "/2024/", b"").expect(200);
    let prefix = format!("s3://{}/2024/", cloud.bucket);
    let submit = || cloud.pixmill("submit").args([&prefix, "--recipe", "resize:32 -> png"]);
    let sent = submit().arg("--json").go().expect(0).json();
    assert_eq!(
        (sent["sent"].as_u64(), sent["passed_over"].as_u64()),
        (Some(25), Some(1)),
        "{sent}"
    );

    let worker = consumer(&cloud, "w", &[]);
    cloud.until_results(25, SOON);
    drain(worker);
    let is_in_place = |(_, result): &(String, Value)| {
        let key = result["job"]["source"]["key"].as_str().unwrap();
        result["state"] == "done" && key.starts_with("2024/a b/photo-")
    };
    assert!(cloud.results().iter().all(is_in_place), "{:?}", cloud.results());
    assert!(cloud.keys("inputs/").is_empty(), "nothing is copied");

    // Something new has come; what has ended is skipped.
    cloud.s3("PUT", "/2024/late.jpg", &photo(99)).expect(200);
    let again = submit().arg("--json").go().expect(0).json();
    assert_eq!((again["sent"].as_u64(), again["skipped"].as_u64()), (Some(1), Some(25)), "{again}");
}
