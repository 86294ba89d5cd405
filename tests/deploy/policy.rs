//! What a request needs, and what a role's policies allow, in the words of IAM.
//!
//! As much of IAM as the template uses: statements that allow, actions and resources with `*`. What
//! conditions and denials say besides is left out.

use std::fmt;

use serde_json::Value;

use crate::harness::{ACCOUNT, Request};

/// One thing that is done to one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) action: String,
    pub(super) resource: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

/// What a request needs to be allowed. `group` is the Auto Scaling group that its instances are in.
pub(super) fn needs(request: &Request, group: &str) -> Vec<Call> {
    match request.service.as_str() {
        // What bears no signature is S3's too: a link.
        "" | "s3" => of_s3(request),
        "sqs" => vec![of_sqs(&request.action, &request.document)],
        "logs" => vec![of_logs(&request.action, &request.document)],
        "monitoring" => vec![on_all("cloudwatch", &request.action)],
        "ec2" => of_ec2(&request.action, &request.document),
        "autoscaling" => vec![of_scaling(&request.action, group)],
        service => vec![on_all(service, &request.action)],
    }
}

/// AWS names no resources for this one.
fn on_all(service: &str, action: &str) -> Call {
    Call { action: format!("{service}:{action}"), resource: "*".to_owned() }
}

fn of_ec2(action: &str, form: &str) -> Vec<Call> {
    if action.starts_with("Describe") {
        return vec![on_all("ec2", action)];
    }
    let instances = form.split('&').filter(|field| field.starts_with("ResourceId."));
    let instances = instances.filter_map(|field| field.split_once('='));
    let arn = |id: &str| format!("arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{id}");
    let call = |(_, id): (&str, &str)| Call { action: format!("ec2:{action}"), resource: arn(id) };
    instances.map(call).collect()
}

fn of_scaling(action: &str, group: &str) -> Call {
    if action.starts_with("Describe") {
        return on_all("autoscaling", action);
    }
    let group = format!("autoScalingGroup:some-id:autoScalingGroupName/{group}");
    Call {
        action: format!("autoscaling:{action}"),
        resource: format!("arn:aws:autoscaling:us-east-1:{ACCOUNT}:{group}"),
    }
}

fn of_s3(request: &Request) -> Vec<Call> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let path = decoded(path.trim_start_matches('/'));
    let bucket = path.split('/').next().unwrap_or_default();
    let call = |action: &str, on: &str| Call {
        action: format!("s3:{action}"),
        resource: format!("arn:aws:s3:::{on}"),
    };
    let action = match request.method.as_str() {
        "GET" if query.contains("list-type=2") => return vec![call("ListBucket", bucket)],
        "GET" | "HEAD" => "GetObject",
        "PUT" => "PutObject",
        "DELETE" => "DeleteObject",
        other => panic!("nobody knows what {other} {} needs", request.path),
    };
    let mut calls = vec![call(action, &path)];
    if request.status == 404 {
        // Or S3 would have said that it is denied.
        calls.push(call("ListBucket", bucket));
    }
    calls
}

fn of_sqs(action: &str, document: &str) -> Call {
    let document: Value = serde_json::from_str(document).unwrap();
    let queue = document["QueueUrl"].as_str().or(document["QueueName"].as_str()).unwrap();
    let queue = queue.rsplit('/').next().unwrap();
    Call {
        // A batch is allowed as what it is a batch of.
        action: format!("sqs:{}", action.trim_end_matches("Batch")),
        resource: format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"),
    }
}

fn of_logs(action: &str, document: &str) -> Call {
    let document: Value = serde_json::from_str(document).unwrap();
    let action = action.rsplit('.').next().unwrap();
    let text = |name: &str| document[name].as_str().unwrap();
    let (group, stream) = (text("logGroupName"), text("logStreamName"));
    Call {
        action: format!("logs:{action}"),
        resource: format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:log-stream:{stream}"),
    }
}

/// A text of a URL as it was meant.
fn decoded(text: &str) -> String {
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap()
}

/// A pair of patterns that a policy allows.
pub(super) struct Grant {
    pub(super) sid: String,
    call: Call,
}

impl Grant {
    pub(super) fn covers(&self, call: &Call) -> bool {
        matches(&self.call.action, &call.action) && matches(&self.call.resource, &call.resource)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.sid, self.call)
    }
}

/// All pairs of action and resource that a role's statements allow.
pub(super) fn grants(statements: &Value) -> Vec<Grant> {
    let list = |value: &Value| {
        let one = || vec![value.clone()];
        let all = value.as_array().cloned().unwrap_or_else(one);
        all.iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut grants = vec![];
    for statement in statements.as_array().unwrap() {
        if statement["Effect"] != "Allow" {
            continue;
        }
        let sid = statement["Sid"].as_str().unwrap();
        for action in list(&statement["Action"]) {
            for resource in list(&statement["Resource"]) {
                let call = Call { action: action.clone(), resource };
                grants.push(Grant { sid: sid.to_owned(), call });
            }
        }
    }
    grants
}

/// Whether a text is what a pattern with `*` describes.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[test]
fn patterns_match_as_those_of_iam() {
    for (pattern, text, is_match) in [
        ("s3:GetObject", "s3:GetObject", true),
        ("s3:GetObject", "s3:GetObjects", false),
        ("arn:b/in/*", "arn:b/in/", true),
        ("arn:b/in/*", "arn:b/in/x/y", true),
        ("arn:b/in/*", "arn:b/out/x", false),
        ("arn:*:group/*/fleet", "arn:x:group/1/2/fleet", true),
        ("arn:*:group/*/fleet", "arn:x:group/1/other", false),
        ("*", "anything", true),
    ] {
        assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
    }
}
