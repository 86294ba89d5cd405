//! Batches that are opened, filled in chunks and sealed, and what is known of jobs while they wait.

use serde_json::{Value, json};

use super::{SOON, Server, worker};
use crate::harness::{Place, eventually, photo};

/// Puts a picture into the store and returns its key.
fn uploaded(server: &Server, name: &str, picture: &[u8]) -> String {
    let place = server.post_json("/v1/uploads", &json!({ "name": name })).expect(201).json();
    let link = format!("PUT {}", place["link"].as_str().unwrap());
    server.send(&link, &["Content-Type: image/jpeg"], picture).expect(201);
    place["key"].as_str().unwrap().to_owned()
}

fn opened(server: &Server, expected: u64) {
    let opening = json!({
        "batch": "b", "name": "Harbour, June", "recipe": "resize:48 -> png", "expected": expected,
    });
    let batch = server.post_json("/v1/batches", &opening).expect(201).json();
    assert_eq!((&batch["name"], &batch["closed"]), (&"Harbour, June".into(), &false.into()));
    assert_eq!((&batch["expected"], &batch["jobs"]), (&expected.into(), &0.into()));
}

fn patched(server: &Server, batch: &str, change: &Value) -> super::Reply {
    let fields = ["Content-Type: application/json"];
    server.send(&format!("PATCH /v1/batches/{batch}"), &fields, change.to_string().as_bytes())
}

#[test]
fn a_batch_is_opened_filled_in_chunks_and_sealed() {
    let place = Place::new();
    let server = Server::of(&place);
    opened(&server, 3);
    let one = uploaded(&server, "one.jpg", &photo(1));
    let missing = "inputs/uploads/nowhere/two.jpg";
    let chunk = json!({ "keys": [one, missing, "results/b/x.json"] });
    let added = server.post_json("/v1/batches/b/jobs", &chunk).expect(202).json();
    assert_eq!(added["jobs"].as_array().unwrap().len(), 1);
    let codes: Vec<_> = added["rejected"].as_array().unwrap().iter().map(|r| &r["code"]).collect();
    assert_eq!(codes, ["source_missing", "bad_job"]);
    assert!(!added["rejected"][0]["hint"].as_str().unwrap().is_empty());
    // Pictures that come as they are belong to it as well, and do not close it.
    server.submit("recipe=resize:48%20-%3E%20png&batch=b&name=z.jpg", &photo(2)).expect(202);
    server.submit("recipe=invert&batch=b&name=z.jpg", &photo(2)).problem(409, "conflict");
    let batch = server.get("/v1/batches/b").expect(200).json();
    assert_eq!((&batch["jobs"], &batch["closed"]), (&2.into(), &false.into()));
    // It is known while it waits, by the next server too, by the names of the pictures.
    drop(server);
    let server = Server::of(&place);
    let id = added["jobs"][0]["id"].as_str().unwrap();
    let job = server.get(&format!("/v1/jobs/b/{id}")).expect(200).json();
    assert_eq!(job["state"], "pending");
    let jobs = server.get("/v1/batches/b/jobs").expect(200).json();
    let rows: Vec<_> = jobs["jobs"].as_array().unwrap().iter().collect();
    assert!(rows[0]["name"].as_str().unwrap().ends_with("one.jpg"), "{jobs}");
    assert_eq!((&rows[1]["name"], &rows[1]["index"]), (&"z.jpg".into(), &1.into()));
    assert_eq!(patched(&server, "b", &json!({ "sealed": false })).status, 400);
    let sealed = patched(&server, "b", &json!({ "sealed": true })).expect(200).json();
    assert_eq!((&sealed["jobs"], &sealed["closed"]), (&2.into(), &true.into()));
    patched(&server, "b", &json!({ "sealed": true })).expect(200);
    patched(&server, "c", &json!({ "sealed": true })).problem(404, "not_found");
    server.post_json("/v1/batches/b/jobs", &chunk).problem(409, "conflict");
    let again = json!({ "batch": "b", "recipe": "invert" });
    server.post_json("/v1/batches", &again).problem(409, "conflict");
    let _worker = worker(&place);
    let batch = eventually("its end", SOON, || {
        let batch = server.get("/v1/batches/b").expect(200).json();
        (batch["ended"] == true).then_some(batch)
    });
    assert_eq!((&batch["done"], &batch["pending"]), (&2.into(), &0.into()));
    assert_eq!(batch["bytes_in"].as_u64().unwrap(), (photo(1).len() + photo(2).len()) as u64);
    assert!(batch["bytes_out"].as_u64().unwrap() > 0);
    let thumbnail = batch["thumbnails"][0].as_str().unwrap();
    let shown = server.get(thumbnail).expect(200);
    assert!(shown.field("cache-control").unwrap().contains("private"));
    let etag = format!("If-None-Match: {}", shown.field("etag").unwrap());
    server.send(&format!("GET {thumbnail}"), &[&etag], b"").expect(304);
    let found = server.get("/v1/batches?q=harbour").expect(200).json();
    assert_eq!(found["batches"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/v1/batches?q=x").json()["batches"], json!([]));
}

#[test]
fn a_retry_that_waits_is_known_to_the_next_server() {
    let place = Place::new();
    let server = Server::of(&place);
    let worker = worker(&place);
    let failed = server.submit("recipe=invert&batch=b&wait=60", b"no picture").expect(200).json();
    assert_eq!(failed["jobs"][0]["code"], "not_a_picture");
    drop(worker);
    let id = failed["jobs"][0]["id"].as_str().unwrap();
    let retry = server.post(&format!("/v1/jobs/b/{id}/retry")).expect(202).json();
    drop(server);
    let server = Server::of(&place);
    let found = server.get(&format!("/v1/jobs/b/{}", retry["id"].as_str().unwrap())).expect(200);
    let found = found.json();
    assert_eq!((&found["state"], &found["retry_of"]), (&"pending".into(), &id.into()));
    let batch = server.get("/v1/batches/b").expect(200).json();
    assert_eq!((&batch["jobs"], &batch["ended"]), (&1.into(), &false.into()));
}

#[test]
fn the_index_may_be_lost_or_spoiled_at_any_moment() {
    let place = Place::new();
    let index = place.data().join("index.sqlite");
    let counts = |server: &Server| {
        let batch = server.get("/v1/batches/b").expect(200).json();
        (batch["done"].as_u64().unwrap(), batch["failed"].as_u64().unwrap())
    };
    let mut server = Server::of(&place);
    let worker = worker(&place);
    for n in 0..5 {
        let query = format!("recipe=resize:16%20-%3E%20png&batch=b&wait=60&name={n}.jpg");
        server.submit(&query, &photo(n)).expect(200);
    }
    server.submit("recipe=resize:16%20-%3E%20png&batch=b&wait=60&name=x", b"x").expect(200);
    eventually("the counts", SOON, || (counts(&server) == (5, 1)).then_some(()));
    drop(worker);
    assert!(index.is_file());
    // While it runs.
    std::fs::remove_file(&index).unwrap();
    assert_eq!(counts(&server), (5, 1));
    // Between two servers: gone, spoiled, and as it was.
    let spoil: [&dyn Fn(); 3] = [
        &|| std::fs::remove_file(&index).unwrap_or_default(),
        &|| std::fs::write(&index, b"no database ".repeat(1000)).unwrap(),
        &|| {},
    ];
    for spoil in spoil {
        drop(server);
        spoil();
        server = Server::of(&place);
        assert_eq!(counts(&server), (5, 1));
        let failed = server.get("/v1/batches/b/jobs?state=failed").expect(200).json();
        assert_eq!(failed["jobs"][0]["name"], "x");
    }
    // What it holds is corrected where the store says otherwise.
    drop(server);
    std::fs::remove_dir_all(place.data().join("objects/results/b")).unwrap();
    let server = Server::of(&place);
    assert_eq!(counts(&server), (0, 0));
}
