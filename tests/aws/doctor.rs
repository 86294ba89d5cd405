//! What `doctor` says of worlds that are made wrong, each in one way.

use serde_json::{Value, json};

use crate::harness::{Cloud, Invocation, Treatment, pixmill};

/// What is found that is neither fine nor unknown: check, status, fix.
#[track_caller]
fn wrong(doctor: Invocation, code: i32) -> Vec<(String, String, String)> {
    let findings = doctor.arg("--json").go().expect(code).json();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let all = findings.as_array().unwrap().iter();
    let all = all.map(|f| (text(f, "check"), text(f, "status"), text(f, "fix")));
    all.filter(|(_, status, _)| status != "ok" && status != "unknown").collect()
}

/// Only this is found.
#[track_caller]
fn assert_one(found: &[(String, String, String)], check: &str, status: &str, fix: &str) {
    let [one] = found else { panic!("not one finding: {found:?}") };
    assert_eq!((one.0.as_str(), one.1.as_str()), (check, status));
    assert!(one.2.contains(fix), "{fix:?} is not in {:?}", one.2);
}

/// A command about the bucket and the queue of these names.
fn doctor(cloud: &Cloud, bucket: &str, queue: &str) -> Invocation {
    let doctor = pixmill().args(["doctor", "--backend", "aws", "--bucket", bucket]);
    cloud.reach(doctor.args(["--queue", queue]))
}

fn redrive(cloud: &Cloud, receives: u32) -> Value {
    let arn = cloud.attributes(&cloud.dead)["QueueArn"].clone();
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives });
    json!({ "RedrivePolicy": policy.to_string() })
}

#[test]
fn a_healthy_pipeline_is_left_as_it_was() {
    let cloud = Cloud::new();
    let ask = json!({ "QueueUrl": cloud.url(&cloud.queue), "MessageBody": "a job" });
    cloud.sqs("SendMessage", &ask);
    let said = cloud.pixmill("doctor").go().expect(0).stdout;
    assert!(said.ends_with("Nothing is wrong\n"), "{said}");
    assert_eq!(wrong(cloud.pixmill("doctor"), 0), []);
    assert!(cloud.keys("").is_empty(), "the probe is left");
    assert_eq!((cloud.depth(&cloud.queue), cloud.depth(&cloud.dead)), (1, 0));
    // The message is there to be received at once, and was never received before.
    let ask = json!({ "QueueUrl": cloud.url(&cloud.queue), "AttributeNames": ["All"] });
    let message = cloud.sqs("ReceiveMessage", &ask)["Messages"][0].clone();
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1", "{message}");
}

#[test]
fn what_is_missing_is_named_with_the_command_that_makes_it() {
    let cloud = Cloud::new();
    let found = wrong(doctor(&cloud, "not-there", &cloud.queue), 1);
    assert_one(&found, "bucket", "error", "aws s3 mb s3://not-there");
    let found = wrong(doctor(&cloud, &cloud.bucket, "not-there"), 1);
    assert_one(&found, "job queue", "error", "aws sqs create-queue --queue-name not-there");
    let named = cloud.pixmill("doctor").args(["--dead-letter-queue", "not-there"]);
    let found = wrong(named, 1);
    assert!(found.iter().any(|f| f.0 == "dead-letter queue" && f.1 == "error"), "{found:?}");
    cloud.set_attributes(&cloud.queue, &json!({ "RedrivePolicy": "" }));
    assert_one(&wrong(cloud.pixmill("doctor"), 1), "redrive policy", "error", "create-queue");
    pixmill().args(["doctor", "--backend", "aws"]).go().expect(2).says(&["--bucket and --queue"]);
}

#[test]
fn settings_of_queues_that_lose_jobs_are_found() {
    let cloud = Cloud::new();
    let with = |queue: &str, attributes: &Value, code| {
        cloud.set_attributes(queue, attributes);
        wrong(cloud.pixmill("doctor"), code)
    };
    let retention = |seconds: &str| json!({ "MessageRetentionPeriod": seconds });
    let check = "retention of dead letters";
    let found = with(&cloud.dead, &retention("86400"), 1);
    assert_one(&found, check, "error", "MessageRetentionPeriod=1209600");
    assert_one(&with(&cloud.dead, &retention("345600"), 0), check, "warning", "1209600");
    assert_eq!(with(&cloud.dead, &retention("1209600"), 0), []);
    let found = with(&cloud.queue, &redrive(&cloud, 2), 1);
    assert_one(&found, "redrive policy", "error", "maxReceiveCount");
    assert_one(&with(&cloud.queue, &redrive(&cloud, 10), 0), "redrive policy", "warning", "20");
    assert_eq!(with(&cloud.queue, &redrive(&cloud, 20), 0), []);
    let found = with(&cloud.queue, &json!({ "VisibilityTimeout": "5" }), 0);
    assert_one(&found, "visibility timeout", "warning", "VisibilityTimeout=30");
}

#[test]
fn queues_that_no_pipeline_can_have_are_refused() {
    let cloud = Cloud::new();
    let there = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs";
    let found = wrong(doctor(&cloud, &cloud.bucket, there), 1);
    assert_one(&found, "job queue", "error", "AWS_REGION=eu-west-1");
    let found = wrong(doctor(&cloud, &cloud.bucket, "jobs.fifo"), 1);
    assert_one(&found, "job queue", "error", "standard");
}

#[test]
fn a_bucket_that_everybody_may_read_is_a_warning() {
    let cloud = Cloud::new();
    let owners = "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>\
                  </OwnershipControls>";
    cloud.s3("PUT", "?ownershipControls", owners.as_bytes()).expect(200);
    let acl = r#"<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner>
        <ID>me</ID></Owner><AccessControlList><Grant>
        <Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">
        <URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee>
        <Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"#;
    cloud.s3("PUT", "?acl", acl.as_bytes()).expect(200);
    let found = wrong(cloud.pixmill("doctor"), 0);
    assert_one(&found, "public access", "warning", "put-public-access-block");

    let cloud = Cloud::new();
    cloud.gateway.treat(|request| {
        let status = "<PolicyStatus><IsPublic>true</IsPublic></PolicyStatus>";
        let asks = request.path.contains("policyStatus");
        if asks { Treatment::Say(status) } else { Treatment::Pass }
    });
    let found = wrong(cloud.pixmill("doctor"), 0);
    assert_one(&found, "public access", "warning", "put-public-access-block");
}

#[test]
fn each_permission_that_is_missing_is_named() {
    let cloud = Cloud::new();
    for action in ["SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"] {
        cloud.gateway.treat(move |request| {
            if request.action == action { Treatment::Deny } else { Treatment::Pass }
        });
        let found = wrong(cloud.pixmill("doctor"), 1);
        assert_eq!(found.len(), 2, "one for each queue: {found:?}");
        assert!(found.iter().all(|f| f.2.contains(&format!("allow sqs:{action} on"))), "{found:?}");
    }
    for (method, check, status) in
        [("PUT", "s3:PutObject", "error"), ("DELETE", "s3:DeleteObject", "warning")]
    {
        cloud.gateway.treat(move |request| {
            let denied = request.action.is_empty() && request.method == method;
            if denied { Treatment::Deny } else { Treatment::Pass }
        });
        let code = i32::from(status == "error");
        assert_one(&wrong(cloud.pixmill("doctor"), code), check, status, check);
    }
    let deny_all = |request: &crate::harness::Request| {
        if request.action.is_empty() { Treatment::Deny } else { Treatment::Pass }
    };
    cloud.gateway.treat(deny_all);
    assert_one(&wrong(cloud.pixmill("doctor"), 1), "bucket", "error", "s3:ListBucket");
}

#[test]
fn what_everything_meets_is_said_once() {
    let cloud = Cloud::new();
    let all = |status, code| {
        cloud.gateway.treat(move |_| Treatment::Refuse(status, code, "us-east-1"));
        wrong(cloud.pixmill("doctor"), 1)
    };
    assert_one(&all(400, "ExpiredToken"), "credentials", "error", "expired");
    assert_one(&all(403, "RequestTimeTooSkewed"), "clock", "error", "clock");
    cloud.gateway.treat(|request| {
        let is_s3 = request.action.is_empty();
        let there = Treatment::Refuse(301, "PermanentRedirect", "eu-west-1");
        if is_s3 { there } else { Treatment::Pass }
    });
    let found = wrong(cloud.pixmill("doctor"), 1);
    assert_one(&found, "bucket", "error", "AWS_REGION=eu-west-1");
    cloud.gateway.cut();
    assert_one(&wrong(cloud.pixmill("doctor"), 1), "network", "error", "check the network");
}

#[test]
fn nothing_to_ask_with_is_found_before_anybody_is_asked() {
    let cloud = Cloud::new();
    let bare = || {
        let doctor = pixmill().args(["doctor", "--backend", "aws", "--bucket", "b"]);
        let doctor = doctor.args(["--queue", "q"]).env("AWS_EC2_METADATA_DISABLED", "true");
        doctor.env("AWS_ENDPOINT_URL", cloud.gateway.url())
    };
    let keyless = bare().env("AWS_REGION", "us-east-1");
    assert_one(&wrong(keyless, 1), "credentials", "error", "AWS_PROFILE");
    let keys = bare().env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    assert_one(&wrong(keys, 1), "region", "error", "AWS_REGION");
    assert_eq!(cloud.gateway.take_requests(), []);
}
