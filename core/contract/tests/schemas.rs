//! The checked-in JSON Schemas are those of the types.

use std::path::Path;

#[test]
fn schemas_on_disk_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for (name, schema) in pixmill_contract::document::schemas() {
        let on_disk = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(
            on_disk == format!("{schema:#}\n"),
            "{name} is stale: cargo run -p pixmill-contract --example schemas"
        );
    }
}
