//! The prototype's client, as it was, against its server's successor.

use serde_json::Value;

use super::{Part, Server, form, worker};
use crate::harness::{Invocation, Place, ground, photo, source_tree, tool};

/// The prototype's operations, and recipes for the same.
const OPERATIONS: [(&str, &str); 8] = [
    ("color_inversion", "invert"),
    ("grayscale", "grayscale"),
    ("blur", "blur:15"),
    ("edge_detection", "edges:100,200"),
    ("thresholding", "threshold:127"),
    ("line_detection", "lines"),
    ("frame_contour_detection", "contours:127"),
    ("morphological_operations", "morphology"),
];

#[test]
fn the_prototypes_client_gets_every_operation_unmodified() {
    let place = Place::new();
    let picture = place.put("photo.jpg", &photo(1));
    let server = Server::of(&place);
    let _worker = worker(&place);
    let operations = OPERATIONS.map(|(operation, _)| operation);
    let client = Invocation::new(tool("python").as_os_str())
        .arg(source_tree().join("tests/api/prototype_client.py"))
        .arg(format!("http://{}", server.at))
        .arg(&picture)
        .arg(place.path(""))
        .args(operations);
    let said = client.go().expect(0).stdout;
    let instance: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(instance.len(), OPERATIONS.len());
    assert!(instance.iter().all(|reply| !reply["Instance_ID"].as_str().unwrap().is_empty()));
    for (operation, recipe) in OPERATIONS {
        let made = std::fs::read(place.path(format!("{operation}.png"))).unwrap();
        let wanted = ground(&photo(1), &format!("{recipe} -> png"));
        assert!(made == wanted, "{operation} is not {recipe}");
    }
}

fn process(server: &Server, change: (&str, &str), picture: &[u8]) -> super::Reply {
    let fields = [("operation", "blur"), ("output_name", "a.png"), ("s3_bucket", "mine")];
    let mut parts = vec![Part::File("image", "in.jpg", picture)];
    for (name, text) in fields {
        parts.push(Part::Text(name, if name == change.0 { change.1 } else { text }));
    }
    let (kind, body) = form(&parts);
    server.send("POST /process_image", &[kind], &body)
}

#[test]
fn its_holes_are_closed() {
    let place = Place::new();
    let server = Server::start(place.on_data("producer").args(["--label", "mine"]));
    let _worker = worker(&place);
    let outside = process(&server, ("output_name", "../../../../etc/{id}.png"), &photo(1));
    let link = outside.expect(200).json()["download_link"].as_str().unwrap().to_owned();
    assert!(
        link.contains("/v1/objects/outputs/single/") && link.contains("/%7Bid%7D.png?"),
        "{link}"
    );
    assert!(link.contains("expires="), "{link}");
    process(&server, ("s3_bucket", "theirs"), &photo(1)).problem(403, "bucket_not_allowed");
    let slip = process(&server, ("operation", "thresholdin"), &photo(1)).problem(422, "bad_recipe");
    assert!(slip["detail"].as_str().unwrap().contains("`thresholding`"), "{slip}");
    process(&server, ("operation", "invert -> png; x = blur"), &photo(1))
        .problem(422, "bad_recipe");
    let bad = process(&server, ("", ""), b"hello").problem(422, "bad_picture");
    assert_eq!(bad["reject_code"], "not_a_picture");
    server.send("POST /process_image", &["Content-Type: image/jpeg"], &photo(1)).expect(415);
    let (kind, body) = form(&[Part::File("image", "a.jpg", b"x")]);
    server.send("POST /process_image", &[kind], &body).problem(400, "bad_body");
}
