//! Pictures become jobs, jobs become results, and both are found again.

use serde_json::{Value, json};

use super::{Part, SOON, Server, encoded, form, worker};
use crate::harness::{
    Invocation, Place, eventually, files, frame, ground, marked, photo, result_count, results,
};

#[test]
fn pictures_of_a_form_are_waited_for_and_fetched_by_links() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let (kind, body) = form(&[
        Part::File("image", "a.jpg", &photo(1)),
        Part::File("image", "a.jpg", &photo(2)),
        Part::Text("recipe", "thumb = resize:96 -> jpeg; gray = grayscale -> png"),
    ]);
    let reply = server.send("POST /v1/jobs?wait=60", &[kind], &body).expect(200);
    let accepted = reply.json();
    let batch = accepted["batch"].as_str().unwrap();
    assert_eq!(reply.field("location").unwrap(), format!("/v1/batches/{batch}"));
    let jobs = accepted["jobs"].as_array().unwrap();
    let names: Vec<_> = jobs.iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.jpg", "a-2.jpg"]);
    let thumb = &jobs[1]["outputs"][0];
    let fetched = server.get(thumb["link"].as_str().unwrap()).expect(200);
    assert_eq!(fetched.field("content-type"), Some("image/jpeg"));
    assert!(fetched.body == ground(&photo(2), "resize:96 -> jpeg"));
    let etag = format!("If-None-Match: {}", fetched.field("etag").unwrap());
    let path = format!("GET {}", thumb["link"].as_str().unwrap());
    server.send(&path, &[&etag], b"").expect(304);

    let job = server.get(&format!("/v1/jobs/{batch}/{}", jobs[0]["id"].as_str().unwrap()));
    let job = job.expect(200).json();
    assert_eq!((&job["state"], &job["name"]), (&"done".into(), &"a.jpg".into()));
    assert_eq!(job["source"]["width"], frame(&photo(1)).width);
    let batch = server.get(&format!("/v1/batches/{batch}")).expect(200).json();
    assert_eq!(
        (&batch["jobs"], &batch["done"], &batch["ended"]),
        (&2.into(), &2.into(), &true.into())
    );
    let path = format!("/v1/batches/{}/outputs.zip", batch["batch"].as_str().unwrap());
    let archive = server.get(&path).expect(200);
    assert_eq!(archive.field("content-length"), Some(archive.body.len().to_string().as_str()));
    std::fs::write(place.path("all.zip"), &archive.body).unwrap();
    let list = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                print(*sorted(z.namelist()), z.read('a-2-thumb.jpg')[:2] == b'\\xff\\xd8')";
    let python = Invocation::new("python3".as_ref()).args(["-c", list]).arg(place.path("all.zip"));
    let listed = python.go().expect(0).stdout;
    assert_eq!(listed.trim(), "a-2-gray.png a-2-thumb.jpg a-gray.png a-thumb.jpg report.csv True");
    assert!(files(&place.data().join("spool")).keys().all(|name| name.ends_with("lock")));
}

#[test]
fn a_job_without_a_worker_is_pending_and_a_wait_ends() {
    let place = Place::new();
    let server = Server::of(&place);
    let accepted = server.submit("recipe=invert&wait=1", &photo(1)).expect(202).json();
    assert_eq!(accepted["jobs"][0]["state"], "pending");
    let name = |job: &Value| {
        format!("/v1/jobs/{}/{}", job["batch"].as_str().unwrap(), job["id"].as_str().unwrap())
    };
    let path = name(&accepted["jobs"][0]);
    assert_eq!(server.get(&path).expect(200).json()["state"], "pending");
    let batch = accepted["batch"].as_str().unwrap();
    server.get(&format!("/v1/jobs/{batch}/other")).problem(404, "not_found");
    server.get("/v1/batches/other").problem(404, "not_found");
    server.get("/v1/jobs/a%2Fb/c").problem(400, "bad_parameter");
    let _worker = worker(&place);
    let done = eventually("its end", SOON, || {
        let job = server.get(&path).expect(200).json();
        (job["state"] != "pending").then_some(job)
    });
    assert_eq!(done["state"], "done");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place_and_nothing_is_begun() {
    let place = Place::new();
    let server = Server::of(&place);
    let picture = photo(1);
    let slip = server.submit(&format!("recipe={}", encoded("resize:64 | grayscal")), &picture);
    let slip = slip.problem(422, "bad_recipe");
    assert_eq!(slip["recipe_code"], "unknown_operation");
    assert_eq!((&slip["start"], &slip["end"]), (&12.into(), &20.into()));
    assert_eq!(slip["hint"], "did you mean `grayscale`?");
    let kernel = server.submit("recipe=blur:401", &picture).problem(422, "bad_recipe");
    assert_eq!(kernel["recipe_code"], "kernel_too_large");
    server.submit("", &picture).problem(400, "bad_parameter");
    let odd = server.submit("recipe=invert&colour=red", &picture).problem(400, "bad_parameter");
    assert_eq!(odd["parameter"], "colour");
    server.submit("recipe=invert&wait=61", &picture).problem(400, "bad_parameter");
    server.submit("recipe=invert&wait=1&wait=2", &picture).problem(400, "bad_parameter");
    server.submit("recipe=invert", b"").problem(422, "no_picture");
    server.post("/v1/jobs?recipe=invert").problem(415, "unsupported_media_type");
    let (kind, body) = form(&[Part::Text("recipe", "invert")]);
    server.send("POST /v1/jobs", &[kind], &body).problem(422, "no_picture");
    let (kind, body) = form(&[Part::Text("colour", "x"), Part::File("image", "a", &picture)]);
    server.send("POST /v1/jobs?recipe=invert", &[kind], &body).problem(400, "bad_body");
    server.send("POST /v1/jobs?recipe=invert", &[kind], b"no form").problem(400, "bad_body");
    assert_eq!(server.get("/v1/batches").expect(200).json()["total"], 0);
    assert!(!place.data().join("objects/inputs").exists(), "something was begun");
}

#[test]
fn a_request_that_is_repeated_with_its_key_is_one_request() {
    let place = Place::new();
    let server = Server::of(&place);
    let send = |key: &str, recipe: &str, picture: &[u8]| {
        let fields = ["Content-Type: image/jpeg", &format!("Idempotency-Key: {key}")];
        server.send(&format!("POST /v1/jobs?recipe={recipe}"), &fields, picture)
    };
    let first = send("a", "invert", &photo(1)).expect(202).json();
    assert_eq!(send("a", "invert", &photo(1)).expect(202).json(), first);
    send("a", "flip", &photo(1)).problem(422, "idempotency_key_reused");
    send("a", "invert", &photo(2)).problem(422, "idempotency_key_reused");
    assert_ne!(send("b", "invert", &photo(1)).expect(202).json(), first);
    let _worker = worker(&place);
    eventually("the ends", SOON, || (result_count(&place.data()) == 2).then_some(()));
    // Also when it has ended.
    assert_eq!(send("a", "invert", &photo(1)).expect(202).json(), first);
    assert_eq!(server.get("/v1/batches").json()["total"], 2);
    assert_eq!(results(&place.data()).len(), 2);
}

#[test]
fn lists_come_in_pages_and_are_searched() {
    let place = Place::new();
    let server = Server::of(&place);
    let mut parts = vec![Part::Text("recipe", "invert"), Part::Text("batch", "monday")];
    let pictures: Vec<_> = (0..5).map(photo).collect();
    let names: Vec<_> = (0..5).map(|n| format!("p{n}.jpg")).collect();
    parts.extend(names.iter().zip(&pictures).map(|(n, p)| Part::File("image", n, p)));
    parts.push(Part::File("image", "broken.jpg", b"\xff\xd8\xff"));
    let (kind, body) = form(&parts);
    server.send("POST /v1/jobs", &[kind], &body).expect(202);
    let worker = worker(&place);
    eventually("the ends", SOON, || (result_count(&place.data()) == 6).then_some(()));
    drop(worker);
    for (start, total) in [("/v1/batches/monday/jobs", Some(6)), ("/v1/jobs", None)] {
        let (mut seen, mut path) = (vec![], format!("{start}?limit=4"));
        let mut pages = 0;
        loop {
            let page = server.get(&path).expect(200).json();
            assert_eq!(page["total"].as_u64(), total);
            let jobs = page["jobs"].as_array().unwrap();
            seen.extend(jobs.iter().map(|job| job["name"].as_str().unwrap().to_owned()));
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            path = format!("{start}?limit=4&after={}", encoded(next));
        }
        seen.sort();
        assert_eq!(seen, ["broken.jpg", "p0.jpg", "p1.jpg", "p2.jpg", "p3.jpg", "p4.jpg"]);
        assert_eq!(pages, 2);
    }
    let count = |query: &str| {
        let page = server.get(&format!("/v1/jobs?{query}")).expect(200).json();
        page["jobs"].as_array().unwrap().len()
    };
    assert_eq!((count("state=done"), count("state=failed"), count("state=pending")), (5, 1, 0));
    assert_eq!((count("q=BROKEN"), count("q=p3"), count("q=nothing")), (1, 1, 0));
    assert_eq!((count("batch=monday&code=truncated"), count("batch=tuesday")), (1, 0));
    server.get("/v1/jobs?state=lost").problem(400, "bad_parameter");
    let failed = server.get("/v1/batches/monday").json();
    assert_eq!(
        failed["failures"],
        json!([{ "code": "truncated", "count": 1,
        "reason": failed["failures"][0]["reason"] }])
    );
    server.submit("recipe=flip&batch=monday", &photo(1)).problem(409, "conflict");
}

#[test]
fn a_picture_is_put_where_a_link_says_and_becomes_a_job_by_its_key() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let at = server.post_json("/v1/uploads", &json!({ "name": "../a b.jpg" })).expect(201).json();
    let (key, link) = (at["key"].as_str().unwrap(), at["link"].as_str().unwrap());
    assert!(key.starts_with("inputs/uploads/") && key.ends_with("/a b.jpg"), "{key}");
    let put =
        |link: &str| server.send(&format!("PUT {link}"), &["Content-Type: image/jpeg"], &photo(3));
    put(link).expect(201);
    put(&link.replace("expires=", "expires=1")).problem(403, "bad_link");
    put(&link.replace("uploads/", "uploads/x")).problem(403, "bad_link");
    put(link.split('?').next().unwrap()).problem(403, "bad_link");
    server.get(link).problem(403, "bad_link");
    let order = json!({ "recipe": "resize:9 | hang", "keys": [key] });
    server.post_json("/v1/jobs", &order).problem(422, "bad_recipe");
    let order = json!({ "recipe": "resize:96 -> png", "keys": [key] });
    let sent = server.post_json("/v1/jobs", &order).expect(202).json();
    let (batch, id) = (&sent["batch"], &sent["jobs"][0]["id"]);
    let path = format!("/v1/jobs/{}/{}", batch.as_str().unwrap(), id.as_str().unwrap());
    server.get(&path).expect(200);
    let jobs = server.post_json("/v1/jobs?wait=60", &order).expect(200).json();
    let link = jobs["jobs"][0]["outputs"][0]["link"].as_str().unwrap();
    assert!(server.get(link).expect(200).body == ground(&photo(3), "resize:96 -> png"));
    let elsewhere = json!({ "recipe": "invert", "keys": ["results/a.json"] });
    server.post_json("/v1/jobs", &elsewhere).problem(400, "bad_body");
    server.get("/v1/objects/results/a.json").problem(404, "not_found");
    server.get("/v1/objects/outputs/nothing").problem(404, "not_found");
}

#[test]
fn what_fails_is_retried_as_a_job_of_its_own() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let failed = server.submit("recipe=invert&wait=60", &marked(1, "panic")).expect(200).json();
    let job = &failed["jobs"][0];
    assert_eq!((&job["state"], &job["code"]), (&"failed".into(), &"panicked".into()));
    let batch = job["batch"].as_str().unwrap();
    let path = format!("/v1/jobs/{batch}/{}/retry", job["id"].as_str().unwrap());
    let retry = server.post(&path).expect(202).json();
    assert_eq!(retry["retry_of"], job["id"]);
    let path = format!("/v1/jobs/{batch}/{}", retry["id"].as_str().unwrap());
    eventually("its end", SOON, || {
        let job = server.get(&path).expect(200).json();
        (job["state"] == "failed" && job["retry_of"] == failed["jobs"][0]["id"]).then_some(())
    });
    let all = server.post(&format!("/v1/batches/{batch}/retry?only=failed")).expect(202).json();
    assert_eq!(all["sent"].as_array().unwrap().len(), 1, "of a chain the last one counts");
    let good = server.submit("recipe=invert&wait=60", &photo(1)).expect(200).json();
    let job = &good["jobs"][0];
    let (batch, id) = (job["batch"].as_str().unwrap(), job["id"].as_str().unwrap());
    server.post(&format!("/v1/jobs/{batch}/{id}/retry")).problem(409, "conflict");
}
