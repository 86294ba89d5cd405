//! An emulator of S3 and SQS, started for one test process.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, Region, SharedCredentialsProvider};
use aws_sdk_sqs::types::QueueAttributeName;

/// Starting takes a second or two on an idle machine.
const START: Duration = Duration::from_mins(2);

/// A running emulator; it ends with this.
pub(crate) struct Emulator {
    process: Child,
    url: String,
    directory: tempfile::TempDir,
    fresh: AtomicU32,
}

impl Emulator {
    /// Starts one on a port that the system gives.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(program())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("LOG_LEVEL", "ERROR")
            .env("HOME", directory.path())
            .env("TMPDIR", directory.path())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts: `make test` installs it");
        let emulator =
            Self { process, url: format!("http://127.0.0.1:{port}"), directory, fresh: 0.into() };
        let client = aws_sdk_s3::Client::new(&emulator.configuration().await);
        let up = async {
            while client.list_buckets().send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(START, up).await.expect("the emulator answers");
        emulator
    }

    /// What leads to it, set up as the program is.
    pub(crate) async fn configuration(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "the tests");
        pixmill_aws::configuration()
            .await
            .into_builder()
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A place for files.
    pub(crate) fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// A name that nothing here has yet.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.fresh.fetch_add(1, Ordering::Relaxed))
    }

    /// A new bucket.
    pub(crate) async fn bucket(&self) -> String {
        let bucket = self.name("bucket");
        let client = aws_sdk_s3::Client::new(&self.configuration().await);
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        bucket
    }

    /// A new queue with a dead-letter queue: the names of both.
    pub(crate) async fn queues(&self, max_receive_count: u32) -> (String, String) {
        let (queue, dead) = (self.name("jobs"), self.name("dead"));
        let client = aws_sdk_sqs::Client::new(&self.configuration().await);
        let made = client.create_queue().queue_name(&dead).send().await.unwrap();
        let attributes = client.get_queue_attributes().queue_url(made.queue_url().unwrap());
        let attributes = attributes.attribute_names(QueueAttributeName::QueueArn).send().await;
        let arn = attributes.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
        let policy =
            format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"{max_receive_count}"}}"#);
        let made = client.create_queue().queue_name(&queue);
        made.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.unwrap();
        (queue, dead)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The emulator's program: `PIXMILL_TEST_EMULATOR`, or where `make test` installs it.
fn program() -> PathBuf {
    let named = std::env::vars_os().find(|(name, _)| name == "PIXMILL_TEST_EMULATOR");
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/venv/bin/ministack");
    named.map_or_else(|| installed.into(), |(_, program)| program.into())
}
