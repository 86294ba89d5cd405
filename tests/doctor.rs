//! What `doctor` says of pipelines in directories, without making or changing anything.

use std::fs;

use crate::harness::{Place, TWO, files, photo};

#[test]
fn a_healthy_pipeline_is_left_as_it_was() {
    let place = Place::new();
    place.put("photo.jpg", &photo(1));
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO]).go().expect(0);
    let said = place.on_data("doctor").go().expect(0).stdout;
    assert!(said.contains("ok      queue.sqlite: whole"), "{said}");
    assert!(!said.contains("error  "), "{said}");
    let status = place.on_data("status").arg("--json").go().expect(0).json();
    assert_eq!(status["queue"]["visible"], 1);
}

#[test]
fn nothing_is_made_where_no_pipeline_is() {
    let place = Place::new();
    let found = place.on_data("doctor").arg("--json").go().expect(1).json();
    assert_eq!(
        (found[0]["check"].as_str(), found[0]["status"].as_str()),
        (Some("directory"), Some("error"))
    );
    assert!(!place.data().exists());
    fs::create_dir(place.data()).unwrap();
    let said = place.on_data("doctor").go().expect(1).stdout;
    assert!(said.contains("holds no pipeline") && said.contains("fix: "), "{said}");
    assert!(files(&place.data()).is_empty());
    crate::harness::pixmill().arg("doctor").go().expect(2).says(&["--data DIR"]);
}

#[test]
fn the_directory_of_a_run_leads_to_its_pipeline() {
    let place = Place::new();
    place.put("photo.jpg", &photo(1));
    place.run(TWO).go().expect(0);
    let doctor = |data| crate::harness::pixmill().arg("doctor").arg("--data").arg(data);
    let said = doctor(place.out()).go().expect(1).stdout;
    assert!(said.contains("fix: pixmill doctor --data") && said.contains(".pixmill"), "{said}");
    doctor(place.out().join(".pixmill")).go().expect(0);
}

#[test]
fn databases_that_are_damaged_gone_or_newer_are_found() {
    let place = Place::new();
    place.put("photo.jpg", &photo(1));
    place.on_data("submit").arg(place.input()).args(["--recipe", TWO]).go().expect(0);
    let says = |phrases: &[&str]| {
        let said = place.on_data("doctor").go().expect(1).stdout;
        for phrase in phrases {
            assert!(said.contains(phrase), "{phrase:?} is not in\n{said}");
        }
    };
    fs::remove_file(place.data().join("store.sqlite")).unwrap();
    says(&["error   store.sqlite: "]);
    let queue = place.data().join("queue.sqlite");
    let mut bytes = fs::read(&queue).unwrap();
    // Where SQLite keeps the version of the schema.
    bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
    fs::write(&queue, &bytes).unwrap();
    says(&["error   queue.sqlite: its schema has version 9"]);
    fs::write(&queue, b"no database at all").unwrap();
    says(&["error   queue.sqlite: failed to check", "fix: ls -l"]);
}
