//! Clients that are not ours, which know nothing but README and the schemas.

use std::path::Path;

use serde_json::Value;

use super::{consumer, drain, script};
use crate::harness::{Cloud, Invocation, Place, source_tree, tool};

fn picture() -> std::path::PathBuf {
    source_tree().join("samples/photos/harbour.jpg")
}

#[test]
fn jobs_by_boto3_end_as_the_schemas_say() {
    let cloud = Cloud::new();
    let worker = consumer(&cloud, "w", &[]);
    let python = cloud.python("python").arg(script("raw_job.py"));
    let ended = python.args([&cloud.bucket, &cloud.queue]).arg(picture()).go();
    drain(worker);
    let lines = ended.expect(0).stdout;
    let ends: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [good, slip, missing] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!(good["state"], "done");
    let key = good["outputs"][0]["key"].as_str().unwrap();
    assert_eq!(key, "outputs/boto/good/output.png");
    assert!(cloud.object(key).starts_with(b"\x89PNG"));
    assert_eq!((&slip["state"], &slip["code"]), (&"failed".into(), &"bad_recipe".into()));
    assert_eq!((&missing["state"], &missing["code"]), (&"failed".into(), &"source_missing".into()));
}

#[test]
fn a_session_with_the_aws_cli_makes_a_pipeline_and_uses_it() {
    let (place, cloud) = (Place::new(), Cloud::new());
    let bin = tool("aws");
    let path =
        format!("{}:/usr/local/bin:/usr/bin:/bin", Path::new(&bin).parent().unwrap().display());
    let session = Invocation::new("sh".as_ref()).arg(script("session.sh"));
    let session = session.arg(&cloud.bucket).arg(picture());
    let session = cloud.reach(session).env("PATH", path).env("HOME", place.path(""));
    let mut session = session.working_in(&place.input()).start();

    // The consumer starts when there is a queue; until then it says what is missing.
    let queue = format!("{}-jobs", cloud.bucket);
    let worker = crate::harness::eventually("the queue", super::SOON, || {
        assert!(session.is_running(), "{}", session.stderr());
        let urls = cloud.sqs("ListQueues", &serde_json::json!({ "QueueNamePrefix": queue }));
        let urls = urls["QueueUrls"].as_array().cloned().unwrap_or_default();
        (urls.len() == 2).then(|| {
            let consumer = crate::harness::pixmill().args(["consumer", "--backend", "aws"]);
            let bucket = format!("{}-pictures", cloud.bucket);
            let consumer = consumer.args(["--bucket", &bucket, "--queue", &queue, "--poll", "1s"]);
            cloud.reach(consumer).start()
        })
    });
    session.end().expect(0);
    drain(worker);
    let result: Value =
        serde_json::from_slice(&std::fs::read(place.input().join("result.json")).unwrap()).unwrap();
    assert_eq!(result["state"], "done", "{result}");
    assert!(std::fs::read(place.input().join("thumb.webp")).unwrap().starts_with(b"RIFF"));
}
