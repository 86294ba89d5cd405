//! What an image costs in requests, counted on the wire; benches/AWS.md has the table in dollars.

use std::collections::BTreeMap;

use super::{SOON, drain};
use crate::harness::{Cloud, Place, source_tree};

const IMAGES: u32 = 40;

/// What a million requests cost in us-east-1, in dollars: S3's writes and lists, S3's reads, SQS.
const PRICES: [f64; 3] = [5.0, 0.4, 0.4];

/// Requests of SQS an image may cost, all told: sent, received, deleted, answered, and the answer
/// received and deleted, in tens at best.
const MOST_SQS: f64 = 1.2;

fn recipe(outputs: u32) -> String {
    let output = |n| format!("o{n} = resize:{} -> jpeg", 16 + n);
    (0..outputs).map(output).collect::<Vec<_>>().join("; ")
}

/// The requests of submitting, working and waiting, by what they ask.
fn requests(outputs: u32) -> BTreeMap<String, u32> {
    let (place, cloud) = (Place::new(), Cloud::new());
    place.put_photos(IMAGES);
    cloud.submit(&place, &recipe(outputs)).args(["--batch", "b"]).go().expect(0);
    let worker = cloud.pixmill("consumer").args(["--slots", "1", "--poll", "1s"]).start();
    let waited = cloud.submit(&place, &recipe(outputs)).args(["--batch", "again", "--wait"]);
    waited.bound(SOON).go().expect(0);
    drain(worker);
    let mut counts = BTreeMap::new();
    for request in cloud.gateway.take_requests() {
        let is_list = request.path.contains("list-type=2");
        let what = match (request.action.as_str(), request.method.as_str()) {
            ("", _) if is_list => "LIST".to_owned(),
            ("", method) => method.to_owned(),
            (action, _) => action.to_owned(),
        };
        *counts.entry(what).or_default() += 1;
    }
    counts
}

#[test]
fn an_image_costs_what_the_table_says() {
    let table = std::fs::read_to_string(source_tree().join("benches/AWS.md")).unwrap();
    for outputs in [1, 4, 16] {
        let counts = requests(outputs);
        println!("{outputs} outputs: {counts:?}");
        let images = 2 * IMAGES;
        let count = |what: &str| counts.get(what).copied().unwrap_or_default();
        let per_image = |count: u32| f64::from(count) / f64::from(images);
        // The upload, the outputs, the result; besides what the two batches themselves write.
        let writes = count("PUT");
        assert!(writes >= images * (outputs + 2));
        assert!(writes <= images * (outputs + 2) + 12, "{writes} writes");
        assert!(count("GET") <= images + 12, "{} reads", count("GET"));
        assert!(count("LIST") <= 12 && count("HEAD") == 0, "{counts:?}");
        let s3 = ["PUT", "GET", "LIST", "HEAD"];
        let sqs = counts.iter().filter(|(what, _)| !s3.contains(&what.as_str()));
        let sqs = per_image(sqs.map(|(_, count)| count).sum());
        assert!(sqs <= MOST_SQS, "{sqs} requests of SQS an image: {counts:?}");

        let dollars = f64::from(outputs + 2) * PRICES[0] + PRICES[1] + MOST_SQS * PRICES[2];
        let row = format!("| {outputs} | {} | 1 | ≤ {MOST_SQS} | {dollars:.2} |", outputs + 2);
        assert!(table.contains(&row), "benches/AWS.md lacks\n{row}");
    }
}
