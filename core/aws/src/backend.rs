//! A pipeline's bucket and queues, opened at once.

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use pixmill_contract::error::Result;
use pixmill_contract::{Error, ErrorKind};

use crate::error::of_call;
use crate::names::{bucket_name, is_bucket, is_url, queue_name, region_of};
use crate::queue::{self, Linger, SqsQueue};
use crate::replies::SqsReplies;
use crate::store::S3Store;

/// Which pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsOptions {
    /// The bucket: its name, or `s3://` and its name.
    pub bucket: String,
    /// The job queue: its name or its URL.
    pub queue: String,
    /// The dead-letter queue: its name or its URL; the one that the job queue names where none is
    /// given.
    pub dead_letter_queue: Option<String>,
    /// What single messages and deletes wait for.
    pub linger: Linger,
}

/// A pipeline on AWS. Clones are handles of the same one.
#[derive(Debug, Clone)]
pub struct AwsBackend {
    /// The object store.
    pub store: S3Store,
    /// The job queue.
    pub jobs: SqsQueue,
    /// The dead-letter queue.
    pub dead_letters: SqsQueue,
    /// What the job queue says of its own limit; nothing if it has none.
    pub redrive: Option<Redrive>,
    /// The queues that may be replied to.
    pub replies: SqsReplies,
}

/// Where SQS itself moves messages that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The name of the dead-letter queue.
    pub queue: String,
    /// How often a message is received before.
    pub max_receive_count: u32,
}

impl AwsBackend {
    /// Finds the queues. The bucket is not looked for until something is asked of it.
    pub async fn open(configuration: &SdkConfig, options: &AwsOptions) -> Result<Self> {
        if configuration.region().is_none() {
            let why = "no region is set: set AWS_REGION, or region in the profile";
            return Err(Error::new(ErrorKind::Invalid, "find the pipeline on AWS", why));
        }
        let bucket = bucket_name(&options.bucket);
        if !is_bucket(bucket) {
            let why = "it is no name of a bucket: a pipeline has one of its own, without a prefix";
            let attempt = format!("find the bucket {:?}", options.bucket);
            return Err(Error::new(ErrorKind::Invalid, attempt, why));
        }
        let client = queue::client(configuration);
        let jobs = find(&client, &options.queue).await?;
        let jobs = SqsQueue::new(client.clone(), jobs, options.linger);
        let redrive = redrive(&jobs).await?;
        let dead_letters = match (&options.dead_letter_queue, &redrive) {
            (Some(named), _) => find(&client, named).await?,
            (None, Some(redrive)) => find(&client, &redrive.queue).await?,
            (None, None) => {
                let why = "it has no redrive policy and none is named: give the queue one, or \
                           say --dead-letter-queue";
                let attempt = format!("find the dead-letter queue of {}", options.queue);
                return Err(Error::new(ErrorKind::NotFound, attempt, why));
            }
        };
        let dead_letters = SqsQueue::new(client.clone(), dead_letters, options.linger);
        let store = S3Store::new(configuration, bucket);
        let replies = SqsReplies::new(client, &jobs, options.linger);
        Ok(Self { store, jobs, dead_letters, redrive, replies })
    }
}

/// The URL of a queue that is given by its name or its URL.
pub(crate) async fn find(client: &Client, queue: &str) -> Result<String> {
    let queue = queue.trim_end_matches('/');
    let name = queue_name(queue);
    let attempt = || format!("find the queue {name}");
    if name.strip_suffix(".fifo").is_some() {
        let why = "it is a FIFO queue: a pipeline's queues are standard ones, whose messages need \
                   no group";
        return Err(Error::new(ErrorKind::Invalid, attempt(), why));
    }
    if is_url(queue) {
        return match (region_of(queue), client.config().region()) {
            (Some(there), Some(here)) if there != here.as_ref() => {
                let why = format!("it is in {there}, and AWS_REGION is {here}: set it to {there}");
                Err(Error::new(ErrorKind::Invalid, attempt(), why))
            }
            _ => Ok(queue.to_owned()),
        };
    }
    let output = client.get_queue_url().queue_name(name).send().await;
    let output = output.map_err(|e| of_call(attempt(), &e))?;
    let nameless = || Error::bare(ErrorKind::Unavailable, format!("learn the URL of {name}"));
    output.queue_url.ok_or_else(nameless)
}

/// What a queue says of its own limit.
pub(crate) async fn redrive(queue: &SqsQueue) -> Result<Option<Redrive>> {
    let policy = queue.attributes(&[QueueAttributeName::RedrivePolicy]).await?.pop().flatten();
    Ok(policy.as_deref().and_then(read_redrive))
}

pub(crate) fn read_redrive(policy: &str) -> Option<Redrive> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    let count = policy.get("maxReceiveCount")?;
    // Both are found in the wild.
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok())?;
    let queue = queue_name(policy.get("deadLetterTargetArn")?.as_str()?).to_owned();
    Some(Redrive { queue, max_receive_count: u32::try_from(count).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_is_read_with_its_number_as_number_or_text() {
        for count in ["7", "\"7\""] {
            let policy = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:dead","maxReceiveCount":{count}}}"#
            );
            let expected = Redrive { queue: "dead".into(), max_receive_count: 7 };
            assert_eq!(read_redrive(&policy), Some(expected));
        }
        assert_eq!(read_redrive("{}"), None);
        assert_eq!(read_redrive("garbage"), None);
    }
}
