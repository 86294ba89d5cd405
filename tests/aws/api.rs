//! The HTTP API in front of S3 and SQS: pictures in, and links that lead straight to the bucket.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{SOON, assert_all_done, consumer, drain, script};
use crate::api::{Part, Server, form};
use crate::harness::{Cloud, Invocation, Place, TWO, eventually, frame, ground, photo};

/// The server of a pipeline, with more flags.
fn serve(cloud: &Cloud, place: &Place, flags: &[&str]) -> Server {
    Server::start(cloud.pixmill("producer").arg("--spool").arg(place.path("spool")).args(flags))
}

fn end(server: Server) {
    server.process.signal(Signal::TERM);
    server.process.end().expect(0);
}

fn curl(arguments: &[&str], file: &Path) {
    let curl = Invocation::new("curl".as_ref()).args(["-s", "--fail-with-body"]);
    curl.args(arguments).arg(file).go().expect(0);
}

/// What a link leads to, as somebody with no credentials gets it.
fn fetch(place: &Place, link: &str) -> Vec<u8> {
    let path = place.path("fetched");
    curl(&[link, "-o"], &path);
    fs::read(path).unwrap()
}

#[test]
fn pictures_are_sent_waited_for_and_fetched_from_the_bucket() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let server = serve(&cloud, &place, &[]);
    let early = server.submit("recipe=resize:96+-%3E+png", &photo(1)).expect(202).json();
    assert_eq!(early["jobs"][0]["state"], "pending");
    let worker = consumer(&cloud, "w", &[]);
    let recipe = [Part::Text("recipe", TWO), Part::Text("batch", "two")];
    let pictures = [2, 3].map(photo);
    let files = pictures.iter().map(|picture| Part::File("image", "a.jpg", picture));
    let (kind, body) = form(&recipe.into_iter().chain(files).collect::<Vec<_>>());
    let key = "Idempotency-Key: 42";
    let done = server.send("POST /v1/jobs?wait=60", &[kind, key], &body).expect(200).json();
    for (job, picture) in done["jobs"].as_array().unwrap().iter().zip(&pictures) {
        assert_eq!(job["state"], "done", "{job}");
        let link = job["outputs"][1]["link"].as_str().unwrap();
        assert!(link.starts_with(&cloud.gateway.url()), "{link}");
        assert!(fetch(&place, link) == ground(picture, "grayscale -> png"));
    }
    // Repeated by its key it is the same request.
    let again = server.send("POST /v1/jobs?wait=60", &[kind, key], &body).expect(200).json();
    assert_eq!(again["jobs"][0]["id"], done["jobs"][0]["id"]);
    let batch = server.get("/v1/batches/two").expect(200).json();
    assert_eq!((&batch["jobs"], &batch["done"]), (&2.into(), &2.into()));
    assert!(server.get("/v1/batches/two/outputs.zip").expect(200).body.starts_with(b"PK"));
    let path = format!("/v1/jobs/two/{}/image?side=32", done["jobs"][0]["id"].as_str().unwrap());
    assert_eq!(frame(&server.get(&path).expect(200).body).width, 32);
    cloud.until_results(3, SOON);
    let failed = server.submit("recipe=invert&wait=60", b"no picture").expect(200).json();
    assert_eq!(failed["jobs"][0]["code"], "not_a_picture");
    end(server);
    drain(worker);
    assert_eq!((cloud.depth(&cloud.queue), cloud.depth(&cloud.dead)), (0, 0));
}

#[test]
fn a_link_for_an_upload_leads_straight_to_the_bucket_and_is_good_for_so_many_bytes() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let server = serve(&cloud, &place, &["--max-input", "1MB"]);
    let worker = consumer(&cloud, "w", &[]);
    let picture = photo(2);
    let announce = |bytes: usize| {
        server.post_json("/v1/uploads", &json!({ "name": "../b c.jpg", "bytes": bytes }))
    };
    let at = announce(picture.len()).expect(201).json();
    let (key, link) = (at["key"].as_str().unwrap(), at["link"].as_str().unwrap());
    assert!(link.starts_with(&cloud.gateway.url()), "{link}");
    curl(&[link, "-T"], &place.put("b.jpg", &picture));
    let stored = cloud.s3("GET", &format!("/{}", key.replace(' ', "%20")), b"").expect(200);
    assert!(stored.body == picture);
    let order = json!({ "recipe": "invert -> png", "keys": [key] });
    let done = server.post_json("/v1/jobs?wait=60", &order).expect(200).json();
    let made = done["jobs"][0]["outputs"][0]["link"].as_str().unwrap();
    assert!(fetch(&place, made) == ground(&picture, "invert -> png"));
    // The emulator takes anything; what S3 takes is what was signed.
    let lengths = [picture.len(), picture.len() + 1, 0, 5 << 30].map(|n| n.to_string());
    let signed = cloud.python("python").arg(script("signed.py")).arg(link).args(lengths);
    assert_eq!(signed.go().expect(0).stdout, "True\nFalse\nFalse\nFalse\n");
    announce((1 << 20) + 1).problem(413, "too_large");
    // Of a picture whose size nobody says, the server counts the bytes.
    let at = server.post_json("/v1/uploads", &json!({ "name": "c.jpg" })).expect(201).json();
    let (key, link) = (at["key"].as_str().unwrap(), at["link"].as_str().unwrap());
    assert!(link.starts_with("/v1/objects/inputs/uploads/"), "{link}");
    let put = |body: &[u8]| server.send(&format!("PUT {link}"), &["Content-Type: image/png"], body);
    put(&vec![7; (1 << 20) + 1]).problem(413, "too_large");
    put(&picture).expect(201);
    assert!(cloud.object(key) == picture);
    end(server);
    drain(worker);
}

#[test]
fn the_prototypes_clients_are_served_for_the_buckets_that_are_allowed() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let server = serve(&cloud, &place, &["--label", "theirs,ours"]);
    let worker = consumer(&cloud, "w", &[]);
    let process = |bucket| {
        let (kind, body) = form(&[
            Part::File("image", "in.jpg", &photo(1)),
            Part::Text("operation", "edge_detection"),
            Part::Text("output_name", "out.png"),
            Part::Text("s3_bucket", bucket),
        ]);
        server.send("POST /process_image", &[kind], &body)
    };
    let made = process("ours").expect(200).json();
    assert!(!made["Instance_ID"].as_str().unwrap().is_empty());
    let link = made["download_link"].as_str().unwrap();
    assert!(link.starts_with(&cloud.gateway.url()) && link.contains("X-Amz-Expires="), "{link}");
    assert!(fetch(&place, link) == ground(&photo(1), "edges:100,200 -> png"));
    process("somebody-elses").problem(403, "bucket_not_allowed");
    end(server);
    drain(worker);
}

#[test]
fn what_was_accepted_ends_although_the_server_is_killed_and_answers_of_the_cloud_are_lost() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let mut n = 0;
    cloud.gateway.treat(move |_| {
        n += 1;
        if n % 9 == 0 {
            crate::harness::Treatment::LoseAnswer
        } else {
            crate::harness::Treatment::Pass
        }
    });
    let recipe = "recipe=thumb%20=%20resize:96%20-%3E%20jpeg;%20gray%20=%20grayscale%20-%3E%20png";
    let mut batches = vec![];
    for n in 0..5 {
        let server = serve(&cloud, &place, &[]);
        let sent = server.submit(&format!("{recipe}&name={n}.jpg"), &photo(n)).expect(202).json();
        batches.push(sent["batch"].as_str().unwrap().to_owned());
        server.process.kill();
    }
    let worker = consumer(&cloud, "w", &["--visibility", "5s"]);
    cloud.until_results(5, SOON);
    eventually("an empty queue", SOON, || (cloud.depth(&cloud.queue) == 0).then_some(()));
    drain(worker);
    assert_all_done(&cloud, 5);
    let server = serve(&cloud, &place, &[]);
    for batch in batches {
        let known: Value = server.get(&format!("/v1/batches/{batch}")).expect(200).json();
        assert_eq!((&known["done"], &known["closed"]), (&1.into(), &true.into()), "{known}");
    }
    end(server);
}

#[test]
fn uploads_that_never_become_jobs_are_removed_by_the_rule_that_the_readme_gives() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let readme = fs::read_to_string(crate::harness::source_tree().join("README.md")).unwrap();
    let command = readme.split("aws s3api put-bucket-lifecycle-configuration").nth(1).unwrap();
    let rules = command.split('\'').nth(1).unwrap();
    let put = cloud.python("aws").args(["s3api", "put-bucket-lifecycle-configuration"]);
    let put = put.args(["--bucket", &cloud.bucket, "--lifecycle-configuration", rules]);
    put.env("HOME", place.path("")).go().expect(0);
    let text = cloud.s3("GET", "?lifecycle", b"").expect(200).body;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("<Prefix>inputs/uploads/</Prefix>"), "{text}");
    assert!(text.contains("<DaysAfterInitiation>"), "{text}");
}
