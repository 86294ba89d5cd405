//! Recipes, previews, dead letters, the fleet and its decisions.

use serde_json::json;

use super::{SOON, Server, encoded, worker};
use crate::harness::{Place, eventually, frame, ground, marked, photo, png_claiming};

#[test]
fn recipes_are_kept_by_name_and_used_by_it() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let toml = "description = \"For web pages\"\n\n[outputs]\nsmall = \"resize:96 -> webp\"\n";
    let put = |name: &str, kind: &str, more: &str, body: &str| {
        let kind = format!("Content-Type: {kind}");
        let fields: Vec<_> = [kind.as_str(), more].into_iter().filter(|f| !f.is_empty()).collect();
        server.send(&format!("PUT /v1/recipes/{name}"), &fields, body.as_bytes())
    };
    let first = put("web", "application/toml", "If-None-Match: *", toml).expect(200);
    let etag = first.field("etag").unwrap().to_owned();
    assert_eq!(first.json()["description"], "For web pages");
    put("web", "application/toml", "If-None-Match: *", toml).problem(409, "conflict");
    put("web", "text/plain", "If-Match: \"old\"", "invert").problem(409, "conflict");
    put("web", "text/plain", "", "resise:1").problem(422, "bad_recipe");
    put("flip", "text/plain", "", "invert").expect(200);
    put("../x", "text/plain", "", "invert").expect(404);
    let all = server.get("/v1/recipes").expect(200).json();
    assert_eq!(all["recipes"].as_array().unwrap().len(), 2);
    let shown = server.get("/v1/recipes/web").expect(200);
    assert_eq!(shown.field("etag"), Some(etag.as_str()));
    assert_eq!(shown.json()["recipe"], "small = resize:width=96 -> webp");
    let done = server.submit("recipe=web&wait=60", &photo(1)).expect(200).json();
    assert_eq!(done["jobs"][0]["outputs"][0]["name"], "small");
    let both = server.submit("recipe=flip", &photo(1)).problem(422, "bad_recipe");
    assert_eq!(both["recipe_code"], "ambiguous");
    put("web", "text/plain", &format!("If-Match: {etag}"), "invert -> png").expect(200);
    server.send("DELETE /v1/recipes/web", &[], b"").expect(204);
    server.get("/v1/recipes/web").problem(404, "not_found");
    let parsed = server.post_json("/v1/recipes/parse", &json!({ "recipe": "blur:9" }));
    assert_eq!(parsed.expect(200).json()["recipe"], "blur:kernel=9");
}

#[test]
fn a_preview_is_made_by_another_process_and_a_hostile_picture_takes_only_that() {
    let place = Place::new();
    let server = Server::of(&place);
    let preview = |query: &str, picture: &[u8]| {
        server.send(&format!("POST /v1/preview?{query}"), &["Content-Type: image/jpeg"], picture)
    };
    let made = preview("recipe=grayscale&max_side=100", &photo(1)).expect(200);
    let header = frame(&made.body);
    assert_eq!((header.width, header.height), (100, 67));
    assert_eq!(made.field("pixmill-width"), Some("100"));
    assert_eq!(
        (made.field("pixmill-output-width"), made.field("pixmill-exact")),
        (Some("360"), Some("false"))
    );
    assert!(
        made.field("pixmill-estimated-bytes").is_some() && made.field("server-timing").is_some()
    );
    let query = "recipe=grayscale%20-%3E%20png&mode=full&max_side=100";
    let whole = preview(query, &photo(1)).expect(200);
    let bytes = ground(&photo(1), "grayscale -> png").len();
    assert_eq!(whole.field("pixmill-bytes"), Some(bytes.to_string().as_str()));
    let part = preview("recipe=resize:200%20-%3E%20png&region=10,20,30,40", &photo(1)).expect(200);
    let header = frame(&part.body);
    assert_eq!((header.width, header.height), (30, 40));
    let overlay = place.data().join("objects/overlays/logo.jpg");
    std::fs::create_dir_all(overlay.parent().unwrap()).unwrap();
    std::fs::write(overlay, photo(2)).unwrap();
    let over = |name: &str| format!("recipe=composite:image=overlays/{name}.jpg&mode=full");
    preview(&over("logo"), &photo(1)).expect(200);
    preview(&over("other"), &photo(1)).problem(404, "not_found");
    preview("recipe=invert&region=1,2,3", &photo(1)).problem(400, "bad_parameter");
    let bad = preview("recipe=invert", b"hello").problem(422, "bad_picture");
    assert_eq!(bad["reject_code"], "not_a_picture");
    let large = preview("recipe=invert", &png_claiming(16_000, 16_000)).problem(422, "bad_picture");
    assert_eq!(large["reject_code"], "too_many_pixels");
    preview("recipe=invert", &marked(1, "abort")).problem(422, "bad_picture");
    preview("recipe=invert&output=b", &photo(1)).problem(400, "bad_parameter");
    preview("", &photo(1)).problem(400, "bad_parameter");
    let accepted = server.submit("recipe=invert", &photo(2)).expect(202).json();
    let key = format!("inputs/{}/image", accepted["batch"].as_str().unwrap());
    let made = preview(&format!("recipe=invert&source={}", encoded(&key)), b"").expect(200);
    assert_eq!(frame(&made.body).width, 360);
    preview("recipe=invert&source=results%2Fa", b"").problem(400, "bad_parameter");
    let job = &accepted["jobs"][0];
    let (batch, id) = (job["batch"].as_str().unwrap(), job["id"].as_str().unwrap());
    let image = |query: &str| server.get(&format!("/v1/jobs/{batch}/{id}/image?{query}"));
    assert!(image("of=source").expect(200).body == photo(2));
    assert_eq!(frame(&image("of=source&side=90").expect(200).body).width, 90);
    image("side=90").problem(404, "not_found");
    let _worker = worker(&place);
    eventually("its output", SOON, || (image("of=output").status == 200).then_some(()));
    assert_eq!(frame(&image("side=90").expect(200).body).width, 90);
}

#[test]
fn dead_letters_are_looked_at_redriven_and_discarded() {
    let place = Place::new();
    let server = Server::of(&place);
    let accepted = server.submit("recipe=invert&batch=b&name=a.jpg", &marked(1, "abort")).json();
    let id = accepted["jobs"][0]["id"].as_str().unwrap().to_owned();
    let letters = || server.get("/v1/dead-letters").expect(200).json();
    let killed = |server: &Server| {
        eventually("a dead letter", 3 * SOON, || {
            let consumer =
                place.on_data("consumer").args(["--visibility", "1s", "--max-attempts", "3"]);
            let mut worker = consumer.args(["--poll", "100ms"]).start();
            eventually("its end", SOON, || {
                let dead = server.get("/v1/dead-letters").json()["total"] == 1;
                (dead || !worker.is_running()).then_some(())
            });
            (server.get("/v1/dead-letters").json()["total"] == 1).then_some(())
        });
    };
    killed(&server);
    let found = letters();
    assert_eq!(found["letters"][0]["name"], format!("b/{id}"));
    assert_eq!(
        (&found["groups"][0]["count"], &found["letters"][0]["picture"]),
        (&1.into(), &"a.jpg".into())
    );
    assert_eq!(found["groups"][0]["code"], "too_many_attempts");
    assert_eq!(server.get("/v1/dead-letters?code=empty").json()["total"], 0);
    assert!(found["letters"][0]["body"].as_str().unwrap().contains("inputs/b/a.jpg"));
    let job = server.get(&format!("/v1/jobs/b/{id}")).json();
    assert_eq!((&job["state"], &job["code"]), (&"dead".into(), &"too_many_attempts".into()));
    server.post("/v1/dead-letters/redrive").problem(400, "bad_parameter");
    server.post("/v1/dead-letters/redrive?name=b%2Fother").problem(404, "not_found");
    let redriven = server.post(&format!("/v1/dead-letters/redrive?name=b%2F{id}")).expect(200);
    assert_eq!(redriven.json()["sent"], 1);
    assert_eq!(server.get(&format!("/v1/jobs/b/{id}")).json()["state"], "pending");
    killed(&server);
    let gone = server.send("DELETE /v1/dead-letters?batch=b", &[], b"").expect(200).json();
    assert_eq!(gone["deleted"], 1);
    assert_eq!(letters()["total"], 0);
    // What is done to many goes on by itself, and only to as many as were seen.
    let order = |expected: u64| json!({ "do": "retry", "batch": "b", "expected": expected });
    let refused = server.post_json("/v1/tasks", &order(0)).problem(409, "conflict");
    assert_eq!(refused["matches"], 1);
    let task = server.post_json("/v1/tasks", &order(1)).expect(202).json();
    let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    let task = eventually("its end", SOON, || {
        let task = server.get(&path).expect(200).json();
        (task["ended"] == true).then_some(task)
    });
    assert_eq!(
        (&task["sent"], &task["handled"], &task["error"]),
        (&1.into(), &1.into(), &json!(null))
    );
    server.get("/v1/tasks/other").problem(404, "not_found");
    let nothing = json!({ "do": "retry", "expected": 5 });
    server.post_json("/v1/tasks", &nothing).problem(400, "bad_body");
    let redrive = json!({ "do": "redrive", "expected": 0 });
    server.post_json("/v1/tasks", &redrive).expect(202);
}

#[test]
fn the_fleet_and_why_it_has_its_size_are_told() {
    let place = Place::new();
    let nobody = Server::of(&place);
    let fleet = nobody.get("/v1/fleet").expect(200).json();
    assert_eq!((&fleet["visible"], &fleet["instances"]), (&0.into(), &json!([])));
    nobody.post("/v1/fleet/i-1/drain").problem(404, "not_found");
    let settings = ["--min", "1", "--max", "1", "--interval", "1s"];
    let controller = place.on_data("controller").args(settings).bound(2 * SOON).start();
    // The server was there first.
    let server = nobody;
    let id = eventually("an instance", SOON, || {
        let fleet = server.get("/v1/fleet").expect(200).json();
        let instance = fleet["instances"].get(0)?.clone();
        (instance["state"] == "ready").then(|| instance["id"].as_str().unwrap().to_owned())
    });
    let fleet = server.get("/v1/fleet").expect(200).json();
    assert_eq!((&fleet["totals"]["living"], &fleet["totals"]["slots"]), (&1.into(), &1.into()));
    assert_eq!(fleet["instances"][0]["drainable"], true);
    assert!(fleet["controller"]["last_tick_at"].is_string(), "{fleet}");
    let history = server.get("/v1/fleet/history?range=6h").expect(200).json();
    let count = |column: &str| history[column].as_array().unwrap().len();
    assert!(count("at") > 0 && count("at") == count("visible"), "{history}");
    let events = server.get("/v1/fleet/events").expect(200).json();
    let events = events["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["kind"] == "launch" && event["count"] == 1));
    let decisions = server.get("/v1/decisions?limit=3").expect(200).json();
    assert!(!decisions["decisions"].as_array().unwrap().is_empty());
    server.post("/v1/fleet/other/drain").problem(404, "not_found");
    let drained = server.post(&format!("/v1/fleet/{id}/drain")).expect(202).json();
    assert_ne!(drained["state"], "ready");
    controller.signal(rustix::process::Signal::TERM);
    controller.end().expect(0);
    // Its workers go on when it ends.
    eventually("the workers' end", SOON, || {
        let fleet = server.get("/v1/fleet").expect(200).json();
        let living = fleet["instances"].as_array().unwrap().clone();
        for instance in living.iter().filter(|i| i["state"] == "ready") {
            server.post(&format!("/v1/fleet/{}/drain", instance["id"].as_str().unwrap()));
        }
        living.iter().all(|i| i["state"] == "ended").then_some(())
    });
}
