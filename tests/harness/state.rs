//! What a pipeline's documents and reports say, as anybody who reads them sees it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use walkdir::WalkDir;

/// The result documents of a pipeline, by job. Two for one job, in one batch or in two, fail the
/// test, as does one that cannot be read.
pub(crate) fn results(data: &Path) -> BTreeMap<String, Value> {
    let mut results = BTreeMap::new();
    for entry in WalkDir::new(data.join("objects/results")).into_iter().filter_map(Result::ok) {
        if !entry.file_type().is_file() {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        let result: Value = serde_json::from_slice(&bytes).unwrap();
        let id = result["id"].as_str().unwrap().to_owned();
        assert!(results.insert(id.clone(), result).is_none(), "two results of job {id}");
    }
    results
}

/// How many results a pipeline has, cheaply.
pub(crate) fn result_count(data: &Path) -> usize {
    let entries = WalkDir::new(data.join("objects/results")).into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).count()
}

/// How each job of a pipeline ended, by the file name of its source.
pub(crate) fn ended(data: &Path) -> BTreeMap<String, String> {
    let name = |result: &Value| {
        let key = result["job"]["source"]["key"].as_str().unwrap();
        key.rsplit('/').next().unwrap().to_owned()
    };
    results(data)
        .values()
        .map(|result| (name(result), result["state"].as_str().unwrap().to_owned()))
        .collect()
}

/// The failures in a run's report: the input's file name and its state and code.
pub(crate) fn codes(report: &Value) -> BTreeMap<String, String> {
    let failures = report["failures"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failures
        .iter()
        .map(|failure| {
            assert!(!text(&failure["reason"]).is_empty(), "a failure without a reason: {failure}");
            let name = text(&failure["input"]).rsplit('/').next().unwrap().to_owned();
            (name, format!("{}/{}", text(&failure["state"]), text(&failure["code"])))
        })
        .collect()
}
