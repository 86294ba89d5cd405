//! Hostile requests: pages of others, names that lie, paths that climb, text that would be markup or a
//! field of a head. Each is refused, or harmless.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Part, SOON, Server, encoded, form, worker};
use crate::harness::{Invocation, Place, files, photo};

/// Sends these very bytes, and reads what comes until the end.
fn raw(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.at).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![];
    // A connection that is reset has said what it had to say.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Every route that the document names, with something in the place of its parameters.
fn routes(server: &Server) -> Vec<(String, String)> {
    let document = server.get("/openapi.json").expect(200).json();
    let mut routes = vec![];
    for (path, verbs) in document["paths"].as_object().unwrap() {
        for verb in verbs.as_object().unwrap().keys() {
            routes.push((verb.to_uppercase(), path.replace(['{', '}'], "")));
        }
    }
    assert!(routes.len() > 30, "{routes:?}");
    routes
}

/// Whether nothing has become of all requests so far.
fn nothing_came_of_it(place: &Place) -> bool {
    let made = ["inputs", "batches", "recipes", "requests"];
    made.iter().all(|name| !place.data().join("objects").join(name).exists())
}

#[test]
fn a_page_of_others_can_ask_for_nothing_whatever_it_sends() {
    let place = Place::new();
    let server = Server::of(&place);
    let (kind, body) = form(&[Part::Text("recipe", "invert"), Part::File("i", "a", &photo(1))]);
    let own = server.at.port();
    let neighbour = format!("Origin: http://127.0.0.1:{}", if own == 9 { 10 } else { 9 });
    // What a browser adds for a form that is posted, a fetch, an image, and a page on another port.
    let pages: [&[&str]; 6] = [
        &["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
        &["Origin: null", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"],
        &["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"],
        &[&neighbour, "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors"],
        &["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: no-cors"],
        &["Origin: http://localhost.evil.example"],
    ];
    for (verb, path) in routes(&server) {
        for page in pages {
            // The kinds of bodies that a page may send without asking first, and another one.
            for kind in [kind, "Content-Type: text/plain", "Content-Type: application/json"] {
                let fields = [page, &[kind]].concat();
                server.send(&format!("{verb} {path}"), &fields, &body).problem(403, "foreign");
            }
        }
        // Somebody may follow a link to here; a form that is posted is no link.
        if verb != "GET" {
            let posted = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", kind];
            server.send(&format!("{verb} {path}"), &posted, &body).problem(403, "foreign");
        }
    }
    assert!(nothing_came_of_it(&place));
}

#[test]
fn a_name_that_was_made_to_lead_here_is_not_ours() {
    let place = Place::new();
    let server = Server::of(&place);
    let port = server.at.port();
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1@evil.example:{port}"),
        format!("127.0.0.1:{port}@evil.example"),
        "2130706433".to_owned(),
        "0x7f.1".to_owned(),
        String::new(),
    ];
    for (verb, path) in routes(&server) {
        for host in &hosts {
            let head = format!("{verb} {path} HTTP/1.1\r\nConnection: close\r\n");
            let said = raw(&server, &format!("{head}Host: {host}\r\nContent-Length: 0\r\n\r\n"));
            let status = said.split(' ').nth(1).unwrap_or_default();
            assert!(["400", "403"].contains(&status), "{verb} {path} of {host:?}: {said}");
        }
    }
    let two = format!("GET /v1/batches HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example");
    assert!(raw(&server, &format!("{two}\r\nConnection: close\r\n\r\n")).contains(" 403 "));
}

#[test]
fn paths_that_climb_lead_nowhere() {
    let place = Place::new();
    let secret = place.put("secret.jpg", &photo(7));
    let server = Server::of(&place);
    let before: BTreeSet<_> = files(&place.path("")).into_keys().collect();
    let climbs = [
        "../../in/secret.jpg",
        "..%2f..%2fin%2fsecret.jpg",
        "%2e%2e/%2e%2e/in/secret.jpg",
        "..%5c..%5cin%5csecret.jpg",
        "%252e%252e%252fin%252fsecret.jpg",
        "inputs/../../../in/secret.jpg",
        "inputs/%2e%2e/%2e%2e/api.secret",
        "inputs//secret.jpg",
        "inputs/./secret.jpg",
        "inputs/a%00.jpg",
        "/etc/hostname",
        "%2fetc%2fhostname",
        "api.secret",
        "../api.secret",
    ];
    for climb in climbs {
        for path in ["/v1/objects/", "/v1/jobs/", "/v1/batches/", "/v1/recipes/", "/"] {
            for verb in ["GET", "PUT", "DELETE"] {
                let fields = ["Content-Type: text/plain"];
                let reply = server.send(&format!("{verb} {path}{climb}"), &fields, b"invert");
                assert!((400..500).contains(&reply.status), "{verb} {path}{climb}: {reply:?}");
            }
        }
        let key = climb.replace("%2f", "/").replace("%2e", ".");
        let order = json!({ "recipe": "invert", "keys": [key] });
        let reply = server.post_json("/v1/jobs", &order);
        // That is a key, with a percent sign in it.
        assert!(reply.status == 400 || climb == "inputs/a%00.jpg", "{climb}: {reply:?}");
        let query = format!("/v1/preview?recipe=invert&source={}", encoded(&key));
        assert!((400..500).contains(&server.post(&query).status), "{climb}");
    }
    for overlay in [secret.to_str().unwrap(), "../../in/secret.jpg", "overlays/../../in/secret.jpg"]
    {
        let recipe = encoded(&format!("composite:image=\"{overlay}\""));
        server.submit(&format!("recipe={recipe}"), &photo(1)).problem(422, "bad_recipe");
        let preview = format!("POST /v1/preview?recipe={recipe}");
        let fields = ["Content-Type: image/jpeg"];
        server.send(&preview, &fields, &photo(1)).problem(422, "bad_recipe");
    }
    server.submit("recipe=invert&batch=..%2F..%2Fin", &photo(1)).problem(400, "bad_parameter");
    let parts = [
        Part::Text("recipe", "invert"),
        Part::File("image", "../../../in/evil.jpg", &photo(1)),
        Part::File("image", r"..\..\..\in\evil.jpg", &photo(2)),
        Part::File("image", "/etc/evil.jpg", &photo(3)),
        Part::File("image", "..", &photo(4)),
    ];
    let (kind, body) = form(&parts);
    let sent = server.send("POST /v1/jobs", &[kind], &body).expect(202).json();
    let names: Vec<_> = sent["jobs"].as_array().unwrap().iter().map(|job| &job["name"]).collect();
    assert_eq!(names, ["evil.jpg", "evil-2.jpg", "evil-3.jpg", "image"]);
    let after = files(&place.path("")).into_keys();
    let new: Vec<_> = after.filter(|path| !before.contains(path)).collect();
    assert!(new.iter().all(|path| path.starts_with("data")), "{new:?}");
    assert_eq!(fs::read(secret).unwrap(), photo(7));
}

#[test]
fn text_from_outside_is_never_a_field_of_a_head_nor_a_line_of_a_log() {
    let place = Place::new();
    let server = Server::start(place.on_data("producer").args(["--log", "debug"]));
    let _worker = worker(&place);
    let break_out = encoded("a\r\nSet-Cookie: evil=1\r\n\r\n<b>.jpg");
    let done = server.submit(&format!("recipe=invert&wait=60&name={break_out}"), &photo(1));
    assert!(!done.head.contains("evil"), "{}", done.head);
    let done = done.expect(200).json();
    let job = &done["jobs"][0];
    assert!(!job["name"].as_str().unwrap().contains(char::is_control), "{job}");
    let (batch, id) = (job["batch"].as_str().unwrap(), job["id"].as_str().unwrap());
    for path in [
        job["outputs"][0]["link"].as_str().unwrap(),
        &format!("/v1/jobs/{batch}/{id}/image?of=source"),
        &format!("/v1/batches/{batch}/outputs.zip"),
        &format!("/v1/jobs?q={break_out}"),
        &format!("/v1/jobs/{break_out}/x"),
        &format!("/v1/batches?after={break_out}"),
    ] {
        let reply = server.get(path);
        assert!(reply.field("set-cookie").is_none(), "{path}: {}", reply.head);
    }
    let (kind, body) = form(&[
        Part::File("image", "a.jpg", &photo(1)),
        Part::Text("operation", "invert"),
        Part::Text("output_name", "a\r\nSet-Cookie: evil=1\r\n\r\n.png"),
        Part::Text("s3_bucket", "x\r\ny"),
    ]);
    let made = server.send("POST /process_image", &[kind], &body).expect(200);
    let link = made.json()["download_link"].as_str().unwrap().to_owned();
    assert!(!link.contains(char::is_control) && !link.contains('\n'), "{link}");
    let path = link.split_once("/v1/").unwrap().1;
    assert!(server.get(&format!("/v1/{path}")).expect(200).field("set-cookie").is_none());
    // A second request that hides behind what another server would take for the first one's body.
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 0\r\nContent-Length: 40",
        "Transfer-Encoding: chunked, identity",
        "Content-Length: 0\r\nX-A: b\r\n Content-Length: 40",
        "Content-Length: +4",
        "Content-Length : 4",
    ] {
        let hidden = "GET /v1/batches HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        let head = "POST /v1/recipes/parse HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close";
        let said = raw(&server, &format!("{head}\r\n{lengths}\r\n\r\n0\r\n\r\n{hidden}"));
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{lengths}: {said}");
        assert!(!said.starts_with("HTTP/1.1 2"), "{lengths}: {said}");
    }
    let said = server.process.kill().stderr;
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["fields"]["message"] == "answered"), "{said}");
}

const SVG: &[u8] =
    b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"><script>alert(1)\
                     </script><image href=\"file:///etc/hostname\"/></svg>";

#[test]
fn a_drawing_with_a_script_in_it_is_no_picture_and_never_shown_as_one() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let (kind, body) = form(&[
        Part::Text("recipe", "invert"),
        Part::File("image", "a.svg", SVG),
        Part::File("image", "b.png", SVG),
        Part::File("image", "c.html", b"<!doctype html><script>alert(1)</script>"),
    ]);
    let done = server.send("POST /v1/jobs?wait=60", &[kind], &body).expect(200).json();
    let as_it_is = ["Content-Type: image/svg+xml"];
    let preview = server.send("POST /v1/preview?recipe=invert", &as_it_is, SVG);
    let refused = preview.problem(422, "bad_picture");
    let mut codes = vec![refused["reject_code"].clone()];
    for job in done["jobs"].as_array().unwrap() {
        assert_eq!(job["state"], "failed", "{job}");
        codes.push(job["code"].clone());
        let (batch, id) = (job["batch"].as_str().unwrap(), job["id"].as_str().unwrap());
        let source = server.get(&format!("/v1/jobs/{batch}/{id}/image?of=source"));
        let key = format!("/v1/objects/inputs/{batch}/{}", job["name"].as_str().unwrap());
        for shown in [source, server.get(&key)] {
            let shown = shown.expect(200);
            let kind = shown.field("content-type").unwrap();
            assert!(!kind.contains("svg") && !kind.contains("html"), "{kind}");
            assert_eq!(shown.field("x-content-type-options"), Some("nosniff"));
            let policy = shown.field("content-security-policy").unwrap();
            assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"));
        }
        let smaller = format!("/v1/jobs/{batch}/{id}/image?of=source&side=64");
        server.get(&smaller).problem(422, "bad_picture");
    }
    assert_eq!(codes, ["unsupported", "unsupported", "unsupported", "not_a_picture"]);
}

#[test]
fn markup_in_names_stays_text_in_documents_that_no_browser_takes_for_a_page() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let name = "<img src=x onerror=alert(1)>&\"'.jpg";
    let formula = "=cmd|'calc'!A1.jpg";
    let (kind, body) = form(&[
        Part::Text("recipe", "<script>alert(1)</script> = invert"),
        Part::File("image", "a.jpg", &photo(1)),
    ]);
    let slip = server.send("POST /v1/jobs", &[kind], &body);
    assert_eq!(slip.field("x-content-type-options"), Some("nosniff"));
    slip.problem(422, "bad_recipe");
    let mut batches = vec![];
    for name in [name, formula] {
        let query = format!("recipe=invert&wait=60&name={}", encoded(name));
        let done = server.submit(&query, &photo(1)).expect(200).json();
        assert_eq!(done["jobs"][0]["name"], name);
        batches.push(done["batch"].as_str().unwrap().to_owned());
    }
    for path in ["/v1/jobs", "/v1/jobs?q=%3Cimg", "/v1/batches", "/%3Cscript%3E", "/metrics"] {
        let reply = server.get(path);
        let kind = reply.field("content-type").unwrap();
        assert!(kind.contains("json") || kind.starts_with("text/plain"), "{path}: {kind}");
        assert_eq!(reply.field("x-content-type-options"), Some("nosniff"), "{path}");
    }
    // A table that is opened by a spreadsheet.
    let archive = server.get(&format!("/v1/batches/{}/outputs.zip", batches[1])).expect(200);
    fs::write(place.path("all.zip"), &archive.body).unwrap();
    let read =
        "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('report.csv').decode())";
    let python = Invocation::new("python3".as_ref()).args(["-c", read]).arg(place.path("all.zip"));
    let table = python.go().expect(0).stdout;
    assert!(table.contains("\"'=cmd"), "{table}");
    assert!(!table.contains("\"=cmd"), "{table}");
}
