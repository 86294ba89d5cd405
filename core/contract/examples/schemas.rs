//! Writes the JSON Schemas of the documents: `cargo run -p pixmill-contract --example schemas`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for (name, schema) in pixmill_contract::document::schemas() {
        std::fs::write(directory.join(name), format!("{schema:#}\n"))?;
    }
    Ok(())
}
