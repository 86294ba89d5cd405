//! What is changed to make hostile input of: the files of the tests and the samples, and texts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source_tree;

/// Longest file of a corpus, in bytes: small ones are tried more often in the same time.
const LONGEST: usize = 48 * 1024;

/// Originals of one kind.
#[derive(Debug, Clone)]
pub struct Corpus(pub Vec<Vec<u8>>);

impl Corpus {
    /// The test files with one of these extensions, good and bad.
    pub fn pictures(extensions: &[&str]) -> Self {
        let wanted = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| extensions.contains(&extension))
        };
        let files = files_below(&source_tree().join("tests/files"));
        let read = |path: PathBuf| fs::read(path).ok();
        let files = files.into_iter().filter(wanted).filter_map(read);
        Self(files.filter(|bytes| !bytes.is_empty() && bytes.len() <= LONGEST).collect())
    }

    /// Recipes of all forms: those of the project, and one for each operation and encoding.
    pub fn recipes() -> Self {
        use pixmill_contract::operation::{ENCODINGS, OPERATIONS};
        let files = files_below(&source_tree().join("recipes"));
        let mut all: Vec<_> = files.into_iter().filter_map(|path| fs::read(path).ok()).collect();
        all.extend(OPERATIONS.iter().map(|entry| entry.example.as_bytes().to_vec()));
        all.extend(ENCODINGS.iter().map(|entry| entry.example.as_bytes().to_vec()));
        let json = |text: &str| text.parse().ok().map(|r: pixmill_contract::Recipe| r.to_json());
        let forms: Vec<_> = OPERATIONS.iter().filter_map(|entry| json(entry.example)).collect();
        all.extend(forms.iter().map(|form| form.to_string().into_bytes()));
        Self(all)
    }

    /// Messages: jobs of every form, and events of S3.
    pub fn messages() -> Self {
        let texts: [&str; 4] = [
            r#"{"pixmill": 1, "id": "a-1", "batch": "b", "source": {"bucket": null, "key": "inputs/a.jpg", "etag": "x"}, "recipe": "thumb = resize:256 -> webp; gray = grayscale -> png", "outputs": "outputs/{batch}/{id}/{name}.{ext}", "output_bucket": null, "overwrite": false, "submitted_at": "2026-01-01T00:00:00Z", "retry_of": null, "redrive": 0, "reply_to": null}"#,
            r#"{"pixmill":1,"id":"b","source":{"key":"inputs/ä.png"},"recipe":{"outputs":{"a":{"operations":[{"operation":"blur","kernel":9}],"encoding":{"format":"jpeg","quality":80}}}},"submitted_at":"2026-01-01T00:00:00.123Z"}"#,
            r#"{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":"drop/web/a+b%20c.jpg","size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"1","sequencer":"0055AED6DCD90281E5"}}}]}"#,
            r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"b"}"#,
        ];
        Self(texts.iter().map(|text| text.as_bytes().to_vec()).collect())
    }
}

/// All files below a directory, in the same order everywhere.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()) {
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
