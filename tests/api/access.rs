//! Who may ask the API, and who may not.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::json;

use super::Server;
use crate::harness::{Place, photo};

const TOKEN: &str = "correct-horse-battery";
const OTHER: &str = "another-horse-battery";

fn token_file(place: &Place, mode: u32) -> PathBuf {
    let path = place.path("tokens");
    fs::write(&path, format!("# who may ask\nci {TOKEN}\nme {OTHER}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn with_tokens(place: &Place) -> Server {
    let producer = place.on_data("producer").args(["--log", "debug", "--token-file"]);
    Server::start(producer.arg(token_file(place, 0o600)))
}

#[test]
fn whoever_has_no_token_is_told_so_and_tokens_are_never_shown() {
    let place = Place::new();
    let server = with_tokens(&place);
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    let refused = server.get("/v1/batches").expect(401);
    assert!(refused.field("www-authenticate").unwrap().starts_with("Bearer"));
    refused.problem(401, "unauthorized");
    server.send("GET /v1/batches", &[&bearer("correct-horse-batterx")], b"").expect(401);
    for token in [TOKEN, OTHER] {
        server.send("GET /v1/batches", &[&bearer(token)], b"").expect(200);
    }
    server.get("/metrics").expect(401);
    server.get("/health").expect(200);
    server.get("/openapi.json").expect(200);
    server.submit("recipe=invert", &photo(1)).expect(401);
    let path = format!("POST /v1/jobs?recipe={}", "invert");
    let fields = [&bearer(TOKEN), "Content-Type: image/jpeg"];
    let accepted = server.send(&path, &fields, &photo(1)).expect(202).json();
    let batch = format!("GET /v1/batches/{}", accepted["batch"].as_str().unwrap());
    let batch = server.send(&batch, &[&bearer(OTHER)], b"").expect(200).json();
    assert_eq!(batch["by"], "pixmill api (ci)", "a token has a name");
    let said = server.process.kill().stderr;
    assert!(said.contains("answered") && !said.contains("horse"), "{said}");
}

#[test]
fn a_browser_gets_a_cookie_for_a_token() {
    let place = Place::new();
    let server = with_tokens(&place);
    let before = server.get("/v1/session").expect(200).json();
    assert_eq!((&before["auth_required"], before["name"].is_null()), (&true.into(), true));
    server.post_json("/v1/session", &json!({ "token": "wrong" })).problem(401, "unauthorized");
    let opened = server.post_json("/v1/session", &json!({ "token": OTHER })).expect(200);
    let cookie = opened.field("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: a=b; {}", cookie.split(';').next().unwrap());
    let after = server.send("GET /v1/session", &[&cookie], b"").expect(200).json();
    assert_eq!(after["name"], "me");
    server.send("GET /v1/batches", &[&cookie], b"").expect(200);
    // Pages of another port of this machine have the cookie sent, too.
    let redrive = |fields: &[&str]| {
        server.send(
            "POST /v1/dead-letters/redrive?all=true",
            &[&[cookie.as_str()], fields].concat(),
            b"",
        )
    };
    redrive(&[]).problem(403, "foreign");
    redrive(&["Sec-Fetch-Site: same-site"]).problem(403, "foreign");
    redrive(&["Sec-Fetch-Site: same-origin"]).expect(200);
    redrive(&[&format!("Origin: http://{}", server.at)]).expect(200);
    server.send("DELETE /v1/session", &[&cookie], b"").expect(204);
    server.send("GET /v1/batches", &[&cookie], b"").expect(401);
}

#[test]
fn pages_of_others_are_refused_and_ones_served_here_are_not() {
    let place = Place::new();
    let server = Server::of(&place);
    let own = format!("Origin: http://{}", server.at);
    server.send("POST /v1/dead-letters/redrive?all=true", &[&own], b"").expect(200);
    for field in [
        "Origin: http://evil.example",
        "Origin: null",
        "Host: evil.example",
        "Sec-Fetch-Site: cross-site",
    ] {
        server.send("GET /v1/batches", &[field], b"").problem(403, "foreign");
        server.send("GET /health", &[field], b"").problem(403, "foreign");
    }
    let reply = server.get("/v1/batches").expect(200);
    assert_eq!(reply.field("access-control-allow-origin"), None, "nobody else's page reads it");
    server.send("OPTIONS /v1/batches", &[&own], b"").problem(405, "method_not_allowed");
    let named = Server::start(place.on_data("producer").args(["--host", "mill.example"]));
    named.send("GET /v1/batches", &["Host: mill.example"], b"").expect(200);
}

#[test]
fn nobody_else_can_reach_a_server_without_tokens() {
    let place = Place::new();
    let producer = |address: &str| place.on_data("producer").args(["--listen", address]);
    let refused = producer("0.0.0.0:0").go().expect(2);
    refused.says(&["0.0.0.0:0 can be reached from other machines", "--token-file"]);
    let open = producer("127.0.0.1:0").arg("--token-file").arg(token_file(&place, 0o644));
    open.go().expect(2).says(&["mode 644", "chmod 600"]);
}

#[test]
fn links_and_nothing_else_are_good_without_a_token() {
    let place = Place::new();
    let server = with_tokens(&place);
    server.get("/v1/objects/inputs/a.jpg").problem(401, "unauthorized");
    let announce = ["Content-Type: application/json", &format!("Authorization: Bearer {TOKEN}")];
    let body = json!({ "name": "a.jpg" }).to_string();
    let place_of = server.send("POST /v1/uploads", &announce, body.as_bytes()).expect(201).json();
    let link = place_of["link"].as_str().unwrap().to_owned();
    server.send(&format!("PUT {link}"), &["Content-Type: image/jpeg"], &photo(1)).expect(201);
    drop(server);
    // Links outlive the server that gave them out.
    let server = with_tokens(&place);
    server.send(&format!("PUT {link}"), &["Content-Type: image/jpeg"], &photo(1)).expect(201);
}
