//! The document of the API, and the API against its document, judged by programs that are not ours.

use std::collections::BTreeSet;

use super::{SOON, Server, worker};
use crate::harness::{Invocation, Place, photo, tool};

fn python(place: &Place, program: &str) -> Invocation {
    let invocation = Invocation::new(tool(program).as_os_str());
    invocation.env("HOME", place.path("")).working_in(&place.path("")).bound(10 * SOON)
}

#[test]
fn the_document_is_one_of_openapi_3_1_and_names_every_route() {
    let place = Place::new();
    let server = Server::of(&place);
    let document = server.get("/openapi.json").expect(200);
    std::fs::write(place.path("openapi.json"), &document.body).unwrap();
    python(&place, "openapi-spec-validator").arg("openapi.json").go().expect(0);
    let document = document.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    // Every route of the document is one, and what it does not name is none.
    for path in &paths {
        let filled = path.replace(['{', '}'], "");
        for verb in ["get", "post", "put", "delete", "patch"] {
            if path == "/v1/events" && verb == "get" {
                // It has no end.
                continue;
            }
            let reply = server.send(&format!("{} {filled}", verb.to_uppercase()), &[], b"");
            // A recipe may be called `parse` too.
            let also = if path == "/v1/recipes/parse" { "/v1/recipes/{name}" } else { path };
            let is_there = [path.as_str(), also]
                .iter()
                .any(|path| document["paths"][path].get(verb).is_some());
            assert_eq!(reply.status != 405, is_there, "{verb} {path}: {}", reply.status);
        }
    }
    assert!(paths.len() > 20, "{paths:?}");
    server.get("/v1").problem(404, "not_found");
}

#[test]
fn no_request_that_schemathesis_thinks_of_breaks_what_the_document_says() {
    let place = Place::new();
    let server = Server::of(&place);
    let _worker = worker(&place);
    let done = server.submit("recipe=invert&batch=batch&wait=60", &photo(1)).expect(200).json();
    // What is there, so that not everything that it asks for is missing.
    let id = done["jobs"][0]["id"].as_str().unwrap();
    let known = format!("[parameters]\n\"path.batch\" = \"batch\"\n\"path.id\" = \"{id}\"\n");
    std::fs::write(place.path("schemathesis.toml"), known).unwrap();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
                  response_headers_conformance,response_schema_conformance,unsupported_method";
    let schemathesis = python(&place, "schemathesis").env("PYTHONUTF8", "1").args([
        "run",
        &format!("http://{}/openapi.json", server.at),
        "--checks",
        checks,
        // A stream of events has no end.
        "--exclude-path",
        "/v1/events",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "30",
        // Keys are rarer than it likes.
        "--suppress-health-check",
        "filter_too_much",
        "--seed",
        "1",
        "--generation-deterministic",
        "--request-timeout",
        "90",
        "--no-color",
    ]);
    let ended = schemathesis.go();
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    server.get("/health").expect(200);
}
