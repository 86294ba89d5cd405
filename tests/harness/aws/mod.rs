//! S3 and SQS on this machine: one emulator for all tests, a bucket and queues for each, and a
//! gateway in between that counts, delays, denies and cuts.

mod emulator;
mod gateway;
mod http;
mod metadata;
mod region;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Invocation, Place, eventually, pixmill};
pub(crate) use emulator::tool;
pub(crate) use gateway::{Gateway, Request, Treatment};
use http::Answer;
pub(crate) use metadata::MetadataService;
pub(crate) use region::{Machine, Power, Region, Software, token_file};

/// A pipeline on the emulator: a bucket, a queue and its dead-letter queue, and the way there.
pub(crate) struct Cloud {
    pub(crate) gateway: Gateway,
    pub(crate) bucket: String,
    pub(crate) queue: String,
    pub(crate) dead: String,
    port: u16,
}

/// Whose the emulator is.
pub(crate) const ACCOUNT: &str = "000000000000";

fn reach_at(url: &str, invocation: Invocation) -> Invocation {
    invocation
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
}

fn percent_encoded(text: &str) -> String {
    let hex: Vec<_> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    hex.concat()
}

/// Numbers the pipelines of this process, which share an emulator.
static PIPELINES: AtomicU32 = AtomicU32::new(0);

impl Cloud {
    /// The pipeline of a stack of infra/pixmill.yaml, be it there or not, by a gateway of its own.
    pub(crate) fn of_stack(stack: &str) -> Self {
        let port = emulator::port();
        let bucket = format!("{stack}-{ACCOUNT}-us-east-1");
        let (queue, dead) = (format!("{stack}-jobs"), format!("{stack}-jobs-dead"));
        Self { gateway: Gateway::to(port), bucket, queue, dead, port }
    }

    /// A new pipeline, empty, as README says to make one.
    pub(crate) fn new() -> Self {
        Self::with_receives(20)
    }

    /// A new pipeline whose messages are received so often before SQS itself gives them up.
    pub(crate) fn with_receives(max_receive_count: u32) -> Self {
        let port = emulator::port();
        let n = PIPELINES.fetch_add(1, Ordering::Relaxed);
        let [bucket, queue, dead] = ["pictures", "jobs", "dead"].map(|what| format!("{what}-{n}"));
        let cloud = Self { gateway: Gateway::to(port), bucket, queue, dead, port };
        cloud.s3("PUT", "", b"").expect(200);
        let attributes = json!({ "MessageRetentionPeriod": "1209600" });
        cloud.sqs("CreateQueue", &json!({ "QueueName": cloud.dead, "Attributes": attributes }));
        let arn = cloud.attributes(&cloud.dead)["QueueArn"].as_str().unwrap().to_owned();
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count });
        let attributes = json!({ "RedrivePolicy": policy.to_string() });
        cloud.sqs("CreateQueue", &json!({ "QueueName": cloud.queue, "Attributes": attributes }));
        cloud
    }

    /// A command of this pipeline.
    pub(crate) fn pixmill(&self, command: &str) -> Invocation {
        let invocation = pixmill().arg(command).args(["--backend", "aws"]);
        self.reach(invocation.args(["--bucket", &self.bucket, "--queue", &self.queue]))
    }

    /// `pixmill submit in --recipe …` into this pipeline.
    pub(crate) fn submit(&self, place: &Place, recipe: &str) -> Invocation {
        self.pixmill("submit").arg(place.input()).args(["--recipe", recipe])
    }

    /// Any command, told how to get here through the gateway as every AWS tool is.
    pub(crate) fn reach(&self, invocation: Invocation) -> Invocation {
        reach_at(&self.gateway.url(), invocation)
    }

    /// The same past the gateway.
    pub(crate) fn reach_directly(&self, invocation: Invocation) -> Invocation {
        reach_at(&format!("http://127.0.0.1:{}", self.port), invocation)
    }

    /// A program of the emulator's Python environment.
    pub(crate) fn python(&self, program: &str) -> Invocation {
        self.reach(Invocation::new(tool(program).as_os_str()))
    }

    /// Asks S3 for something about the bucket, past the gateway.
    pub(crate) fn s3(&self, method: &str, path_and_query: &str, body: &[u8]) -> Answer {
        let path = format!("/{}{path_and_query}", self.bucket);
        http::ask(self.port, method, &path, &[("content-type", "application/octet-stream")], body)
    }

    /// The bytes of an object.
    pub(crate) fn object(&self, key: &str) -> Vec<u8> {
        self.s3("GET", &format!("/{key}"), b"").expect(200).body
    }

    /// The keys below a prefix.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = vec![];
        let mut more = String::new();
        loop {
            let query = format!("?list-type=2&prefix={prefix}{more}");
            let text = String::from_utf8(self.s3("GET", &query, b"").expect(200).body).unwrap();
            let texts = |tag: &str| {
                let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
                let parts: Vec<_> = text.split(&open).skip(1).collect();
                parts.into_iter().map(|p| p.split(&close).next().unwrap().to_owned()).collect()
            };
            let page: Vec<String> = texts("Key");
            keys.extend(page);
            match texts("NextContinuationToken").first() {
                Some(token) => more = format!("&continuation-token={token}"),
                None => return keys,
            }
        }
    }

    /// The documents of jobs that have ended, by their keys.
    pub(crate) fn results(&self) -> Vec<(String, Value)> {
        let document = |key: String| {
            let text = self.object(&key);
            (key, serde_json::from_slice(&text).unwrap())
        };
        self.keys("results/").into_iter().map(document).collect()
    }

    /// Waits until so many jobs have ended.
    pub(crate) fn until_results(&self, count: usize, bound: Duration) {
        let enough = || (self.keys("results/").len() >= count).then_some(());
        eventually("the results", bound, enough);
    }

    /// Asks a service that takes forms for something, past the gateway.
    pub(crate) fn form(&self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let field = |(name, value): &(&str, &str)| format!("&{name}={}", percent_encoded(value));
        let fields: String = fields.iter().map(field).collect();
        let body = format!("Action={action}{fields}");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        http::ask(self.port, "POST", "/", &headers, body.as_bytes())
    }

    /// Asks SQS for something, past the gateway.
    pub(crate) fn sqs(&self, action: &str, body: &Value) -> Value {
        let target = format!("AmazonSQS.{action}");
        let headers =
            [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", target.as_str())];
        let answer = http::ask(self.port, "POST", "/", &headers, body.to_string().as_bytes());
        serde_json::from_slice(&answer.expect(200).body).unwrap_or_default()
    }

    /// The URL of a queue.
    pub(crate) fn url(&self, queue: &str) -> String {
        self.sqs("GetQueueUrl", &json!({ "QueueName": queue }))["QueueUrl"].as_str().unwrap().into()
    }

    /// Gives a queue other attributes.
    pub(crate) fn set_attributes(&self, queue: &str, attributes: &Value) {
        let ask = json!({ "QueueUrl": self.url(queue), "Attributes": attributes });
        self.sqs("SetQueueAttributes", &ask);
    }

    /// All attributes of a queue.
    pub(crate) fn attributes(&self, queue: &str) -> Value {
        let ask = json!({ "QueueUrl": self.url(queue), "AttributeNames": ["All"] });
        self.sqs("GetQueueAttributes", &ask)["Attributes"].clone()
    }

    /// How many messages a queue has, visible or not.
    pub(crate) fn depth(&self, queue: &str) -> u64 {
        let attributes = self.attributes(queue);
        let count = |name: &str| attributes[name].as_str().unwrap().parse::<u64>().unwrap();
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesNotVisible")
    }
}
